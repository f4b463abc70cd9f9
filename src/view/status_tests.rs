use super::*;
use crate::domain::event::{Before, Event};
use crate::domain::governor::quota::Quota;
use crate::domain::governor::{Explanation, Lesson};
use crate::domain::instrument::Currency;
use crate::domain::milestone::Reached;
use crate::domain::progress::Phase;
use crate::domain::progress::{CurrencyProgress, Wait};
use crate::domain::pulse::{Point, Pulse};
use crate::domain::run::Ending;
use crate::limits::{HOUR_MS, SECOND_MS};
use crate::view::sample::{START, bare, run, zone};

const NOW: Moment = Moment(START.0 + 1_200 * SECOND_MS);

fn tally(currency: &str, pending: u64) -> Tally {
    let listed = 8_679;
    let (empty, attention) = (41, 3);
    let stored = listed - pending - empty - attention;
    Tally { currency: Currency::stored(currency), listed, pending, stored, empty, attention, rows: stored * 13 }
}

fn waiting() -> StatusPage {
    let until = NOW + 1_872 * SECOND_MS;
    let eth = CurrencyProgress {
        currency: Currency::stored("ETH"),
        todo: 6_738,
        done: 800,
        stored: 790,
        empty: 10,
        attention: 0,
        rows_inserted: 9_120,
        reached: Reached::default(),
    };
    let quota = Quota {
        requests: 800,
        window_ms: HOUR_MS,
        evidence: crate::domain::governor::quota::Evidence::Matched,
        learned_at: START + 260 * SECOND_MS,
    };
    let progress = Progress {
        phase: Phase::Waiting,
        started_at: START,
        working_since: START,
        phase_since: START + 260 * SECOND_MS,
        wait: Some(Wait {
            since: START + 260 * SECOND_MS,
            until,
            reason: Reason::Cooldown,
            next: "ETH-12APR24-3100-C".into(),
        }),
        currencies: vec![eth],
        requests: 802,
        answers: 802,
        requests_left: 14_128,
        bytes: 1_523_000,
        cooldowns: 1,
        refusals: 1,
        quota: Some(quota.clone()),
        window_used: 800,
        errors: vec![
            (START, "HTTP 503 \u{1b}[31m and many more words that do not end before the page does, really".into(), 2),
            (START, "the connection was reset".into(), 1),
        ],
        ..Progress::default()
    };
    StatusPage {
        tallies: vec![tally("ETH", 5_938), tally("BTC", 8_190), tally("BTC_USDC", 12), tally("XRP_USDC", 0)],
        open: 14_140,
        bytes: 52_349_999,
        room_bytes: None,
        requests: 4_123,
        run: Some(run()),
        progress: Some(progress),
        throttle: Explanation { quota: Some(quota), used: 800, next_at: Some(until), reason: Some(Reason::Cooldown) },
        ..bare()
    }
}

/// Two currencies, one of them half done, as in the page that started this.
fn downloading() -> StatusPage {
    let mut page = waiting();
    page.tallies = vec![tally("ETH", 3_300), tally("BTC", 8_190)];
    page.throttle = Explanation { used: 312, next_at: None, reason: None, ..page.throttle };
    let mut progress = page.progress.unwrap();
    progress.phase = Phase::Fetching;
    progress.wait = None;
    (progress.working_since, progress.cooldown_ms) = (NOW - 60_000, 900_000);
    let mut eth = progress.currencies.remove(0);
    (eth.done, eth.stored) = (3_438, 3_428);
    eth.reached.note(1_685, 6_738, START + 300_000);
    eth.reached.note(3_438, 6_738, NOW - 5_000);
    progress.currencies = vec![eth, CurrencyProgress::planned(Currency::stored("BTC"), 8_190)];
    progress.answers = 3_442;
    progress.outcomes = [("rows", 3_418), ("empty", 10), ("throttled", 1), ("server", 13)]
        .map(|(outcome, count)| (outcome.to_owned(), count))
        .into();
    (1..3_442).for_each(|n| progress.latencies.add(80 + n % 300));
    let points = vec![Point { answers: 24, done: 24, rows: 300, ..Point::default() }; 240];
    progress.pulse = Pulse { since: START, step_ms: 5_000, points };
    progress.before = Some(Before { tallies: vec![tally("ETH", 6_738), tally("BTC", 8_190)], bytes: 12_000_000 });
    let quota = progress.quota.clone().expect("it is learned");
    progress.tail.note(START + 260_000, &Event::Learned(Lesson::Learned(quota)));
    progress.tail.note(NOW - 60_000, &Event::Resumed);
    progress.tail.note(NOW - 50_000, &Event::Down { why: "HTTP 503 \u{1b}[31m".into() });
    page.progress = Some(progress);
    page
}

fn measuring() -> StatusPage {
    let mut page = downloading();
    if let Some(progress) = &mut page.progress {
        progress.answers = 4;
    }
    page
}

fn paused() -> StatusPage {
    let mut page = downloading();
    if let Some(progress) = &mut page.progress {
        (progress.phase, progress.phase_since, progress.paused) = (Phase::Paused, NOW - 90_000, true);
    }
    page
}

fn dead() -> StatusPage {
    let mut page = waiting();
    page.run = page.run.map(|run| LastRun { alive: Some(false), beat_age_ms: 600_000, ..run });
    page
}

fn idle() -> StatusPage {
    let mut page = waiting();
    page.run =
        page.run.map(|run| LastRun { ended_at: Some(NOW - 60_000), ending: Some(Ending::Stopped), alive: None, ..run });
    page.progress = None;
    page.throttle = Explanation { quota: None, used: 12, next_at: None, reason: None };
    page
}

fn empty() -> StatusPage {
    StatusPage { throttle: idle().throttle, ..bare() }
}

#[test]
fn the_page_fits_a_small_screen() {
    // F-U5
    let mut text = String::new();
    for (name, page) in [("waiting", waiting()), ("dead", dead()), ("idle", idle()), ("empty", empty())] {
        for width in [80, 40] {
            let drawn = draw(&page, NOW, &zone(), width, (width == 80).then_some(24), false);
            assert!(drawn.lines().all(|line| line.chars().count() <= width), "{drawn}");
            assert!(width < 80 || drawn.lines().count() < 24, "{drawn}");
            text.extend([format!("-- {name}, {width} columns\n"), drawn]);
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn without_a_screen_nothing_is_left_out() {
    let mut text = String::new();
    for (name, page) in [("downloading", downloading()), ("measuring", measuring()), ("paused", paused())] {
        text.extend([format!("-- {name}\n"), draw(&page, NOW, &zone(), 120, None, false)]);
        let small = draw(&page, NOW, &zone(), 80, Some(24), false);
        assert!(small.lines().count() < 24, "{small}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn colour_is_on_the_verdict_only_where_it_is_wanted() {
    let drawn = draw(&waiting(), NOW, &zone(), 80, None, true);
    assert!(drawn.starts_with('\u{1b}') && !draw(&waiting(), NOW, &zone(), 80, None, false).contains('\u{1b}'));
}

#[test]
fn a_dead_run_is_not_at_work_and_cools_down_no_longer() {
    let since = waiting().progress.unwrap().wait.unwrap().since;
    assert_eq!(waiting().cooldown_ms(NOW), since.until_ms(NOW));
    // Of another host it is known by its lease alone.
    let far = StatusPage { run: dead().run.map(|run| LastRun { alive: None, ..run }), ..dead() };
    for page in [dead(), far] {
        let value: serde_json::Value = serde_json::from_str(&page.json(NOW, &zone())).unwrap();
        assert_eq!((&value["is_working"], &value["verdict"]["health"]), (&false.into(), &"worry".into()));
        assert_eq!(page.cooldown_ms(NOW), since.until_ms(NOW - 600_000));
    }
}

#[test]
fn the_offset_is_that_of_the_season() {
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    for (at, offset_s) in [("2025-07-01T00:00:00Z", 7_200), ("2025-12-01T00:00:00Z", 3_600)] {
        let at: jiff::Timestamp = at.parse().unwrap();
        let page = idle().json(Moment(at.as_millisecond()), &zone);
        let value: serde_json::Value = serde_json::from_str(&page).unwrap();
        assert_eq!(value["utc_offset_s"], offset_s);
    }
}

#[test]
fn the_page_for_machines() {
    for page in [waiting(), dead(), idle(), empty()] {
        let value: serde_json::Value = serde_json::from_str(&page.json(NOW, &zone())).unwrap();
        assert_eq!(value["v"], 1);
        assert_eq!(value["verdict"]["sentence"], page.verdict(NOW, &zone()).1);
        assert_eq!(value["total"]["listed"].as_u64(), Some(page.tallies.iter().map(|one| one.listed).sum()));
    }
    insta::assert_snapshot!(waiting().json(NOW, &zone()));
}
