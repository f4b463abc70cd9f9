//! Under Django's own throttle: the least time, the fewest refusals, and never early.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{LISTING, assert_whole, backfill};
use crate::rig::archive::Archive;
use crate::rig::clocks::Clocks;
use crate::rig::drf::{Access, Drf};
use crate::rig::program::Desk;

/// How far the clocks of two processes on one machine may differ: the server's is set by the network's time.
const CLOCK_S: f64 = 0.01;

/// How long a request may be on its way.
const FLIGHT_S: f64 = 0.2;

/// Nothing left before the end of a cooldown (I6).
///
/// A refusal with `Retry-After: R` that the server logged at t reached the program after t, and the program waits R
/// whole seconds from then on. So no request may reach the server before t + R, though `R` is rounded up and the
/// server's slot opened up to a second sooner. A refusal without the header bounds nothing. What was on its way when
/// the refusal came cannot be called back: `under_way` requests may reach the server right behind the refused one.
fn assert_never_early(accesses: &[Access], under_way: usize) {
    for (at, refused) in accesses.iter().enumerate().filter(|(_, access)| access.status == 429) {
        let Some(wait_s) = refused.retry_after.as_ref().and_then(|text| text.parse::<f64>().ok()) else { continue };
        let until = refused.t + wait_s;
        let later = &accesses[at + 1..];
        let with_it = later.iter().take(under_way).take_while(|access| access.t < refused.t + FLIGHT_S).count();
        if let Some(early) = later[with_it..].iter().find(|access| access.t < until - CLOCK_S) {
            panic!("{early:?} came {:.3} s before the end of the cooldown of {refused:?}", until - early.t);
        }
    }
}

/// At most one refusal in any span of a window.
fn assert_one_refusal_a_window(accesses: &[Access], window_s: f64) {
    let refused: Vec<&Access> = accesses.iter().filter(|access| access.status == 429).collect();
    for pair in refused.windows(2) {
        assert!(pair[1].t - pair[0].t >= window_s, "two refusals within a window: {pair:?}");
    }
}

fn counted(accesses: &[Access]) -> Vec<&Access> {
    accesses.iter().filter(|access| access.status != 429).collect()
}

#[test]
fn the_job_takes_the_least_time_that_the_throttle_allows() {
    // F-T3, F-T4
    let (quota, window_s) = (20, 3.0);
    let drf = Drf::start(&["--threads", "1", "--options", "70", "--throttle", "20/3s"]);
    let desk = Desk::new();
    backfill(&desk, &drf).args(&["--query", "symbol"]).ends_with(0);
    assert_whole(&desk, &drf);
    let accesses = drf.accesses();
    assert_never_early(&accesses, 0);
    assert_one_refusal_a_window(&accesses, window_s);
    let sent = counted(&accesses);
    let asked: BTreeSet<&str> = sent.iter().map(|access| access.path.as_str()).collect();
    assert_eq!(asked.len(), LISTING + 70);
    // Where the last answers to arrive are empty one that is known to hold data is asked for again (S5); nothing else is.
    assert!(sent.len() <= asked.len() + 1, "{} requests for {}", sent.len(), asked.len());
    let took_s = accesses[accesses.len() - 1].t - accesses[0].t;
    // What was known before the first answer cannot be bettered: the first `Retry-After` is rounded up to a second.
    let burst_s = sent.chunks(quota).map(|burst| burst[burst.len() - 1].t - burst[0].t).fold(0.0, f64::max);
    let windows = f64::from(u32::try_from(sent.len().div_ceil(quota) - 1).unwrap());
    let least_s = windows * window_s;
    let most_s = 1.02 * least_s + burst_s + 1.0;
    println!("{took_s:.2} s; at least {least_s} s, at most {most_s:.2} s with a burst of {burst_s:.2} s");
    assert!(least_s <= took_s && took_s <= most_s, "{took_s:.2} s is not within {least_s}..{most_s:.2} s");
    let refused = accesses.len() - sent.len();
    assert_eq!(refused, 1, "the first refusal taught the quota; no further one was needed");
}

#[test]
fn killed_in_a_cooldown_it_sends_nothing_before_its_end() {
    // F-T9, F-P3, I6
    let drf = Drf::start(&["--threads", "1", "--options", "25", "--throttle", "15/4s"]);
    let desk = Desk::new();
    let archive = Archive::Sqlite(desk.database());
    let start = || backfill(&desk, &drf).args(&["--query", "symbol"]).spawn();
    let mut running = start();
    // The refusal is in the journal: from then on the program knows. Before, nobody could.
    running.until("the limit", || {
        drf.accesses().iter().any(|access| access.status == 429)
            && archive.attempts().iter().any(|attempt| attempt.outcome == "throttled")
    });
    assert!(running.kill());
    let at_kill = drf.accesses().len();
    // Killed again and again while it waits.
    for _ in 0..3 {
        let mut running = start();
        assert!(running.lives_for(Duration::from_millis(400)));
        assert!(running.kill());
    }
    assert_eq!(drf.accesses().len(), at_kill, "something was sent in the cooldown");
    start().wait().expect_code(0);
    let accesses = drf.accesses();
    assert_never_early(&accesses, 0);
    assert_one_refusal_a_window(&accesses, 4.0);
    assert_whole(&desk, &drf);
}

#[test]
fn a_run_that_was_killed_in_a_burst_knows_what_it_has_spent() {
    // F-T9, I5: the quota is learned; killed and started again in a window, the next run stops by itself.
    let drf = Drf::start(&["--threads", "1", "--options", "45", "--throttle", "20/3s"]);
    let desk = Desk::new();
    let start = || backfill(&desk, &drf).args(&["--query", "symbol"]).spawn();
    let mut running = start();
    running.until("the second burst", || counted(&drf.accesses()).len() > 25);
    assert!(running.kill());
    start().wait().expect_code(0);
    let accesses = drf.accesses();
    assert_never_early(&accesses, 0);
    let refused = accesses.iter().filter(|access| access.status == 429).count();
    assert_eq!(refused, 1, "the second run met the limit again");
    assert_whole(&desk, &drf);
}

#[test]
fn a_rate_that_is_lowered_on_the_way_is_survived_and_told() {
    // F-T7, F-T1: Django says no time when more was counted than the new rate allows.
    let drf = Drf::start(&["--threads", "1", "--options", "50", "--throttle", "20/2s"]);
    let desk = Desk::new();
    let mut running = backfill(&desk, &drf).args(&["--query", "symbol"]).spawn();
    running.until("the second burst", || counted(&drf.accesses()).len() > 35);
    drf.set_rate("10/2s");
    let ended = running.wait().expect_code(0);
    assert_whole(&desk, &drf);
    let accesses = drf.accesses();
    assert_never_early(&accesses, 0);
    let refused = accesses.iter().filter(|access| access.status == 429).count();
    assert!(refused <= 4, "{refused} refusals");
    let said = ended.said();
    assert!(said.contains("10 requests per 2 s"), "the new quota was not told:\n{said}");
}

#[test]
fn a_server_that_forgets_is_no_trouble() {
    // F-T6
    let drf = Drf::start(&["--threads", "1", "--options", "50", "--throttle", "20/2s"]);
    let desk = Desk::new();
    let mut running = backfill(&desk, &drf).args(&["--query", "symbol"]).spawn();
    running.until("the limit", || drf.accesses().iter().any(|access| access.status == 429));
    drf.forget();
    running.until("the second burst", || counted(&drf.accesses()).len() > 25);
    drf.forget();
    running.wait().expect_code(0);
    assert_whole(&desk, &drf);
    assert_never_early(&drf.accesses(), 0);
    assert_one_refusal_a_window(&drf.accesses(), 2.0);
}

#[test]
fn two_limits_at_once_are_both_kept() {
    // F-T4
    let drf = Drf::start(&["--threads", "1", "--options", "30", "--throttle", "10/1s", "--throttle", "25/5s"]);
    let desk = Desk::new();
    backfill(&desk, &drf).args(&["--query", "symbol"]).ends_with(0);
    assert_whole(&desk, &drf);
    // The quota that was learned first is trusted: the other limit is met with four requests under way.
    assert_never_early(&drf.accesses(), 3);
}

#[test]
fn a_vendor_whose_processes_count_each_for_itself_is_waited_for() {
    // F-T6: what one process refuses another one lets through, and where one ends its count ends with it.
    let args = ["--threads", "1", "--processes", "3", "--options", "40", "--throttle", "10/2s"];
    let drf = Drf::start(&args);
    let desk = Desk::new();
    let mut running = backfill(&desk, &drf).args(&["--query", "symbol", "--concurrency", "12"]).spawn();
    let refusal = || drf.accesses().into_iter().find(|access| access.status == 429);
    running.until("the limit", || refusal().is_some());
    let pid = refusal().and_then(|access| Pid::from_raw(access.pid)).expect("the process that refused");
    kill_process(pid, Signal::KILL).expect("it runs");
    running.wait().expect_code(0);
    assert_whole(&desk, &drf);
    let accesses = drf.accesses();
    let served: BTreeSet<i32> = accesses.iter().map(|access| access.pid).collect();
    assert!(served.len() > 1, "one process had all the connections: nothing was tried");
    assert_never_early(&accesses, 11);
}

#[test]
fn a_vendor_whose_clock_is_set_back_says_a_longer_wait_and_is_heard() {
    // F-C2, F-C4: Django counts by its wall clock; what it let through then lies in its future.
    let Some(mut clocks) = Clocks::new() else { return };
    let drf = Drf::start_on(&["--threads", "1", "--options", "30", "--throttle", "20/2s"], &clocks);
    let desk = Desk::new();
    let mut running = backfill(&desk, &drf).args(&["--query", "symbol"]).spawn();
    running.until("the limit", || drf.accesses().iter().any(|access| access.status == 429));
    clocks.step(-4_000);
    let ended = running.wait().expect_code(0);
    assert_whole(&desk, &drf);
    let refused: Vec<Access> = drf.accesses().into_iter().filter(|access| access.status == 429).collect();
    assert!((1..=3).contains(&refused.len()), "{refused:?}");
    let longest_s = refused.iter().filter_map(|access| access.retry_after.as_ref()?.parse::<i64>().ok()).max();
    assert!(longest_s > Some(2), "the clock was set back after the wait was over: {refused:?}");
    assert!(ended.said().contains("Must wait"), "{}", ended.said());
}
