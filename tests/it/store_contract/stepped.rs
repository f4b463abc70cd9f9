//! What is seen of a run under which the wall clock was stepped.

use std::sync::Arc;

use chainfill::domain::governor::quota::{Evidence, Quota};
use chainfill::domain::governor::{Memory, Reason};
use chainfill::domain::health::Health;
use chainfill::domain::instrument::Currency;
use chainfill::domain::progress::{CurrencyProgress, Phase, Progress, Wait};
use chainfill::domain::run::{Frame, Identity};
use chainfill::domain::vantage::Vantage;
use chainfill::limits::{HOUR_MS, SECOND_MS};
use chainfill::process;
use chainfill::sight;
use chainfill::store::{Attempt, Batch, Claim, Outside, Store, StoreError};
use jiff::tz::TimeZone;

use super::facts::{attempt, identity, settled};
use super::home::Home;

super::contract!(
    a_step_of_the_wall_clock_tells_no_false_worry,
    requests_before_and_after_a_step_stand_in_the_viewers_time,
    a_step_of_the_wall_clock_takes_no_store_away,
);

const MINUTE_MS: i64 = 60 * SECOND_MS;
/// The boot clock when it is looked.
const BOOT_MS: i64 = 50 * HOUR_MS;
/// What the boot clock and the wall clock do not agree on is no matter here; what the wall clock said matters.
const STEPS_MS: [i64; 4] = [0, HOUR_MS, -HOUR_MS, 37 * SECOND_MS];

/// Somebody who looks now, on the same boot. The servers of stores have the real time, and so has the viewer.
fn viewer(alive: fn(&Identity) -> Option<bool>) -> Vantage {
    let now = process::vantage().now;
    Vantage { now, frame: Frame { boot_id: "b".to_owned(), offset_ms: now.0 - BOOT_MS }, alive }
}

/// A run that began ten minutes ago; the wall clock was stepped by so much since.
fn stepped_under(from: &Vantage, step_ms: i64, pid: u32) -> Identity {
    Identity {
        started_at: from.now - step_ms - 10 * MINUTE_MS,
        started_boot_ms: BOOT_MS - 10 * MINUTE_MS,
        ..identity(pid)
    }
}

/// It holds the store, has sent a request five seconds ago, and waits for 31 minutes more, all in its own time.
async fn waiting(store: &dyn Store, from: &Vantage, step_ms: i64, pid: u32) -> Identity {
    let identity = stepped_under(from, step_ms, pid);
    let now = from.now - step_ms;
    let until = now + 31 * MINUTE_MS;
    let claim = Claim { identity: identity.clone(), now: identity.started_at, alive: |_| Some(false) };
    let epoch = store.begin(&claim).await.unwrap();
    let eth = CurrencyProgress { done: 400, ..CurrencyProgress::planned(Currency::stored("ETH"), 6_738) };
    let learned_at = now - MINUTE_MS;
    let quota = Quota { requests: 400, window_ms: HOUR_MS, evidence: Evidence::Matched, learned_at };
    let progress = Progress {
        phase: Phase::Waiting,
        phase_since: now - MINUTE_MS,
        started_at: identity.started_at,
        working_since: identity.started_at,
        wait: Some(Wait { since: now - MINUTE_MS, until, reason: Reason::Cooldown, next: "the next one".to_owned() }),
        currencies: vec![eth],
        answers: 400,
        requests_left: 6_338,
        accepted_at: Some(now - 2 * MINUTE_MS),
        errors: vec![(now - MINUTE_MS, "HTTP 429".to_owned(), 1)],
        ..Progress::default()
    };
    let batch = Batch {
        at: now,
        sent: vec![Attempt { query: "ETH-12APR24-3100-C".to_owned(), ..attempt(1, now - 5 * SECOND_MS) }],
        settled: vec![settled(1, "rows", true, now - 4 * SECOND_MS)],
        throttle: Some(Memory {
            quota: Some(quota),
            cooldown_until: Some(until),
            frame: Some(identity.frame()),
            ..Memory::default()
        }),
        progress: Some(serde_json::to_string(&progress).unwrap()),
        ..Batch::default()
    };
    store.commit(epoch, &batch).await.unwrap();
    identity
}

async fn a_step_of_the_wall_clock_tells_no_false_worry(home: &Home) {
    // F-C2: forward and back, by hours and by less than a minute; whether the process can be looked up or not.
    let store = home.store().await;
    let outside: Arc<dyn Outside> = store.clone();
    for (pid, step_ms) in (1..).zip(STEPS_MS) {
        // One look at the clock for all: of two the later one may say less.
        let now = viewer(|_| None);
        waiting(&*store, &now, step_ms, pid).await;
        for from in [now.clone(), Vantage { alive: |_| Some(true), ..now }] {
            let page = sight::page(&outside, &from).await.unwrap();
            let (health, words) = page.verdict(from.now, &TimeZone::UTC);
            assert_eq!(health, Health::Fine, "{step_ms}: {words}");
            // The store answers a moment after the run has written.
            let said = |ago_s: i64| {
                let until = from.now + 31 * MINUTE_MS - ago_s * SECOND_MS;
                words.contains(&format!("until {} (", until.time_of_day(&TimeZone::UTC, from.now)))
            };
            assert!((0..20).any(said), "{step_ms}: {words}");
            assert!(words.contains("(31 min left)") || words.contains("(30 min "), "{step_ms}: {words}");
            let run = page.run.unwrap();
            assert!((0..20 * SECOND_MS).contains(&run.beat_age_ms), "{step_ms}: {} ms", run.beat_age_ms);
            let age_ms = run.started_at.until_ms(from.now);
            assert!((10 * MINUTE_MS..11 * MINUTE_MS).contains(&age_ms), "{step_ms}: {age_ms} ms");
            let left_ms = from.now.until_ms(page.throttle.next_at.unwrap());
            assert!((30 * MINUTE_MS..=31 * MINUTE_MS).contains(&left_ms), "{step_ms}: {left_ms} ms");
            assert!(page.throttle.used >= 1);
        }
    }
}

async fn requests_before_and_after_a_step_stand_in_the_viewers_time(home: &Home) {
    // F-C2: each line in the time of its own run, whichever ran when the clock was stepped.
    let store = home.store().await;
    let outside: Arc<dyn Outside> = store.clone();
    let from = viewer(|_| None);
    for (pid, step_ms) in (1..).zip(STEPS_MS) {
        waiting(&*store, &from, step_ms, pid).await;
    }
    let lines = sight::journal(&outside, 10, &from).await.unwrap();
    assert_eq!(lines.len(), STEPS_MS.len());
    for line in lines {
        let age_ms = line.sent_at.until_ms(from.now);
        assert!((5 * SECOND_MS..MINUTE_MS).contains(&age_ms), "{}: {age_ms} ms", line.epoch.0);
        assert_eq!(line.sent_at.until_ms(line.done_at.unwrap()), SECOND_MS);
    }
}

async fn a_step_of_the_wall_clock_takes_no_store_away(home: &Home) {
    // F-C2, F-P8: a live run whose process cannot be looked up, in another container of the same machine.
    for (pid, step_ms) in (1..).zip(STEPS_MS) {
        let store = home.store().await;
        waiting(&*store, &viewer(|_| None), step_ms, pid).await;
        let from = viewer(|_| None);
        let started_boot_ms = BOOT_MS;
        let identity = Identity { started_at: from.now, started_boot_ms, host: "here".into(), ..identity(99) };
        let other = Claim { identity, now: from.now, alive: from.alive };
        let refused = store.begin(&other).await;
        assert!(matches!(refused, Err(StoreError::Held(_))), "{step_ms}: {refused:?}");
    }
}
