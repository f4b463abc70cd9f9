//! Empty answers are believed for what was asked for after they had come, and for nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use chainfill::clock::Clock;
use chainfill::domain::ledger::OptionState;
use chainfill::domain::run::Ending;
use chainfill::engine::QueryMode;
use chainfill::limits::{EMPTIES_DOUBTED, HOUR_MS};
use chainfill::vendor::{Face, Settings};
use jiff::civil::Date;

use crate::rig::world::{World, answer, small};

const NOTHING: &str = r#"{"result":[]}"#;

/// A world in which four requests are in flight from the start, and nothing is empty unless a test says so.
async fn four_at_once(counts: &str) -> World {
    let mut world = World::new(Settings { empties_share: 0.0, ..small(counts) });
    world.settings.query = QueryMode::Symbol;
    world.know_quota(10_000, HOUR_MS).await;
    world
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_asked_for_before_vouches_for_nothing_that_came_since() {
    // F-S5, F-I1: made while the vendor had its data, and slow on its way; then everything is empty for a minute
    let mut world = four_at_once("BTC=60").await;
    let clock = world.clock.clone();
    let (asked, lost_at) = (AtomicUsize::new(0), Arc::new(AtomicI64::new(i64::MAX)));
    world.script = Some(Arc::new(move |path: &str, _: usize| {
        if !path.contains("symbol=") {
            return None;
        }
        let number = asked.fetch_add(1, Ordering::Relaxed) + 1;
        let now = clock.now().0;
        if number == 20 {
            lost_at.store(now, Ordering::Relaxed);
            return None;
        }
        let lost_at = lost_at.load(Ordering::Relaxed);
        (lost_at..lost_at.saturating_add(60_000)).contains(&now).then(|| answer(200, NOTHING)).flatten()
    }));
    let slow = AtomicUsize::new(0);
    let is_slow = move |path: &str, _: usize| {
        let number = if path.contains("symbol=") { slow.fetch_add(1, Ordering::Relaxed) + 1 } else { 0 };
        if number == 20 { 30 } else { 0 }
    };
    world.late = Some(Arc::new(is_slow));
    let report = world.backfill().await.unwrap();
    assert_eq!(report.ending, Ending::Complete, "{}", report.words);
    world.assert_complete().await;
    assert!(world.told("Settled { believed: false") > 0, "the slow one came among the empty ones");
}

#[tokio::test(start_paused = true)]
async fn a_witness_vouches_for_nothing_that_came_while_it_was_asked() {
    // F-S5, F-I1: eight are empty, and those in flight beside the eighth come while the witness is on its way
    let mut world = four_at_once("BTC=60").await;
    let names: Vec<String> = world.vendor.lock().unwrap().names().iter().map(ToString::to_string).collect();
    let of = move |path: &str| names.iter().position(|name| path.ends_with(name.as_str()));
    let place = Arc::new(of);
    let empty = place.clone();
    world.script = Some(Arc::new(move |path: &str, _: usize| {
        empty(path).is_some_and(|at| (20..31).contains(&at)).then(|| answer(200, NOTHING)).flatten()
    }));
    world.late = Some(Arc::new(move |path: &str, before: usize| match place(path) {
        Some(28..31) => 300,
        Some(_) if before > 0 => 600, // the witness
        _ => 0,
    }));
    let report = world.backfill().await.unwrap();
    assert_eq!(report.ending, Ending::Complete, "{}", report.words);
    assert_eq!(world.in_state(OptionState::Empty).await.len(), 11, "what was asked for later spoke for them");
    assert_eq!(world.told("Settled { believed: true, empties: 8 }"), 1, "{:?}", world.events.lock().unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_expiry_that_is_wholly_empty_is_one_empty_answer() {
    // F-S5: the archive ends early, so that hundreds of options in a row have nothing, an expiry at a time
    let archive_until = Some(Date::constant(2024, 2, 1));
    let face = Face::Expiry2026;
    let world = World::new(Settings { empties_share: 0.0, archive_until, face, ..small("BTC=4000") });
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
    let journal = world.memory.as_ref().unwrap().attempts();
    let kinds = |kind: &str| journal.iter().filter(|(attempt, _)| attempt.kind == kind).count();
    let is_empty = |query: &str| {
        journal.iter().any(|(attempt, settled)| {
            attempt.kind == "expiry"
                && attempt.query == query
                && settled.as_ref().is_some_and(|it| it.outcome == "empty")
        })
    };
    let mut empties: Vec<_> =
        journal.iter().map(|(attempt, _)| attempt.query.as_str()).filter(|it| is_empty(it)).collect();
    empties.sort_unstable();
    empties.dedup();
    let canaries = kinds("canary");
    assert!(empties.len() > 2 * EMPTIES_DOUBTED, "{} of {}", empties.len(), kinds("expiry"));
    assert!(canaries <= empties.len().div_ceil(EMPTIES_DOUBTED), "{canaries} for {}", empties.len());
}
