//! Requests that reached the vendor inside a wait that it had told: what no run that knew of it had any right to send (I6).

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;

use super::archive::{Archive, Attempt, Loss};
use super::program::Desk;
use super::simulated::{Came, Simulated};

/// How far two clocks of one machine may differ: each is read in whole milliseconds, from its own start.
const CLOCK_MS: i64 = 10;

/// How long a request may be on its way, on a machine that has much to do.
const FLIGHT_MS: i64 = 1_000;

/// Those requests, by the vendor's own log. The journal says only from when on somebody knew: a refusal that stands in
/// it as settled was heard at that moment by its run, and was there for each run that came later. One that is not in it
/// was heard by a run that was killed before its commit, and binds nobody.
///
/// What was in flight already cannot be called back. It had been announced by then and was answered later, or never;
/// and beside the refused one there were at most one fewer than may be in flight at once.
pub fn early(attempts: &[Attempt], came: &[Came], at_once: usize) -> u64 {
    let mut by_query: HashMap<&str, Vec<&Attempt>> = HashMap::new();
    for attempt in attempts {
        by_query.entry(&attempt.query).or_default().push(attempt);
    }
    // An attempt is in the journal before its request leaves, and the next one of that query comes after its answer.
    let attempt_of = |came: &Came| {
        let of_query = by_query.get(came.query.as_str())?;
        of_query.iter().rfind(|attempt| attempt.sent_ms <= came.at_ms + CLOCK_MS).copied()
    };
    let announced: Vec<(&Came, Option<&Attempt>)> = came.iter().map(|came| (came, attempt_of(came))).collect();
    let mut early = HashSet::new();
    for heard in attempts.iter().filter(|attempt| attempt.outcome == "throttled") {
        // The refusal that it heard: the last one of that query before its answer was taken in.
        let is_its =
            |came: &&Came| came.is_refused && came.query == heard.query && came.at_ms <= heard.done_ms + CLOCK_MS;
        let Some(refusal) = came.iter().rfind(is_its) else { continue };
        let Some(wait_ms) = refusal.wait_ms else { continue };
        // Both by the vendor's clock.
        let until_ms = refusal.at_ms + wait_ms;
        let mut in_flight = 0;
        for (number, (came, attempt)) in announced.iter().enumerate().filter(|(_, (came, _))| came.at_ms < until_ms) {
            let Some(attempt) = attempt else {
                if came.at_ms > heard.done_ms + CLOCK_MS {
                    early.insert(number);
                }
                continue;
            };
            // What an older run left behind was on its way when that one was killed.
            let is_left = attempt.epoch < heard.epoch && came.at_ms <= heard.done_ms + FLIGHT_MS;
            if std::ptr::eq(*attempt, heard) || is_left {
                continue;
            }
            let had_landed = (1..=heard.done_ms).contains(&attempt.done_ms);
            let is_late = attempt.epoch > heard.epoch
                || attempt.sent_ms > heard.done_ms
                || (!had_landed && came.at_ms > heard.done_ms + FLIGHT_MS);
            in_flight += usize::from(!is_late && !had_landed);
            if (is_late || in_flight >= at_once) && early.insert(number) {
                println!("early: {came:?} of {attempt:?}, {} ms before the end of {heard:?}", until_ms - came.at_ms);
            }
        }
    }
    early.len() as u64
}

#[test]
fn each_manner_of_refusal_binds_whoever_reads_it_and_only_then() {
    // F-I6, F-T2, F-T8: a wait in seconds, behind another status, and as a date.
    for fault in ["s1@9", "t8@9", "t2@9"] {
        let faults = fault.parse().unwrap();
        let settings = super::world::small("BTC=20,ETH=20");
        let vendor = Simulated::start(chainfill::vendor::Settings { faults, fault_wait_s: 60, ..settings });
        let desk = Desk::new();
        let archive = Archive::Sqlite(desk.database());
        let backfill = || desk.chainfill(&["backfill", "--max-rate", "none", "--api-url", &vendor.base_url]).with_key();
        let mut running = backfill().spawn();
        running.until("the refusal", || {
            desk.database().exists()
                && vendor.requests() >= 9
                && archive.attempts().iter().any(|attempt| attempt.outcome == "throttled")
        });
        assert!(running.kill());
        // A program that forgets: the next run knows of no wait.
        let file = Connection::open(desk.database()).unwrap();
        assert_eq!(file.execute("DELETE FROM chainfill_memory WHERE name = 'throttle'", []).unwrap(), 1);
        backfill().ends_with(0);
        let later = vendor.requests() - 9;
        assert!(later > 30);
        assert_eq!(archive.compare(&vendor), Loss { early: later, ..Loss::default() }, "{fault}");
        // Of a run that was killed before it wrote the refusal down nobody could know.
        file.execute("UPDATE chainfill_attempt SET outcome = 'unknown' WHERE outcome = 'throttled'", []).unwrap();
        assert_eq!(archive.compare(&vendor), Loss::default(), "{fault}");
    }
}

#[test]
fn what_was_in_flight_is_told_from_what_left_later() {
    let attempt = |epoch, query: &str, outcome: &str, sent_ms, done_ms| {
        let (query, outcome) = (query.to_owned(), outcome.to_owned());
        Attempt { epoch, query, outcome, sent_ms, done_ms }
    };
    let came = |query: &str, at_ms, wait_ms: Option<i64>| Came {
        query: query.to_owned(),
        at_ms,
        is_refused: wait_ms.is_some(),
        wait_ms,
    };
    let of = |more: &[(Attempt, Came)]| {
        let mut attempts = vec![attempt(2, "refused", "throttled", 5_000, 5_100)];
        let mut requests = vec![came("refused", 5_050, Some(10_000))];
        attempts.extend(more.iter().map(|(attempt, _)| attempt.clone()));
        requests.extend(more.iter().map(|(_, came)| came.clone()));
        early(&attempts, &requests, 2)
    };
    let flight = |query: &str| (attempt(2, query, "rows", 5_000, 5_120), came(query, 5_105, None));
    assert_eq!(of(&[flight("a")]), 0, "one beside the refused one");
    assert_eq!(of(&[flight("a"), flight("b")]), 1, "no more than two were in flight at once");
    let landed = (attempt(2, "b", "rows", 5_000, 5_090), came("b", 5_060, None));
    assert_eq!(of(&[flight("a"), landed]), 0, "it was answered before");
    let slow = |at_ms| (attempt(2, "a", "unknown", 5_000, 0), came("a", at_ms, None));
    assert_eq!((of(&[slow(6_000)]), of(&[slow(6_200)])), (0, 1), "announced in time, and it left when it was too late");
    assert_eq!(of(&[(attempt(2, "a", "rows", 5_101, 5_120), came("a", 5_110, None))]), 1, "announced after it");
    let later_run = |at_ms| (attempt(3, "a", "rows", at_ms - 1, at_ms + 1), came("a", at_ms, None));
    assert_eq!((of(&[later_run(15_000)]), of(&[later_run(15_050)])), (1, 0), "the wait ends 10 s after the refusal");
    let left_behind = (attempt(1, "a", "unknown", 4_000, 0), came("a", 5_200, None));
    assert_eq!(of(&[left_behind]), 0, "it was on its way when its run was killed");
    assert_eq!(of(&[(attempt(3, "a", "rows", 5_300, 5_400), came("b", 5_350, None))]), 1, "announced by nobody");
}
