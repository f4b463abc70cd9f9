//! The fewest requests that the vendor allows, counted exactly.

use std::sync::Arc;

use chainfill::domain::instrument::Symbol;
use chainfill::domain::ledger::{OptionRecord, OptionState};
use chainfill::domain::run::Ending;
use chainfill::engine::QueryMode;
use chainfill::limits::{DAY_MS, EMPTIES_DOUBTED};
use chainfill::vendor::{Face, ListingFace, Settings};

use crate::rig::world::{BEGIN, World, answer, small};

#[tokio::test(start_paused = true)]
async fn one_option_a_request_costs_listing_probe_and_options_and_a_second_run_one_request() {
    let world = World::new(small("BTC=120,ETH=80"));
    let report = world.backfill().await.unwrap();
    assert_eq!(report.ending, Ending::Complete, "{}", report.words);
    assert!(report.words.contains("BACKFILL COMPLETE!"));
    assert_eq!(world.requests(), 1 + 1 + 200, "listing, the probe for expiries, the options");
    assert_eq!(world.asked_twice(), []);
    world.assert_complete().await;

    world.backfill().await.unwrap();
    assert_eq!(world.requests(), 202 + 1, "the listing alone");
}

#[tokio::test(start_paused = true)]
async fn whole_expiries_cost_listing_and_pages_exactly() {
    let world = World::new(Settings { face: Face::Expiry2026, ..small("BTC=400,ETH=300") });
    let expiries = expiries(&world);
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
    assert_eq!(world.asked_twice(), []);
    // An expiry of one option is asked for by its name: that is one request too.
    assert_eq!(world.requests(), 1 + expiries);
    world.backfill().await.unwrap();
    assert_eq!(world.requests(), 1 + expiries + 1);
}

#[tokio::test(start_paused = true)]
async fn a_page_cap_lower_than_asked_is_paged_to_the_end() {
    // F-S17
    for says_more in [true, false] {
        let vendor = Settings { face: Face::Expiry2026, page_rows_max: 70, says_more, ..small("BTC=150") };
        let world = World::new(vendor);
        assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
        world.assert_complete().await;
        let learned = world.store.load(BEGIN).await.unwrap().ability.page_rows;
        assert_eq!(learned, says_more.then_some(70));
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_page_of_one_option_says_nothing_of_an_expiry_s_pages() {
    // F-S17: without a `limit` the vendor's pages are short; an expiry is asked for with one
    let mut world = World::new(Settings { face: Face::Expiry2026, empties_share: 0.0, ..small("BTC=5") });
    world.settings.query = QueryMode::Symbol;
    let vendor = world.vendor.clone();
    world.script = Some(Arc::new(move |path, _| {
        let name = path.split_once("symbol=").filter(|(_, name)| !name.contains("limit="))?.1;
        let vendor = vendor.lock().unwrap();
        let (newest, mut row) = (vendor.truth(name).pop()?, String::new());
        newest.write_row(name, &mut row);
        answer(200, &format!(r#"{{"result":[{row}],"pagination":{{"has_more":true,"next_offset":1}}}}"#))
    }));
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
    assert_eq!((world.asked_for("offset=1"), world.asked_for("symbol=")), (5, 10));
    assert_eq!(world.store.load(BEGIN).await.unwrap().ability.page_rows, None);
}

#[tokio::test(start_paused = true)]
async fn a_listing_by_year_is_found_out() {
    for listing in [ListingFace::YearNeeded, ListingFace::NewestYear] {
        let world = World::new(Settings { listing, face: Face::Expiry2026, ..small("BTC=150,ETH=150") });
        let report = world.backfill().await.unwrap();
        assert_eq!(report.ending, Ending::Complete, "{listing}: {}", report.words);
        world.assert_complete().await;
        let before = world.requests();
        world.backfill().await.unwrap();
        assert_eq!(world.requests() - before, 2, "this year's and the next year's list");
    }
}

#[tokio::test(start_paused = true)]
async fn past_years_of_a_listing_are_looked_at_again_each_month_also_by_daily_runs() {
    // F-X8
    let listing = ListingFace::YearNeeded;
    let world = World::new(Settings { listing, face: Face::Expiry2026, ..small("BTC=60,ETH=60") });
    world.backfill().await.unwrap();
    for (after_days, asked) in [(20, 2), (9, 2), (2, 7), (20, 2)] {
        tokio::time::advance(std::time::Duration::from_millis(after_days * DAY_MS as u64)).await;
        world.asked.lock().unwrap().clear();
        world.backfill().await.unwrap();
        assert_eq!(
            world.asked_for("available"),
            asked,
            "{after_days} days on: the years from 2027 back to two that hold nothing"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_refused_listing_does_not_make_every_later_one_dearer() {
    // F-S8
    let world = World::new(Settings { faults: "s8@1".parse().unwrap(), ..small("BTC=150,ETH=150") });
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
    let before = world.requests();
    world.backfill().await.unwrap();
    assert_eq!(world.requests() - before, 1, "the listing alone");
}

#[tokio::test(start_paused = true)]
async fn a_vendor_told_to_answer_expiries_that_cannot_ends_the_run() {
    let mut world = World::new(small("BTC=120"));
    world.settings.query = QueryMode::Expiry;
    let report = world.backfill().await.unwrap();
    assert_eq!(report.ending, Ending::Vendor);
    assert!(report.words.contains("--query auto"), "{}", report.words);
}

#[tokio::test(start_paused = true)]
async fn a_limited_run_does_not_claim_to_be_complete_and_the_next_one_goes_on() {
    let mut world = World::new(small("BTC=60"));
    world.settings.query = QueryMode::Symbol;
    world.settings.limit = Some(10);
    let report = world.backfill().await.unwrap();
    assert!(!report.words.contains("COMPLETE") && report.words.contains("50 of 60"), "{}", report.words);
    // All 60 expire in one year: another year's list is asked for once, to see whether the list is whole.
    assert_eq!(world.requests(), 2 + 10);
    world.settings.limit = None;
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    assert_eq!(world.requests(), 2 + 10 + 1 + 50);
    world.assert_complete().await;
}

#[tokio::test(start_paused = true)]
async fn a_daily_run_asks_only_for_what_can_bring_news() {
    let world = World::new(Settings { empties_share: 0.1, ..small("BTC=100") });
    world.backfill().await.unwrap();
    let empties = world.progress.lock().unwrap().currencies[0].empty;
    assert!(empties > 0);
    let before = world.requests();
    tokio::time::advance(std::time::Duration::from_millis(29 * DAY_MS as u64)).await;
    world.backfill().await.unwrap();
    assert_eq!(world.requests() - before, 1);
    tokio::time::advance(std::time::Duration::from_millis(2 * DAY_MS as u64)).await;
    world.backfill().await.unwrap();
    assert_eq!(
        world.requests() - before,
        1 + 1 + empties + empties.div_ceil(EMPTIES_DOUBTED as u64),
        "the empties' evidence is old; a known option vouches for eight at a time, and for the last"
    );
}

fn expiries(world: &World) -> u64 {
    let vendor = world.vendor.lock().unwrap();
    let mut found: Vec<_> = vendor.names().iter().map(|name| name.rsplitn(3, '-').last().unwrap().to_owned()).collect();
    found.sort();
    found.dedup();
    found.len() as u64
}

#[tokio::test(start_paused = true)]
async fn a_history_that_the_archive_cut_short_is_looked_at_again_when_the_archive_may_have_grown() {
    // F-S4: the archive ends in June 2024; later options are short or empty until it has grown
    let until = Some(jiff::civil::Date::constant(2024, 6, 16));
    let mut world = World::new(Settings { empties_share: 0.0, archive_until: until, ..small("BTC=300") });
    world.settings.query = QueryMode::Symbol;
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
    world.asked.lock().unwrap().clear();
    world.backfill().await.unwrap();
    assert_eq!(world.asked_for("symbol="), 0, "nothing is old yet");
    world.vendor.lock().unwrap().set_archive_until(None);
    tokio::time::advance(std::time::Duration::from_millis(31 * DAY_MS as u64)).await;
    world.backfill().await.unwrap();
    world.assert_complete().await;
    let asked = world.asked_for("symbol=");
    world.backfill().await.unwrap();
    assert_eq!(world.asked_for("symbol="), asked, "what reaches its expiry is final");
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_does_not_make_a_cut_history_final() {
    // F-S5: bars until April, then the vendor answers with nothing for that option, after its expiry
    let name = "BTC-28JUN24-60000-C";
    let record = |fetched| OptionRecord {
        state: OptionState::Stored,
        row_count: 3,
        last_bar: Some(jiff::civil::Date::constant(2024, 4, 1)),
        fetched_at: Some(fetched),
        ..OptionRecord::listed(Symbol::new(name))
    };
    assert!(!record(BEGIN).is_final(), "whenever it was asked for last");
}
