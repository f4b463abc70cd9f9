//! The real program against the simulated vendor, with somebody who wants to be told.

use std::time::{Duration, Instant};

use chainfill::limits::HOUR_MS;
use chainfill::vendor::Settings;
use chainfill::vendor::settings::parse_counts;
use chainfill::vendor::throttle::Rate;
use rustix::process::Signal;

use crate::rig::canary;
use crate::rig::postbox::{Postbox, Reply};
use crate::rig::program::Desk;
use crate::rig::simulated::Simulated;

fn vendor(throttle: Option<Rate>) -> Simulated {
    let counts = parse_counts("BTC=120").unwrap();
    let throttles = throttle.into_iter().collect();
    Simulated::start(Settings { counts, throttles, ..Settings::default() })
}

#[test]
fn a_run_with_a_cooldown_is_told_from_its_start_to_its_end_and_the_key_is_in_no_notice() {
    // F-I9
    let vendor = vendor(Some(Rate { requests: 100, window_ms: 4_000 }));
    let service = Postbox::start(&[Reply::Status(200, "")]);
    let desk = Desk::new();
    let args = [
        "backfill",
        "BTC",
        "--json",
        "--max-rate",
        "none",
        "--api-url",
        &vendor.base_url,
        "--notify",
        &service.url,
        "--notify-cooldown",
        "1s",
        "--notify-command",
        "env > env-$CHAINFILL_NOTICE_KIND; cat > json-$CHAINFILL_NOTICE_KIND; echo not for the screen",
    ];
    let secrets = desk.chainfill(&args).with_key().env("CHAINFILL_NOTIFY", "https://unused.example/hunter2");
    let run = secrets.env("CHAINFILL_DASHBOARD_TOKEN", "hunter2-hunter2-hunter2").ends_with(0);
    let letters = service.letters();
    let told: Vec<_> = letters.iter().map(|letter| letter.json()["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told.first().map(String::as_str), Some("start"));
    assert_eq!(told.last().map(String::as_str), Some("done"));
    let count = |kind: &str| told.iter().filter(|its| *its == kind).count();
    assert_eq!([count("start"), count("milestone"), count("done"), count("worry")], [1, 4, 1, 0], "{told:?}");
    assert!(count("cooldown") >= 1, "{told:?}");
    let done = letters.last().unwrap().json();
    assert_eq!(
        (done["percent"].as_f64(), done["done"].as_u64(), done["todo"].as_u64()),
        (Some(100.0), Some(120), Some(120))
    );
    assert!(done["text"].as_str().unwrap().contains("BACKFILL COMPLETE! 120 of 120 options are known"), "{done}");
    for line in run.out.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert_eq!(run.err, "");
    let env = std::fs::read_to_string(desk.path().join("env-done")).unwrap();
    assert!(env.contains("CHAINFILL_NOTICE_TITLE=chainfill on ") && !env.contains("hunter2"), "{env}");
    let json = std::fs::read_to_string(desk.path().join("json-done")).unwrap();
    assert_eq!(json, letters.last().unwrap().body);
    // To a service the key goes in no header either.
    canary::listen("a notice", format!("{letters:?}").as_bytes());
}

#[test]
fn a_service_that_hangs_does_not_hold_up_a_run_that_is_told_to_stop() {
    // F-P4
    let vendor = vendor(Some(Rate { requests: 20, window_ms: HOUR_MS }));
    let hangs = Postbox::start(&[Reply::Silence]);
    let desk = Desk::new();
    let args = ["backfill", "BTC", "--max-rate", "none", "--api-url", &vendor.base_url, "--notify", &hangs.url];
    let mut run = desk.chainfill(&args).with_key().spawn();
    run.until_said("Rate limit hit!");
    run.signal(Signal::INT);
    let told = Instant::now();
    run.wait().expect_code(6);
    assert!(told.elapsed() < Duration::from_secs(7), "{:?}", told.elapsed());
    let status = desk.chainfill(&["status"]).ends_with(0).out;
    assert!(status.contains("ended") && status.contains("stopped"), "its end is written all the same: {status}");
}

#[test]
fn the_variable_names_whom_to_tell_where_no_flag_does() {
    let vendor = vendor(None);
    let service = Postbox::start(&[Reply::Status(200, "")]);
    let desk = Desk::new();
    let urls = format!("ntfy+{0}/topic {0}/hook", service.url);
    let args = ["backfill", "BTC", "--limit", "5", "--api-url", &vendor.base_url];
    desk.chainfill(&args).key(&format!("{}x", canary::key())).env("CHAINFILL_NOTIFY", &urls).ends_with(7);
    let letters = service.letters();
    assert_eq!(letters.len(), 4, "start and end to both: {letters:?}");
    let end = letters.iter().rfind(|letter| letter.path == "/topic").unwrap();
    assert_eq!(
        (end.header("title").unwrap().ends_with("the key is refused"), end.header("priority")),
        (true, Some("high"))
    );
}

#[test]
fn a_target_that_cannot_be_one_is_refused_without_showing_it() {
    // F-U1
    let desk = Desk::new();
    for (args, words) in [
        (vec!["--notify", "hunter2"], "--notify: it is not a URL"),
        (vec!["--notify", "https://ntfy.sh/a", "--notify", "ftp://x/hunter2"], "(the one at place 2): write http://"),
        (vec!["--notify-cooldown", "soon"], "time span"),
    ] {
        let said = desk.chainfill(&["backfill"]).args(&args).with_key().ends_with(2).said();
        assert!(said.contains(words) && !said.contains("hunter2"), "{said}");
    }
    let said = desk.chainfill(&["backfill"]).with_key().env("CHAINFILL_NOTIFY", "ftp://hunter2").ends_with(2).said();
    assert!(said.contains("CHAINFILL_NOTIFY") && !said.contains("hunter2"), "{said}");
    assert!(!desk.database().exists(), "it is refused before anything is made");
}
