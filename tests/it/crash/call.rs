//! SIGKILL at every call that changes something outside the program: each write and sync of a file, each send.

use std::ops::Range;
use std::sync::{Mutex, OnceLock};

use chainfill::vendor::Settings;
use fastrand::Rng;

use crate::rig::archive::{Archive, Loss};
use crate::rig::bout::Bout;
use crate::rig::lock;
use crate::rig::postgres::Postgres;
use crate::rig::program::{Desk, Program};
use crate::rig::simulated::Simulated;
use crate::rig::strace::{self, Call};
use crate::rig::world::small;

/// Stories in `./check` beyond one for each call of a run: killed, and killed again while it recovers from that.
const TWICE: u64 = 12;

/// How often a story is told until each of its kills has hit: threads take turns, and a run may make some calls less.
const TRIES: usize = 4;

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

/// The calls that a run can be killed at, and those of the runs that recover from it.
struct Plan<'a> {
    calls: &'a [Call],
    /// Those of one commit, and the others in any order.
    within: Vec<usize>,
    others: Vec<usize>,
    /// By the call of the first kill: what the next run calls, in any order.
    recoveries: Vec<OnceLock<Vec<Call>>>,
    seed: u64,
}

impl Plan<'_> {
    fn new(calls: &[Call], seed: u64) -> Plan<'_> {
        let span = span_of_a_commit(calls);
        let alone = (0..calls.len()).filter(|at| !calls[*at].is_twin);
        let (within, mut others): (Vec<usize>, Vec<usize>) = alone.partition(|at| span.contains(at));
        Rng::with_seed(seed).shuffle(&mut others);
        Plan { calls, within, others, recoveries: vec![OnceLock::new(); calls.len()], seed }
    }

    /// How many stories have one kill.
    fn once(&self) -> usize {
        self.within.len() + self.others.len()
    }

    /// The calls of a commit, the others; then two kills each: of the calls of a commit and of the others in turn, and
    /// behind each in its turn one call of the run that recovers from it.
    fn story(&self, number: usize, pg: Option<&Postgres>) -> Vec<&Call> {
        let mut once = self.within.iter().chain(&self.others);
        if let Some(at) = once.nth(number) {
            return vec![&self.calls[*at]];
        }
        let number = number - self.once();
        let firsts = if number.is_multiple_of(2) { &self.within } else { &self.others };
        let (round, place) = ((number / 2) / firsts.len(), (number / 2) % firsts.len());
        let at = firsts[place];
        let recovery = self.recoveries[at].get_or_init(|| {
            let mut calls = traced(Some(&self.calls[at]), pg);
            calls.retain(|call| !call.is_twin);
            Rng::with_seed(self.seed ^ at as u64).shuffle(&mut calls);
            calls
        });
        vec![&self.calls[at], &recovery[round % recovery.len()]]
    }
}

/// All calls of one commit; then the other calls of the run in any order, and those of runs that recover from a kill.
fn kill_at_each(name: &'static str, pg: Option<&Postgres>) {
    let calls = traced(None, pg);
    let alone = calls.iter().filter(|call| !call.is_twin).count() as u64;
    let bout = Mutex::new(Bout::new(name, alone + 2 * TWICE));
    let plan = Plan::new(&calls, lock(&bout).rng().u64(..));
    println!("{} calls, {alone} to be killed at apart, {} in one commit", calls.len(), plan.within.len());
    let (next, missed) = (Mutex::new(0), Mutex::new(0));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = {
                        let mut next = lock(&next);
                        // Those of the commit are done whatever time is left.
                        if *next >= plan.within.len() && lock(&bout).left() == 0 {
                            return;
                        }
                        *next += 1;
                        *next - 1
                    };
                    let kills = plan.story(number, pg);
                    let hit = (0..TRIES).any(|_| {
                        let (killed, loss) = tell(&kills, pg);
                        let mut bout = lock(&bout);
                        bout.done(killed);
                        bout.lost(loss.sum());
                        assert_eq!(loss, Loss::default(), "killed at {kills:#?}");
                        killed == kills.len() as u64
                    });
                    assert!(hit || number >= plan.within.len(), "never killed at {kills:#?}");
                    *lock(&missed) += usize::from(!hit);
                }
            });
        }
    });
    let (missed, stories) = (missed.into_inner().unwrap(), next.into_inner().unwrap());
    println!("{stories} stories, in {missed} of them a run ended {TRIES} times before the call to be killed at");
    assert!(missed * 10 <= stories, "too many runs were killed nowhere: this test shows less than it says");
}

/// What a run calls that nobody kills: from nothing, or behind one that was killed at a call.
fn traced(killed_at: Option<&Call>, pg: Option<&Postgres>) -> Vec<Call> {
    for _ in 0..TRIES {
        let (desk, vendor) = (Desk::new(), vendor());
        let archive = archive(&desk, pg);
        if let Some(call) = killed_at
            && !is_killed(backfill(&desk, &vendor, &archive), call)
        {
            continue;
        }
        let written = desk.path().join("strace");
        backfill(&desk, &vendor, &archive).under(&strace::tracing(&written)).ends_with(0);
        let calls = strace::calls(&written);
        // It wrote down what went over the wire, the key as well: nobody but the test has to do with that.
        std::fs::remove_file(&written).unwrap();
        return calls;
    }
    panic!("never killed at {killed_at:#?}");
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
        if !is_killed(backfill(&desk, &vendor, &archive), call) {
            break;
        }
        killed += 1;
        torn += usize::try_from(archive.torn()).unwrap();
    }
    backfill(&desk, &vendor, &archive).ends_with(0);
    let mut loss = archive.compare(&vendor);
    loss.miscounted += torn;
    (killed, loss)
}

/// Whether a run was killed at that call, or had come to its end before it.
fn is_killed(run: Program<'_>, call: &Call) -> bool {
    let ended = run.under(&strace::killing_at(call)).run();
    assert!([KILLED, Some(0)].contains(&ended.code), "{:?}\n{}", ended.code, ended.said());
    ended.code == KILLED
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
