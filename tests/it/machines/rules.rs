//! The alert rules.

use std::path::Path;

use super::{file, named, names};
use crate::rig::promtool::promtool;

const RULES: &str = "contrib/prometheus/chainfill.rules.yml";
const CASES: &str = "contrib/prometheus/chainfill.rules.test.yml";

#[test]
fn each_alert_fires_where_it_should_and_is_silent_where_it_should_be() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/prometheus");
    promtool(&folder, &["check", "rules", "chainfill.rules.yml"], "");
    promtool(&folder, &["test", "rules", "chainfill.rules.test.yml"], "");
    let (rules, cases) = (file(RULES), file(CASES));
    let after = |line: &str, head: &str| line.trim().strip_prefix(head).map(str::to_owned);
    let lines: Vec<&str> = cases.lines().collect();
    let checks: Vec<(String, bool)> = lines
        .windows(2)
        .filter_map(|pair| Some((after(pair[0], "alertname: ")?, !pair[1].contains("exp_alerts: []"))))
        .collect();
    let mut alerts = 0;
    for alert in rules.lines().filter_map(|line| after(line, "- alert: ")) {
        alerts += 1;
        for fires in [true, false] {
            assert!(checks.contains(&(alert.clone(), fires)), "{CASES} has no case of {alert} that fires: {fires}");
        }
    }
    assert!(alerts >= 6, "{RULES} was not read: {alerts} alerts");
}

#[tokio::test(start_paused = true)]
async fn every_metric_of_the_rules_is_one_that_is_told() {
    let told = names().await;
    let used = named(&file(RULES));
    assert!(used.len() > 5 && used.is_subset(&told), "{:?}", used.difference(&told));
}
