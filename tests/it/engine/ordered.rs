//! What people tell a run from outside, in simulated time.

use std::time::Duration;

use chainfill::clock::Clock;
use chainfill::domain::governor::Pace;
use chainfill::domain::ledger::OptionState;
use chainfill::domain::moment::Moment;
use chainfill::domain::progress::Phase;
use chainfill::domain::run::Ending;
use chainfill::limits::{HOUR_MS, SECOND_MS};
use chainfill::store::{Order, Which};
use chainfill::vendor::Settings;
use chainfill::vendor::throttle::Rate;

use crate::rig::world::{World, small, trusted};

/// Leaves an order so many milliseconds from now.
pub(super) async fn order(world: &World, after_ms: u64, order: Order) {
    tokio::time::sleep(Duration::from_millis(after_ms)).await;
    world.store.leave_order(&order, world.clock.now()).await.unwrap().expect("a run holds the store");
}

fn paced(counts: &str) -> World {
    let mut world = World::new(small(counts));
    world.settings.pace = Pace { spacing_ms: 200, concurrency: 4 };
    world
}

/// When requests came to the vendor.
fn requests(world: &World) -> Vec<Moment> {
    world.vendor.lock().unwrap().log().kept().iter().map(|access| access.at).collect()
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_sends_nothing_and_goes_on_where_it_was() {
    // F-I10: the pause is the published reason.
    let world = paced("BTC=200");
    let epoch = world.begin().await.unwrap();
    let orders = async {
        order(&world, 10_000, Order::Pause).await;
        order(&world, 1_000, Order::Pause).await; // twice is once
        tokio::time::sleep(Duration::from_secs(60)).await;
        {
            let progress = world.progress.lock().unwrap();
            assert_eq!((progress.phase, progress.paused), (Phase::Paused, true));
        }
        order(&world, 120_000, Order::Resume).await;
    };
    let (report, ()) = tokio::join!(world.work(epoch), orders);
    assert_eq!(report.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
    assert_eq!((world.told("Paused"), world.told("Unpaused")), (1, 1));
    assert_eq!(world.requests(), 1 + 1 + 200, "nothing was asked twice");
    let gaps: Vec<i64> = requests(&world).windows(2).map(|pair| pair[0].until_ms(pair[1])).collect();
    let longest = *gaps.iter().max().unwrap();
    // Each order is followed within two seconds; the pause lasted 181 seconds.
    assert!((179 * SECOND_MS..=183 * SECOND_MS).contains(&longest), "{longest}");
    let progress = world.progress.lock().unwrap();
    assert!((179 * SECOND_MS..=183 * SECOND_MS).contains(&progress.idle_ms), "{}", progress.idle_ms);
}

#[tokio::test(start_paused = true)]
async fn a_pause_inside_a_cooldown_outlasts_it_and_the_cooldown_outlasts_a_pause() {
    // F-I6
    for pause_ms in [300_000, 2 * 3_600_000] {
        let hourly = vec![Rate { requests: 40, window_ms: HOUR_MS }];
        let world = World::new(chainfill::vendor::Settings { throttles: hourly, ..small("BTC=60") });
        let epoch = world.begin().await.unwrap();
        let orders = async {
            order(&world, 600_000, Order::Pause).await;
            order(&world, pause_ms, Order::Resume).await;
        };
        let (report, ()) = tokio::join!(world.work(epoch), orders);
        assert_eq!(report.unwrap().ending, Ending::Complete);
        world.assert_complete().await;
        let vendor = world.vendor.lock().unwrap();
        assert_eq!(vendor.log().throttled, 1, "no request before the end of the cooldown");
        let progress = world.progress.lock().unwrap();
        let waited_ms = progress.cooldown_ms + progress.idle_ms;
        let span_ms = (600_000 + i64::try_from(pause_ms).unwrap()).max(HOUR_MS);
        assert!((waited_ms - span_ms).abs() < 15_000, "{waited_ms} ms of {span_ms}: no time is counted twice");
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_run_can_be_stopped() {
    let world = paced("BTC=200");
    let epoch = world.begin().await.unwrap();
    let orders = async {
        order(&world, 5_000, Order::Pause).await;
        order(&world, 60_000, Order::Stop).await;
    };
    let (report, ()) = tokio::join!(world.work(epoch), orders);
    assert_eq!(report.unwrap().ending, Ending::Stopped);
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_pace_holds_from_the_next_request_on() {
    let world = paced("BTC=300");
    let epoch = world.begin().await.unwrap();
    let orders = async {
        order(&world, 10_000, Order::Pace { spacing_ms: 1_000 }).await;
        order(&world, 30_000, Order::Pace { spacing_ms: 0 }).await;
    };
    let (report, ()) = tokio::join!(world.work(epoch), orders);
    assert_eq!(report.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
    let requests = requests(&world);
    let between = |from_s: i64, to_s: i64| {
        let within = |at: &&Moment| (from_s * SECOND_MS..to_s * SECOND_MS).contains(&requests[0].until_ms(**at));
        requests.iter().filter(within).count()
    };
    let counts = [between(2, 8), between(13, 37), between(43, 100)];
    assert!((29..=31).contains(&counts[0]) && (23..=25).contains(&counts[1]) && counts[2] > 100, "{counts:?}");
    assert_eq!(world.told("Paced"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_slower_pace_holds_for_what_is_announced_too() {
    // F-I5: sixteen in flight, and three times as many in the journal that wait for room
    let mut world = trusted(Settings { empties_share: 0.0, ..small("BTC=3000") }).await;
    world.settings.pace = Pace { spacing_ms: 0, concurrency: 16 };
    world.latency_ms = 400;
    let epoch = world.begin().await.unwrap();
    let orders = async {
        order(&world, 1_500, Order::Pace { spacing_ms: 100_000 }).await;
        order(&world, 300_000, Order::Pace { spacing_ms: 0 }).await;
    };
    let (report, ()) = tokio::join!(world.work(epoch), orders);
    assert_eq!(report.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
    assert_eq!(world.asked_twice().len(), 1, "the listing alone");
    let events = world.events.lock().unwrap();
    let slower_at = events.iter().find(|(_, event)| event.starts_with("Paced")).unwrap().0;
    let sent = |from: Moment, to: Moment| {
        events.iter().filter(|(at, event)| event == "Sent" && (from..to).contains(at)).count()
    };
    assert!(sent(slower_at - 500, slower_at) >= 16, "it was at full speed");
    let slow = sent(slower_at + 1, slower_at + 290_000);
    assert!((2..=4).contains(&slow), "{slow} requests left in 290 s at one in 100 s");
}

#[tokio::test(start_paused = true)]
async fn options_are_put_back_under_a_run_and_asked_for_again() {
    // F-I8
    let world = paced("BTC=100");
    let epoch = world.begin().await.unwrap();
    let orders = async {
        tokio::time::sleep(Duration::from_secs(15)).await;
        let records = world.store.load(world.clock.now()).await.unwrap().records;
        let named: Vec<String> = records
            .iter()
            .filter(|record| record.state == OptionState::Stored)
            .take(3)
            .map(|record| record.symbol.to_string())
            .collect();
        assert_eq!(named.len(), 3);
        let which = Which { symbols: named, attention: true, empty: false };
        order(&world, 0, Order::Retry(which)).await;
    };
    let (report, ()) = tokio::join!(world.work(epoch), orders);
    assert_eq!(report.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
    assert_eq!(world.requests(), 1 + 1 + 100 + 3, "the three, and no other, were asked for twice");
    let actions = world.memory.as_ref().unwrap().actions();
    assert!(actions.len() == 1 && actions[0].1.contains("retry --attention"), "{actions:?}");
    let progress = world.progress.lock().unwrap();
    let currency = &progress.currencies[0];
    assert_eq!((currency.done, currency.todo), (103, 103));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_ends_the_run_is_marked_as_taken() {
    // F-P4: whoever left it would be told that the run ended before it took it.
    let world = paced("BTC=200");
    let epoch = world.begin().await.unwrap();
    let (report, ()) = tokio::join!(world.work(epoch), order(&world, 10_000, Order::Stop));
    assert_eq!(report.unwrap().ending, Ending::Stopped);
    assert!(world.store.order_taken(1).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn an_order_that_cannot_be_read_is_told_passed_over_and_marked() {
    // F-X1: a newer program's word, or anybody's; hostile text stays text.
    let world = paced("BTC=100");
    let epoch = world.begin().await.unwrap();
    let order = order(&world, 5_000, Order::Unread("{\"order\":\"sing\u{1b}[31m\"}".to_owned()));
    let (report, ()) = tokio::join!(world.work(epoch), order);
    assert_eq!(report.unwrap().ending, Ending::Complete);
    assert!(world.store.order_taken(1).await.unwrap());
    assert_eq!(world.told("Unread"), 1);
    let progress = world.progress.lock().unwrap();
    let words: Vec<String> =
        progress.tail.0.iter().map(|one| chainfill::view::words::remark(one, &jiff::tz::TimeZone::UTC)).collect();
    let told = words.iter().find(|words| words.contains("cannot read")).unwrap();
    assert!(told.contains("sing") && !told.contains('\u{1b}'), "{told}");
}

#[tokio::test(start_paused = true)]
async fn the_tail_of_the_log_is_kept_in_the_store() {
    let hourly = vec![Rate { requests: 40, window_ms: HOUR_MS }];
    let world = World::new(chainfill::vendor::Settings { throttles: hourly, ..small("BTC=60") });
    let epoch = world.begin().await.unwrap();
    assert_eq!(world.work(epoch).await.unwrap().ending, Ending::Complete);
    let run = world.store.runs(1).await.unwrap().remove(0);
    let kept: chainfill::domain::progress::Progress = serde_json::from_str(&run.progress.unwrap()).unwrap();
    let words: Vec<String> =
        kept.tail.0.iter().map(|one| chainfill::view::words::remark(one, &jiff::tz::TimeZone::UTC)).collect();
    for part in
        ["started", "Listing: 60 names", "Plan: BTC", "Rate limit hit!", "Learned:", "BTC: 25% done", "COMPLETE"]
    {
        assert!(words.iter().any(|words| words.contains(part)), "{part} is not in {words:#?}");
    }
    assert!(!words.iter().any(|words| words.contains(" stored: ")), "{words:#?}");
}
