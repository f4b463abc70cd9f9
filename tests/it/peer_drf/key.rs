//! A key that the vendor refuses: one clear line, exit code 7, and no option is blamed.

use rustix::process::Signal;

use super::{assert_journaled, assert_whole, backfill, paced};
use crate::rig::archive::reader;
use crate::rig::canary;
use crate::rig::drf::Drf;
use crate::rig::program::{Desk, Ended};

/// Exit code: the key is refused.
const KEY_REFUSED: i32 = 7;

fn assert_told(ended: &Ended, vendors_words: &str) {
    let said = ended.said();
    let line = said.lines().find(|line| line.contains("refuses the key"));
    let line = line.unwrap_or_else(|| panic!("no line says that the key is refused:\n{said}"));
    assert!(line.contains(vendors_words), "{line}");
}

fn options_in(desk: &Desk, state: &str) -> u32 {
    let sql = "SELECT count(*) FROM chainfill_option WHERE state = ?1";
    reader(&desk.database()).query_row(sql, [state], |row| row.get(0)).unwrap()
}

#[test]
fn a_wrong_key_and_an_inactive_one_end_the_run_after_one_confirmation() {
    // F-S7
    let drf = Drf::start(&["--threads", "1", "--options", "10"]);
    let desk = Desk::new();
    let wrong = desk.chainfill(&["backfill", "--api-url", &drf.base_url]).key("not-the-key");
    assert_told(&wrong.ends_with(KEY_REFUSED), "Invalid token.");
    assert_eq!(drf.accesses().len(), 2, "asked once, and once more to be sure");
    drf.set_key("inactive");
    assert_told(&backfill(&desk, &drf).ends_with(KEY_REFUSED), "User inactive or deleted.");
    assert_journaled(&desk, &drf);
    drf.set_key("good");
    backfill(&desk, &drf).ends_with(0);
    assert_whole(&desk, &drf);
}

#[test]
fn a_key_that_ends_on_the_way_blames_no_option() {
    // F-S7, I1
    let drf = Drf::start(&["--threads", "1", "--options", "80"]);
    let desk = Desk::new();
    let mut running = paced(&desk, &drf, "40").spawn();
    running.until("some options", || drf.accesses().len() > 20);
    drf.set_key("unknown");
    assert_told(&running.wait().expect_code(KEY_REFUSED), "Invalid token.");
    let refused = drf.accesses().iter().filter(|access| access.status == 401).count();
    assert!((1..=5).contains(&refused), "{refused} requests with a refused key");
    let pending = options_in(&desk, "pending");
    assert_eq!((options_in(&desk, "attention"), pending > 0), (0, true));
    drf.set_key("good");
    backfill(&desk, &drf).ends_with(0);
    assert_whole(&desk, &drf);
}

#[test]
fn the_key_is_in_no_url_and_in_no_word_of_a_json_log() {
    // F-I9: the folder and what was said are searched when the test ends.
    let drf = Drf::start(&["--threads", "1", "--options", "20", "--throttle", "10/hour"]);
    let desk = Desk::new();
    let mut running = backfill(&desk, &drf).args(&["--log-format", "json"]).spawn();
    running.until("the limit", || drf.accesses().iter().any(|access| access.status == 429));
    running.signal(Signal::TERM);
    running.wait();
    for access in drf.accesses() {
        assert!(access.key_ok, "{access:?}");
        canary::listen("the URL of a request", access.path.as_bytes());
    }
    canary::none_heard();
}
