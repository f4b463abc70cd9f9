//! A store in memory that fails as real ones do: before it wrote, after it wrote, and for a while.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chainfill::domain::candle::Candle;
use chainfill::domain::coverage::ExpiryCover;
use chainfill::domain::instrument::{Currency, Symbol};
use chainfill::domain::ledger::OptionRecord;
use chainfill::domain::moment::Moment;
use chainfill::store::{
    Batch, Claim, Committed, EachBar, Epoch, Glance, JournalLine, Ledger, Left, Loaded, MemoryStore, Order, Outside,
    RunEnd, RunRow, Store, StoreError, Story,
};
use fastrand::Rng;
use jiff::civil::Date;

use super::oracle::Oracle;
use super::world_clock::WorldClock;

/// One run's way to the store.
pub struct RoughStore {
    pub memory: Arc<MemoryStore>,
    pub trouble: Arc<Trouble>,
    pub oracle: Arc<Mutex<Oracle>>,
    pub clock: WorldClock,
    pub run: usize,
    /// What brings the run's times into true ones.
    pub shift_ms: i64,
}

/// What is wrong with the store, for every run.
pub struct Trouble {
    pub rng: Mutex<Rng>,
    pub uncommitted: f64,
    /// Until when it cannot be reached, in true time.
    pub away_until: AtomicI64,
    /// The same for a full disk.
    pub full_until: AtomicI64,
    /// At the end of the story all goes well.
    pub over: AtomicBool,
}

/// What befalls one call.
enum Fate {
    Well,
    /// It never got there.
    Before(StoreError),
    /// It was done, and the answer was lost.
    After(StoreError),
}

impl Trouble {
    fn fate(&self, now: Moment) -> Fate {
        let away = || StoreError::Away { place: "memory".into(), what: "the connection was cut".into() };
        if now.0 < self.away_until.load(Ordering::Relaxed) {
            return Fate::Before(away());
        }
        if now.0 < self.full_until.load(Ordering::Relaxed) {
            return Fate::Before(StoreError::Full { place: "memory".into(), what: "the disk is full".into() });
        }
        let mut rng = self.rng.lock().unwrap();
        if self.over.load(Ordering::Relaxed) || rng.f64() >= self.uncommitted {
            return Fate::Well;
        }
        if rng.bool() { Fate::Before(away()) } else { Fate::After(away()) }
    }

    fn pause_ms(&self) -> u64 {
        self.rng.lock().unwrap().u64(..40)
    }
}

impl RoughStore {
    async fn fate(&self) -> Fate {
        tokio::time::sleep(Duration::from_millis(self.trouble.pause_ms())).await;
        self.trouble.fate(self.clock.true_now())
    }

    /// A batch is in the store: it is looked at, and at times applied once more.
    async fn written(&self, epoch: Epoch, batch: &Batch, committed: &Committed) -> Result<(), StoreError> {
        let (now, by) = (self.clock.true_now(), (self.run, epoch));
        let before = {
            let mut oracle = self.oracle.lock().unwrap();
            oracle.written(now, by, batch, committed, self.shift_ms, &self.memory);
            oracle.before_again(&self.memory)
        };
        if let Some(before) = before {
            self.memory.commit(epoch, batch).await?;
            self.oracle.lock().unwrap().applied_again(now, &before, &self.memory);
        }
        Ok(())
    }

    async fn rough<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        match self.fate().await {
            Fate::Well => call.await,
            Fate::Before(error) => Err(error),
            Fate::After(error) => call.await.and(Err(error)),
        }
    }
}

#[async_trait]
impl Store for RoughStore {
    async fn begin(&self, claim: &Claim) -> Result<Epoch, StoreError> {
        self.rough(async {
            let begun = self.memory.begin(claim).await;
            if let Ok(epoch) = &begun {
                self.oracle.lock().unwrap().holds(self.clock.true_now(), self.run, *epoch);
            }
            begun
        })
        .await
    }

    async fn commit(&self, epoch: Epoch, batch: &Batch) -> Result<Committed, StoreError> {
        let fate = self.fate().await;
        let result = match fate {
            Fate::Before(error) => Err(error),
            Fate::Well | Fate::After(_) => {
                let done = self.memory.commit(epoch, batch).await;
                if let Ok(committed) = &done {
                    self.written(epoch, batch, committed).await?;
                }
                if let Fate::After(error) = fate { done.and(Err(error)) } else { done }
            }
        };
        tokio::time::sleep(Duration::from_millis(self.trouble.pause_ms())).await;
        self.oracle.lock().unwrap().store_said(self.clock.true_now(), self.run, result.is_ok());
        result
    }

    async fn end(&self, epoch: Epoch, end: &RunEnd) -> Result<(), StoreError> {
        self.rough(async {
            let ended = self.memory.end(epoch, end).await;
            let mut oracle = self.oracle.lock().unwrap();
            if ended.is_ok() && oracle.has_lost(self.run) {
                oracle.broken.push(format!("I7: run {} writes its end and has lost the store", self.run));
            }
            ended
        })
        .await
    }

    async fn load(&self, counted_since: Moment) -> Result<Loaded, StoreError> {
        self.rough(self.memory.load(counted_since)).await
    }

    async fn take_orders(&self, epoch: Epoch, followed: &[i64]) -> Result<Vec<(i64, Order)>, StoreError> {
        self.rough(self.memory.take_orders(epoch, followed)).await
    }

    async fn audit(&self, each: &mut EachBar<'_>) -> Result<Ledger, StoreError> {
        self.memory.audit(each).await
    }
}

#[async_trait]
impl Outside for RoughStore {
    fn place(&self) -> &str {
        self.memory.place()
    }

    async fn glance(&self, now: Moment) -> Result<Glance, StoreError> {
        self.rough(self.memory.glance(now)).await
    }

    async fn coverage(&self, currency: &Currency) -> Result<Vec<ExpiryCover>, StoreError> {
        self.memory.coverage(currency).await
    }

    async fn chain(&self, currency: &Currency, expiry: Option<Date>) -> Result<Vec<OptionRecord>, StoreError> {
        self.memory.chain(currency, expiry).await
    }

    async fn story(&self, symbol: &Symbol) -> Result<Option<Story>, StoreError> {
        self.memory.story(symbol).await
    }

    async fn history(&self, symbol: &Symbol) -> Result<Vec<Candle>, StoreError> {
        self.memory.history(symbol).await
    }

    async fn journal(&self, newest: usize) -> Result<Vec<JournalLine>, StoreError> {
        self.memory.journal(newest).await
    }

    async fn runs(&self, newest: usize) -> Result<Vec<RunRow>, StoreError> {
        self.rough(self.memory.runs(newest)).await
    }

    async fn leave_order(&self, order: &Order, now: Moment) -> Result<Option<Left>, StoreError> {
        self.memory.leave_order(order, now).await
    }

    async fn order_taken(&self, id: i64) -> Result<bool, StoreError> {
        self.memory.order_taken(id).await
    }
}
