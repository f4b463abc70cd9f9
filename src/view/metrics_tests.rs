use super::*;
use crate::domain::governor::Explanation;
use crate::domain::instrument::Currency;
use crate::domain::milestone::Reached;
use crate::domain::progress::{CurrencyProgress, Wait};
use crate::domain::tally::Tally;
use crate::limits::{HOUR_MS, SECOND_MS};
use crate::view::sample::{START, bare, run};

const NOW: Moment = Moment(START.0 + 1_200 * SECOND_MS);

fn idle() -> StatusPage {
    StatusPage { store: "sqlite:chainfill.db".into(), ..bare() }
}

/// In its first cooldown, of a vendor with a hostile name for a currency.
fn waiting() -> StatusPage {
    let hostile = Currency::stored("E\"TH\\\n");
    let (since, until) = (START + 260 * SECOND_MS, NOW + 1_872 * SECOND_MS);
    let mut progress = Progress {
        phase: Phase::Waiting,
        started_at: START,
        wait: Some(Wait { since, until, reason: Reason::Cooldown, next: "ETH-12APR24-3100-C".into() }),
        currencies: vec![CurrencyProgress {
            done: 1_700,
            stored: 1_690,
            empty: 10,
            reached: Reached([Some(since), None, None, None]),
            ..CurrencyProgress::planned(hostile.clone(), 6_738)
        }],
        requests: 1_702,
        answers: 1_702,
        requests_left: 5_038,
        outcomes: [("rows".to_owned(), 1_690), ("throttled".to_owned(), 1), ("a\"b".to_owned(), 1)].into(),
        bytes: 1_523_000,
        latency_sum_ms: 31_500,
        rows_inserted: 20_280,
        cooldowns: 1,
        refusals: 1,
        accepted_at: Some(since),
        ..Progress::default()
    };
    for latency_ms in [4, 40, 400, 100_000] {
        progress.latencies.add(latency_ms);
    }
    let tally = Tally { listed: 8_679, pending: 5_038, stored: 3_591, empty: 47, ..Tally::nothing(hostile) };
    StatusPage {
        tallies: vec![Tally { attention: 3, rows: 46_358, ..tally }],
        open: 5_038,
        bytes: 9_000_000,
        room_bytes: None,
        requests: 4_123,
        run: Some(run()),
        progress: Some(progress),
        throttle: Explanation { quota: None, used: 800, next_at: Some(until), reason: Some(Reason::Cooldown) },
        ..idle()
    }
}

fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn a_store_and_its_run_are_told_with_hostile_names_as_labels() {
    // F-X1
    insta::assert_snapshot!(text(&waiting(), NOW));
}

#[test]
fn a_store_without_a_run_tells_of_none_and_one_that_cannot_be_read_of_nothing() {
    insta::assert_snapshot!(text(&idle(), NOW) + &away());
}

#[test]
fn the_time_in_cooldowns_only_grows_and_ends_with_the_run() {
    let spent = |page: &StatusPage, now| value(&text(page, now), "chainfill_run_cooldown_seconds_total");
    let mut page = waiting();
    assert_eq!(spent(&page, NOW), Some(940.0));
    assert_eq!(spent(&page, NOW + 60 * SECOND_MS), Some(1_000.0));
    if let Some(run) = &mut page.run {
        (run.alive, run.beat_age_ms) = (Some(false), HOUR_MS);
    }
    assert_eq!(spent(&page, NOW + HOUR_MS), Some(940.0));
    let told = text(&page, NOW + HOUR_MS);
    assert_eq!(value(&told, "chainfill_run_open"), Some(1.0));
    assert_eq!(value(&told, "chainfill_run_alive"), Some(0.0));
    assert_eq!(value(&told, "chainfill_health{health=\"worry\"}"), Some(1.0));
}
