//! Names that the program cannot read are never passed over in silence.

use chainfill::domain::instrument::Currency;
use chainfill::domain::plan::Horizon;
use chainfill::domain::proof::Audit;
use chainfill::domain::run::Ending;
use chainfill::vendor::Settings;

use crate::rig::world::{BEGIN, World, small};

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
