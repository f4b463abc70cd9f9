//! SIGKILL at every call that changes something outside the program: each write and sync of a file, each send.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use chainfill::vendor::Settings;
use fastrand::Rng;

use crate::rig::archive::{Archive, Loss};
use crate::rig::bout::Bout;
use crate::rig::postgres::Postgres;
use crate::rig::program::{Desk, Program};
use crate::rig::simulated::Simulated;
use crate::rig::strace::{self, Call};
use crate::rig::world::small;

/// Stories in `./check` beyond one for each call of a run: killed, and killed again while it recovers from that.
const TWICE: u64 = 20;

/// Stories at once: a traced program waits a lot.
const AT_ONCE: usize = 3;

/// Exit code of a program that a signal ended, as strace hands it on: it dies of the same.
const KILLED: Option<i32> = None;

#[test]
fn killed_at_each_call_of_a_commit_to_sqlite_nothing_is_lost() {
    // F-P3, F-B1, F-I2, F-I5
    if strace::is_there() {
        kill_at_each("kill-at-call-sqlite", None);
    }
}

#[test]
fn killed_at_each_call_of_a_commit_to_postgres_nothing_is_lost() {
    // F-P3, F-B1, F-B2, F-I2, F-I5
    if strace::is_there() {
        kill_at_each("kill-at-call-postgres", Some(&Postgres::start()));
    }
}

/// All calls of one commit; then the other calls of the run in any order, and of those that recover from it.
fn kill_at_each(name: &'static str, pg: Option<&Postgres>) {
    let calls = traced(pg);
    let span = span_of_a_commit(&calls);
    let alone: Vec<usize> = (0..calls.len()).filter(|at| !calls[*at].is_twin).collect();
    let (within, mut others): (Vec<usize>, Vec<usize>) = alone.iter().partition(|at| span.contains(at));
    println!("{} calls, {} of them twins; {} in one commit", calls.len(), calls.len() - alone.len(), within.len());
    let bout = Mutex::new(Bout::new(name, alone.len() as u64 + TWICE));
    let mut rng = bout.lock().unwrap().rng();
    rng.shuffle(&mut others);
    let order: Vec<usize> = within.iter().copied().chain(others).collect();
    let story = |number: usize, rng: &mut Rng| -> Vec<usize> {
        match order.get(number) {
            Some(at) => vec![*at],
            None => vec![alone[rng.usize(..alone.len())], alone[rng.usize(..alone.len())]],
        }
    };
    let next = Mutex::new((0, rng));
    let missed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let at = {
                        let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                        // Those of the commit are done whatever time is left.
                        let left = bout.lock().unwrap_or_else(PoisonError::into_inner).left();
                        if next.0 >= within.len() && left < AT_ONCE as u64 {
                            return;
                        }
                        next.0 += 1;
                        let number = next.0 - 1;
                        story(number, &mut next.1)
                    };
                    let kills: Vec<&Call> = at.iter().map(|at| &calls[*at]).collect();
                    let (killed, loss) = tell(&kills, pg);
                    let mut bout = bout.lock().unwrap_or_else(PoisonError::into_inner);
                    // A run may make a few calls less than the traced one: then it came to its end before that call.
                    bout.done(1);
                    missed.fetch_add(kills.len() as u64 - killed, Ordering::Relaxed);
                    bout.lost(loss.sum());
                    assert_eq!(loss, Loss::default(), "killed at {kills:#?}");
                }
            });
        }
    });
    let (missed, stories) = (missed.into_inner(), next.into_inner().unwrap().0);
    println!("{stories} stories, in {missed} of them a run ended before the call that it was to be killed at");
    assert!(missed < stories as u64 / 2, "most runs were killed nowhere: this test shows nothing");
}

/// What a run calls that nobody kills.
fn traced(pg: Option<&Postgres>) -> Vec<Call> {
    let (desk, vendor) = (Desk::new(), vendor());
    let archive = archive(&desk, pg);
    let written = desk.path().join("strace");
    backfill(&desk, &vendor, &archive).under(&strace::tracing(&written)).ends_with(0);
    let calls = strace::calls(&written);
    // It wrote down what went over the wire, the key as well: nobody but the test has to do with that.
    std::fs::remove_file(&written).unwrap();
    calls
}

/// From the first request for an option, the attempt of which was just committed, over the commit of its answer to
/// the line that tells of it.
fn span_of_a_commit(calls: &[Call]) -> Range<usize> {
    let find = |words: &str| calls.iter().position(|call| call.line.contains(words));
    let sent = find("options/?symbol=").expect("a request");
    let told = find(" [2/3] ").expect("a line that tells");
    sent..told + 1
}

/// Killed at each of these calls, one run after another, then to the end. How often it was killed, and what is lost.
fn tell(kills: &[&Call], pg: Option<&Postgres>) -> (u64, Loss) {
    let (desk, vendor) = (Desk::new(), vendor());
    let archive = archive(&desk, pg);
    let (mut killed, mut torn) = (0, 0);
    for call in kills {
        // A run that recovers may make fewer calls than one from nothing: then it comes to its end.
        let ended = backfill(&desk, &vendor, &archive).under(&strace::killing_at(call)).run();
        assert!([KILLED, Some(0)].contains(&ended.code), "{:?}\n{}", ended.code, ended.said());
        killed += u64::from(ended.code == KILLED);
        torn += usize::try_from(archive.torn()).unwrap();
    }
    backfill(&desk, &vendor, &archive).ends_with(0);
    let mut loss = archive.compare(&vendor);
    loss.miscounted += torn;
    (killed, loss)
}

fn vendor() -> Simulated {
    Simulated::start(Settings { empties_share: 0.0, ..small("BTC=3") })
}

fn archive<'a>(desk: &Desk, pg: Option<&'a Postgres>) -> Archive<'a> {
    match pg {
        Some(pg) => Archive::Postgres(pg, pg.database()),
        None => Archive::Sqlite(desk.database()),
    }
}

/// One request at a time, so that each run makes about the same calls.
fn backfill<'a>(desk: &'a Desk, vendor: &Simulated, archive: &Archive<'_>) -> Program<'a> {
    let args = ["backfill", "BTC", "--query", "symbol", "--max-rate", "none", "--concurrency", "1"];
    desk.chainfill(&args).args(&["--api-url", &vendor.base_url, "--store", &archive.url()]).with_key()
}
