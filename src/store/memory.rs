//! A store that lives as long as the process: for simulated time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::civil::Date;

use super::merge::{self, Fold};
use super::outside::queries_of;
use super::row::{counted_span_ms, due_at, open_count, storable, storable_symbol};
use super::text::plain;
use super::{
    Attempt, Batch, Claim, Committed, EachBar, Epoch, Glance, Holder, JournalLine, Ledger, Left, ListingRow, Loaded,
    Order, Outside, Revision, RunEnd, RunRow, Settled, Store, StoreError, Story, Tally,
};
use crate::domain::ability::Ability;
use crate::domain::candle::Candle;
use crate::domain::coverage::{self, ExpiryCover};
use crate::domain::governor;
use crate::domain::governor::quota::Counted;
use crate::domain::instrument::{Currency, Symbol, kept_name};
use crate::domain::ledger::OptionRecord;
use crate::domain::listing::ListingNews;
use crate::domain::moment::Moment;
use crate::domain::run::{Claimed, Identity, claim};
use crate::domain::vantage::Beat;
use crate::limits::{LOG_REQUESTS_MAX, STORY_ATTEMPTS_MAX};

/// A store in memory. Deterministic: it has no clock.
#[derive(Default)]
pub struct MemoryStore {
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    bars: BTreeMap<Symbol, BTreeMap<Date, Candle>>,
    ledger: BTreeMap<Symbol, OptionRecord>,
    tallies: BTreeMap<Currency, Tally>,
    attempts: BTreeMap<(i64, i64), Tried>,
    runs: BTreeMap<i64, Run>,
    holder: Option<Epoch>,
    listings: BTreeMap<Moment, ListingRow>,
    /// Each with its epoch, and whether it was taken; its number is its place.
    orders: Vec<(i64, Order, bool)>,
    actions: BTreeSet<(Moment, String)>,
    revisions: Vec<(Symbol, Revision)>,
    flags: BTreeSet<(Symbol, Date, &'static str)>,
    throttle: governor::Memory,
    ability: Ability,
}

struct Tried {
    attempt: Attempt,
    settled: Option<Settled>,
}

struct Run {
    identity: Identity,
    beat: Moment,
    ended: Option<(Moment, String)>,
    progress: Option<String>,
}

impl MemoryStore {
    /// An empty one.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// Every request that was journaled, in order, with its outcome.
    pub fn attempts(&self) -> Vec<(Attempt, Option<Settled>)> {
        self.tables().attempts.values().map(|tried| (tried.attempt.clone(), tried.settled.clone())).collect()
    }

    /// What people asked for, word for word (I8).
    pub fn actions(&self) -> Vec<(Moment, String)> {
        self.tables().actions.iter().cloned().collect()
    }

    /// Every bar that changed, in order (S20).
    pub fn revisions(&self) -> Vec<(Symbol, Revision)> {
        self.tables().revisions.clone()
    }

    /// What is odd about bars, by option and date.
    pub fn flags(&self) -> Vec<(Symbol, Date, &'static str)> {
        self.tables().flags.iter().cloned().collect()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // No call here leaves the tables half written, whatever panics elsewhere.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn begin(&self, wish: &Claim) -> Result<Epoch, StoreError> {
        let mut tables = self.tables();
        if let Some(holder) = tables.holder() {
            if holder.identity == wish.identity {
                return Ok(holder.epoch);
            }
            let beat_age_ms = holder.beat.age_ms(&holder.identity, &wish.vantage());
            match claim(true, beat_age_ms, (wish.alive)(&holder.identity)) {
                Claimed::Held(_) => return Err(StoreError::Held(Box::new(holder))),
                Claimed::Free | Claimed::TakenOver => {}
            }
        }
        let epoch = tables.runs.last_key_value().map_or(0, |(epoch, _)| *epoch) + 1;
        let run = Run { identity: wish.identity.clone(), beat: wish.now, ended: None, progress: None };
        tables.runs.insert(epoch, run);
        tables.holder = Some(Epoch(epoch));
        Ok(Epoch(epoch))
    }

    async fn commit(&self, epoch: Epoch, batch: &Batch) -> Result<Committed, StoreError> {
        let mut tables = self.tables();
        tables.beat(epoch, batch.at)?;
        if let Some(progress) = &batch.progress
            && let Some(run) = tables.runs.get_mut(&epoch.0)
        {
            run.progress = Some(plain(progress).into_owned());
        }
        tables.write_journal(epoch, batch);
        if let Some(news) = &batch.listing {
            tables.write_listing(news);
        }
        if let Some(throttle) = &batch.throttle {
            tables.throttle = throttle.clone();
        }
        if let Some(ability) = &batch.ability {
            tables.ability = ability.clone();
        }
        if let Some(action) = &batch.action {
            tables.actions.insert((batch.at, plain(action).into_owned()));
        }
        Ok(tables.write_options(batch))
    }

    async fn end(&self, epoch: Epoch, end: &RunEnd) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let Some((newest, run)) = tables.runs.last_entry().map(|entry| (*entry.key(), entry.into_mut())) else {
            return Err(StoreError::Fenced);
        };
        if newest != epoch.0 {
            return Err(StoreError::Fenced);
        }
        run.ended = Some((end.at, end.ending.word().to_owned()));
        run.beat = run.beat.max(end.at);
        if let Some(progress) = &end.progress {
            run.progress = Some(plain(progress).into_owned());
        }
        tables.holder = None;
        Ok(())
    }

    async fn load(&self, counted_since: Moment) -> Result<Loaded, StoreError> {
        let tables = self.tables();
        Ok(Loaded {
            records: tables.ledger.values().cloned().collect(),
            throttle: tables.throttle.clone(),
            counted: tables.counted(counted_since),
            ability: tables.ability.clone(),
            listing: tables.newest_listing(),
            run: tables.newest_run(),
        })
    }

    async fn take_orders(&self, epoch: Epoch, followed: &[i64]) -> Result<Vec<(i64, Order)>, StoreError> {
        let mut tables = self.tables();
        let mine = (1..).zip(&mut tables.orders).filter(|(_, (of, _, taken))| *of == epoch.0 && !*taken);
        let mut untaken = Vec::new();
        for (id, (_, order, taken)) in mine {
            *taken = followed.contains(&id);
            if !*taken {
                untaken.push((id, order.clone()));
            }
        }
        Ok(untaken)
    }

    async fn audit(&self, each: &mut EachBar<'_>) -> Result<Ledger, StoreError> {
        let tables = self.tables();
        for (symbol, bars) in &tables.bars {
            for bar in bars.values() {
                each(symbol, Ok(bar));
            }
        }
        Ok(Ledger { records: tables.ledger.values().cloned().collect(), ability: tables.ability.clone() })
    }
}

#[async_trait]
impl Outside for MemoryStore {
    fn place(&self) -> &'static str {
        "memory"
    }

    async fn glance(&self, now: Moment) -> Result<Glance, StoreError> {
        let tables = self.tables();
        let newest = tables.attempts.values().map(|tried| tried.attempt.sent).max().unwrap_or_default();
        let unsent = |tried: &&Tried| tried.settled.as_ref().is_none_or(|settled| settled.outcome != "unsent");
        let is_due = |record: &&OptionRecord| record.listed && due_at(record).is_some_and(|at| at <= now.0);
        let due: Vec<_> = tables.ledger.values().filter(is_due).map(|record| (record.currency.clone(), 1)).collect();
        let tallies: Vec<Tally> = tables.tallies.values().cloned().collect();
        let within = tables.counted(newest - counted_span_ms(&tables.throttle));
        Ok(Glance {
            open: open_count(&tallies, &due, &tables.ability),
            tallies,
            run: tables.newest_run(),
            throttle: tables.throttle.clone(),
            counted: within,
            ability: tables.ability.clone(),
            listing: tables.newest_listing(),
            bytes: 0,
            room_bytes: None,
            requests: tables.attempts.values().filter(unsent).count() as u64,
        })
    }

    async fn coverage(&self, currency: &Currency) -> Result<Vec<ExpiryCover>, StoreError> {
        let tables = self.tables();
        let mut found = Vec::new();
        for record in tables.in_order(currency) {
            let expiry = record.instrument.as_ref().map(|terms| terms.expiry);
            coverage::add(&mut found, expiry, record.state, record.row_count.into());
        }
        Ok(found)
    }

    async fn chain(&self, currency: &Currency, expiry: Option<Date>) -> Result<Vec<OptionRecord>, StoreError> {
        let tables = self.tables();
        let mut found = tables.in_order(currency);
        found.retain(|record| record.instrument.as_ref().map(|terms| terms.expiry) == expiry);
        Ok(found.into_iter().cloned().collect())
    }

    async fn story(&self, symbol: &Symbol) -> Result<Option<Story>, StoreError> {
        let tables = self.tables();
        let Some(record) = tables.ledger.get(&storable_symbol(symbol)).cloned() else { return Ok(None) };
        let (name, expiry) = queries_of(&record);
        let page = format!("{expiry} +");
        let mut attempts = tables.newest_requests(usize::MAX);
        attempts.retain(|line| {
            line.query == name || (!expiry.is_empty() && (line.query == expiry || line.query.starts_with(&page)))
        });
        attempts.truncate(STORY_ATTEMPTS_MAX);
        let bars = tables.bars.get(&record.symbol).map(|bars| bars.values().cloned().collect()).unwrap_or_default();
        Ok(Some(Story { record, attempts, bars }))
    }

    async fn history(&self, symbol: &Symbol) -> Result<Vec<Candle>, StoreError> {
        Ok(self.tables().bars.get(symbol).map(|bars| bars.values().cloned().collect()).unwrap_or_default())
    }

    async fn journal(&self, newest: usize) -> Result<Vec<JournalLine>, StoreError> {
        Ok(self.tables().newest_requests(newest))
    }

    async fn runs(&self, newest: usize) -> Result<Vec<RunRow>, StoreError> {
        let tables = self.tables();
        Ok(tables.runs.iter().rev().take(newest).map(|(epoch, run)| Tables::run_row(*epoch, run)).collect())
    }

    async fn leave_order(&self, order: &Order, _: Moment) -> Result<Option<Left>, StoreError> {
        let mut tables = self.tables();
        let Some(holder) = tables.holder() else { return Ok(None) };
        tables.orders.push((holder.epoch.0, order.clone(), false));
        Ok(Some(Left { id: i64::try_from(tables.orders.len()).unwrap_or(i64::MAX), holder }))
    }

    async fn order_taken(&self, id: i64) -> Result<bool, StoreError> {
        let at = usize::try_from(id - 1).unwrap_or(usize::MAX);
        Ok(self.tables().orders.get(at).is_some_and(|(_, _, taken)| *taken))
    }
}

impl Tables {
    fn holder(&self) -> Option<Holder> {
        let epoch = self.holder?;
        let run = self.runs.get(&epoch.0)?;
        Some(Holder { identity: run.identity.clone(), epoch, beat: Beat::At(run.beat) })
    }

    fn beat(&mut self, epoch: Epoch, at: Moment) -> Result<(), StoreError> {
        if self.holder != Some(epoch) {
            return Err(StoreError::Fenced);
        }
        if let Some(run) = self.runs.get_mut(&epoch.0) {
            run.beat = run.beat.max(at);
        }
        Ok(())
    }

    fn write_journal(&mut self, epoch: Epoch, batch: &Batch) {
        for attempt in &batch.sent {
            let attempt = Attempt { query: plain(&attempt.query).into_owned(), ..attempt.clone() };
            let tried = Tried { attempt, settled: None };
            self.attempts.entry((epoch.0, tried.attempt.seq)).or_insert(tried);
        }
        for settled in &batch.settled {
            if let Some(tried) = self.attempts.get_mut(&(epoch.0, settled.seq))
                && tried.settled.is_none()
            {
                let note = settled.note.as_deref().map(|note| plain(note).into_owned());
                tried.settled = Some(Settled { note, ..settled.clone() });
            }
        }
    }

    fn write_listing(&mut self, news: &ListingNews) {
        let mut deltas = merge::Deltas::default();
        for (symbols, listed) in [(&news.vanished, false), (&news.returned, true)] {
            for symbol in symbols {
                if let Some(record) = self.ledger.get_mut(kept_name(symbol.as_str()).as_ref()) {
                    record.listed = listed;
                }
            }
        }
        for record in &news.new {
            let record = storable(record);
            if let Some(known) = self.ledger.get_mut(&record.symbol) {
                known.listed = true;
                continue;
            }
            deltas.moved(None, &record);
            self.ledger.insert(record.symbol.clone(), record.into_owned());
        }
        self.listings.entry(news.fetched_at).or_insert_with(|| ListingRow::of(news));
        self.count(&deltas);
    }

    fn write_options(&mut self, batch: &Batch) -> Committed {
        let mut fold = Fold::default();
        for news in &batch.options {
            let symbol = storable_symbol(&news.symbol);
            if !fold.knows(&symbol) {
                let bars = self.bars.get(&symbol).map(|bars| bars.values().cloned().collect()).unwrap_or_default();
                fold.know(&symbol, self.ledger.get(&symbol).cloned(), bars);
            }
        }
        let mut committed = Committed::default();
        for news in &batch.options {
            let symbol = storable_symbol(&news.symbol);
            committed.options.extend(fold.apply(&symbol, news));
            self.flags.extend(news.flaws.iter().map(|(date, flaw)| (symbol.clone(), *date, flaw.word())));
        }
        for applied in &committed.options {
            self.revisions
                .extend(applied.revised.iter().map(|revision| (applied.record.symbol.clone(), revision.clone())));
        }
        for entry in fold.written() {
            let bars = self.bars.entry(entry.record.symbol.clone()).or_default();
            bars.extend(entry.writes.iter().map(|write| (write.candle.date, write.candle.clone())));
        }
        for entry in fold.changed() {
            self.ledger.insert(entry.record.symbol.clone(), entry.record.clone());
        }
        self.count(&fold.deltas());
        committed
    }

    fn count(&mut self, deltas: &merge::Deltas) {
        for (currency, counts) in deltas.each() {
            let tally = self.tallies.entry(currency.clone()).or_insert_with(|| merge::tally(currency.as_str(), [0; 6]));
            counts.add_to(tally);
        }
    }

    fn counted(&self, since: Moment) -> Vec<(Epoch, Counted)> {
        let with_epoch = |((epoch, _), tried): (&(i64, i64), &Tried)| Some((Epoch(*epoch), tried.counted(since)?));
        let mut counted: Vec<_> = self.attempts.iter().filter_map(with_epoch).collect();
        counted.sort_by_key(|(_, counted)| (counted.done, counted.sent));
        counted.split_off(counted.len().saturating_sub(LOG_REQUESTS_MAX))
    }

    fn newest_listing(&self) -> Option<ListingRow> {
        self.listings.last_key_value().map(|(_, row)| row.clone())
    }

    fn newest_run(&self) -> Option<RunRow> {
        self.runs.last_key_value().map(|(epoch, run)| Tables::run_row(*epoch, run))
    }

    fn run_row(epoch: i64, run: &Run) -> RunRow {
        RunRow {
            epoch: Epoch(epoch),
            identity: run.identity.clone(),
            beat: Beat::At(run.beat),
            ended: run.ended.clone(),
            progress: run.progress.clone(),
        }
    }

    /// The options of a currency by expiry, strike and type.
    fn in_order(&self, currency: &Currency) -> Vec<&OptionRecord> {
        let mut found: Vec<_> = self.ledger.values().filter(|record| record.currency == *currency).collect();
        found.sort_by_key(|record| {
            let terms = record.instrument.as_ref();
            (
                terms.is_none(),
                terms.map(|terms| (terms.expiry, terms.strike, terms.option_type.letter())),
                &record.symbol,
            )
        });
        found
    }

    fn newest_requests(&self, newest: usize) -> Vec<JournalLine> {
        self.attempts.iter().rev().take(newest).map(|((epoch, seq), tried)| tried.line(*epoch, *seq)).collect()
    }
}

impl Tried {
    fn line(&self, epoch: i64, seq: i64) -> JournalLine {
        let Attempt { kind, query, sent, .. } = &self.attempt;
        let settled = self.settled.as_ref();
        JournalLine {
            epoch: Epoch(epoch),
            seq,
            kind: (*kind).to_owned(),
            query: query.clone(),
            sent_at: *sent,
            done_at: settled.map(|settled| settled.done),
            outcome: settled.map(|settled| settled.outcome.to_owned()),
            status: settled.map(|settled| settled.status),
            bytes: settled.map(|settled| settled.bytes),
            rows: settled.map(|settled| settled.rows),
            wait_s: settled.and_then(|settled| settled.wait_s),
            note: settled.and_then(|settled| settled.note.clone()),
        }
    }

    fn counted(&self, since: Moment) -> Option<Counted> {
        let sent = self.attempt.sent;
        let done = match &self.settled {
            Some(settled) if !settled.counted => return None,
            Some(settled) => settled.done,
            None => sent,
        };
        (sent >= since).then_some(Counted { sent, done })
    }
}
