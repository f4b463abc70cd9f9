//! Whole runs against a vendor that goes wrong: every row there to the last digit, none doubled, no false empty.

use std::sync::Arc;

use chainfill::domain::ledger::OptionState;
use chainfill::domain::run::Ending;
use chainfill::engine::QueryMode;
use chainfill::vendor::{Face, ListingFace, Settings};
use futures_util::FutureExt as _;

use crate::rig::world::{BEGIN, World, answer, small, trusted};

#[tokio::test(start_paused = true)]
async fn one_answer_in_ten_is_broken_in_every_way_that_a_retry_mends() {
    // F-S1, F-S2, F-S3, F-S6, F-S7, F-S8, F-S9, F-S10, F-S11, F-S12, F-S13, F-S14, F-S16, F-S19, F-S21
    for (face, seed) in [(Face::Symbol2025, 1), (Face::Symbol2025, 2), (Face::Expiry2026, 3), (Face::Expiry2026, 4)] {
        let faults = "all=0.1".parse().unwrap();
        let world = World::new(Settings { face, faults, seed, ..small("BTC=500,ETH=300") });
        let report = world.backfill().await.unwrap();
        assert_eq!(report.ending, Ending::Complete, "{face} {seed}: {}", report.words);
        world.assert_complete().await;
    }
}

#[tokio::test(start_paused = true)]
async fn values_that_cannot_be_kept_never_are() {
    // F-X2, F-X3, F-B6
    let faults = "x2=0.05,x3=0.05,b6=0.05".parse().unwrap();
    let world = World::new(Settings { faults, ..small("BTC=300") });
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_suddenly_has_nothing_makes_no_option_empty() {
    // F-S5: the answers 60 to 99 are `[]`
    for face in [Face::Symbol2025, Face::Expiry2026] {
        let faults = if face == Face::Symbol2025 { "s5@60" } else { "s5@6" }.parse().unwrap();
        let world = World::new(Settings { face, faults, ..small("BTC=300,ETH=400") });
        assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
        assert!(world.told("Doubted") >= 1 && world.told("Settled { believed: false") == 1);
        world.assert_complete().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_never_had_anything_is_not_believed() {
    // F-S5
    let mut world = World::new(Settings { empties_share: 1.0, ..small("BTC=300") });
    world.settings.query = QueryMode::Symbol;
    let report = world.backfill().await.unwrap();
    assert_eq!(report.ending, Ending::Vendor, "{}", report.words);
    assert!(report.words.contains("nothing was recorded"));
    let records = world.store.load(crate::rig::world::BEGIN).await.unwrap().records;
    assert!(records.iter().all(|record| record.state == chainfill::domain::ledger::OptionState::Pending));
}

#[tokio::test(start_paused = true)]
async fn expiry_queries_that_stop_working_in_mid_run_fall_back_to_symbols() {
    // F-S19
    let faults = "s19@5+".parse().unwrap();
    let world = World::new(Settings { face: Face::Expiry2026, faults, ..small("BTC=400,ETH=300") });
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    assert_eq!(world.told("FaceFound"), 2);
    world.assert_complete().await;
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_unlearns_expiries_after_the_probe_is_asked_for_each_option_once() {
    // F-S19: several expiries are in flight when three of them show it; what lands then is bad, or good
    for faults in ["s19@5+", "s19@5,s19@6,s19@7"] {
        let world = trusted(Settings { face: Face::Expiry2026, ..small("BTC=1200,ETH=2000") }).await;
        world.vendor.lock().unwrap().set_faults(faults.parse().unwrap());
        assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
        world.assert_complete().await;
        assert_eq!(world.told("FaceFound"), 2, "{faults}: yes, then no");
        let mut asked = world.asked.lock().unwrap().clone();
        let all = asked.len();
        asked.sort();
        asked.dedup();
        assert_eq!(all, asked.len(), "{faults}: {} were asked for again", all - asked.len());
        assert!(world.asked_for("symbol=") > 1_000, "{faults}: the rest was asked for one by one");
        assert_eq!(world.progress.lock().unwrap().requests_left, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_for_all_ends_the_run_and_blames_no_option() {
    // F-S6, F-S7, F-S8, F-S10, F-S21
    for (faults, ending, words) in [
        ("s7@20+", Ending::Key, "HTTP 401: {\"detail\":\"Invalid token.\"}"),
        ("s6@20+", Ending::Vendor, "does not know the path data/ohlc/deribit/options/."),
        ("s8@20+", Ending::Vendor, "HTTP 400: {\"result\":\"Unable to pull data\"}"),
        ("s10@20+", Ending::Vendor, "redirects to http://attacker.invalid/; it was not followed"),
        ("s21@20+", Ending::Vendor, "fields differ from the documented ones: missing field `"),
    ] {
        let world = World::new(Settings { faults: faults.parse().unwrap(), ..small("BTC=100") });
        let report = world.backfill().await.unwrap();
        assert_eq!(report.ending, ending, "{faults}: {}", report.words);
        assert!(report.words.contains(words), "{faults}: {}", report.words);
        assert!(world.requests() < 40, "{faults}: {} requests", world.requests());
        let records = world.store.load(crate::rig::world::BEGIN).await.unwrap().records;
        let attention = records.iter().filter(|r| r.state == chainfill::domain::ledger::OptionState::Attention);
        assert_eq!(attention.count(), 0, "{faults}");
        // Mended, it goes on.
        world.vendor.lock().unwrap().set_faults("".parse().unwrap());
        assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
        world.assert_complete().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_knows_no_path_from_the_first_request_on_ends_the_run_with_that_path() {
    // F-S6
    let world = World::new(Settings { faults: "s6@1+".parse().unwrap(), ..small("BTC=100") });
    let report = world.backfill().await.unwrap();
    assert_eq!(report.ending, Ending::Vendor, "{}", report.words);
    assert!(report.words.contains("does not know the path data/ohlc/deribit/options/available/"), "{}", report.words);
    assert!(world.requests() <= 3, "{} requests", world.requests());
}

#[tokio::test(start_paused = true)]
async fn what_only_looks_like_an_answer_is_asked_for_again_and_then_needs_attention() {
    // F-S2, F-S11, F-S12, F-I1: for one option, for good; the others are as they are.
    let rows = |named: &str| format!(r#"{{"result":[{{"symbol":"{named}"}}]}}"#);
    let page = "<!DOCTYPE html><html><body>Log in</body></html>".to_owned();
    for (status, content_type, body) in [
        (200, "text/html", page.clone()),
        (200, "application/json", page),
        (200, "application/json", String::new()),
        (200, "application/json", "\u{feff}".to_owned()),
        (204, "application/json", String::new()),
        (204, "application/json", r#"{"result":[]}"#.to_owned()),
        (206, "application/json", r#"{"result":[]}"#.to_owned()),
        (304, "application/json", r#"{"result":[]}"#.to_owned()),
        (200, "application/json", r#"{"result":[],"detail":"Something went wrong."}"#.to_owned()),
        (200, "application/json", rows("x")),
    ] {
        let mut world = World::new(Settings { empties_share: 0.0, ..small("BTC=20") });
        world.settings.query = QueryMode::Symbol;
        let victim = world.vendor.lock().unwrap().names()[7].to_string();
        let path = format!("symbol={victim}");
        let (kind, said) = (content_type.to_owned(), body.clone());
        world.script = Some(std::sync::Arc::new(move |asked, _| {
            let said = answer(status, &said).filter(|_| asked.ends_with(&path))?;
            Some(chainfill::source::Response { content_type: Some(kind.clone()), ..said })
        }));
        let report = world.backfill().await.unwrap();
        assert_eq!(report.ending, Ending::Attention, "{status} {body}: {}", report.words);
        assert_eq!(world.in_state(OptionState::Attention).await, [victim.as_str()], "{status} {body}");
        assert_eq!(world.in_state(OptionState::Stored).await.len(), 19, "{status} {body}");
        assert!(world.asked_for(&format!("symbol={victim}")) >= 3, "{status} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_is_refused_whatever_the_year_ends_the_run_with_its_reason() {
    // F-S8: from the first request on; a dozen years are not tried three times each.
    let world = World::new(Settings { faults: "s8@1+".parse().unwrap(), ..small("BTC=100") });
    let report = world.backfill().await.unwrap();
    assert_eq!(report.ending, Ending::Vendor);
    assert!(report.words.contains("refuses every listing") && !report.words.contains(".."), "{}", report.words);
    assert_eq!(world.requests(), 1 + 5 * 3);
}

#[tokio::test(start_paused = true)]
async fn a_year_that_is_refused_once_does_not_make_a_part_of_the_list_the_whole() {
    // F-S8, F-T11: told the newest year only, it asks for another one, and that request meets an accident.
    let settings = Settings { listing: ListingFace::NewestYear, face: Face::Expiry2026, ..small("BTC=300,ETH=300") };
    let whole = World::new(settings.clone());
    whole.backfill().await.unwrap();
    let world = World::new(Settings { faults: "s8@2".parse().unwrap(), ..settings });
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
    assert_eq!(world.requests(), whole.requests() + 1, "the refused one");
}

#[tokio::test(start_paused = true)]
async fn a_year_that_is_refused_once_after_other_failures_is_asked_for_again() {
    // F-S8, F-T11: whichever year meets two failures and an accidental refusal.
    let settings = Settings { listing: ListingFace::YearNeeded, face: Face::Expiry2026, ..small("BTC=300,ETH=300") };
    for first in 2..9 {
        let faults = format!("s9@{first},s9@{},s8@{}", first + 1, first + 2).parse().unwrap();
        let world = World::new(Settings { faults, ..settings.clone() });
        assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
        world.assert_complete().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_year_of_known_options_that_is_refused_takes_none_of_them_away() {
    // F-S8, F-T11, F-X8: refused time and again, a month on. It is asked for again with the past years.
    let settings = Settings { listing: ListingFace::YearNeeded, face: Face::Expiry2026, ..small("BTC=300,ETH=300") };
    let whole = World::new(settings.clone());
    whole.backfill().await.unwrap();
    let first = whole.requests();
    for year in 1_u8..6 {
        let refused: Vec<String> = (0..3).map(|n| format!("s8@{}", first + u64::from(year) + n)).collect();
        let world = World::new(Settings { faults: refused.join(",").parse().unwrap(), ..settings.clone() });
        world.backfill().await.unwrap();
        let mut asked = Vec::new();
        for is_refused in [true, false] {
            tokio::time::advance(std::time::Duration::from_hours(30 * 24)).await;
            world.asked.lock().unwrap().clear();
            let report = world.backfill().await.unwrap();
            assert_eq!(report.ending, Ending::Complete, "{year}");
            let is_known = world.store.load(BEGIN).await.unwrap().records.iter().any(|record| {
                record.instrument.as_ref().is_some_and(|terms| terms.expiry.year() == 2028 - i16::from(year))
            });
            let says = report.words.contains("refused its list of ");
            assert_eq!(says, is_refused && is_known, "{year}: {}", report.words);
            asked.push(world.asked_for("available"));
            let ledger = world.store.load(BEGIN).await.unwrap().records;
            assert!(ledger.iter().all(|record| record.listed), "{year}: options of a refused year are gone");
        }
        assert!(asked[0] > asked[1], "{year}: three requests for one year, then one: {asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_whose_years_of_known_options_are_refused_ends_the_run() {
    // F-S8, F-T11, F-I10: a daily run asks for this year and the next, and options of both are known.
    let settings = Settings { listing: ListingFace::YearNeeded, face: Face::Expiry2026, ..small("BTC=300,ETH=300") };
    let world = World::new(settings);
    world.backfill().await.unwrap();
    world.vendor.lock().unwrap().set_faults("s8=1".parse().unwrap());
    tokio::time::advance(std::time::Duration::from_hours(24 * 30)).await;
    let report = world.backfill().await.unwrap();
    assert_eq!(report.ending, Ending::Vendor, "{}", report.words);
    let ledger = world.store.load(BEGIN).await.unwrap().records;
    assert!(ledger.iter().all(|record| record.listed), "{}", report.words);
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_is_down_for_ten_minutes_is_waited_for() {
    // F-P1, F-S9: about 60 probes of the answers fail
    let faults = "s9@30,s9@31,s9@32,s9@33,s9@34,s9@35,s9@36,s9@37,s9@38,s9@39,s9@40,s9@41,s9@42,s9@43,s9@44,s9@45,s9@46,s9@47,s9@48,s9@49";
    let world = World::new(Settings { faults: faults.parse().unwrap(), ..small("BTC=100") });
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    assert!(world.told("Down") >= 1 && world.told("Up") >= 1);
    world.assert_complete().await;
    assert_eq!(world.progress.lock().unwrap().requests_left, 0, "who was to be asked, and was spared, is not counted");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_gives_the_same_log() {
    // F-I11
    let mut logs = Vec::new();
    for _ in 0..2 {
        let world = World::new(Settings { faults: "all=0.2".parse().unwrap(), ..small("BTC=150") });
        world.backfill().await.unwrap();
        logs.push(world.events.lock().unwrap().clone());
    }
    assert_eq!(logs[0], logs[1]);
}

#[tokio::test(start_paused = true)]
async fn pages_that_never_end_cost_some_tries_an_option_and_then_attention() {
    // F-S18: one option's answer that says for ever that there is more, from where it began
    let faults = "s18=1".parse().unwrap();
    let mut world = World::new(Settings { face: Face::Expiry2026, faults, empties_share: 0.0, ..small("BTC=3") });
    world.settings.query = QueryMode::Symbol;
    let day = std::time::Duration::from_secs(86_400);
    let report = tokio::time::timeout(day, world.backfill()).await.expect("it ends").unwrap();
    assert_eq!(report.ending, Ending::Attention, "{}", report.words);
    assert!(world.requests() <= 1 + 3 * 8, "{} requests", world.requests());
}

#[tokio::test(start_paused = true)]
async fn a_panic_within_a_run_comes_out_of_it_and_the_next_run_completes_it() {
    // F-P7: at the first request, at the second, and in the middle. It is not swallowed.
    for at in [0, 1, 40] {
        let mut world = World::new(Settings { face: Face::Symbol2025, ..small("BTC=80") });
        let asked = world.asked.clone();
        world.script = Some(Arc::new(move |_, _| {
            assert!(asked.lock().unwrap().len() <= at, "a fault of ours");
            None
        }));
        let epoch = world.begin().await.unwrap();
        let died = std::panic::AssertUnwindSafe(world.work(epoch)).catch_unwind().await;
        let words = died.expect_err("it went on");
        assert_eq!(words.downcast_ref::<&str>().copied(), Some("a fault of ours"));
        world.script = None;
        assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
        world.assert_complete().await;
    }
}
