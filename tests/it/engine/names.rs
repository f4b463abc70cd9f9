//! Names that the program cannot read are never passed over in silence.

use chainfill::domain::instrument::Currency;
use chainfill::domain::ledger::OptionState;
use chainfill::domain::plan::Horizon;
use chainfill::domain::proof::Audit;
use chainfill::domain::run::Ending;
use chainfill::vendor::Settings;

use crate::rig::world::{BEGIN, World, answer, small};

fn listing(names: &[&str]) -> World {
    World::new(Settings { names: Some(names.iter().map(ToString::to_string).collect()), ..small("BTC=1") })
}

#[tokio::test(start_paused = true)]
async fn a_name_that_does_not_parse_is_every_runs_business() {
    // F-X6: whatever currency it seems to be of
    for odd in ["17APR24/BTC/60000/C", "OPT-BTC-17APR24-60000-C", "BTC-what"] {
        let world = listing(&["BTC-17APR24-60000-C", "BTC-18APR24-60000-C", odd]);
        for _ in 0..2 {
            let report = world.backfill().await.unwrap();
            assert_eq!(report.ending, Ending::Attention, "{odd}: {}", report.words);
            assert!(report.words.contains("1 of 3 options need attention"), "{}", report.words);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_of_any_length_or_spelling_is_known_again_by_the_next_run() {
    // F-X1, F-X6, F-X8: a store keeps neither U+0000 nor what no index takes, and the ledger has the name as it is kept.
    for odd in [&"BTC-long-".repeat(900), "BTC-\0", "BTC-\u{202e}"] {
        let world = listing(&["BTC-17APR24-60000-C", odd]);
        world.backfill().await.unwrap();
        world.events.lock().unwrap().clear();
        world.backfill().await.unwrap();
        let events = world.events.lock().unwrap().clone();
        let listed = events.iter().find(|(_, event)| event.starts_with("Listed")).unwrap();
        assert!(listed.1.contains("new: 0, vanished: []"), "{}", listed.1.chars().take(400).collect::<String>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_no_text_is_kept_as_it_is_written_and_stops_nothing() {
    // F-X1
    let mut world = listing(&["BTC-17APR24-60000-C"]);
    world.script = Some(std::sync::Arc::new(|path, _| {
        let body = r#"{"result":["BTC-17APR24-60000-C","BTC-\ud800","\udc00\ud800"]}"#;
        path.contains("available").then(|| answer(200, body)).flatten()
    }));
    for _ in 0..2 {
        let report = world.backfill().await.unwrap();
        assert_eq!(report.ending, Ending::Attention, "{}", report.words);
        assert!(report.words.contains("2 of 3 options need attention"), "{}", report.words);
    }
    assert_eq!(world.in_state(OptionState::Stored).await, ["BTC-17APR24-60000-C"]);
    assert_eq!(world.in_state(OptionState::Attention).await, [r"BTC-\ud800", r"\udc00\ud800"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_nothing_is_not_complete() {
    // F-X6: everything is renamed, or nothing of what is asked for is listed
    let report = listing(&["BTC/1", "BTC/2"]).backfill().await.unwrap();
    assert_eq!(report.ending, Ending::Attention, "{}", report.words);
    assert!(report.words.contains("2 of 2"), "{}", report.words);
    let report = listing(&["SOL-17APR24-60-C"]).backfill().await.unwrap();
    assert_eq!(report.ending, Ending::Vendor, "{}", report.words);
    assert!(!report.words.contains("COMPLETE"), "{}", report.words);
}

#[tokio::test(start_paused = true)]
async fn what_is_listed_and_was_never_asked_for_is_not_missing() {
    let mut world = World::new(small("BTC=30,ETH=30,SOL=20"));
    assert!(world.backfill().await.unwrap().words.contains("60 of 60"));
    let judged = async |world: &World| {
        let loaded = world.store.load(BEGIN).await.unwrap();
        let mut audit = Audit::default();
        world.store.audit(&mut |symbol, row| audit.see(symbol, row)).await.unwrap();
        let proof = audit.conclude(&loaded.records, &loaded.ability, Horizon { now: BEGIN, empty_days: 30 });
        (proof.findings.len(), proof.others.len(), world.store.glance(BEGIN).await.unwrap().open)
    };
    assert_eq!(judged(&world).await, (0, 1, 0));
    world.settings.currencies = vec![Currency::stored("SOL")];
    world.settings.limit = Some(5);
    world.backfill().await.unwrap();
    assert_eq!(judged(&world).await, (15, 0, 15), "now it is");
}
