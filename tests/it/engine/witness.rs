//! Nothing is concluded about the vendor from thin evidence: an option that is known to hold data is asked first.

use std::sync::Arc;

use chainfill::clock::Clock;
use chainfill::domain::instrument::Symbol;
use chainfill::domain::ledger::{Happening, OptionState};
use chainfill::domain::run::Ending;
use chainfill::engine::QueryMode;
use chainfill::limits::{HOUR_MS, TRIES_MAX};
use chainfill::store::{Batch, OptionNews, RunEnd};
use chainfill::vendor::{Face, Settings};

use crate::rig::world::{BEGIN, World, answer, small};

const HTML: &str = "<html>oops</html>";

fn no_empties(counts: &str) -> Settings {
    Settings { empties_share: 0.0, ..small(counts) }
}

fn names(world: &World) -> Vec<String> {
    world.vendor.lock().unwrap().names().iter().map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_given_up_shows_nothing_of_the_rest() {
    // F-S3, F-S9, F-S19: whatever a vendor of 2025 says to a question without a symbol
    for (status, body) in [
        (200, r#"{"message":"symbol is required"}"#),
        (200, r#"{"result":null}"#),
        (200, HTML),
        (500, HTML),
        (400, r#"{"result":"symbol?"}"#),
        (422, "{}"),
    ] {
        let mut world = World::new(small("BTC=120,ETH=80"));
        world.script = Some(Arc::new(move |path, _| path.contains("expiry=").then(|| answer(status, body)).flatten()));
        let report = world.backfill().await.unwrap();
        assert_eq!(report.ending, Ending::Complete, "{status} {body}: {}", report.words);
        assert!(report.words.contains("COMPLETE"), "{}", report.words);
        world.assert_complete().await;
        assert!(world.asked_for("expiry=") <= 8, "{}", world.asked_for("expiry="));
        assert!(BEGIN.until_ms(world.clock.now()) < HOUR_MS);
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_that_cannot_be_kept_in_the_probed_expiry_shows_nothing_of_the_rest() {
    // F-X2: the probed expiry holds one such value, others are well; so do two of its options
    let settings = Settings { face: Face::Expiry2026, ..no_empties("BTC=300") };
    let mut world = World::new(settings);
    let probed = {
        let probe = World::new(Settings { face: Face::Expiry2026, ..no_empties("BTC=300") });
        probe.backfill().await.unwrap();
        let asked = probe.asked.lock().unwrap();
        asked.iter().find(|path| path.contains("expiry=")).unwrap().clone()
    };
    let row = r#"{"result":[{"unix":1718524800000,"date":"2024-06-16","symbol":"X","open":"N/A"}]}"#;
    let bad = probed.clone();
    world.script = Some(Arc::new(move |path, _| (path == bad).then(|| answer(200, row)).flatten()));
    let report = world.backfill().await.unwrap();
    assert!(report.words.contains("COMPLETE"), "{}", report.words);
    world.assert_complete().await;
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_is_down_at_the_probe_is_waited_for_and_can_still_answer_expiries() {
    // F-P1
    let mut world = World::new(Settings { face: Face::Expiry2026, ..no_empties("BTC=400") });
    let clock = world.clock.clone();
    let down = move |path: &str, _: usize| {
        let since_ms = BEGIN.until_ms(clock.now());
        (!path.contains("available") && since_ms < 600_000).then(|| answer(502, HTML)).flatten()
    };
    world.script = Some(Arc::new(down));
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
    assert!(world.asked_for("symbol=") < 60, "{} by symbol", world.asked_for("symbol="));
}

#[tokio::test(start_paused = true)]
async fn one_option_that_always_fails_is_given_up_and_the_vendor_is_not_taken_for_down() {
    // F-S2, F-S9: on a daily run it is the only one left
    for (status, body) in [(200, HTML), (500, HTML), (504, "")] {
        for bad_ones in [1, 3] {
            let mut world = World::new(no_empties("BTC=60"));
            world.settings.query = QueryMode::Symbol;
            let bad: Vec<String> = names(&world).into_iter().skip(20).take(bad_ones).collect();
            let script_bad = bad.clone();
            let always = move |path: &str, _: usize| {
                script_bad.iter().any(|name| path.ends_with(name.as_str())).then(|| answer(status, body)).flatten()
            };
            world.script = Some(Arc::new(always));
            for run in 0..2 {
                let report = world.backfill().await.unwrap();
                assert_eq!(report.ending, Ending::Attention, "run {run}: {}", report.words);
                assert_eq!(world.in_state(OptionState::Attention).await.len(), bad_ones);
            }
            for name in &bad {
                assert!(world.asked_for(name) <= TRIES_MAX as usize * 2, "{}", world.asked_for(name));
            }
            assert!(BEGIN.until_ms(world.clock.now()) < HOUR_MS);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn options_that_are_refused_do_not_block_the_archive() {
    // F-S8: 400 for every option of the first expiries, on a fresh store and on one that knows others
    for first in [0, 30] {
        let mut world = World::new(no_empties("BTC=200"));
        world.settings.query = QueryMode::Symbol;
        let mut bad: Vec<String> = names(&world).into_iter().skip(first).take(40).collect();
        bad.sort();
        let script_bad = bad.clone();
        let refused = move |path: &str, _: usize| {
            script_bad.iter().any(|name| path.ends_with(name.as_str())).then(|| answer(400, "{}")).flatten()
        };
        world.script = Some(Arc::new(refused));
        let report = world.backfill().await.unwrap();
        assert_eq!(report.ending, Ending::Attention, "{first}: {}", report.words);
        assert_eq!(world.in_state(OptionState::Attention).await, bad);
        assert_eq!(world.in_state(OptionState::Pending).await, [""; 0]);
        let canaries = world.asked.lock().unwrap().len() - 2 - 160 - 40 * 3;
        assert!(canaries <= 12, "{canaries}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_options_that_are_refused_by_turns_are_two_and_not_many() {
    // F-S8
    let mut world = World::new(no_empties("BTC=50"));
    world.settings.query = QueryMode::Symbol;
    world.backfill().await.unwrap();
    let bad: Vec<String> = names(&world).into_iter().take(2).collect();
    let script_bad = bad.clone();
    let refused = move |path: &str, _: usize| {
        script_bad.iter().any(|name| path.ends_with(name.as_str())).then(|| answer(400, "{}")).flatten()
    };
    world.script = Some(Arc::new(refused));
    put_back(&world, &bad).await;
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Attention);
    assert_eq!(world.in_state(OptionState::Attention).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_option_that_the_key_may_not_see_is_given_up_and_the_key_is_not() {
    // F-S7: 403 for three among good answers
    let mut world = World::new(no_empties("BTC=100"));
    world.settings.query = QueryMode::Symbol;
    let bad: Vec<String> = names(&world).into_iter().skip(40).take(3).collect();
    let script_bad = bad.clone();
    let forbidden = move |path: &str, _: usize| {
        let is_bad = script_bad.iter().any(|name| path.ends_with(name.as_str()));
        is_bad.then(|| answer(403, r#"{"detail":"not in your plan"}"#)).flatten()
    };
    world.script = Some(Arc::new(forbidden));
    let report = world.backfill().await.unwrap();
    assert_eq!(report.ending, Ending::Attention, "{}", report.words);
    assert_eq!(world.in_state(OptionState::Attention).await, bad);
    assert!(world.asked.lock().unwrap().len() < 2 + 97 + 3 * 8, "{}", world.asked.lock().unwrap().len());
}

#[tokio::test(start_paused = true)]
async fn an_archive_that_lacks_its_beginning_is_filled_all_the_same() {
    // F-S5: the first 80 options by expiry hold nothing, and nobody is known who could say so
    let mut world = World::new(no_empties("BTC=300"));
    world.settings.query = QueryMode::Symbol;
    let mut none: Vec<String> = names(&world).into_iter().take(80).collect();
    none.sort();
    let script_none = none.clone();
    let empty = move |path: &str, _: usize| {
        script_none.iter().any(|name| path.ends_with(name.as_str())).then(|| answer(200, r#"{"result":[]}"#)).flatten()
    };
    world.script = Some(Arc::new(empty));
    let report = world.backfill().await.unwrap();
    assert!(report.words.contains("COMPLETE"), "{}", report.words);
    assert_eq!(world.in_state(OptionState::Empty).await, none);
    assert_eq!(world.asked.lock().unwrap().len(), 2 + 300 + 2, "one stranger, then one that is known");
}

#[tokio::test(start_paused = true)]
async fn a_witness_that_fails_for_good_is_replaced_and_never_asked_without_end() {
    // F-S5, F-I12
    for (status, body) in [(200, r#"{"result":[]}"#), (400, "{}"), (200, HTML), (500, HTML)] {
        let mut world = World::new(no_empties("BTC=60"));
        world.settings.query = QueryMode::Symbol;
        world.backfill().await.unwrap();
        let all = names(&world);
        put_back(&world, &all[..20]).await;
        let witness = all[59].clone();
        let none: Vec<String> = all[..20].to_vec();
        world.asked.lock().unwrap().clear();
        let script = move |path: &str, _: usize| {
            if path.ends_with(witness.as_str()) {
                return answer(status, body);
            }
            none.iter().any(|name| path.ends_with(name.as_str())).then(|| answer(200, r#"{"result":[]}"#)).flatten()
        };
        world.script = Some(Arc::new(script));
        let report = world.backfill().await.unwrap();
        assert_eq!(report.ending, Ending::Complete, "{status} {body}: {}", report.words);
        let asked = world.asked.lock().unwrap().len();
        assert!(asked < 60, "{status}: {asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_has_nothing_any_more_ends_the_run_within_hours() {
    // F-S5, F-I12
    let mut world = World::new(no_empties("BTC=60"));
    world.settings.query = QueryMode::Symbol;
    world.settings.limit = Some(30);
    world.backfill().await.unwrap();
    world.settings.limit = None;
    let empty = |path: &str, _: usize| path.contains("symbol=").then(|| answer(200, r#"{"result":[]}"#)).flatten();
    world.script = Some(Arc::new(empty));
    let report = world.backfill().await.unwrap();
    assert_eq!(report.ending, Ending::Vendor, "{}", report.words);
    assert_eq!(world.in_state(OptionState::Empty).await, [""; 0]);
    assert!(BEGIN.until_ms(world.clock.now()) < 3 * HOUR_MS);
}

#[tokio::test(start_paused = true)]
async fn the_last_few_empty_answers_of_a_run_are_vouched_for_too() {
    // F-S5, F-I1: three are left, and the vendor has just lost its data
    for lost in [false, true] {
        let mut world = World::new(no_empties("BTC=60"));
        world.settings.query = QueryMode::Symbol;
        world.settings.limit = Some(57);
        world.backfill().await.unwrap();
        world.settings.limit = None;
        let before = world.requests();
        let left = world.in_state(OptionState::Pending).await;
        let none = left.clone();
        let (clock, back_at) = (world.clock.clone(), world.clock.now() + 60_000);
        let empty = move |path: &str, _: usize| {
            let is_left = none.iter().any(|name| path.ends_with(name.as_str()));
            let is_lost = lost && path.contains("symbol=") && clock.now() < back_at;
            (is_left && !lost || is_lost).then(|| answer(200, r#"{"result":[]}"#)).flatten()
        };
        world.script = Some(Arc::new(empty));
        assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
        if lost {
            world.assert_complete().await;
        } else {
            assert_eq!(world.in_state(OptionState::Empty).await, left);
            assert_eq!(world.requests() - before, 1 + 1, "the listing, and one that is known to hold data");
        }
    }
}

/// Puts options back, as `chainfill retry` does.
async fn put_back(world: &World, symbols: &[String]) {
    let epoch = world.begin().await.unwrap();
    let at = world.clock.now();
    let news = |symbol: &String| OptionNews {
        symbol: Symbol::new(symbol),
        happening: Happening::PutBack,
        candles: Vec::new(),
        flaws: Vec::new(),
        at,
        data_source: "test",
    };
    let batch = Batch { at, options: symbols.iter().map(news).collect(), ..Batch::default() };
    world.store.commit(epoch, &batch).await.unwrap();
    world.store.end(epoch, &RunEnd { at, ending: Ending::Complete, progress: None }).await.unwrap();
}
