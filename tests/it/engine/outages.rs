//! How long something was tried in vain ends a run; a wait, a pause or a machine's sleep between two failures does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use chainfill::clock::Clock;
use chainfill::domain::governor::Pace;
use chainfill::domain::order::Order;
use chainfill::domain::run::Ending;
use chainfill::engine::QueryMode;
use chainfill::limits::{DAY_MS, HOUR_MS, OUTAGE_MS_MAX};

use crate::rig::world::{BEGIN, World, answer, small};

const HTML: &str = "<html>oops</html>";

async fn wait(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// A world whose vendor answers 502 to everything while that is set.
fn shaky() -> (World, Arc<AtomicBool>) {
    let mut world = World::new(small("BTC=100"));
    world.settings.query = QueryMode::Symbol;
    world.settings.pace = Pace { spacing_ms: 200, concurrency: 4 };
    let down = Arc::new(AtomicBool::new(false));
    let is_down = down.clone();
    world.script = Some(Arc::new(move |_, _| is_down.load(Ordering::Relaxed).then(|| answer(502, HTML)).flatten()));
    (world, down)
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_the_quota_between_two_failures_is_no_outage() {
    // F-S9, F-P1: forty a day; the last of a burst fails, and so does the first one a day later
    let mut world = World::new(small("BTC=60"));
    world.settings.query = QueryMode::Symbol;
    world.settings.pace.concurrency = 1;
    world.know_quota(40, DAY_MS).await;
    let requests = AtomicUsize::new(0);
    let fails = move |_: &str, _: usize| {
        let number = requests.fetch_add(1, Ordering::Relaxed) + 1;
        (40..=41).contains(&number).then(|| answer(502, HTML)).flatten()
    };
    world.script = Some(Arc::new(fails));
    let report = world.backfill().await.unwrap();
    assert_eq!(report.ending, Ending::Complete, "{}", report.words);
    assert!(BEGIN.until_ms(world.clock.now()) > DAY_MS && world.told("Failed") == 2);
    world.assert_complete().await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_between_two_failures_is_no_outage() {
    // F-S9, F-P1
    let (world, down) = shaky();
    let epoch = world.begin().await.unwrap();
    let story = async {
        wait(3_000).await;
        down.store(true, Ordering::Relaxed);
        wait(500).await;
        world.store.leave_order(&Order::Pause, world.clock.now()).await.unwrap();
        wait(7 * HOUR_MS as u64).await;
        assert!(world.told("Failed") > 0 && world.told("Paused") == 1);
        let before = world.asked_for("");
        world.store.leave_order(&Order::Resume, world.clock.now()).await.unwrap();
        while world.asked_for("") == before && world.told("Ended") == 0 {
            wait(100).await;
        }
        wait(100).await; // its answer has come
        down.store(false, Ordering::Relaxed);
    };
    let (report, ()) = tokio::join!(world.work(epoch), story);
    let report = report.unwrap();
    assert_eq!(report.ending, Ending::Complete, "{}", report.words);
    world.assert_complete().await;
}

#[tokio::test(start_paused = true)]
async fn a_sleep_between_two_failures_is_no_outage() {
    // F-C1: the lid closes, and on waking the link is not up yet; also before the vendor has said a word
    for said_nothing in [false, true] {
        let (world, down) = shaky();
        let epoch = world.begin().await.unwrap();
        let story = async {
            if !said_nothing {
                wait(3_000).await;
            }
            down.store(true, Ordering::Relaxed);
            wait(500).await;
            world.clock.step_ms.store(8 * HOUR_MS, Ordering::Relaxed);
            assert!(world.told("Failed") > 0);
            let before = world.asked_for("");
            while world.asked_for("") == before && world.told("Ended") == 0 {
                wait(100).await;
            }
            wait(2_000).await;
            down.store(false, Ordering::Relaxed);
        };
        let (report, ()) = tokio::join!(world.work(epoch), story);
        let report = report.unwrap();
        assert_eq!(report.ending, Ending::Complete, "{said_nothing}: {}", report.words);
        world.assert_complete().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_stays_away_ends_the_run() {
    // F-P1, F-I12
    let (world, down) = shaky();
    let epoch = world.begin().await.unwrap();
    let story = async {
        wait(3_000).await;
        down.store(true, Ordering::Relaxed);
    };
    let (report, ()) = tokio::join!(world.work(epoch), story);
    let report = report.unwrap();
    assert_eq!(report.ending, Ending::Vendor);
    assert!(report.words.contains("cannot be reached"), "{}", report.words);
    let took_ms = BEGIN.until_ms(world.clock.now());
    assert!((OUTAGE_MS_MAX..OUTAGE_MS_MAX + HOUR_MS).contains(&took_ms), "{took_ms} ms");
}
