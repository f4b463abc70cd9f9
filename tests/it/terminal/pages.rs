//! `status --watch`: a page again and again.

use rustix::process::Signal;

use super::{CHAINFILL, backfill, vendor};
use crate::rig::program::Desk;
use crate::rig::simulated::Simulated;
use crate::rig::tmux::Tmux;

/// Exit code: stopped by request.
const STOPPED: i32 = 6;

#[test]
fn on_a_terminal_the_page_is_drawn_over_itself_until_ctrl_c() {
    let (desk, vendor) = (Desk::new(), Simulated::start(vendor()));
    let mut running = backfill(&desk, &vendor).spawn();
    running.until_said("stored");
    let tmux = Tmux::start(desk.path(), 80, 30);
    tmux.enter(&format!("{CHAINFILL} status --watch 0.1; echo ended $?"));
    let first = tmux.until_shown("Ctrl-C ends it");
    // It goes on, and stays one page.
    let later = tmux.until("another page", |screen| screen.contains("Ctrl-C ends it") && *screen != first);
    assert_eq!(later.matches("Currency").count(), 1, "{later}");
    tmux.resize(60, 20);
    let narrow = tmux.until("a narrow page", |screen| {
        screen.starts_with("Fine") && screen.lines().all(|line| line.chars().count() <= 60)
    });
    assert_eq!(narrow.matches("Currency").count(), 1, "{narrow}");
    tmux.keys(&["C-c"]);
    tmux.until_shown("ended 0");
}

#[test]
fn in_a_pipe_it_is_a_page_or_a_line_each_time_and_ends_with_the_run() {
    // F-P5
    let (desk, vendor) = (Desk::new(), Simulated::start(vendor()));
    // Before there is anything to see it waits.
    let mut until_done = desk.chainfill(&["status", "--watch", "0.1", "--until-done"]).spawn();
    until_done.until_said("no archive at");
    let beside = Desk::new();
    let store = format!("sqlite:{}", desk.database().display());
    let mut running = backfill(&beside, &vendor).args(&["--store", &store]).spawn();
    running.until_said("stored");
    let lines = beside.chainfill(&["status", "--watch", "0.1", "--json", "--store", &store]).read_lines(3);
    let third = Desk::new();
    let mut pages = third.chainfill(&["status", "--watch", "0.1", "--store", &store]).spawn();
    while pages.said().matches("Currency").count() < 2 {
        pages.look("two pages");
    }
    pages.signal(Signal::INT);
    let pages = pages.wait().expect_code(0).out;
    assert!(pages.starts_with("Fine") && pages.contains("\n\nFine") && !pages.contains('\x1b'), "{pages}");
    // Its reader goes away after three lines.
    let lines = lines.run().expect_code(0).out;
    assert_eq!(lines.lines().filter(|line| line.starts_with("{\"v\":1,\"at\":")).count(), 3, "{lines}");
    third.chainfill(&["stop", "--store", &store]).ends_with(0);
    running.wait().expect_code(STOPPED);
    let pages = until_done.wait().expect_code(STOPPED).out;
    assert!(pages.contains("options are still to be fetched"), "{pages}");
}

#[test]
fn a_run_that_died_is_told_from_one_that_ended() {
    // F-P3
    let (desk, vendor) = (Desk::new(), Simulated::start(vendor()));
    let mut running = backfill(&desk, &vendor).spawn();
    running.until_said("stored");
    running.kill();
    let ended = desk.chainfill(&["status", "--watch", "--until-done"]).ends_with(1);
    assert!(ended.out.starts_with("Worry: process"), "{}", ended.out);
}
