//! Honest answers.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::civil::Date;

use super::super::settings::{KEY_DEFAULT, Order};
use super::super::{Face, ListingFace};
use super::*;
use crate::domain::instrument::{Instrument, expiry_code};

fn expiry_face() -> Settings {
    Settings { face: Face::Expiry2026, ..small() }
}

/// Pages of a query, read to the end by what each says of the next.
fn pages(vendor: &mut Vendor, query: &str) -> (Vec<Value>, u32) {
    let (mut rows, mut offset, mut count) = (Vec::new(), 0, 0);
    loop {
        let reply = get(vendor, &bars_path(&format!("{query}&limit=5000&offset={offset}")));
        rows.extend(result(&reply));
        count += 1;
        let pagination = &json(&reply)["pagination"];
        if pagination["has_more"] == false {
            assert_eq!(pagination["next_offset"], Value::Null);
            return (rows, count);
        }
        offset = pagination["next_offset"].as_u64().unwrap();
    }
}

#[test]
fn the_listing_holds_every_name_in_order() {
    let mut vendor = Vendor::new(Settings { throttles: vec![], ..Settings::default() });
    let listed = result(&get(&mut vendor, LISTING));
    assert_eq!(listed.len(), 17_529);
    assert!(listed.iter().zip(vendor.names()).all(|(listed, name)| listed == &**name));
}

#[test]
fn the_face_of_2025_answers_one_option_and_ignores_the_rest() {
    // F-S19: its answer to an expiry query is its default option, with status 200.
    let mut vendor = Vendor::new(small());
    let name = option_with(&vendor, 3);
    let reply = get(&mut vendor, &bars_path(&format!("symbol={name}")));
    let truth = vendor.truth(&name);
    let rows: Vec<String> = truth
        .iter()
        .rev()
        .map(|bar| {
            let mut row = String::new();
            bar.write_row(&name, &mut row);
            row
        })
        .collect();
    assert_eq!(reply.body, format!(r#"{{"result":[{}]}}"#, rows.join(",")), "newest first, nothing beside it");
    assert_eq!(reply.header("Content-Type"), Some("application/json"));

    let default = option_with(&vendor, 1);
    for parameters in ["currency=ETH&expiry=17APR24&limit=5000&offset=0", ""] {
        let rows = result(&get(&mut vendor, &bars_path(parameters)));
        assert!(!rows.is_empty() && rows.iter().all(|row| row["symbol"] == default.as_str()), "{parameters}");
    }
    assert_eq!(get(&mut vendor, &bars_path("symbol=BTC-1JAN30-1-C")).body, r#"{"result":[]}"#);
}

#[test]
fn an_expiry_query_answers_every_bar_of_every_option_of_it() {
    let mut vendor = Vendor::new(expiry_face());
    let option = Instrument::parse(&option_with(&vendor, 1)).unwrap();
    let query = format!("currency={}&expiry={}", option.currency, expiry_code(option.expiry));
    let (rows, count) = pages(&mut vendor, &query);
    let of_expiry = |name: &Arc<str>| {
        Instrument::parse(name)
            .is_ok_and(|other| (other.currency, other.expiry) == (option.currency.clone(), option.expiry))
    };
    let truth: usize = vendor.names().iter().filter(|name| of_expiry(name)).map(|name| vendor.truth(name).len()).sum();
    assert_eq!((rows.len(), count), (truth, 1));
    assert!(rows.is_sorted_by(|a, b| a["unix"].as_i64() >= b["unix"].as_i64()), "newest first");

    let code = expiry_code(option.expiry);
    let reply = get(&mut vendor, &bars_path(&format!("currency=BTC&expiry=0{code}")));
    let end = r#"{"result":[],"pagination":{"has_more":false,"next_offset":null}}"#;
    assert_eq!(reply.body, end, "a leading zero names another expiry");
    assert_eq!(get(&mut vendor, &bars_path("symbol=BTC-1JAN30-1-C")).body, end, "the same envelope for a symbol");
    let refused = get(&mut vendor, &bars_path("currency=BTC"));
    assert_eq!((refused.status, &*refused.body), (400, &br#"{"result":"Unable to pull data"}"#[..]));
}

#[test]
fn a_lower_cap_makes_more_pages_and_the_same_rows() {
    // F-S17
    let mut whole = Vendor::new(expiry_face());
    let mut capped = Vendor::new(Settings { page_rows_max: 7, order: Order::NewestFirst, ..expiry_face() });
    let option = Instrument::parse(&option_with(&whole, 30)).unwrap();
    let query = format!("currency={}&expiry={}", option.currency, expiry_code(option.expiry));
    let (all, _) = pages(&mut whole, &query);
    let (rows, count) = pages(&mut capped, &query);
    assert_eq!(count as usize, all.len().div_ceil(7));
    assert_eq!(rows, all);

    let mut silent = Vendor::new(Settings { page_rows_max: 7, says_more: false, ..expiry_face() });
    let page = get(&mut silent, &bars_path(&format!("{query}&limit=5000")));
    assert_eq!(result(&page).len(), 7);
    assert!(!json(&page).as_object().unwrap().contains_key("pagination"));
    let past = get(&mut silent, &bars_path(&format!("{query}&limit=5000&offset={}", all.len())));
    assert_eq!(past.body, r#"{"result":[]}"#);
}

#[test]
fn a_date_query_answers_that_date_alone() {
    let mut vendor = Vendor::new(expiry_face());
    let bar = vendor.truth(&option_with(&vendor, 5))[2].clone();
    let (rows, _) = pages(&mut vendor, &format!("currency=BTC&date={}", bar.date));
    let names: HashSet<&str> = rows.iter().map(|row| row["symbol"].as_str().unwrap()).collect();
    assert!(rows.iter().all(|row| row["date"] == bar.date.to_string()));
    let traded = |name: &&Arc<str>| name.starts_with("BTC-") && vendor.truth(name).iter().any(|b| b.date == bar.date);
    assert_eq!(names.len(), vendor.names().iter().filter(traded).count());
}

#[test]
fn the_listing_by_year_is_a_part_or_refused() {
    let names = ["BTC-1JAN23-1-C", "odd", "BTC-1JAN24-1-C"].map(str::to_owned).to_vec();
    let with = |listing| Vendor::new(Settings { names: Some(names.clone()), listing, ..expiry_face() });
    let year = |year: i16| format!("{LISTING}?year={year}");
    let mut needed = with(ListingFace::YearNeeded);
    assert_eq!(get(&mut needed, LISTING).status, 400);
    assert_eq!(get(&mut needed, LISTING).body, r#"{"result":"Unable to pull data"}"#);
    assert_eq!(result(&get(&mut needed, &year(2023))), ["BTC-1JAN23-1-C", "odd"]);
    assert_eq!(result(&get(&mut with(ListingFace::NewestYear), LISTING)), ["odd", "BTC-1JAN24-1-C"]);
    assert_eq!(result(&get(&mut with(ListingFace::Whole), LISTING)).len(), 3);
    // F-X6: what does not parse is listed, and holds nothing.
    assert_eq!(result(&get(&mut needed, &bars_path("symbol=odd"))), [Value::Null; 0]);
}

#[test]
fn the_archive_grows_day_by_day_and_an_empty_option_can_fill() {
    // F-S4, F-X8
    let mut vendor = Vendor::new(small());
    let name = option_with(&vendor, 10);
    let truth = vendor.truth(&name);
    vendor.set_archive_until(Some(truth[3].date));
    assert_eq!(vendor.truth(&name), truth[..4]);
    vendor.set_archive_until(Some(Date::constant(2000, 1, 1)));
    assert_eq!(get(&mut vendor, &bars_path(&format!("symbol={name}"))).body, r#"{"result":[]}"#);
    vendor.set_archive_until(None);
    vendor.set_empties_share(1.0);
    assert_eq!(vendor.truth(&name), []);
    vendor.set_empties_share(0.0);
    assert_eq!(vendor.truth(&name), truth);
}

#[test]
fn path_renderer_key_and_throttle_refuse_in_the_frameworks_order() {
    // F-S6, F-S7, F-S10, F-S1
    let mut vendor = Vendor::new(Settings { throttles: vec!["1/hour".parse().unwrap()], ..small() });
    let ask = |path: &str, key: &str, accept: &str| Ask { accept: Some(accept.into()), ..Ask::json(path, key) };
    let mut status = |path: &str, key: &str, accept: &str| {
        let reply = vendor.answer(Moment(0), &ask(path, key, accept));
        (reply.status, reply.header("Location").or(reply.header("Retry-After")).map(str::to_owned))
    };
    let no_slash = "/v1/data/ohlc/deribit/options?symbol=X";
    let slash = Some("/v1/data/ohlc/deribit/options/?symbol=X".to_owned());
    assert_eq!(status(no_slash, "wrong", "text/csv"), (301, slash));
    assert_eq!(status("/v1/data/ohlc/deribit/futures/", "wrong", "*/*"), (404, None));
    assert_eq!(status(LISTING, "wrong", "text/csv"), (406, None));
    assert_eq!(status(LISTING, "wrong", "*/*"), (401, None));
    assert_eq!(status(LISTING, KEY_DEFAULT, "*/*"), (200, None), "none of those was counted");
    assert_eq!(status(LISTING, KEY_DEFAULT, "*/*"), (429, Some("3600".to_owned())));
    assert_eq!((vendor.log().requests, vendor.log().throttled, vendor.log().key_wrong), (6, 1, 4));
    let html = vendor.answer(Moment(3_600_000), &ask(LISTING, KEY_DEFAULT, "text/html"));
    assert_eq!((html.status, html.header("Content-Type")), (200, Some("text/html; charset=utf-8")));
    assert!(html.body.starts_with(b"<!DOCTYPE html>"));
}

#[test]
fn the_log_names_what_was_asked_twice_and_a_shared_key_spends_too() {
    // F-T10, F-T6
    let mut vendor = Vendor::new(Settings { throttles: vec!["3/hour".parse().unwrap()], ..small() });
    get(&mut vendor, LISTING);
    get(&mut vendor, LISTING);
    assert_eq!(vendor.log().asked_twice(), [(LISTING.to_owned(), 2)]);
    assert_eq!(vendor.log().kept().len(), 2);
    vendor.spend_elsewhere(Moment(0), 1);
    assert_eq!(get(&mut vendor, LISTING).status, 429);
    vendor.forget_throttles();
    assert_eq!(get(&mut vendor, LISTING).status, 200);
    vendor.set_throttles(&[]);
    assert!((0..10).all(|_| get(&mut vendor, LISTING).status == 200));
}

#[test]
fn processes_that_count_for_themselves_mix_answers() {
    // F-T6
    let limits = vec!["5/hour".parse().unwrap()];
    let mut vendor = Vendor::new(Settings { throttles: limits, processes: 3, ..small() });
    let statuses: Vec<u16> = (0..60).map(|_| get(&mut vendor, LISTING).status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 15);
    let first = statuses.iter().position(|status| *status == 429).unwrap();
    assert!(statuses[first..].contains(&200), "a 200 after a 429: {statuses:?}");
}
