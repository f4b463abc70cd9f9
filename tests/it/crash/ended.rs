//! Ends that somebody asks for, and ends that nobody does.

use std::fs;
use std::time::Duration;

use chainfill::vendor::settings::{Settings, parse_counts, parse_throttles};
use rustix::process::Signal;

use crate::rig::archive::{Archive, Loss};
use crate::rig::program::{Desk, Program};
use crate::rig::simulated::Simulated;

/// Exit codes: stopped by request, the store cannot be used.
const STOPPED: i32 = 6;
const STORE: i32 = 8;

/// How long a run that is asked to end may take (P4).
const END: Duration = Duration::from_secs(5);

fn small() -> Settings {
    Settings { counts: parse_counts("BTC=60,ETH=40").unwrap(), throttles: Vec::new(), ..Settings::default() }
}

fn backfill<'a>(desk: &'a Desk, vendor: &Simulated) -> Program<'a> {
    let args = ["backfill", "--max-rate", "none", "--api-url", &vendor.base_url];
    desk.chainfill(&args).with_key()
}

#[test]
fn sigterm_and_sigint_in_a_wait_end_it_and_what_is_left_is_said() {
    // F-P4
    for signal in [Signal::TERM, Signal::INT] {
        let vendor = Simulated::start(Settings { throttles: parse_throttles("30/hour").unwrap(), ..small() });
        let desk = Desk::new();
        let mut running = backfill(&desk, &vendor).spawn();
        running.until("the limit", || vendor.vendor().log().throttled == 1);
        running.signal(signal);
        let asked = std::time::Instant::now();
        let ended = running.wait().expect_code(STOPPED);
        assert!(asked.elapsed() < END, "{:?}", asked.elapsed());
        // The listing, the probe that found no expiries, 28 options.
        assert!(ended.said().contains("72 options are left"), "{}", ended.said());
    }
}

#[test]
fn sigterm_ends_a_run_whose_vendor_does_not_answer() {
    // F-P4, F-I5
    let desk = Desk::new();
    let vendor = Simulated::start(Settings { latency_ms: 30_000, ..small() });
    let mut running = backfill(&desk, &vendor).spawn();
    running.until("the first request", || vendor.vendor().log().requests == 1);
    running.signal(Signal::TERM);
    let asked = std::time::Instant::now();
    running.wait().expect_code(STOPPED);
    assert!(asked.elapsed() < END, "{:?}", asked.elapsed());
    assert_eq!(Archive::Sqlite(desk.database()).sent().len(), 1);
}

#[test]
fn a_second_sigterm_ends_it_at_once() {
    // F-P4
    let desk = Desk::new();
    let vendor = Simulated::start(Settings { latency_ms: 30_000, ..small() });
    let mut running = backfill(&desk, &vendor).spawn();
    running.until("the first request", || vendor.vendor().log().requests == 1);
    running.signal(Signal::TERM);
    running.until_said("once more ends it at once");
    running.signal(Signal::TERM);
    let asked = std::time::Instant::now();
    running.wait().expect_code(STOPPED);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
}

#[test]
fn stop_from_outside_ends_a_run_and_it_goes_on_from_there() {
    // F-P4
    let desk = Desk::new();
    let vendor = Simulated::start(Settings { latency_ms: 20, ..small() });
    let mut running = backfill(&desk, &vendor).spawn();
    running.until("some options", || vendor.vendor().log().requests > 20);
    let stop = desk.chainfill(&["stop"]).ends_with(0);
    assert!(stop.took < END, "{:?}", stop.took);
    assert!(stop.out.contains(&format!("process {}", running.pid())), "{}", stop.out);
    let ended = running.wait().expect_code(STOPPED);
    assert!(ended.said().contains("options are left"), "{}", ended.said());
    backfill(&desk, &vendor).ends_with(0);
    assert_eq!(Archive::Sqlite(desk.database()).compare(&vendor), Loss::default());
    // Nothing was asked for twice but the listing, which each run asks for.
    let twice = vendor.vendor().log().asked_twice();
    assert!(twice.len() == 1 && twice[0].1 == 2 && twice[0].0.contains("available"), "{twice:?}");
    let again = desk.chainfill(&["stop"]).ends_with(0);
    assert!(again.out.contains("nothing to stop"), "{}", again.out);
}

#[test]
fn a_reader_that_goes_away_ends_nothing() {
    // F-P5
    let desk = Desk::new();
    let vendor = Simulated::start(small());
    for json in [&[][..], &["--json"]] {
        let file = desk.path().join("chainfill.db");
        let _ = fs::remove_file(&file);
        let ended = backfill(&desk, &vendor).args(json).read_lines(1).run().expect_code(0);
        assert!(ended.out.lines().count() <= 1, "{}", ended.out);
        for command in ["status", "missing", "verify", "plan", "man"] {
            desk.chainfill(&[command]).args(json).read_lines(0).ends_with(0);
        }
        desk.chainfill(&["missing", "--list"]).args(json).read_lines(1).ends_with(0);
        desk.chainfill(&["--help"]).read_lines(0).ends_with(0);
    }
    assert_eq!(vendor.vendor().log().requests, 2 * 102);
}

#[test]
fn a_file_that_is_moved_away_ends_the_run_and_goes_on_where_it_is_put_back() {
    // F-B10
    let desk = Desk::new();
    let vendor = Simulated::start(Settings { latency_ms: 20, ..small() });
    let away = desk.path().join("elsewhere.db");
    let mut running = backfill(&desk, &vendor).spawn();
    running.until("some options", || vendor.vendor().log().requests > 20);
    fs::rename(desk.database(), &away).unwrap();
    let moved_at = vendor.vendor().log().requests;
    let ended = running.wait().expect_code(STORE);
    assert!(ended.err.contains("was moved, replaced or deleted"), "{}", ended.err);
    assert!(!desk.database().exists(), "a new file stands where the old one was");
    // The one that was on its way; the next one's attempt could not be written.
    assert!(vendor.vendor().log().requests <= moved_at + 2);
    fs::rename(&away, desk.database()).unwrap();
    backfill(&desk, &vendor).ends_with(0);
    desk.chainfill(&["verify"]).ends_with(0);
    assert_eq!(Archive::Sqlite(desk.database()).compare(&vendor), Loss::default());
}
