//! Answers that are made to fill memory, a run that is long, and a library that must not try again by itself.

use std::path::Path;
use std::time::Duration;

use chainfill::http::{Http, Transport as _};
use chainfill::source::Request;
use chainfill::vendor::Face;
use chainfill::vendor::Settings;

use crate::rig::postbox::{Postbox, Reply};
use crate::rig::program::{Desk, Program, Running};
use crate::rig::simulated::Simulated;
use crate::rig::world::small;

/// Most memory that the program may ever hold, whatever it is sent.
const PEAK_KIB_MAX: u64 = 128 << 10;

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
        let rows = |symbol: &str, count: i64| {
            let row = |n: i64| {
                let (unix, date) = (1_600_041_600_000 + n * 86_400_000, day(n));
                format!(
                    r#"{{"unix":{unix},"date":"{date}","symbol":"{symbol}","open":"1","high":"1","low":"1","close":"1","volume":1}}"#
                )
            };
            (0..count).map(row).collect::<Vec<_>>().join(",")
        };
        Reply::Json(match path.split_once("symbol=") {
            Some((_, rest)) => format!(r#"{{"result":[{}]}}"#, rows(rest.split('&').next().unwrap_or(""), 3)),
            None => format!(r#"{{"result":[{}]}}"#, rows("BTC-26APR24-20000-C", 200_000)),
        })
    });
    let desk = Desk::new();
    let (peak_kib, code) = peak(backfill(&desk, &format!("{}/v1", wire.url), "auto").deadline_s(120).spawn());
    assert_eq!(code, Some(0));
    assert!(wire.letters().len() >= 41, "each option was asked for by itself: {}", wire.letters().len());
    assert!(peak_kib < PEAK_KIB_MAX, "{peak_kib} KiB");
}

#[test]
fn memory_and_descriptors_stay_flat_however_long_it_runs() {
    // F-P11: not in hours, but in requests: a day's worth under the throttle of the field
    let vendor = Simulated::start(Settings { face: Face::Symbol2025, ..small("BTC=4000,ETH=4000") });
    let desk = Desk::new();
    let mut running = backfill(&desk, &vendor.base_url, "symbol").deadline_s(170).spawn();
    running.until("a third of it", || vendor.requests() > 2_700);
    let early = (memory_kib(&running, "VmRSS"), files(&running));
    running.until("the end of it", || vendor.requests() > 7_800);
    let late = (memory_kib(&running, "VmRSS"), files(&running));
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
    desk.chainfill(&args).key("simulated-key")
}

/// The most memory that it held while it ran, and its exit code.
fn peak(mut running: Running<'_>) -> (u64, Option<i32>) {
    let mut peak_kib = 0;
    while running.lives_for(Duration::from_millis(20)) {
        peak_kib = peak_kib.max(memory_kib(&running, "VmHWM"));
    }
    (peak_kib, running.wait().code)
}

/// A line of the kernel's account of its memory; 0 where it is gone.
fn memory_kib(running: &Running<'_>, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.pid())).unwrap_or_default();
    let value = status.lines().find_map(|text| text.strip_prefix(line)).unwrap_or_default();
    value.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0)
}

fn files(running: &Running<'_>) -> usize {
    std::fs::read_dir(Path::new("/proc").join(running.pid().to_string()).join("fd")).map_or(0, Iterator::count)
}

/// The date so many days after 2020-09-14.
fn day(n: i64) -> String {
    let first = jiff::civil::Date::constant(2020, 9, 14);
    first.saturating_add(jiff::Span::new().days(n)).to_string()
}
