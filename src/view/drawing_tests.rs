use jiff::tz;

use super::*;
use crate::domain::governor::Reason;
use crate::domain::governor::quota::{Evidence, Quota};
use crate::domain::instrument::Currency;
use crate::domain::milestone::Reached;
use crate::domain::progress::Wait;
use crate::limits::{HOUR_MS, SECOND_MS};

const START: Moment = Moment(1_761_453_200_000);
const NOW: Moment = Moment(START.0 + 257 * SECOND_MS);

fn currency(name: &str, done: u64, todo: u64) -> CurrencyProgress {
    CurrencyProgress {
        currency: Currency::stored(name),
        todo,
        done,
        stored: done,
        empty: 0,
        attention: 0,
        rows_inserted: done * 12,
        reached: Reached::default(),
    }
}

fn fetching() -> Progress {
    Progress {
        phase: Phase::Fetching,
        started_at: START,
        working_since: START,
        phase_since: START,
        currencies: vec![currency("ETH", 1_234, 6_738), currency("BTC_USDC", 0, 8_190)],
        requests: 1_236,
        answers: 1_235,
        requests_left: 13_694,
        rows_inserted: 14_808,
        accepted_at: Some(NOW),
        quota: Some(Quota { requests: 800, window_ms: HOUR_MS, evidence: Evidence::Matched, learned_at: START }),
        window_used: 435,
        refusals: 1,
        ..Progress::default()
    }
}

fn states() -> Vec<(&'static str, Progress)> {
    let waiting = Progress {
        phase: Phase::Waiting,
        wait: Some(Wait {
            since: NOW,
            until: NOW + 1_872 * SECOND_MS,
            reason: Reason::Cooldown,
            next: "ETH-12APR24-3100-C".into(),
        }),
        ..fetching()
    };
    let unknown = Progress { quota: None, refusals: 0, ..fetching() };
    let starting = Progress { started_at: START, ..Progress::default() };
    let paused = Progress { phase: Phase::Paused, paused: true, ..fetching() };
    let mut stalled = fetching();
    stalled.failures_in_row = 40;
    stalled.errors = vec![(NOW, "HTTP 503 \u{1b}[31m".into(), 40)];
    let mut ended = Progress { phase: Phase::Ended, requests_left: 0, ..fetching() };
    ended.currencies = vec![currency("ETH", 6_738, 6_738), currency("BTC", 8_190, 8_190)];
    ended.currencies[1].attention = 3;
    vec![
        ("fetching", fetching()),
        ("waiting", waiting),
        ("quota unknown", unknown),
        ("starting", starting),
        ("paused", paused),
        ("stalled", stalled),
        ("ended", ended),
    ]
}

fn zone() -> TimeZone {
    TimeZone::fixed(tz::offset(8))
}

#[test]
fn the_live_view_at_three_widths() {
    // F-U5
    let mut text = String::new();
    for (name, progress) in states() {
        for width in [40, 80, 200] {
            let lines = draw(&progress, NOW, &zone(), width, false);
            assert!(lines.iter().all(|line| line.chars().count() <= width), "{name} at {width}: {lines:?}");
            text.extend([format!("-- {name}, {width} columns\n"), lines.join("\n"), "\n".to_owned()]);
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn the_live_view_in_colour() {
    let text: Vec<_> = states().iter().flat_map(|(_, progress)| draw(progress, NOW, &zone(), 80, true)).collect();
    insta::assert_snapshot!(text.join("\n").replace('\u{1b}', "ESC"));
    for width in 0..30 {
        for (_, progress) in states() {
            assert!(draw(&progress, NOW, &zone(), width, false).iter().all(|line| line.chars().count() <= width));
        }
    }
}

#[test]
fn a_countdown_counts_down_without_events() {
    let (_, waiting) = states().remove(1);
    let at = |later_s| draw(&waiting, NOW + later_s * SECOND_MS, &zone(), 100, false).pop().unwrap();
    assert_eq!(at(0), "waiting for the vendor until 13:08:49 (31 min 12 s left), then ETH-12APR24-3100-C");
    assert_eq!(at(1), "waiting for the vendor until 13:08:49 (31 min 11 s left), then ETH-12APR24-3100-C");
    assert_eq!(at(1_872), "waiting for the vendor until 13:08:49 (over now), then ETH-12APR24-3100-C");
}
