//! What a batch makes of ledger and bars: the same in every store, and without I/O.

use std::collections::{BTreeMap, HashMap};

use super::{Applied, OptionNews, Revision, Tally};
use crate::domain::candle::{Candle, Print};
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::ledger::{Happening, OptionRecord, OptionState};
use crate::domain::moment::Moment;

/// The options of a batch, as they were, and as they become while its news are applied one after another.
#[derive(Default)]
pub(super) struct Fold {
    entries: Vec<Entry>,
    places: HashMap<Symbol, usize>,
}

/// One option of a batch.
pub(super) struct Entry {
    /// Its line before; `None` where the ledger had none.
    pub(super) before: Option<OptionRecord>,
    /// Its line after.
    pub(super) record: OptionRecord,
    /// Its bars after, by date.
    rows: Vec<Candle>,
    /// Dates of rows that are no bars: a bar that comes in takes such a row's place.
    odd: Vec<jiff::civil::Date>,
    /// What must be written, by date.
    pub(super) writes: Vec<Write>,
}

/// A bar to be written.
pub(super) struct Write {
    pub(super) candle: Candle,
    pub(super) data_source: &'static str,
    pub(super) at: Moment,
    /// Whether the table holds another bar of that date now.
    pub(super) replaces: bool,
}

impl Fold {
    /// Takes an option in as the store holds it. `rows`: its bars by date; needed where bars come in.
    pub(super) fn know(&mut self, symbol: &Symbol, before: Option<OptionRecord>, rows: Vec<Candle>) {
        let record =
            before.clone().unwrap_or_else(|| OptionRecord { listed: false, ..OptionRecord::listed(symbol.clone()) });
        self.places.insert(symbol.clone(), self.entries.len());
        self.entries.push(Entry { before, record, rows, odd: Vec::new(), writes: Vec::new() });
    }

    /// Takes in that an option's row of that date is no bar: a price that is no number, or an odd time (B14).
    pub(super) fn know_odd(&mut self, symbol: &Symbol, date: jiff::civil::Date) {
        if let Some(entry) = self.places.get(symbol).and_then(|at| self.entries.get_mut(*at)) {
            entry.odd.push(date);
        }
    }

    /// Whether an option was taken in.
    pub(super) fn knows(&self, symbol: &Symbol) -> bool {
        self.places.contains_key(symbol)
    }

    /// Applies one of the batch's news to its option, whose name the store may write otherwise. `None` where the
    /// option was not taken in.
    pub(super) fn apply(&mut self, symbol: &Symbol, news: &OptionNews) -> Option<Applied> {
        let entry = self.entries.get_mut(*self.places.get(symbol)?)?;
        let mut applied = Applied { record: entry.record.clone(), inserted: 0, unchanged: 0, revised: Vec::new() };
        if news.happening == Happening::Bars {
            entry.take_bars(news, &mut applied);
        }
        let record = &mut entry.record;
        record.state = record.state.after(&news.happening, record.row_count > 0);
        match &news.happening {
            Happening::Bars | Happening::NoBars(_) => {
                record.fetched_at = Some(news.at);
                record.reason = None;
            }
            Happening::GivenUp(why) => record.reason = Some(super::text::plain(why).into()),
            Happening::PutBack => {
                record.fetched_at = None;
                record.reason = None;
            }
        }
        applied.record = record.clone();
        Some(applied)
    }

    /// The options whose line is another one now.
    pub(super) fn changed(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.before.as_ref() != Some(&entry.record))
    }

    /// Every option with bars to be written.
    pub(super) fn written(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !entry.writes.is_empty())
    }

    /// What the batch adds to the tallies.
    pub(super) fn deltas(&self) -> Deltas {
        let mut deltas = Deltas::default();
        for entry in self.changed() {
            deltas.moved(entry.before.as_ref(), &entry.record);
        }
        deltas
    }
}

impl Entry {
    fn take_bars(&mut self, news: &OptionNews, applied: &mut Applied) {
        self.rows.reserve(news.candles.len());
        self.writes.reserve(news.candles.len());
        for candle in &news.candles {
            let replaces = match self.rows.binary_search_by_key(&candle.date, |row| row.date) {
                Ok(at) if self.rows[at] == *candle => {
                    applied.unchanged += 1;
                    continue;
                }
                Ok(at) => {
                    let old = std::mem::replace(&mut self.rows[at], candle.clone());
                    applied.revised.push(Revision { old, new: candle.clone() });
                    true
                }
                Err(at) => {
                    self.rows.insert(at, candle.clone());
                    applied.inserted += 1;
                    self.odd.contains(&candle.date)
                }
            };
            let write = Write { candle: candle.clone(), data_source: news.data_source, at: news.at, replaces };
            match self.writes.binary_search_by_key(&candle.date, |write| write.candle.date) {
                Ok(at) => self.writes[at] = Write { replaces: self.writes[at].replaces, ..write },
                Err(at) => self.writes.insert(at, write),
            }
        }
        let record = &mut self.record;
        count_rows(record, &self.rows);
    }
}

/// Makes a line speak of these bars, which are all of its option's, by date.
pub(super) fn count_rows(record: &mut OptionRecord, rows: &[Candle]) {
    record.row_count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
    record.first_bar = rows.first().map(|row| row.date);
    record.last_bar = rows.last().map(|row| row.date);
    record.print = Print::of(&record.symbol, rows);
}

/// What a batch adds to the tallies, by currency.
#[derive(Default)]
pub(super) struct Deltas(BTreeMap<Currency, Counts>);

/// A change of one currency's counts.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) listed: i64,
    pub(super) pending: i64,
    pub(super) stored: i64,
    pub(super) empty: i64,
    pub(super) attention: i64,
    pub(super) rows: i64,
}

impl Deltas {
    /// Counts an option that changed from one line to another.
    pub(super) fn moved(&mut self, before: Option<&OptionRecord>, after: &OptionRecord) {
        if let Some(before) = before {
            self.count(before, -1);
        }
        self.count(after, 1);
    }

    /// The currencies of which any count changes.
    pub(super) fn each(&self) -> impl Iterator<Item = (&Currency, &Counts)> {
        self.0.iter().filter(|(_, counts)| **counts != Counts::default())
    }

    fn count(&mut self, record: &OptionRecord, sign: i64) {
        if !self.0.contains_key(&record.currency) {
            self.0.insert(record.currency.clone(), Counts::default());
        }
        let Some(counts) = self.0.get_mut(&record.currency) else { return };
        counts.listed += sign;
        counts.rows += sign * i64::from(record.row_count);
        match record.state {
            OptionState::Pending => counts.pending += sign,
            OptionState::Stored => counts.stored += sign,
            OptionState::Empty => counts.empty += sign,
            OptionState::Attention => counts.attention += sign,
        }
    }
}

impl Counts {
    /// The six counts, in the order of [`Tally`].
    pub(super) fn numbers(&self) -> [i64; 6] {
        [self.listed, self.pending, self.stored, self.empty, self.attention, self.rows]
    }

    /// Adds them to a tally.
    pub(super) fn add_to(&self, tally: &mut Tally) {
        let places = [
            &mut tally.listed,
            &mut tally.pending,
            &mut tally.stored,
            &mut tally.empty,
            &mut tally.attention,
            &mut tally.rows,
        ];
        for (place, number) in places.into_iter().zip(self.numbers()) {
            *place = place.saturating_add_signed(number);
        }
    }
}

/// A tally as it is stored.
pub(super) fn tally(currency: &str, numbers: [i64; 6]) -> Tally {
    let [listed, pending, stored, empty, attention, rows] = numbers.map(|number| u64::try_from(number).unwrap_or(0));
    Tally { currency: Currency::stored(currency), listed, pending, stored, empty, attention, rows }
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
