//! Answers that are made to fill memory, a run that is long, and a library that must not try again by itself.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use chainfill::http::{Http, Transport as _};
use chainfill::limits::{ANSWER_ROWS_MAX, BODY_BYTES_MAX, CONCURRENCY_MAX, LISTING_NAMES_MAX, SERIAL_SUCCESSES};
use chainfill::source::Request;
use chainfill::vendor::Face;
use chainfill::vendor::Settings;

use crate::rig::archive::Archive;
use crate::rig::postbox::{Postbox, Reply};
use crate::rig::postgres::Postgres;
use crate::rig::program::{Desk, Program, Running};
use crate::rig::simulated::Simulated;
use crate::rig::world::small;

/// Most memory that the program may ever hold, whatever it is sent.
const PEAK_KIB_MAX: u64 = 128 << 10;

/// Exit code: the key is refused.
const KEY: i32 = 7;

/// How much memory and how many descriptors a run may gain between a third of it and its end.
const GAINED_KIB_MAX: u64 = 8 << 10;
const GAINED_FILES_MAX: usize = 4;

#[test]
fn no_bomb_takes_more_than_128_megabytes() {
    // F-S14, F-I12: gzip bombs and bodies without an end, one in three answers, four at a time
    let vendor = Simulated::start(Settings { faults: "s14=0.3".parse().unwrap(), ..small("BTC=60,ETH=60") });
    let desk = Desk::new();
    let (peak_kib, code) = peak(backfill(&desk, &vendor.base_url, "symbol").deadline_s(170).spawn());
    assert_eq!(code, Some(0));
    assert!(peak_kib < PEAK_KIB_MAX, "{peak_kib} KiB");
}

#[test]
fn two_hundred_thousand_rows_in_one_answer_do_not_fill_memory() {
    // F-X7, F-I12: an expiry with far more rows than one answer may hold is asked for option by option.
    let wire = Postbox::answering(|_, letter| {
        let path = &letter.path;
        if path.contains("/available/") {
            let names: Vec<String> = (0..40).map(|n| format!("\"BTC-26APR24-{}-C\"", 20_000 + n * 1_000)).collect();
            return Reply::Json(format!(r#"{{"result":[{}]}}"#, names.join(",")));
        }
        Reply::Json(match path.split_once("symbol=") {
            Some((_, rest)) => format!(r#"{{"result":[{}]}}"#, bars(rest.split('&').next().unwrap_or(""), 3)),
            None => format!(r#"{{"result":[{}]}}"#, bars("BTC-26APR24-20000-C", 200_000)),
        })
    });
    let desk = Desk::new();
    let (peak_kib, code) = peak(backfill(&desk, &format!("{}/v1", wire.url), "auto").deadline_s(120).spawn());
    assert_eq!(code, Some(0));
    assert!(wire.letters().len() >= 41, "each option was asked for by itself: {}", wire.letters().len());
    assert!(peak_kib < PEAK_KIB_MAX, "{peak_kib} KiB");
}

/// A listing of as many names as are taken, each as long as the longest real one.
fn longest_listing() -> String {
    let expiries = ["5JAN24", "9FEB24", "8MAR24", "26APR24", "31MAY24", "28JUN24", "26JUL24", "30AUG24", "27SEP24"];
    let name = |n: usize| {
        let expiry = expiries[n % expiries.len()];
        format!("BTC-{expiry}-{n:0width$}-{}", ["C", "P"][n / expiries.len() % 2], width = 19 - expiry.len())
    };
    let names: Vec<String> = (0..LISTING_NAMES_MAX).map(|n| format!("\"{}\"", name(n))).collect();
    assert!(names.iter().all(|name| name.len() == 28));
    format!(r#"{{"result":[{}]}}"#, names.join(","))
}

#[test]
fn the_longest_listing_is_taken_in_within_128_megabytes() {
    // F-S14, F-I12: new to the ledger, and known to it; on both stores.
    let server = Postgres::start();
    let listing = longest_listing();
    let wire = Postbox::answering(move |_, letter| {
        if letter.path.contains("/available/") { Reply::Json(listing.clone()) } else { Reply::Status(401, "") }
    });
    for store in ["sqlite:chainfill.db".to_owned(), server.database()] {
        let desk = Desk::new();
        for round in ["new", "known"] {
            let url = format!("{}/v1", wire.url);
            let run = backfill(&desk, &url, "symbol").args(&["--store", &store]).deadline_s(170).spawn();
            let (peak_kib, code) = peak(run);
            assert_eq!(code, Some(KEY), "{store} {round}");
            println!("{store} {round}: {peak_kib} KiB");
            assert!(peak_kib < PEAK_KIB_MAX, "{store} {round}: {peak_kib} KiB");
            let archive = match store.strip_prefix("sqlite:") {
                Some(_) => Archive::Sqlite(desk.database()),
                None => Archive::Postgres(&server, store.clone()),
            };
            assert_eq!((archive.listed(), archive.torn()), (LISTING_NAMES_MAX as u64, 0), "{store} {round}");
        }
    }
}

#[test]
fn as_many_answers_at_once_as_may_be_each_as_long_as_it_may_be() {
    // F-S14, F-I12: each one is held back until all were asked for.
    for (what, rows) in [("bytes", 1), ("rows", ANSWER_ROWS_MAX)] {
        let asked = Arc::new((Mutex::new(0_usize), Condvar::new()));
        let first = SERIAL_SUCCESSES + 100;
        let last = first + CONCURRENCY_MAX as usize - 1;
        let wire = Postbox::answering(move |_, letter| {
            let Some((_, symbol)) = letter.path.split_once("symbol=") else {
                let names: Vec<String> =
                    (0..SERIAL_SUCCESSES + 300).map(|n| format!("\"BTC-26APR24-{}-C\"", 20_000 + n * 10)).collect();
                return Reply::Json(format!(r#"{{"result":[{}]}}"#, names.join(",")));
            };
            let (count, all) = &*asked;
            let mut count = count.lock().unwrap();
            *count += 1;
            // Before so many good answers one request is in flight at a time; behind them all that may be.
            if !(first..=last).contains(&*count) {
                return Reply::Json(format!(r#"{{"result":[{}]}}"#, bars(symbol, 1)));
            }
            all.notify_all();
            let patience = Duration::from_secs(20);
            drop(all.wait_timeout_while(count, patience, |count| *count < last).unwrap());
            let body = format!(r#"{{"result":[{}],"pad":""}}"#, bars(symbol, rows));
            let pad = "x".repeat(BODY_BYTES_MAX - body.len());
            Reply::Json(format!("{}{pad}\"}}", body.trim_end_matches("\"}")))
        });
        let desk = Desk::new();
        let concurrency = CONCURRENCY_MAX.to_string();
        let args = ["--concurrency", &concurrency];
        let run = backfill(&desk, &format!("{}/v1", wire.url), "symbol").args(&args).deadline_s(170).spawn();
        let (peak_kib, code) = peak(run);
        assert_eq!(code, Some(0));
        println!("{what}: {peak_kib} KiB");
        assert!(peak_kib < PEAK_KIB_MAX, "{what}: {peak_kib} KiB");
        let attempts = Archive::Sqlite(desk.database()).attempts();
        let odd: Vec<_> =
            attempts.iter().filter(|attempt| !["rows", "listing"].contains(&attempt.outcome.as_str())).collect();
        assert!(odd.is_empty(), "each was taken, at the first time: {odd:?}");
    }
}

#[test]
fn memory_and_descriptors_stay_flat_however_long_it_runs() {
    // F-P11: not in hours, but in requests: a day's worth under the throttle of the field
    let vendor = Simulated::start(Settings { face: Face::Symbol2025, ..small("BTC=4000,ETH=4000") });
    let desk = Desk::new();
    let mut running = backfill(&desk, &vendor.base_url, "symbol").deadline_s(170).spawn();
    running.until("a third of it", || vendor.requests() > 2_700);
    let early = (running.memory_kib("VmRSS"), running.descriptors());
    running.until("the end of it", || vendor.requests() > 7_800);
    let late = (running.memory_kib("VmRSS"), running.descriptors());
    assert_eq!(running.wait().code, Some(0));
    assert!(late.0 <= early.0 + GAINED_KIB_MAX, "{early:?}, then {late:?}");
    assert!(late.1 <= early.1 + GAINED_FILES_MAX, "{early:?}, then {late:?}");
}

#[tokio::test]
async fn a_request_is_sent_once_whatever_comes_of_it() {
    // F-T12: a library that tried again by itself would spend quota that nobody counts.
    let wire = Postbox::start(&[Reply::HangUp]);
    let http = Http::new(&format!("{}/v1", wire.url), None, 4).unwrap();
    for said in 1..=3 {
        let request = Request { path: "data/".into(), body_bytes_max: 1 << 20 };
        assert!(http.send(&request).await.is_err());
        assert_eq!(wire.letters().len(), said);
    }
}

fn backfill<'a>(desk: &'a Desk, api_url: &str, query: &str) -> Program<'a> {
    let args = ["backfill", "--max-rate", "none", "--query", query, "--api-url", api_url];
    desk.chainfill(&args).with_key()
}

/// The most memory that it held while it ran, and its exit code.
fn peak(mut running: Running<'_>) -> (u64, Option<i32>) {
    let mut peak_kib = 0;
    while running.lives_for(Duration::from_millis(20)) {
        peak_kib = peak_kib.max(running.memory_kib("VmHWM"));
    }
    // Where the kernel keeps no such account nothing was measured, and nothing may pass.
    assert!(peak_kib > 0 || !cfg!(target_os = "linux"), "no memory was seen: {}", running.said());
    (peak_kib, running.wait().code)
}

/// So many bars of an option, a day each.
fn bars(symbol: &str, count: usize) -> String {
    let row = |n: usize| {
        let n = i64::try_from(n).unwrap();
        let (unix, date) = (1_600_041_600_000 + n * 86_400_000, day(n));
        format!(
            r#"{{"unix":{unix},"date":"{date}","symbol":"{symbol}","open":"1","high":"1","low":"1","close":"1","volume":1}}"#
        )
    };
    (0..count).map(row).collect::<Vec<_>>().join(",")
}

/// The date so many days after 2020-09-14.
fn day(n: i64) -> String {
    let first = jiff::civil::Date::constant(2020, 9, 14);
    first.saturating_add(jiff::Span::new().days(n)).to_string()
}
