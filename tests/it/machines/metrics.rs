//! The metrics of real runs.

use std::path::Path;
use std::sync::Arc;

use chainfill::sight;
use chainfill::store::{Lookout, Outside};
use chainfill::vendor::Settings;
use chainfill::vendor::settings::parse_counts;
use chainfill::view::metrics::{away, text};

use super::texts;
use crate::rig::program::Desk;
use crate::rig::promtool::promtool;
use crate::rig::simulated::Simulated;

fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test(start_paused = true)]
async fn prometheus_reads_every_metric_of_a_run_that_waits_and_of_one_that_ended() {
    let [waiting, ended] = texts().await;
    for text in [&waiting, &ended, &away()] {
        promtool(Path::new("."), &["check", "metrics"], text);
    }
    assert_eq!(value(&waiting, "chainfill_quota_requests"), Some(40.0));
    assert_eq!(value(&waiting, "chainfill_run_phase{phase=\"waiting\"}"), Some(1.0));
    let left_s = value(&waiting, "chainfill_cooldown_remaining_seconds").unwrap();
    assert!((2_900.0..3_600.0).contains(&left_s), "{left_s}");
    assert_eq!(value(&waiting, "chainfill_run_answer_seconds_count"), Some(41.0));
    assert_eq!(value(&waiting, "chainfill_run_answer_seconds_sum"), Some(0.82));
    assert_eq!(value(&ended, "chainfill_health{health=\"done\"}"), Some(1.0));
    assert_eq!(value(&ended, "chainfill_run_ending{ending=\"complete\"}"), Some(1.0));
}

#[tokio::test]
async fn the_numbers_of_a_real_run_are_those_of_its_store() {
    // F-W7
    let counts = parse_counts("BTC=30,ETH=20").unwrap();
    let vendor = Simulated::start(Settings { counts, throttles: Vec::new(), ..Settings::default() });
    let desk = Desk::new();
    let args = ["backfill", "--max-rate", "none", "--api-url", &vendor.base_url];
    desk.chainfill(&args).with_key().ends_with(0);
    let url = format!("sqlite:{}", desk.database().display());
    let outside: Arc<dyn Outside> = Arc::new(Lookout::new(url.parse().unwrap()));
    let from = chainfill::process::vantage();
    let told = text(&sight::page(&outside, &from).await.unwrap(), from.now);
    promtool(desk.path(), &["check", "metrics"], &told);
    let store = rusqlite::Connection::open(desk.database()).unwrap();
    for currency in ["BTC", "ETH"] {
        let (rows, options): (f64, f64) = store
            .query_row(
                "SELECT COUNT(*), COUNT(DISTINCT symbol) FROM cryptodatadownload_options_daily WHERE currency = ?1",
                [currency],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        assert_eq!(value(&told, &format!("chainfill_records{{currency=\"{currency}\"}}")), Some(rows));
        let stored = format!("chainfill_options{{currency=\"{currency}\",state=\"stored\"}}");
        assert_eq!(value(&told, &stored), Some(options));
    }
    #[allow(clippy::cast_precision_loss)] // dozens
    let requests = vendor.requests() as f64;
    assert_eq!(value(&told, "chainfill_requests_total"), Some(requests));
    assert_eq!(value(&told, "chainfill_run_answer_seconds_count"), Some(requests));
    assert!(value(&told, "chainfill_run_milestone_timestamp_seconds{currency=\"ETH\",percent=\"75\"}").is_some());
}
