//! The one who looks at the store: once a second while somebody looks at the page, and not at all otherwise.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use jiff::tz::TimeZone;
use tokio::sync::{Mutex, Notify, Semaphore, SemaphorePermit, watch};

use super::snapshot::Snapshot;
use crate::clock::{Clock, SystemClock};
use crate::domain::instrument::Currency;
use crate::domain::moment::Moment;
use crate::domain::vantage::Viewpoint;
use crate::limits::{DASHBOARD_COVERAGE_MS, DASHBOARD_READS_MAX, LOOK_MS, LOOK_MS_MAX};
use crate::sight;
use crate::store::{Outside, StoreError};
use crate::view::json;

/// A look that is younger than this is as good as a new one: a little less than [`LOOK_MS`], so that the watcher's own
/// next look is one.
#[allow(clippy::cast_possible_wrap)] // a second
const FRESH_MS: i64 = (LOOK_MS - LOOK_MS / 10) as i64;

/// Looks at a store for everybody.
pub struct Watcher {
    /// The store.
    pub store: Arc<dyn Outside>,
    tz: TimeZone,
    from: Viewpoint,
    /// For how old something is, however the wall clock is stepped.
    steady: SystemClock,
    last: watch::Sender<Option<Arc<Snapshot>>>,
    turn: Mutex<Turn>,
    wanted: Notify,
    reads: Semaphore,
    maps: Mutex<HashMap<Currency, (Moment, Bytes)>>,
}

/// What only the one who looks may change.
#[derive(Default)]
struct Turn {
    number: u64,
    /// When it looked last, and since when it could not be read: by the steady clock.
    looked_at: Moment,
    away_since: Option<Moment>,
}

impl Watcher {
    /// A watcher that has not looked yet.
    pub fn new(store: Arc<dyn Outside>, tz: TimeZone, from: Viewpoint) -> Watcher {
        Watcher {
            store,
            tz,
            from,
            steady: SystemClock::start(),
            last: watch::Sender::new(None),
            turn: Mutex::default(),
            wanted: Notify::new(),
            reads: Semaphore::new(DASHBOARD_READS_MAX),
            maps: Mutex::default(),
        }
    }

    /// News from now on. While this is held, it looks once a second.
    pub fn subscribe(&self) -> watch::Receiver<Option<Arc<Snapshot>>> {
        let news = self.last.subscribe();
        self.wanted.notify_one();
        news
    }

    /// The newest look, at most a second old.
    pub async fn fresh(&self) -> Arc<Snapshot> {
        let mut turn = self.turn.lock().await;
        if let Some(last) = self.last.borrow().as_ref()
            && (last.is_last || turn.looked_at.until_ms(self.steady.now()) < FRESH_MS)
        {
            return last.clone();
        }
        let snapshot = Arc::new(self.look(&mut turn).await);
        self.last.send_replace(Some(snapshot.clone()));
        snapshot
    }

    /// Looks again and again.
    pub async fn watch(self: Arc<Self>) {
        loop {
            if self.last.receiver_count() == 0 {
                self.wanted.notified().await;
            }
            self.fresh().await;
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
    }

    /// Looks for the last time, where anybody looks.
    pub async fn end(&self) {
        let mut turn = self.turn.lock().await;
        if self.last.receiver_count() == 0 {
            return;
        }
        let seen = self.look(&mut turn).await;
        self.last.send_replace(Some(Arc::new(seen.last(turn.number + 1))));
    }

    /// A place among those who read the store for clients.
    pub async fn reader(&self) -> Option<SemaphorePermit<'_>> {
        self.reads.acquire().await.ok()
    }

    /// The map of a currency as JSON, read at most once in a while however many look at it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn map(&self, currency: &Currency) -> Result<Bytes, StoreError> {
        let mut maps = self.maps.lock().await;
        let now = self.steady.now();
        // What is old goes first, so that only as many are kept as are looked at.
        maps.retain(|_, (at, _)| (0..DASHBOARD_COVERAGE_MS).contains(&at.until_ms(now)));
        if let Some((_, map)) = maps.get(currency) {
            return Ok(map.clone());
        }
        let expiries = bounded(&*self.store, self.store.coverage(currency)).await?;
        let map = serde_json::json!({ "currency": currency, "expiries": expiries });
        let map = Bytes::from(json::line(Some((self.from)().now), &map));
        maps.insert(currency.clone(), (now, map.clone()));
        Ok(map)
    }

    async fn look(&self, turn: &mut Turn) -> Snapshot {
        turn.number += 1;
        let (from, started) = ((self.from)(), self.steady.now());
        let page = bounded(&*self.store, sight::page(&self.store, &from)).await;
        turn.looked_at = self.steady.now();
        let now = from.now + started.until_ms(turn.looked_at);
        match page {
            Ok(page) => {
                turn.away_since = None;
                Snapshot::of(turn.number, page, now, &self.tz)
            }
            Err(error) => {
                let since = *turn.away_since.get_or_insert(turn.looked_at);
                let since = now - since.until_ms(turn.looked_at);
                Snapshot::away(turn.number, self.store.place(), &error, since, now)
            }
        }
    }
}

/// A read that ends.
///
/// # Errors
/// Where the store cannot be read, or says nothing for too long.
pub async fn bounded<T>(
    store: &dyn Outside,
    read: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let silent = |_| StoreError::Away {
        place: store.place().to_owned(),
        what: format!("it says nothing for {} s", LOOK_MS_MAX / 1_000),
    };
    tokio::time::timeout(Duration::from_millis(LOOK_MS_MAX), read).await.map_err(silent)?
}
