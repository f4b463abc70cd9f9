//! What came in together is committed together, and told only then (I2).

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Run;
use super::flight::Departure;
use crate::domain::event::{Event, OptionDone};
use crate::domain::instrument::Symbol;
use crate::domain::ledger::{Happening, OptionState};
use crate::domain::moment::Moment;
use crate::domain::outage::Outage;
use crate::domain::room;
use crate::limits::{
    COMMIT_OPTIONS_MAX, GATHER_MS, LEASE_MARGIN_MS, LEASE_MS, ROWS_WAITING_MAX, STORE_AWAY_MS_MAX,
    STORE_RETRY_MS_FIRST, STORE_RETRY_MS_MAX, TRY_GAP_MS_MAX,
};
use crate::store::{Applied, Batch, Committed, OptionNews, StoreError};

/// A batch on its way into the store.
pub(super) struct Committing {
    future: Option<BoxFuture<'static, (Batch, Result<Committed, StoreError>)>>,
    departures: Vec<Departure>,
    /// The batch itself, while the store is away and it waits to be tried again.
    waiting: Option<(Batch, Moment)>,
    /// What it says of options that an order may name.
    on_the_way: OnTheWay,
    failures: u32,
    /// How long the store is away; `None` while it is not.
    away: Option<Outage>,
    /// Whether the store is there, and only its disk is full.
    is_full: bool,
}

/// What is not in the store yet, as far as an order to ask again must know of it.
#[derive(Clone, Debug, Default)]
pub(super) struct OnTheWay {
    /// Options that are put back already.
    pub put_back: HashSet<Symbol>,
    /// Options that were given up: they will need attention, although they are still open.
    pub given_up: HashSet<Symbol>,
}

impl OnTheWay {
    fn with(mut self, options: &[OptionNews]) -> OnTheWay {
        for news in options {
            // The last word counts.
            self.put_back.remove(&news.symbol);
            self.given_up.remove(&news.symbol);
            match news.happening {
                Happening::PutBack => self.put_back.insert(news.symbol.clone()),
                Happening::GivenUp(_) => self.given_up.insert(news.symbol.clone()),
                Happening::Bars | Happening::NoBars(_) => false,
            };
        }
        self
    }
}

/// Waits for the store's answer; for ever where none is due.
pub(super) async fn finished(committing: &mut Option<Committing>) -> (Batch, Result<Committed, StoreError>) {
    match committing.as_mut().and_then(|committing| committing.future.as_mut()) {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

impl Run {
    /// Starts a commit where there is something to write and none is under way.
    pub(super) fn start_commit(&mut self, now: Moment) {
        if let Some(committing) = &mut self.committing {
            if let Some((batch, _)) = committing.waiting.take_if(|(_, at)| *at <= now) {
                let word = committing.is_full.then(|| Batch {
                    at: now,
                    beat: true,
                    progress: Some(self.feed.progress_json()),
                    ..Batch::default()
                });
                committing.future = Some(commit(&self.ports, self.epoch, batch, word));
            }
            return;
        }
        if is_blank(&self.batch) || self.gathers(now) {
            return;
        }
        let mut batch = std::mem::take(&mut self.batch);
        if batch.options.len() > COMMIT_OPTIONS_MAX && batch.listing.is_none() {
            // The rest goes with the next one; settled attempts stay with this one.
            self.batch.options = batch.options.split_off(COMMIT_OPTIONS_MAX);
        }
        batch.at = now;
        self.gather_until = None;
        if self.throttle_written.as_ref() != Some(self.governor.memory()) {
            batch.throttle = Some(self.governor.memory().clone());
            self.throttle_written.clone_from(&batch.throttle);
        }
        self.committing = Some(Committing {
            on_the_way: OnTheWay::default().with(&batch.options),
            departures: std::mem::take(&mut self.departing),
            future: Some(commit(&self.ports, self.epoch, batch, None)),
            waiting: None,
            failures: 0,
            away: None,
            is_full: false,
        });
    }

    /// Whether the next commit waits a moment, because answers that are on their way can go with it. A commit
    /// costs as much for one answer as for four.
    fn gathers(&mut self, now: Moment) -> bool {
        if (self.flights.is_empty() && self.runway.is_empty()) || self.batch.listing.is_some() || self.stop.is_some() {
            return false;
        }
        now < *self.gather_until.get_or_insert(now + GATHER_MS)
    }

    /// Takes the store's answer in: tells what is true now, and sends what may leave now.
    pub(super) fn committed(&mut self, done: (Batch, Result<Committed, StoreError>)) -> Result<(), StoreError> {
        let now = self.now();
        let (batch, result) = done;
        let Some(mut committing) = self.committing.take() else { return Ok(()) };
        match result {
            Ok(committed) => {
                self.asserted_at = batch.at; // where it was tried again and again the store may have taken that for the beat
                if committing.away.is_some() {
                    self.tell(Event::StoreBack);
                }
                for (news, applied) in batch.options.iter().zip(committed.options) {
                    if news.happening == Happening::PutBack {
                        self.to_ask_again.push(applied.record.symbol.clone());
                    }
                    match news.happening {
                        Happening::Bars => self.witnesses.knows(&applied.record.symbol),
                        Happening::NoBars(_) => self.witnesses.forget(&applied.record.symbol),
                        Happening::GivenUp(_) | Happening::PutBack => {}
                    }
                    self.applied(applied, u32::try_from(news.flaws.len()).unwrap_or(u32::MAX));
                }
                if let Some(listing) = batch.listing {
                    // The store is done with it: it is moved, not copied.
                    self.listed(Arc::unwrap_or_clone(listing));
                }
                self.ask_again(); // what the plan holds by now is not asked for twice
                self.take_off(committing.departures);
                Ok(())
            }
            // B3, B11: the same batch again, ever more seldom; meanwhile nothing is sent (I6).
            Err(error @ (StoreError::Away { .. } | StoreError::Full { .. })) => {
                let away = committing.away.get_or_insert_default();
                away.failed(now, TRY_GAP_MS_MAX);
                if away.tried_ms() > STORE_AWAY_MS_MAX || self.stop.is_some() {
                    return Err(error);
                }
                let pause_ms = retry_pause_ms(committing.failures);
                committing.failures += 1;
                committing.future = None;
                committing.waiting = Some((batch, now + i64::try_from(pause_ms).unwrap_or(i64::MAX)));
                committing.is_full = matches!(error, StoreError::Full { .. });
                let needs_bytes = committing.is_full.then(|| self.needed_bytes());
                self.committing = Some(committing);
                let why = match needs_bytes {
                    Some(bytes) => format!("{error}; {}", room::words(bytes)),
                    None => error.to_string(),
                };
                self.tell(Event::StoreAway { why, needs_bytes });
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Whether another host may have taken the store over by now: this run was stopped, suspended, or kept waiting by its
    /// store. Nothing may leave until a commit has shown that it still holds it (I6, P6).
    pub(super) fn lease_is_old(&self, now: Moment) -> bool {
        self.asserted_at.until_ms(now) > LEASE_MS - LEASE_MARGIN_MS
    }

    /// How much room is still needed, by what the options that are there take (B11).
    fn needed_bytes(&self) -> u64 {
        let (stored, rows) = self
            .records
            .iter()
            .filter(|record| record.row_count > 0)
            .fold((0_u64, 0_u64), |sum, record| (sum.0 + 1, sum.1 + u64::from(record.row_count)));
        room::needed_bytes(u64::try_from(self.scope.open_count()).unwrap_or(u64::MAX), stored, rows)
    }

    /// Whether the store failed last: then no request may be let go.
    pub(super) fn store_is_away(&self) -> bool {
        self.committing.as_ref().is_some_and(|committing| committing.away.is_some())
    }

    /// Whether only room is missing: then the store can be read, and orders be heard.
    pub(super) fn store_is_full(&self) -> bool {
        self.committing.as_ref().is_some_and(|committing| committing.is_full)
    }

    /// When a failed commit is tried again.
    pub(super) fn retry_commit_at(&self) -> Moment {
        let waiting = self.committing.as_ref().and_then(|committing| committing.waiting.as_ref());
        waiting.map_or(Moment(i64::MAX), |(_, at)| *at)
    }

    /// What is being written, and what will be next.
    pub(super) fn on_the_way(&self) -> OnTheWay {
        let under_way = self.committing.as_ref().map(|committing| committing.on_the_way.clone());
        under_way.unwrap_or_default().with(&self.batch.options)
    }

    /// Whether so many rows wait for the commit that is under way that no further answer is taken in meanwhile (I12).
    pub(super) fn is_laden(&self) -> bool {
        let rows = || self.batch.options.iter().map(|news| news.candles.len()).sum::<usize>();
        self.committing.is_some() && rows() >= ROWS_WAITING_MAX
    }

    /// Whether everything known is in the store.
    pub(super) fn all_committed(&self) -> bool {
        self.committing.is_none() && is_blank(&self.batch)
    }

    fn applied(&mut self, applied: Applied, flagged: u32) {
        let Applied { record, inserted, unchanged, revised } = applied;
        let Some(&at) = self.index.get(&record.symbol) else { return };
        for revision in &revised {
            let symbol = record.symbol.clone();
            let (old, new) = (revision.old.canonical(&symbol), revision.new.canonical(&symbol));
            self.tell(Event::Revised { symbol, old, new });
        }
        let (index, total) = self.scope.count(&record);
        let was = self.records[at].state;
        let done = OptionDone {
            currency: record.currency.clone(),
            symbol: record.symbol.clone(),
            index,
            total,
            state: record.state,
            was,
            rows: record.row_count,
            inserted,
            unchanged,
            revised: u32::try_from(revised.len()).unwrap_or(u32::MAX),
            flagged,
            reason: record.reason.as_ref().filter(|_| record.state == OptionState::Attention).map(ToString::to_string),
        };
        self.records[at] = record;
        self.tell(Event::Stored(Box::new(done)));
    }
}

/// The pause after so many failures of the store in a row.
pub(super) fn retry_pause_ms(failures: u32) -> u64 {
    (STORE_RETRY_MS_FIRST << failures.min(10)).min(STORE_RETRY_MS_MAX)
}

/// Writes a batch. `word` is what is written in its place where the disk is full: the run's sign of life and what it
/// waits for. So little finds room where a batch finds none, and without it `status` would call the run fine and another
/// host would take it for dead.
fn commit(
    ports: &super::Ports,
    epoch: crate::store::Epoch,
    batch: Batch,
    word: Option<Batch>,
) -> BoxFuture<'static, (Batch, Result<Committed, StoreError>)> {
    let store = ports.store.clone();
    async move {
        let result = store.commit(epoch, &batch).await;
        if let (Err(StoreError::Full { .. }), Some(word)) = (&result, word) {
            let _ = store.commit(epoch, &word).await; // no room for it either: the next look at the batch says so
        }
        (batch, result)
    }
    .boxed()
}

fn is_blank(batch: &Batch) -> bool {
    batch.sent.is_empty()
        && batch.settled.is_empty()
        && batch.options.is_empty()
        && batch.listing.is_none()
        && batch.ability.is_none()
        && !batch.beat
        && batch.progress.is_none()
        && batch.action.is_none()
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
