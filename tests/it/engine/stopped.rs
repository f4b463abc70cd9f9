//! Runs that are stopped, fenced or cut off from their store.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chainfill::clock::Clock;
use chainfill::domain::candle::Candle;
use chainfill::domain::coverage::ExpiryCover;
use chainfill::domain::governor::Pace;
use chainfill::domain::instrument::{Currency, Symbol};
use chainfill::domain::ledger::OptionRecord;
use chainfill::domain::moment::Moment;
use chainfill::domain::progress::{Phase, Progress};
use chainfill::domain::run::{Ending, Identity};
use chainfill::engine::QueryMode;
use chainfill::limits::HOUR_MS;
use chainfill::store::{
    Batch, Claim, Committed, EachBar, Epoch, Glance, JournalLine, Ledger, Left, Loaded, MemoryStore, Order, Outside,
    RunEnd, RunRow, Store, StoreError, Story,
};
use jiff::civil::Date;

use crate::rig::world::{BEGIN, World, settings, small};

/// A store that is away for some commits, before or after it has written them.
struct Shaky {
    inner: MemoryStore,
    commits: AtomicU32,
    away: std::ops::Range<u32>,
    after_writing: bool,
    /// It is not away but has no room, and a sign of life finds some.
    full: bool,
    /// One connection for all calls, given out in turn, as PostgreSQL's store has it; and how long a commit holds it.
    connection: tokio::sync::Mutex<()>,
    commit_ms: u64,
    /// How often the end fails.
    ends_away: AtomicU32,
    /// How many of three looks for orders are answered, though nobody hears the answer.
    looks: AtomicU32,
    looks_lost_of_3: u32,
    /// After this commit the machine sleeps for a minute, and another host takes the store over.
    sleeps: Option<(u32, Arc<AtomicI64>)>,
}

impl Shaky {
    fn new() -> Shaky {
        let connection = tokio::sync::Mutex::new(());
        let (inner, commits) = (MemoryStore::new(), AtomicU32::new(0));
        Shaky {
            inner,
            commits,
            away: 0..0,
            after_writing: false,
            full: false,
            connection,
            commit_ms: 0,
            ends_away: AtomicU32::new(0),
            looks: AtomicU32::new(0),
            looks_lost_of_3: 0,
            sleeps: None,
        }
    }
}

#[async_trait]
impl Store for Shaky {
    async fn begin(&self, claim: &Claim) -> Result<Epoch, StoreError> {
        self.inner.begin(claim).await
    }
    async fn commit(&self, epoch: Epoch, batch: &Batch) -> Result<Committed, StoreError> {
        let _held = self.connection.lock().await;
        tokio::time::sleep(Duration::from_millis(self.commit_ms)).await;
        let number = self.commits.fetch_add(1, Ordering::Relaxed);
        if !self.away.contains(&number) {
            let done = self.inner.commit(epoch, batch).await;
            if let Some((_, step_ms)) = self.sleeps.as_ref().filter(|(after, _)| *after == number) {
                let now = batch.at + step_ms.fetch_add(60_000, Ordering::Relaxed) + 60_000;
                let identity = Identity { host: "another".into(), ..settings().identity };
                self.inner.begin(&Claim { identity, now, alive: |_| Some(false) }).await?;
            }
            return done;
        }
        if self.after_writing {
            self.inner.commit(epoch, batch).await?;
        }
        if self.full {
            if batch.sent.is_empty() && batch.settled.is_empty() && batch.options.is_empty() {
                return self.inner.commit(epoch, batch).await;
            }
            return Err(StoreError::Full { place: "memory:shaky".into(), what: "the disk is full".into() });
        }
        Err(StoreError::Away { place: "memory:shaky".into(), what: "the connection was cut".into() })
    }
    async fn end(&self, epoch: Epoch, end: &RunEnd) -> Result<(), StoreError> {
        let _held = self.connection.lock().await;
        if self.ends_away.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            if self.after_writing {
                // Written, and the answer lost: the store is free, and somebody else begins.
                self.inner.end(epoch, end).await?;
                let claim = Claim { identity: settings().identity, now: end.at, alive: |_| Some(true) };
                self.inner.begin(&claim).await?;
            }
            return Err(StoreError::Away { place: "memory:shaky".into(), what: "the connection was cut".into() });
        }
        self.inner.end(epoch, end).await
    }
    async fn load(&self, counted_since: Moment) -> Result<Loaded, StoreError> {
        self.inner.load(counted_since).await
    }
    async fn take_orders(&self, epoch: Epoch, followed: &[i64]) -> Result<Vec<(i64, Order)>, StoreError> {
        let _held = self.connection.lock().await;
        if self.full && !followed.is_empty() {
            return Err(StoreError::Full { place: "memory:shaky".into(), what: "the disk is full".into() });
        }
        let orders = self.inner.take_orders(epoch, followed).await;
        if self.looks.fetch_add(1, Ordering::Relaxed) % 3 < self.looks_lost_of_3 {
            return Err(StoreError::Away { place: "memory:shaky".into(), what: "the answer was lost".into() });
        }
        orders
    }
    async fn audit(&self, each: &mut EachBar<'_>) -> Result<Ledger, StoreError> {
        self.inner.audit(each).await
    }
}

#[async_trait]
impl Outside for Shaky {
    fn place(&self) -> &str {
        "memory:shaky"
    }
    async fn glance(&self, now: Moment) -> Result<Glance, StoreError> {
        self.inner.glance(now).await
    }
    async fn coverage(&self, currency: &Currency) -> Result<Vec<ExpiryCover>, StoreError> {
        self.inner.coverage(currency).await
    }
    async fn chain(&self, currency: &Currency, expiry: Option<Date>) -> Result<Vec<OptionRecord>, StoreError> {
        self.inner.chain(currency, expiry).await
    }
    async fn story(&self, symbol: &Symbol) -> Result<Option<Story>, StoreError> {
        self.inner.story(symbol).await
    }
    async fn history(&self, symbol: &Symbol) -> Result<Vec<Candle>, StoreError> {
        self.inner.history(symbol).await
    }
    async fn journal(&self, newest: usize) -> Result<Vec<JournalLine>, StoreError> {
        self.inner.journal(newest).await
    }
    async fn runs(&self, newest: usize) -> Result<Vec<RunRow>, StoreError> {
        self.inner.runs(newest).await
    }
    async fn leave_order(&self, order: &Order, now: Moment) -> Result<Option<Left>, StoreError> {
        self.inner.leave_order(order, now).await
    }
    async fn order_taken(&self, id: i64) -> Result<bool, StoreError> {
        self.inner.order_taken(id).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_goes_away_is_waited_for_and_nothing_is_sent_meanwhile() {
    // F-B2, F-B3, F-I6
    for after_writing in [false, true] {
        let away = 20..26;
        let shaky = Shaky { away, after_writing, ..Shaky::new() };
        let world = World::on(small("BTC=80"), Arc::new(shaky));
        assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
        world.assert_complete().await;
        let events = world.events.lock().unwrap();
        let away = events.iter().position(|(_, event)| event.starts_with("StoreAway")).unwrap();
        let back = events.iter().position(|(_, event)| event.starts_with("StoreBack")).unwrap();
        assert!(away < back && events[away..back].iter().all(|(_, event)| event != "Sent"));
        assert!(events[back].0.0 - events[away].0.0 > 1_000, "it waited ever longer");
    }
}

#[tokio::test(start_paused = true)]
async fn on_a_full_disk_a_run_gives_signs_of_life_and_follows_each_order_once() {
    // F-B11, F-I10, F-P4
    let world = World::on(small("BTC=80"), Arc::new(Shaky { away: 20..u32::MAX, full: true, ..Shaky::new() }));
    let epoch = world.begin().await.unwrap();
    let orders = async {
        let wait = |ms| tokio::time::sleep(Duration::from_millis(ms));
        for order in [Order::Pause, Order::Resume, Order::Stop] {
            wait(40_000).await;
            let run = world.store.glance(world.clock.now()).await.unwrap().run.unwrap();
            let progress: Progress = serde_json::from_str(run.progress.as_deref().unwrap()).unwrap();
            assert!(progress.needs_bytes.is_some_and(|bytes| bytes > 60_000), "{progress:?}");
            world.store.leave_order(&order, world.clock.now()).await.unwrap();
        }
    };
    let (report, ()) = tokio::join!(world.work(epoch), orders);
    assert_eq!(report.unwrap().ending, Ending::Stopped);
    assert!(BEGIN.until_ms(world.clock.now()) < 120_000 + 2_000, "{:?}", world.clock.now());
    let events = world.events.lock().unwrap();
    let told = |name: &str| events.iter().filter(|(_, event)| event == name).count();
    assert_eq!((told("Paused"), told("Unpaused"), told("StoreBack")), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_writes_what_came_in_and_the_next_one_goes_on() {
    // F-P4
    let world = World::new(small("BTC=200"));
    let epoch = world.begin().await.unwrap();
    let order = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        world.store.leave_order(&Order::Stop, world.clock.now()).await.unwrap();
    };
    let (report, ()) = tokio::join!(world.work(epoch), order);
    let report = report.unwrap();
    assert_eq!(report.ending, Ending::Stopped);
    assert!(report.words.contains("options are left"), "{}", report.words);
    assert!(BEGIN.until_ms(world.clock.now()) < 1_500 + 1_000 + 200);
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
    // F-I5: nothing was asked twice but the listing, and every request is in the journal.
    assert_eq!(world.requests(), 1 + 1 + 1 + 200);
    let journal = world.memory.as_ref().unwrap().attempts();
    let left = journal.iter().filter(|(_, settled)| settled.as_ref().is_none_or(|s| s.outcome != "unsent"));
    assert_eq!(left.count() as u64, world.requests());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_taken_over_writes_no_more() {
    // F-I7, F-P6
    let world = World::new(small("BTC=200"));
    let first = world.begin().await.unwrap();
    let second = async {
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        world.begin().await.unwrap()
    };
    let (fenced, second) = tokio::join!(world.work(first), second);
    assert!(matches!(fenced, Err(StoreError::Fenced)), "{fenced:?}");
    // F-I10: its log names the reason; the store is another run's now.
    let last = world.events.lock().unwrap().last().unwrap().1.clone();
    assert!(last.contains("ending: Store") && last.contains("another run has taken the store over"), "{last}");
    assert_eq!(world.work(second).await.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_wakes_after_its_lease_sends_nothing_more() {
    // F-I6, F-P6: neither what the last commit let go, nor what is announced and waits for room in flight
    for after in 4..12 {
        let step_ms = Arc::new(AtomicI64::new(0));
        let mut world = World::on(
            small("BTC=400"),
            Arc::new(Shaky { sleeps: Some((after, step_ms.clone())), commit_ms: 50, ..Shaky::new() }),
        );
        world.clock.step_ms = step_ms.clone();
        world.settings.query = QueryMode::Symbol;
        world.know_quota(10_000, HOUR_MS).await;
        let fenced = world.backfill().await;
        assert!(matches!(fenced, Err(StoreError::Fenced)), "{after}: {fenced:?}");
        assert_eq!(step_ms.load(Ordering::Relaxed), 60_000);
        let events = world.events.lock().unwrap();
        let sent = events.iter().filter(|(_, event)| event == "Sent");
        let (late, before): (Vec<_>, Vec<_>) = sent.partition(|(at, _)| *at >= BEGIN + 60_000);
        assert!(late.is_empty(), "{after}: {late:?}");
        assert!(before.len() >= 4, "{after}: {}", before.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_for_orders_that_waits_for_the_connection_does_not_keep_a_run_from_its_end() {
    // F-P4, F-I12: the look queues behind the last commit, and nobody polls it any more.
    for commit_ms in (100..1_200).step_by(100) {
        let world = World::on(small("BTC=20"), Arc::new(Shaky { commit_ms, ..Shaky::new() }));
        let ended = tokio::time::timeout(Duration::from_secs(3_600), world.backfill()).await;
        assert_eq!(ended.expect("it ends").unwrap().ending, Ending::Complete, "{commit_ms} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_run_is_written_however_often_the_store_goes_away() {
    // F-B3
    let world = World::on(small("BTC=20"), Arc::new(Shaky { ends_away: AtomicU32::new(9), ..Shaky::new() }));
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    let run = world.store.load(BEGIN).await.unwrap().run.unwrap();
    assert_eq!(run.ended.map(|(_, word)| word), Some(Ending::Complete.word().to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_end_is_written_did_not_lose_its_store_to_the_one_that_began_after_it() {
    // F-B2, F-I7: the answer was lost, and tried again it would hear that somebody else holds the store
    let shaky = Shaky { ends_away: AtomicU32::new(1), after_writing: true, ..Shaky::new() };
    let world = World::on(small("BTC=20"), Arc::new(shaky));
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    assert_eq!(world.told("Ended"), 1);
    assert_eq!(world.progress.lock().unwrap().ending, Some(Ending::Complete));
    let runs = world.store.runs(2).await.unwrap();
    let words: Vec<_> = runs.iter().map(|run| run.ended.as_ref().map(|(_, word)| word.as_str())).collect();
    assert_eq!(words, [None, Some(Ending::Complete.word())]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_loses_its_store_says_so_where_it_can() {
    // F-B3, F-I10: in its work, and at its end
    let lost = [(20..u32::MAX, 0), (u32::MAX..u32::MAX, u32::MAX)];
    for (away, ends_away) in lost {
        let shaky = Shaky { away, ends_away: AtomicU32::new(ends_away), ..Shaky::new() };
        let world = World::on(small("BTC=80"), Arc::new(shaky));
        let ended = world.backfill().await;
        assert!(matches!(ended, Err(StoreError::Away { .. })), "{ended:?}");
        let progress = world.progress.lock().unwrap().clone();
        assert_eq!((progress.phase, progress.ending), (Phase::Ended, Some(Ending::Store)));
        let last = world.events.lock().unwrap().last().unwrap().1.clone();
        assert!(last.contains("memory:shaky cannot be reached: the connection was cut"), "{last}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_answer_was_lost_is_followed_all_the_same_and_only_once() {
    // F-B2
    for looks_lost_of_3 in [1, 2] {
        let mut world = World::on(small("BTC=100"), Arc::new(Shaky { looks_lost_of_3, ..Shaky::new() }));
        world.settings.pace = Pace { spacing_ms: 200, concurrency: 4 };
        let epoch = world.begin().await.unwrap();
        let orders = async {
            for order in [Order::Pause, Order::Resume, Order::Pace { spacing_ms: 300 }, Order::Pause, Order::Stop] {
                let left = world.store.leave_order(&order, world.clock.now()).await.unwrap().unwrap();
                tokio::time::sleep(Duration::from_secs(6)).await;
                // A run that ends gives the store back without another look.
                assert!(order == Order::Stop || world.store.order_taken(left.id).await.unwrap(), "{order:?}");
            }
        };
        let (report, ()) = tokio::join!(world.work(epoch), orders);
        assert_eq!(report.unwrap().ending, Ending::Stopped);
        assert_eq!((world.told("Paused"), world.told("Unpaused"), world.told("Paced")), (2, 1, 1));
    }
}
