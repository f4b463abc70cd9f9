//! The whole job, face by face, with the exact number of requests.

use super::{LISTING, assert_whole, backfill};
use crate::rig::drf::Drf;
use crate::rig::program::Desk;

#[test]
fn one_option_a_request_every_row_to_the_last_digit() {
    // F-S4, I1, I5
    let drf = Drf::start(&["--threads", "1", "--options", "60"]);
    let desk = Desk::new();
    backfill(&desk, &drf).ends_with(0);
    assert_whole(&desk, &drf);
    // The listing, one probe that found no expiries, and each option once. The last of them hold nothing, so one that
    // is known to hold data is asked before that is believed (S5).
    assert_eq!(drf.accesses().len(), LISTING + 1 + 60 + 1);
    // Again, right after: the listing alone.
    backfill(&desk, &drf).ends_with(0);
    assert_eq!(drf.accesses().len(), LISTING + 1 + 60 + 1 + 1);
    assert_whole(&desk, &drf);
}

#[test]
fn one_option_a_request_as_asked_for_needs_no_probe() {
    let drf = Drf::start(&["--threads", "1", "--options", "20", "--gzip"]);
    let desk = Desk::new();
    backfill(&desk, &drf).args(&["--query", "symbol"]).ends_with(0);
    assert_whole(&desk, &drf);
    assert_eq!(drf.accesses().len(), LISTING + 20);
}

#[test]
fn whole_expiries_are_found_out_and_cost_a_request_each() {
    let drf = Drf::start(&["--threads", "1", "--face", "expiry", "--options", "240", "--expiries", "8"]);
    let desk = Desk::new();
    backfill(&desk, &drf).ends_with(0);
    assert_whole(&desk, &drf);
    assert_eq!(drf.accesses().len(), LISTING + 8);
}

#[test]
fn a_lower_page_cap_and_a_listing_by_year_are_followed_to_the_end() {
    // F-S17
    let args = ["--threads", "1", "--face", "expiry", "--options", "120", "--expiries", "4"];
    let drf = Drf::start(&[&args[..], &["--page-cap", "50", "--listing-by-year"]].concat());
    let desk = Desk::new();
    backfill(&desk, &drf).ends_with(0);
    assert_whole(&desk, &drf);
    // Of each expiry as many pages as its rows need, none twice.
    let mut rows_of = std::collections::BTreeMap::<String, usize>::new();
    for (symbol, bars) in drf.truth() {
        let expiry: Vec<&str> = symbol.split('-').take(2).collect();
        *rows_of.entry(expiry.join("-")).or_default() += bars.len();
    }
    let pages: usize = rows_of.values().map(|rows| rows.div_ceil(50).max(1)).sum();
    let asked = drf.accesses().iter().filter(|access| access.path.contains("expiry=")).count();
    assert_eq!(asked, pages);
    // Again, years later: of this year and the next nothing is listed, and that is no empty listing.
    let before = drf.accesses().len();
    backfill(&desk, &drf).ends_with(0);
    assert_eq!(drf.accesses().len(), before + 2);
    assert_whole(&desk, &drf);
}

#[test]
fn many_threads_and_another_language_change_nothing() {
    // F-T5, F-T6: eight threads count side by side, and say it in German.
    let drf = Drf::start(&["--options", "30", "--throttle", "15/2s", "--language", "de"]);
    let desk = Desk::new();
    backfill(&desk, &drf).args(&["--query", "symbol"]).ends_with(0);
    assert_whole(&desk, &drf);
    assert!(drf.accesses().iter().any(|access| access.status == 429), "the limit was not met");
}
