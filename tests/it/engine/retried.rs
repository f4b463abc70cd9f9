//! `chainfill retry` under a run: each option is asked for once more, in the cheapest way, and what comes is kept.

use std::sync::Arc;

use chainfill::domain::governor::Pace;
use chainfill::domain::instrument::Currency;
use chainfill::domain::ledger::OptionState;
use chainfill::domain::run::Ending;
use chainfill::engine::QueryMode;
use chainfill::store::{Order, Which};
use chainfill::vendor::{Face, Settings};

use super::ordered::order;
use crate::rig::world::{World, answer, small};

fn retry(symbols: &[String]) -> Order {
    Order::Retry(Which { symbols: symbols.to_vec(), ..Which::default() })
}

/// The first of these that are so many of one expiry, and that expiry: `BTC-17APR24`.
fn of_one_expiry(names: &[String], count: usize) -> (Vec<String>, String) {
    let expiry = |name: &String| name.rsplitn(3, '-').last().unwrap().to_owned();
    let chain = |name: &String| names.iter().filter(|other| expiry(other) == expiry(name)).cloned().collect::<Vec<_>>();
    let chain = names.iter().map(chain).find(|chain| chain.len() >= count).unwrap();
    (chain[..count].to_vec(), expiry(&chain[0]))
}

/// A world whose BTC options are all known, and where a run for both currencies takes some seconds.
async fn half_known(vendor: Settings, mode: QueryMode) -> World {
    let mut world = World::new(vendor);
    let both = world.settings.currencies.clone();
    world.settings.currencies.truncate(1);
    world.settings.query = mode;
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    world.settings.currencies = both;
    world.settings.query = QueryMode::Auto;
    world.asked.lock().unwrap().clear();
    world
}

fn assert_counted(world: &World) {
    let progress = world.progress.lock().unwrap();
    for currency in &progress.currencies {
        assert_eq!(currency.done, currency.todo, "{}", currency.currency);
    }
    assert_eq!(progress.requests_left, 0);
}

#[tokio::test(start_paused = true)]
async fn options_of_an_expiry_that_was_not_planned_are_taken_from_its_answer() {
    // F-I8, F-S19: final before the run; asked for by expiry, and one by one where that is refused
    for refused in [false, true] {
        let vendor = Settings { face: Face::Expiry2026, ..small("BTC=300,ETH=400") };
        let mut world = half_known(vendor, QueryMode::Auto).await;
        let (named, chain) = of_one_expiry(&world.in_state(OptionState::Stored).await, 2);
        let path = format!("currency=BTC&expiry={}", chain.strip_prefix("BTC-").unwrap());
        let its = path.clone();
        world.script =
            Some(Arc::new(move |path, _| (refused && path.contains(&its)).then(|| answer(400, "{}")).flatten()));
        world.settings.pace = Pace { spacing_ms: 1_000, concurrency: 4 };
        let epoch = world.begin().await.unwrap();
        let (report, ()) = tokio::join!(world.work(epoch), order(&world, 2_500, retry(&named)));
        let report = report.unwrap();
        assert_eq!(report.ending, Ending::Complete);
        assert!(report.words.contains("BACKFILL COMPLETE"), "{}", report.words);
        assert_eq!(world.asked_for(&path), if refused { 2 } else { 1 });
        for name in &named {
            assert_eq!(world.asked_for(&format!("symbol={name}")), usize::from(refused), "{name}");
        }
        assert_counted(&world);
        world.assert_complete().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_option_that_two_orders_name_is_asked_for_once() {
    // F-I8: both are heard at the same look
    let mut world = half_known(small("BTC=100,ETH=50"), QueryMode::Auto).await;
    world.settings.pace = Pace { spacing_ms: 200, concurrency: 4 };
    let named = world.in_state(OptionState::Stored).await[..3].to_vec();
    let epoch = world.begin().await.unwrap();
    let orders = async {
        order(&world, 2_500, retry(&named)).await;
        order(&world, 0, retry(&named[1..])).await;
    };
    let (report, ()) = tokio::join!(world.work(epoch), orders);
    assert_eq!(report.unwrap().ending, Ending::Complete);
    assert_eq!(world.asked_for("symbol="), 50 + 3);
    assert_counted(&world);
    world.assert_complete().await;
}

#[tokio::test(start_paused = true)]
async fn an_option_that_is_put_back_around_the_listing_is_planned_once() {
    // F-I8: before the listing is written, with it, and after it: the look is a second after the start
    for latency_ms in (990..=1_010).step_by(2).chain([1_001, 1_003]) {
        let mut world = half_known(small("BTC=100,ETH=50"), QueryMode::Auto).await;
        world.latency_ms = latency_ms;
        let named = world.in_state(OptionState::Stored).await[..2].to_vec();
        let epoch = world.begin().await.unwrap();
        let (report, ()) = tokio::join!(world.work(epoch), order(&world, 0, retry(&named)));
        assert_eq!(report.unwrap().ending, Ending::Complete);
        assert_eq!(world.asked_for("symbol="), 50 + 2, "{latency_ms} ms");
        assert_counted(&world);
        world.assert_complete().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_option_that_is_put_back_while_expiries_are_tried_out_is_asked_for_once() {
    // F-I8, F-S19: the probe is on its way from 1.5 s to 3 s after the start
    for (face, count) in [(Face::Symbol2025, 2), (Face::Expiry2026, 2), (Face::Expiry2026, 1)] {
        let mut world = half_known(Settings { face, ..small("BTC=100,ETH=50") }, QueryMode::Symbol).await;
        world.latency_ms = 1_500;
        let (named, chain) = of_one_expiry(&world.in_state(OptionState::Stored).await, count);
        let epoch = world.begin().await.unwrap();
        let (report, ()) = tokio::join!(world.work(epoch), order(&world, 1_700, retry(&named)));
        assert_eq!(report.unwrap().ending, Ending::Complete);
        let by_symbol = face == Face::Symbol2025 || count == 1;
        let path = format!("currency=BTC&expiry={}", chain.strip_prefix("BTC-").unwrap());
        assert_eq!(world.asked_for(&path), usize::from(!by_symbol));
        for name in &named {
            assert_eq!(world.asked_for(&format!("symbol={name}")), usize::from(by_symbol), "{face} {name}");
        }
        assert_counted(&world);
        world.assert_complete().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_option_whose_expiry_is_still_to_be_asked_for_costs_no_request_more() {
    // F-I8: some of a chain are known, the others are planned as one request
    for count in [1, 2] {
        let mut world = World::new(Settings { face: Face::Expiry2026, ..small("BTC=400,ETH=60") });
        let both = std::mem::replace(&mut world.settings.currencies, vec![Currency::stored("ETH")]);
        (world.settings.query, world.settings.limit) = (QueryMode::Symbol, Some(4));
        assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
        world.settings.currencies = both;
        (world.settings.query, world.settings.limit) = (QueryMode::Auto, None);
        world.asked.lock().unwrap().clear();
        world.settings.pace = Pace { spacing_ms: 1_000, concurrency: 4 };
        let (named, chain) = of_one_expiry(&world.in_state(OptionState::Stored).await, count);
        let epoch = world.begin().await.unwrap();
        let (report, ()) = tokio::join!(world.work(epoch), order(&world, 4_500, retry(&named)));
        assert_eq!(report.unwrap().ending, Ending::Complete);
        for name in &named {
            assert_eq!(world.asked_for(&format!("symbol={name}")), 0, "{name}");
        }
        let path = format!("currency=ETH&expiry={}", chain.strip_prefix("ETH-").unwrap());
        assert_eq!(world.asked_for(&path), 1);
        assert_counted(&world);
        world.assert_complete().await;
    }
}
