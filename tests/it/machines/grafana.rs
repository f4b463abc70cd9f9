//! The dashboard for Grafana.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{file, named, names};
use crate::rig::program::Desk;
use crate::rig::promtool::promtool;

const DASHBOARD: &str = "contrib/grafana/chainfill.json";

fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(&file(DASHBOARD)).unwrap();
    dashboard["panels"].as_array().unwrap().clone()
}

fn queries(panels: &[Value]) -> Vec<String> {
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn every_metric_of_the_dashboard_is_one_that_is_told() {
    let told = names().await;
    let used = named(&file(DASHBOARD));
    assert!(used.len() > 15 && used.is_subset(&told), "{:?}", used.difference(&told));
}

#[test]
fn prometheus_understands_every_query() {
    let rules: Vec<Value> = (0..)
        .zip(queries(&panels()))
        .map(|(at, query)| {
            let expr = query.replace("$__rate_interval", "1m").replace("$job", "chainfill").replace("$instance", "nas");
            assert!(!expr.contains('$'), "{query}: a variable that no dashboard fills");
            serde_json::json!({ "record": format!("query:{at}"), "expr": expr })
        })
        .collect();
    assert!(rules.len() > 20);
    let desk = Desk::new();
    // JSON is YAML, and what may stand in a rule is what may stand in a query.
    let groups = serde_json::json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    std::fs::write(desk.path().join("queries.yml"), groups.to_string()).unwrap();
    promtool(desk.path(), &["check", "rules", "queries.yml"], "");
}

/// A series for each of the metrics: ten minutes as the first text has it, then ten as the second one.
fn series(texts: &[String; 2]) -> Vec<Value> {
    let read = |text: &String| -> BTreeMap<String, String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let parts = lines.filter_map(|line| line.rsplit_once(' ')).filter(|(_, value)| value.parse::<f64>().is_ok());
        parts.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let [first, second] = [read(&texts[0]), read(&texts[1])];
    let all: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
    let target = r#"job="chainfill",instance="nas""#;
    let one = |name: &String| {
        let labelled = match name.split_once('{') {
            Some((metric, labels)) => format!("{metric}{{{target},{labels}"),
            None => format!("{name}{{{target}}}"),
        };
        let part = |value: Option<&String>| value.map_or("_x10".to_owned(), |value| format!("{value}+0x9"));
        let values = format!("{} {}", part(first.get(name)), part(second.get(name)));
        serde_json::json!({ "series": labelled, "values": values })
    };
    all.into_iter().map(one).collect()
}

#[tokio::test(start_paused = true)]
async fn every_query_finds_something_in_the_metrics_of_a_real_run() {
    // Asked of Prometheus' own engine: a label that is misspelt is good PromQL, and an empty panel.
    let series = series(&super::texts().await);
    let tests: Vec<Value> = queries(&panels())
        .iter()
        .map(|query| {
            let expr = query.replace("$__rate_interval", "5m").replace("$job", "chainfill").replace("$instance", "nas");
            let expr = format!("count(last_over_time(({expr})[20m:1m])) > bool 0");
            let found = [serde_json::json!({ "labels": "{}", "value": 1 })];
            serde_json::json!({ "expr": expr, "eval_time": "19m", "exp_samples": found })
        })
        .collect();
    assert!(tests.len() > 20 && series.len() > 40);
    let desk = Desk::new();
    let group = serde_json::json!({ "interval": "1m", "input_series": series, "promql_expr_test": tests });
    let file = serde_json::json!({ "evaluation_interval": "1m", "tests": [group] });
    std::fs::write(desk.path().join("panels.yml"), file.to_string()).unwrap();
    promtool(desk.path(), &["test", "rules", "panels.yml"], "");
}

#[test]
fn no_two_panels_share_a_number_or_a_place() {
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}", panel["title"]);
        let grid = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(grid("x") + grid("w") <= 24, "{}", panel["title"]);
        for (x, y) in
            (grid("x")..grid("x") + grid("w")).flat_map(|x| (grid("y")..grid("y") + grid("h")).map(move |y| (x, y)))
        {
            assert!(taken.insert((x, y)), "{} lies over another panel", panel["title"]);
        }
        let is_row = panel["type"] == "row";
        assert!(is_row || !panel["description"].as_str().unwrap().is_empty(), "{}", panel["title"]);
    }
}
