//! Ledger and bars, recounted from the store's own rows and compared with what they were and with the truth
//! (I3, I4, I8).

use std::collections::{BTreeMap, HashMap};

use chainfill::domain::candle::{Candle, Print};
use chainfill::domain::governor::Memory;
use chainfill::domain::instrument::{Currency, Symbol};
use chainfill::domain::ledger::{Happening, OptionRecord, OptionState};
use chainfill::domain::moment::Moment;
use chainfill::store::{
    Applied, Batch, Committed, JournalLine, ListingRow, Loaded, MemoryStore, Outside as _, Revision, Store as _, Tally,
};
use futures_util::FutureExt as _;
use jiff::civil::Date;

use super::oracle::Broken;

/// Ledger and table are read whole after so many commits that brought news of options; those between are counted by what
/// they touched.
const WHOLE_COUNT_COMMITS: u64 = 64;

/// The books as they were at the last look.
pub struct Books {
    /// What the vendor holds. It does not change within a story.
    pub truth: BTreeMap<Symbol, Vec<Candle>>,
    records: BTreeMap<Symbol, OptionRecord>,
    bars: HashMap<Symbol, Vec<Candle>>,
    commits: u64,
}

/// Everything in a store that a batch can change, but bars: of those the number.
#[derive(PartialEq)]
pub struct Tables {
    records: Vec<OptionRecord>,
    tallies: Vec<Tally>,
    rows: BTreeMap<Symbol, usize>,
    journal: Vec<JournalLine>,
    revisions: Vec<(Symbol, Revision)>,
    flags: Vec<(Symbol, Date, &'static str)>,
    actions: Vec<(Moment, String)>,
    throttle: Memory,
    listing: Option<ListingRow>,
}

impl Tables {
    /// As they are now.
    pub fn of(store: &MemoryStore) -> Tables {
        let Loaded { records, throttle, listing, .. } = now_of(store.load(Moment(i64::MAX)));
        Tables {
            records,
            tallies: now_of(store.glance(Moment(0))).tallies,
            rows: rows_of(store, |_, _, _| ()),
            journal: now_of(store.journal(usize::MAX)),
            revisions: store.revisions(),
            flags: store.flags(),
            actions: store.actions(),
            throttle,
            listing,
        }
    }
}

impl Books {
    /// Of an empty store.
    pub fn new(truth: BTreeMap<Symbol, Vec<Candle>>) -> Books {
        Books { truth, records: BTreeMap::new(), bars: HashMap::new(), commits: 0 }
    }

    /// How many bars of an option were in the store at the last look.
    pub fn rows(&self, symbol: &Symbol) -> usize {
        self.bars.get(symbol).map_or(0, Vec::len)
    }

    /// A batch is in the store, perhaps for the second time.
    pub fn written(&mut self, batch: &Batch, committed: &Committed, store: &MemoryStore, broken: &mut Broken) {
        let puts_back = batch.options.iter().any(|news| news.happening == Happening::PutBack);
        if puts_back && batch.action.is_none() {
            broken.add("I8", "an option is put back, and nobody's word for it is written".to_owned());
        }
        if batch.options.is_empty() && batch.listing.is_none() {
            return;
        }
        if committed.options.len() != batch.options.len() {
            broken.add("I2", format!("{} news, {} committed", batch.options.len(), committed.options.len()));
        }
        for applied in &committed.options {
            self.compare_bars(applied, store, broken);
            self.compare_record(applied, batch.action.is_some(), broken);
        }
        self.commits += 1;
        if batch.listing.is_some() || self.commits.is_multiple_of(WHOLE_COUNT_COMMITS) {
            self.read_whole(batch.listing.is_some(), store, broken);
        }
        self.check_tallies(store, broken);
    }

    /// Bars of an option: none is gone or has another value without a trace, each is true, and its line says so.
    fn compare_bars(&mut self, applied: &Applied, store: &MemoryStore, broken: &mut Broken) {
        let record = &applied.record;
        let symbol = &record.symbol;
        let bars = now_of(store.history(symbol));
        let before = self.bars.remove(symbol).unwrap_or_default();
        if before != bars {
            if !bars.is_sorted_by(|one, next| one.date < next.date) {
                broken.add("I3", format!("{symbol} has a day twice"));
            }
            for bar in &before {
                let now = bars.binary_search_by_key(&bar.date, |other| other.date).ok().map(|at| &bars[at]);
                let is_traced = applied.revised.iter().any(|revision| revision.old == *bar);
                if now != Some(bar) && !(now.is_some() && is_traced) {
                    broken.add("I3", format!("{symbol}: {bar:?} is {now:?} without a trace"));
                }
            }
            if self.truth.get(symbol) != Some(&bars) {
                let truth = self.truth.get(symbol).map_or(0, Vec::len);
                broken.add("lost or made up", format!("{symbol}: {} of {truth} bars", bars.len()));
            }
            if record.print != Print::of(symbol, &bars) {
                broken.add("I4", format!("{symbol} has another print than its rows"));
            }
        }
        if record.row_count as usize != bars.len() {
            broken
                .add("I4", format!("{symbol} is told with {} rows, the store holds {}", record.row_count, bars.len()));
        }
        self.bars.insert(symbol.clone(), bars);
    }

    /// What was known for good stays so, unless a person says otherwise (I8).
    fn compare_record(&mut self, applied: &Applied, is_ordered: bool, broken: &mut Broken) {
        let record = &applied.record;
        let before = self.records.insert(record.symbol.clone(), record.clone());
        if before.is_some_and(|before| before.is_final() && before.state != record.state) && !is_ordered {
            let what = format!("{} was known for good and is {:?}, by nobody's order", record.symbol, record.state);
            broken.add("I8", what);
        }
    }

    /// The whole ledger and every row: nothing is deleted, and nothing changed that no batch spoke of.
    fn read_whole(&mut self, after_listing: bool, store: &MemoryStore, broken: &mut Broken) {
        let records = now_of(store.load(Moment(i64::MAX))).records;
        let mut known = 0;
        for record in &records {
            let Some(before) = self.records.get(&record.symbol) else { continue };
            known += 1;
            let is_same = (before.state, before.row_count, before.print, before.fetched_at)
                == (record.state, record.row_count, record.print, record.fetched_at);
            if !is_same || (before.listed != record.listed && !after_listing) {
                broken.add("I2", format!("{} is {record:?}, and no batch says so: {before:?}", record.symbol));
            }
        }
        if known != self.records.len() {
            broken.add("I8", format!("of {} lines of the ledger {known} are left", self.records.len()));
        }
        if known != records.len() && !after_listing {
            broken.add("I2", format!("{} lines of the ledger, of which batches named {known}", records.len()));
        }
        self.records = records.into_iter().map(|record| (record.symbol.clone(), record)).collect();
        self.count_rows(store, broken);
    }

    /// Every row of the table against the truth and the ledger.
    fn count_rows(&self, store: &MemoryStore, broken: &mut Broken) {
        let rows = rows_of(store, |symbol, place, bar| {
            if self.truth.get(symbol).and_then(|bars| bars.get(place)) != Some(bar) {
                broken.add("lost or made up", format!("{symbol}: {bar:?}"));
            }
        });
        let told = self.records.values().filter(|record| record.row_count > 0);
        let told: BTreeMap<_, _> = told.map(|record| (record.symbol.clone(), record.row_count as usize)).collect();
        if rows != told {
            broken.add("I4", format!("the table holds {rows:?}, the ledger says {told:?}"));
        }
    }

    /// A run says that all is there, or all but what needs attention: the store against the truth, option by option.
    pub fn end(&mut self, may_need_attention: bool, store: &MemoryStore, broken: &mut Broken) {
        self.read_whole(false, store, broken);
        if self.records.len() != self.truth.len() {
            broken.add("I4", format!("{} options of {}", self.records.len(), self.truth.len()));
        }
        for record in self.records.values() {
            let Some(truth) = self.truth.get(&record.symbol).map(Vec::len) else {
                broken.add("I4", format!("{} is not listed", record.symbol));
                continue;
            };
            let state = if truth == 0 { OptionState::Empty } else { OptionState::Stored };
            let is_known = record.state == state && record.row_count as usize == truth;
            let is_given_up = may_need_attention && record.state == OptionState::Attention;
            if !(is_known || is_given_up) || !record.listed {
                let what = format!("{} is {:?} with {} of {truth}", record.symbol, record.state, record.row_count);
                broken.add("lost or made up", what);
            }
        }
        self.check_tallies(store, broken);
    }

    /// listed = stored + empty + attention + pending, and each of them is what the ledger's lines come to (I4).
    fn check_tallies(&self, store: &MemoryStore, broken: &mut Broken) {
        let mut counted: Vec<(&Currency, [u64; 6])> = Vec::new();
        for record in self.records.values() {
            // By symbol, and so by currency.
            if counted.last().is_none_or(|(last, _)| **last != record.currency) {
                counted.push((&record.currency, [0; 6]));
            }
            let (_, numbers) = counted.last_mut().expect("a currency");
            let place = match record.state {
                OptionState::Pending => 1,
                OptionState::Stored => 2,
                OptionState::Empty => 3,
                OptionState::Attention => 4,
            };
            numbers[0] += 1;
            numbers[place] += 1;
            numbers[5] += u64::from(record.row_count);
        }
        let tallies = now_of(store.glance(Moment(0))).tallies;
        let told = tallies.iter().map(|tally| {
            let Tally { currency, listed, pending, stored, empty, attention, rows } = tally;
            if *listed != pending + stored + empty + attention {
                broken.add("I4", format!("{tally:?}"));
            }
            (currency, [*listed, *pending, *stored, *empty, *attention, *rows])
        });
        let told: Vec<_> = told.collect();
        if told != counted {
            broken.add("I4", format!("the tallies say {told:?}, the ledger {counted:?}"));
        }
    }
}

/// How many rows each option has. `each` is shown every row, with its place in its option.
fn rows_of(store: &MemoryStore, mut each: impl FnMut(&Symbol, usize, &Candle) + Send) -> BTreeMap<Symbol, usize> {
    let mut rows: Vec<(Symbol, usize)> = Vec::new();
    let mut count = |symbol: &Symbol, bar: Result<&Candle, &str>| {
        if rows.last().is_none_or(|(last, _)| last != symbol) {
            rows.push((symbol.clone(), 0));
        }
        let (_, count) = rows.last_mut().expect("a row");
        each(symbol, *count, bar.expect("a bar"));
        *count += 1;
    };
    now_of(store.audit(&mut count));
    rows.into_iter().collect()
}

/// What a store in memory answers at once.
fn now_of<T, E: std::fmt::Debug>(call: impl Future<Output = Result<T, E>>) -> T {
    call.now_or_never().expect("memory").expect("memory")
}
