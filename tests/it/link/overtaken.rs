//! Two real programs on two hosts: the first is stopped past its lease, the second takes over, the first wakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use chainfill::limits::{BEAT_MS, LEASE_MS};
use chainfill::vendor::Settings;
use rustix::process::Signal;

use crate::rig::archive::{Archive, Loss};
use crate::rig::postgres::Postgres;
use crate::rig::program::{Desk, Program};
use crate::rig::proxy::{Act, Course, Proxy, Side};
use crate::rig::simulated::Simulated;
use crate::rig::skipped;
use crate::rig::world::small;

/// Exit code: another run holds the store, or took it over.
const HELD: i32 = 11;

/// A host of another name, for the program behind it: there nobody can see whether this host's processes live.
const ELSEWHERE: &[&str] =
    &["unshare", "-u", "sh", "-c", r#"echo elsewhere >/proc/sys/kernel/hostname && exec "$0" "$@""#];

/// Counts what one program asks for.
struct Counted(Arc<AtomicU64>);

impl Course for Counted {
    fn next(&mut self, from: Side, bytes: &[u8]) -> Vec<Act> {
        self.0.fetch_add(u64::from(from == Side::Program), Ordering::SeqCst);
        vec![Act::Pass(bytes.to_vec())]
    }
}

fn may_be_elsewhere() -> bool {
    let tried = std::process::Command::new(ELSEWHERE[0]).args(&ELSEWHERE[1..]).arg("true").output();
    let may = tried.is_ok_and(|out| out.status.success());
    if !may {
        skipped("another host's name needs `unshare -u`, which this user may not use");
    }
    may
}

#[test]
fn a_run_that_wakes_after_another_host_took_over_writes_and_sends_nothing() {
    // F-P6, F-I5, F-I7: the lease is over by time alone
    if !may_be_elsewhere() {
        return;
    }
    let pg = Postgres::start();
    let archive = Archive::Postgres(&pg, pg.database());
    let vendor = Simulated::start(Settings { latency_ms: 5, ..small("BTC=400") });
    let asked = Arc::new(AtomicU64::new(0));
    let counted = asked.clone();
    let port = vendor.base_url.trim_end_matches("/v1").rsplit_once(':').unwrap().1.parse().unwrap();
    let proxy = Proxy::start(port, move |_| Box::new(Counted(counted.clone())));
    let (here, there) = (Desk::new(), Desk::new());
    let store = archive.url();
    let backfill = |desk, api: &str| -> Program<'_> {
        let args = ["backfill", "--max-rate", "30", "--query", "symbol", "--store", &store, "--api-url", api];
        Desk::chainfill(desk, &args).with_key().deadline_s(150)
    };
    // Its lines in the journal, and those of them whose outcome is known.
    let of_first = || {
        let counts = pg.psql(&store, "SELECT count(*), count(outcome) FROM chainfill_attempt WHERE epoch = 1");
        let (all, done) = counts.split_once('|').unwrap();
        (all.parse::<u64>().unwrap(), done.parse::<u64>().unwrap())
    };

    let mut first = backfill(&here, &proxy.through(&vendor.base_url)).spawn();
    first.until("some options", || vendor.requests() > 20);
    // While it gives signs of life nobody gets the store.
    let refused = backfill(&there, &vendor.base_url).under(ELSEWHERE).ends_with(HELD);
    assert!(refused.err.contains(&first.pid().to_string()), "it names who holds it: {}", refused.err);
    first.signal(Signal::STOP);
    let stat = format!("/proc/{}/stat", first.pid());
    first.until("its stop", || std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T ")));

    // Then whoever asks gets it, once its lease is over: a beat was written within five seconds before it was stopped.
    let (heard, since) = (vendor.requests(), Instant::now());
    let mut second = backfill(&there, &vendor.base_url).under(ELSEWHERE).spawn();
    second.until_said("for a sign of life");
    second.until("its first request", || vendor.requests() > heard);
    let waited_ms = i64::try_from(since.elapsed().as_millis()).unwrap();
    assert!((LEASE_MS - 2 * BEAT_MS..LEASE_MS + BEAT_MS).contains(&waited_ms), "it waited {waited_ms} ms");

    let (before, left) = (of_first(), asked.load(Ordering::SeqCst));
    first.signal(Signal::CONT);
    let ended = first.wait().expect_code(HELD);
    assert!(ended.err.contains("another run has taken the store over"), "{}", ended.err);
    assert!(!second.has_ended(), "the second one was at work meanwhile");
    assert_eq!(of_first(), before, "it wrote after it was fenced");
    // At the most what stood in the journal when it was stopped, and had not left by then.
    let late = asked.load(Ordering::SeqCst) - left;
    assert!(late <= before.0 - before.1, "{late} requests after it woke; announced, and answered, were {before:?}");
    second.wait().expect_code(0);
    there.chainfill(&["verify", "--store", &store]).ends_with(0);
    assert_eq!(archive.compare(&vendor), Loss::default());
}
