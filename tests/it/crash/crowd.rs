//! Many runners on one store: one proceeds, the others say who it is.

use std::process::Command;

use chainfill::vendor::settings::{Settings, parse_counts, parse_throttles};

use crate::rig::postgres::Postgres;
use crate::rig::program::{Desk, Program, Running};
use crate::rig::simulated::Simulated;
use crate::rig::skipped;

/// Exit codes: stopped by request, another run holds the store.
const STOPPED: i32 = 6;
const HELD: i32 = 11;

#[test]
fn of_two_and_of_fifty_runners_on_sqlite_one_proceeds() {
    // F-P8
    for runners in [2, 50] {
        one_of(runners, &Desk::new(), "sqlite:shared.db");
    }
}

#[test]
fn of_two_and_of_fifty_runners_on_postgres_one_proceeds() {
    // F-P8
    let pg = Postgres::start();
    for runners in [2, 50] {
        one_of(runners, &Desk::new(), &pg.database());
    }
}

#[test]
fn a_runner_in_a_container_with_this_hosts_name_is_not_taken_for_gone() {
    // F-P8
    let outer = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
    if !Command::new(outer[0]).args(&outer[1..]).arg("true").status().is_ok_and(|status| status.success()) {
        skipped(
            "`unshare` is absent or may make no namespace of process ids here: containers of one name are not tried",
        );
        return;
    }
    let pg = Postgres::start();
    for store in ["sqlite:shared.db".to_owned(), pg.database()] {
        let (desk, beside) = (Desk::new(), Desk::new());
        let store = store.replace("sqlite:", &format!("sqlite:{}/", desk.path().display()));
        let vendor = throttled();
        let mut inside = backfill(&desk, &vendor, &store).under(&outer).spawn();
        inside.until_said("Must wait");
        let said = backfill(&beside, &vendor, &store).ends_with(HELD).err;
        assert!(said.contains("process 1 on host "), "its number counts among its own: {said}");
        let status: serde_json::Value =
            serde_json::from_str(&beside.chainfill(&["status", "--json", "--store", &store]).ends_with(0).out).unwrap();
        assert_eq!(status["verdict"]["health"], "fine", "{status}");
        beside.chainfill(&["stop", "--store", &store]).ends_with(0);
        inside.wait().expect_code(STOPPED);
        assert_eq!(vendor.vendor().log().requests, 11);
    }
}

/// So many are started at once: one proceeds, the others name it.
pub fn one_of(runners: usize, desk: &Desk, store: &str) {
    // The one that proceeds meets the limit and waits: it is there until it is told to stop.
    let vendor = throttled();
    let start = |_| -> Running<'_> { backfill(desk, &vendor, store).spawn() };
    let mut running: Vec<Running<'_>> = (0..runners).map(start).collect();
    let mut refused = Vec::new();
    while running.len() > 1 {
        if let Some(at) = running.iter_mut().position(Running::has_ended) {
            refused.push(running.swap_remove(at).wait());
        } else {
            running[0].look("the others' end");
        }
    }
    let winner = running.pop().unwrap();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let who = format!("process {} on host {host} holds the store since ", winner.pid());
    for ended in refused {
        let ended = ended.expect_code(HELD);
        let (_, since) = ended.err.split_once(&who).unwrap_or_else(|| panic!("{who}\n{}", ended.err));
        let since = since.split_whitespace().next().unwrap_or_default();
        assert!(since.parse::<jiff::Timestamp>().is_ok(), "{}", ended.err);
    }
    desk.chainfill(&["stop", "--store", store]).ends_with(0);
    winner.wait().expect_code(STOPPED);
    // F-I5: the ten and the one that was refused; the other runners asked for nothing.
    assert_eq!(vendor.vendor().log().requests, 11);
}

/// Lets ten requests through an hour.
fn throttled() -> Simulated {
    Simulated::start(Settings {
        counts: parse_counts("BTC=40").unwrap(),
        throttles: parse_throttles("10/hour").unwrap(),
        ..Settings::default()
    })
}

fn backfill<'a>(desk: &'a Desk, vendor: &Simulated, store: &str) -> Program<'a> {
    let args = ["backfill", "BTC", "--max-rate", "none", "--query", "symbol", "--log-file", "-"];
    desk.chainfill(&args).args(&["--api-url", &vendor.base_url, "--store", store]).with_key()
}
