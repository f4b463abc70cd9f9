//! A terminal that is closed under a run, and one that takes nothing: the run does not care.

use std::path::Path;
use std::time::{Duration, Instant};

use chainfill::vendor::Settings;

use super::CHAINFILL;
use crate::rig::archive::{Archive, Loss};
use crate::rig::program::Desk;
use crate::rig::simulated::Simulated;
use crate::rig::tmux::Tmux;
use crate::rig::world::small;

/// How long a run may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

fn vendor() -> Simulated {
    Simulated::start(Settings { latency_ms: 5, ..small("BTC=150") })
}

/// Starts a run in the terminal, which writes its exit code into a file. Comes back when it is at work.
fn begin(desk: &Desk, tmux: &Tmux, vendor: &Simulated) -> u32 {
    desk.put_key();
    tmux.enter(&format!(
        "sh -c 'echo $$ >run.pid; exec {CHAINFILL} backfill --query symbol \
         --max-rate 40 --api-url {} BTC'; echo $? >code; echo ended $(cat code)",
        vendor.base_url
    ));
    until("some options", || vendor.requests() > 20);
    let pid = std::fs::read_to_string(desk.path().join("run.pid")).unwrap().trim().parse().unwrap();
    desk.guard(Some(pid));
    assert!(runs(pid) && vendor.requests() < 120, "it is in the middle");
    pid
}

fn runs(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).join("exe").exists()
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let from = Instant::now();
    while !holds() {
        assert!(from.elapsed() < PATIENCE, "{what} did not come within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn is_complete(desk: &Desk, vendor: &Simulated) {
    desk.guard(None);
    let status = desk.chainfill(&["status"]).ends_with(0).out;
    assert!(status.starts_with("Done: complete, 150 of 150."), "{status}");
    let log = std::fs::read_to_string(desk.path().join("logs/full-backfill.log")).unwrap();
    assert!(log.contains("BACKFILL COMPLETE!"), "{log}");
    assert_eq!(log.matches("Plan: ").count(), 1, "one run did all of it: {log}");
    assert_eq!(Archive::Sqlite(desk.database()).compare(vendor), Loss::default());
}

#[test]
fn a_terminal_that_is_closed_under_a_run_ends_no_run() {
    // F-P12: its shell and its terminal are gone; the run gets a SIGHUP, and an error for each line it draws.
    let (desk, vendor) = (Desk::new(), vendor());
    let tmux = Tmux::start(desk.path(), 100, 30);
    let pid = begin(&desk, &tmux, &vendor);
    tmux.close();
    until("the end of the run", || !runs(pid));
    assert!(!desk.path().join("code").exists(), "its shell is gone");
    is_complete(&desk, &vendor);
}

#[test]
fn a_terminal_that_is_frozen_holds_no_run_up() {
    // F-P12: Ctrl-S, as it is pressed by mistake
    let (desk, vendor) = (Desk::new(), vendor());
    let tmux = Tmux::start(desk.path(), 100, 30);
    let pid = begin(&desk, &tmux, &vendor);
    tmux.keys(&["C-s"]);
    until("the end of the run", || !runs(pid));
    until("its exit code", || std::fs::read_to_string(desk.path().join("code")).is_ok_and(|code| code == "0\n"));
    let screen = tmux.screen();
    assert!(!screen.contains("BACKFILL COMPLETE") && !screen.contains("ended 0"), "it was frozen: {screen}");
    is_complete(&desk, &vendor);
    tmux.keys(&["C-q"]);
    tmux.until_shown("ended 0");
}
