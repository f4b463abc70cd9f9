//! A run that is stopped past its lease while another one takes over writes nothing when it wakes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chainfill::clock::{Clock as _, SystemClock};
use chainfill::domain::run::{Ending, Identity};
use chainfill::limits::LEASE_MS;
use chainfill::store::{Batch, Claim, Epoch, Mode, RunEnd, Store, StoreError, open};
use chainfill::vendor::Settings;
use rustix::process::Signal;

use crate::rig::archive::{Archive, Loss};
use crate::rig::postgres::Postgres;
use crate::rig::program::Desk;
use crate::rig::proxy::{Act, Course, Proxy, Side};
use crate::rig::simulated::Simulated;
use crate::rig::world::small;

/// Exit code: another run took the store over.
const FENCED: i32 = 11;

fn settings() -> Settings {
    Settings { latency_ms: 10, ..small("BTC=200") }
}

#[test]
fn stopped_past_its_lease_on_sqlite_it_writes_nothing() {
    // F-P6, F-I7
    let desk = Desk::new();
    overtaken(&desk, &Archive::Sqlite(desk.database()));
}

#[test]
fn stopped_past_its_lease_on_postgres_it_writes_nothing() {
    // F-P6, F-I7
    let pg = Postgres::start();
    overtaken(&Desk::new(), &Archive::Postgres(&pg, pg.database()));
}

/// The lease is taken as one on another host would find it: there nobody can see that the process is only stopped.
fn overtaken(desk: &Desk, archive: &Archive<'_>) {
    let vendor = Simulated::start(settings());
    let backfill = |desk| {
        let args = ["backfill", "--max-rate", "none", "--api-url", &vendor.base_url, "--store", &archive.url()];
        Desk::chainfill(desk, &args).with_key().deadline_s(120)
    };
    let mut first = backfill(desk).spawn();
    first.until("some options", || vendor.requests() > 20);
    first.signal(Signal::STOP);
    let runtime = runtime();
    let store = runtime.block_on(writable(&archive.url()));
    let second = runtime.block_on(claim(&*store, |_| Some(false)));
    let before = archive.attempts().len();
    first.signal(Signal::CONT);
    let ended = first.wait().expect_code(FENCED);
    assert!(ended.err.contains("another run has taken the store over"), "{}", ended.err);
    assert_eq!(archive.attempts().len(), before, "it wrote after it was fenced");
    let end = RunEnd { at: SystemClock::start().now(), ending: Ending::Complete, progress: None };
    runtime.block_on(store.end(second, &end)).unwrap();
    backfill(&Desk::new()).ends_with(0);
    assert_eq!(archive.compare(&vendor), Loss::default());
}

/// Passes everything until a batch's first answers come back: from then on nothing, either way, and nobody is told.
#[derive(Default)]
struct VanishesInTransaction {
    is_batch: bool,
    is_gone: bool,
}

impl Course for VanishesInTransaction {
    fn next(&mut self, from: Side, bytes: &[u8]) -> Vec<Act> {
        let holds = |word: &[u8]| bytes.windows(word.len()).any(|found| found == word);
        self.is_batch |= from == Side::Program && holds(b"INSERT INTO chainfill_action");
        // The lease's row is updated by then, and the transaction open.
        self.is_gone |= self.is_batch && from == Side::Other && holds(b"INSERT 0 1\0");
        vec![if self.is_gone { Act::Lose } else { Act::Pass(bytes.to_vec()) }]
    }
}

#[test]
fn a_host_that_vanishes_within_a_transaction_keeps_the_lease_from_nobody() {
    // F-P6, F-P1: the server would keep the lease's row locked until it finds out by itself, two hours later.
    let pg = Postgres::start();
    let url = pg.database();
    let proxy = Proxy::start(pg.port(), |_| Box::new(VanishesInTransaction::default()));
    runtime().block_on(async {
        let store = writable(&proxy.through(&url)).await;
        let epoch = claim(&*store, |_| None).await;
        let batch = Batch { at: SystemClock::start().now(), action: Some("x".to_owned()), ..Batch::default() };
        let call = tokio::time::timeout(Duration::from_secs(1), store.commit(epoch, &batch));
        assert!(call.await.is_err(), "it vanished, and was answered");
        let idle = pg.psql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'");
        assert_eq!(idle, "1", "the transaction is open");
        let other = writable(&url).await;
        let from = Instant::now();
        claim(&*other, |_| Some(false)).await;
        assert!(from.elapsed() < Duration::from_millis(LEASE_MS.unsigned_abs()), "{:?}", from.elapsed());
        assert!(matches!(other.commit(epoch, &batch).await, Err(StoreError::Fenced)));
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn writable(url: &str) -> Arc<dyn Store> {
    open(&url.parse().unwrap(), Mode::Write).await.unwrap_or_else(|error| panic!("{error}")).store
}

async fn claim(store: &dyn Store, alive: fn(&Identity) -> Option<bool>) -> Epoch {
    let clock = SystemClock::start();
    let mine = chainfill::process::identity(&clock, "chainfill backfill".to_owned());
    let identity = Identity { host: "elsewhere".to_owned(), pid: fastrand::u32(1..), ..mine };
    store.begin(&Claim { identity, now: clock.now(), alive }).await.unwrap_or_else(|error| panic!("{error}"))
}
