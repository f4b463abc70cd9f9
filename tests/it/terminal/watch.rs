//! The full-screen view.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{CHAINFILL, backfill, vendor};
use crate::rig::archive::reader;
use crate::rig::program::{Desk, Running};
use crate::rig::simulated::Simulated;
use crate::rig::tmux::Tmux;

/// How soon a run must do what a key says.
const ORDER: Duration = Duration::from_secs(2);

/// Exit code: stopped by request.
const STOPPED: i32 = 6;

/// Starts the view and waits for it.
fn watch(tmux: &Tmux, args: &str) {
    tmux.enter(&format!("sh -c 'echo $$ >watch.pid; exec {CHAINFILL} watch {args}'; echo ended $?"));
    tmux.until("the view", |screen| screen.contains('●') && screen.contains("q quit"));
}

/// Presses a key and waits until the run has said so.
fn order(tmux: &Tmux, running: &mut Running<'_>, key: &str, words: &str) {
    let count = running.said().matches(words).count();
    let pressed = Instant::now();
    tmux.keys(&[key]);
    while running.said().matches(words).count() == count {
        assert!(pressed.elapsed() < ORDER, "{key} has not led to {words:?} within {ORDER:?}: {}", running.said());
        running.look(words);
    }
}

/// Nothing of the view is left: the shell is back on its own screen, with its cursor, and echoes what is typed.
fn is_given_back(tmux: &Tmux, before: &str) {
    tmux.until_shown("ended 0");
    assert_eq!(tmux.tell("#{alternate_on} #{cursor_flag}"), "0 1");
    let screen = tmux.screen();
    let first = before.lines().next().unwrap();
    assert!(screen.starts_with(first) && !screen.contains('●'), "{screen}");
    tmux.enter("echo a$((1 + 1))b");
    let screen = tmux.until_shown("a2b");
    assert!(screen.contains("echo a$((1 + 1))b"), "what is typed is not seen: {screen}");
}

#[test]
fn a_run_is_watched_at_every_size_and_follows_the_keys() {
    // F-U5
    let (desk, vendor) = (Desk::new(), Simulated::start(vendor()));
    let mut running = backfill(&desk, &vendor).spawn();
    running.until_said("stored");
    let tmux = Tmux::start(desk.path(), 80, 24);
    tmux.enter("echo before");
    let before = tmux.until_shown("before");
    watch(&tmux, "--tz Asia/Hong_Kong");
    let screen = tmux.until_shown("Waiting for the vendor");
    assert!(screen.contains("(+08:00)") && screen.contains("Before the run, now, and the target"), "{screen}");
    assert!(screen.contains("Milestones of this run") && screen.contains("Throttle"), "{screen}");

    order(&tmux, &mut running, "p", "Paused by request");
    let screen = tmux.until_shown("paused by request since");
    assert!(screen.contains("r resume") || screen.contains("is paused"), "{screen}");
    // What the screen says are the store's numbers: nothing moves while it is paused.
    let sql = "SELECT COUNT(*) FROM chainfill_option WHERE currency = 'BTC' AND state IN ('stored', 'empty')";
    let known: u32 = reader(&desk.database()).query_row(sql, [], |row| row.get(0)).unwrap();
    tmux.until_shown(&format!(" {known} of 150"));

    tmux.resize(200, 50);
    let screen = tmux.until("three columns", |screen| screen.contains("Latency") && screen.contains("Coverage of"));
    assert!(screen.lines().count() <= 50 && screen.lines().all(|line| line.chars().count() <= 200), "{screen}");
    assert!(screen.contains("Log: the newest requests") && screen.contains("█ stored"), "{screen}");
    tmux.resize(40, 24);
    let screen = tmux.until("the narrow form", |screen| screen.contains("1 Overview  2  3  4  5"));
    assert!(screen.lines().all(|line| line.chars().count() <= 40), "{screen}");
    tmux.resize(80, 24);

    tmux.keys(&["3"]);
    tmux.until_shown("Coverage of BTC");
    tmux.keys(&["Home", "Enter"]);
    tmux.until("the options of an expiry", |screen| screen.contains("options ─") && screen.contains("Esc back"));
    tmux.keys(&["Enter"]);
    tmux.until("an option's story", |screen| screen.contains("Its newest requests: 1") && screen.contains("Its bars"));
    // A terminal says Alt-4 for the two: both are taken.
    tmux.keys(&["Escape", "4"]);
    tmux.until_shown("The last errors of this run");
    tmux.keys(&["5"]);
    tmux.until_shown("Log: the journal's newest requests");
    tmux.keys(&["?"]);
    tmux.until_shown("asks the vendor nothing");
    tmux.keys(&["x", "1"]);
    tmux.until_shown("Milestones of this run");

    let requests = vendor.requests();
    order(&tmux, &mut running, "r", "Going on by request");
    order(&tmux, &mut running, "-", "at most 20 requests a second");
    running.until("requests", || vendor.requests() > requests);
    tmux.keys(&["s"]);
    tmux.until_shown("Stop the run?");
    tmux.keys(&["n"]);
    tmux.until("no question", |screen| !screen.contains("Stop the run?"));
    tmux.keys(&["s"]);
    order(&tmux, &mut running, "y", "Stopping");
    running.wait().expect_code(STOPPED);
    tmux.until_shown("Idle: no run");
    tmux.keys(&["q"]);
    is_given_back(&tmux, &before);
}

#[test]
fn the_terminal_is_given_back_however_the_view_ends() {
    let (desk, vendor) = (Desk::new(), Simulated::start(super::vendor()));
    backfill(&desk, &vendor).args(&["--limit", "5"]).run();
    let tmux = Tmux::start(desk.path(), 80, 24);
    let before = tmux.screen();
    for signal in [Some(Signal::TERM), Some(Signal::INT), Some(Signal::HUP), None] {
        watch(&tmux, "");
        assert_eq!(tmux.tell("#{alternate_on}"), "1");
        match signal {
            Some(signal) => {
                let pid = fs::read_to_string(desk.path().join("watch.pid")).unwrap().trim().parse().unwrap();
                kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
            }
            None => tmux.keys(&["C-c"]),
        }
        is_given_back(&tmux, &before);
        tmux.enter("clear");
        tmux.until("an empty screen", |screen| screen.trim() == "$");
    }
}

#[test]
fn a_store_that_is_not_there_yet_or_moved_away_is_waited_for() {
    let (desk, vendor) = (Desk::new(), Simulated::start(super::vendor()));
    let tmux = Tmux::start(desk.path(), 80, 24);
    watch(&tmux, "");
    tmux.until_shown("there is no archive at");
    backfill(&desk, &vendor).args(&["--limit", "5"]).run();
    tmux.until_shown("options are still to be fetched");
    let away = desk.path().join("elsewhere.db");
    fs::rename(desk.database(), &away).unwrap();
    let screen = tmux.until_shown("What is shown is");
    assert!(screen.contains("no archive at") && screen.contains("Milestones"), "{screen}");
    fs::rename(&away, desk.database()).unwrap();
    tmux.until_shown("options are still to be fetched");
    assert_eq!(vendor.requests(), 6, "F-U6: looking costs no request");
}

#[test]
fn without_a_terminal_it_says_what_to_call_and_without_colour_it_draws_none() {
    // F-U5
    let (desk, vendor) = (Desk::new(), Simulated::start(super::vendor()));
    for term in ["xterm", "dumb"] {
        let ended = desk.chainfill(&["watch"]).env("TERM", term).ends_with(2);
        assert!(ended.err.contains("chainfill status --watch") && ended.err.lines().count() == 1, "{}", ended.err);
    }
    backfill(&desk, &vendor).args(&["--limit", "5"]).run();
    let tmux = Tmux::start(desk.path(), 80, 24);
    tmux.enter("export NO_COLOR=1");
    watch(&tmux, "");
    tmux.until_shown("Milestones");
    let is_colour = |code: &str| matches!(code.parse(), Ok(30..=38 | 40..=48 | 90..=107));
    let has_colour = |painted: &str| {
        let codes = painted.split("\x1b[").skip(1).filter_map(|text| text.split_once('m'));
        codes.flat_map(|(codes, _)| codes.split(';')).any(is_colour)
    };
    assert!(!has_colour(&tmux.painted()), "{:?}", tmux.painted());
    tmux.keys(&["q"]);
    tmux.until_shown("ended 0");
    tmux.enter("clear; unset NO_COLOR");
    watch(&tmux, "");
    tmux.until_shown("Milestones");
    assert!(has_colour(&tmux.painted()), "{:?}", tmux.painted());
}
