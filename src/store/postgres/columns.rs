//! Rows turned into columns: one statement a table, whatever the number of rows (B7).

use std::borrow::Cow;

use super::value::Values;
use super::wire::{Day, Exact, Stamp};
use crate::domain::instrument::kept_name;
use crate::domain::ledger::OptionRecord;
use crate::domain::moment::Moment;
use crate::store::adoption::Style;
use crate::store::merge::{Counts, Deltas, Fold};
use crate::store::row::{due_at, print_bits};
use crate::store::text::plain;
use crate::store::{Attempt, Settled};

/// Lines of the ledger, under the names that a store keeps.
#[derive(Default)]
pub(super) struct LedgerColumns<'a> {
    symbol: Vec<Cow<'a, str>>,
    currency: Vec<&'a str>,
    expiry: Vec<Option<Day>>,
    strike: Vec<Option<Exact>>,
    option_type: Vec<Option<&'a str>>,
    state: Vec<&'a str>,
    row_count: Vec<i64>,
    first_bar: Vec<Option<Day>>,
    last_bar: Vec<Option<Day>>,
    print: Vec<i64>,
    fetched_at: Vec<Option<i64>>,
    listed: Vec<bool>,
    reason: Vec<Option<&'a str>>,
    due_at: Vec<Option<i64>>,
}

impl<'a> LedgerColumns<'a> {
    pub(super) fn of(records: impl IntoIterator<Item = &'a OptionRecord>) -> LedgerColumns<'a> {
        let mut columns = LedgerColumns::default();
        for record in records {
            let terms = record.instrument.as_ref();
            columns.symbol.push(kept_name(record.symbol.as_str()));
            columns.currency.push(record.currency.as_str());
            columns.expiry.push(terms.map(|terms| Day(terms.expiry)));
            columns.strike.push(terms.map(|terms| Exact(terms.strike)));
            columns.option_type.push(terms.map(|terms| terms.option_type.letter()));
            columns.state.push(record.state.word());
            columns.row_count.push(i64::from(record.row_count));
            columns.first_bar.push(record.first_bar.map(Day));
            columns.last_bar.push(record.last_bar.map(Day));
            columns.print.push(print_bits(record.print));
            columns.fetched_at.push(record.fetched_at.map(|at| at.0));
            columns.listed.push(record.listed);
            columns.reason.push(record.reason.as_deref());
            columns.due_at.push(due_at(record));
        }
        columns
    }

    pub(super) fn values(&self) -> Values<'_> {
        vec![
            &self.symbol,
            &self.currency,
            &self.expiry,
            &self.strike,
            &self.option_type,
            &self.state,
            &self.row_count,
            &self.first_bar,
            &self.last_bar,
            &self.print,
            &self.fetched_at,
            &self.listed,
            &self.reason,
            &self.due_at,
        ]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.symbol.is_empty()
    }
}

/// Bars to be written, each with what every row of its option repeats.
#[derive(Default)]
pub(super) struct BarColumns<'a> {
    open_ms: Vec<i64>,
    date: Vec<Day>,
    symbol: Vec<&'a str>,
    currency: Vec<&'a str>,
    expiry: Vec<Option<Day>>,
    strike: Vec<Option<Exact>>,
    option_type: Vec<Option<&'a str>>,
    numbers: [Vec<Option<Exact>>; 5],
    data_source: Vec<&'a str>,
    at: Vec<Stamp>,
}

impl<'a> BarColumns<'a> {
    pub(super) fn of(fold: &'a Fold, style: &'a Style) -> BarColumns<'a> {
        let mut columns = BarColumns::default();
        for entry in fold.written() {
            let record = &entry.record;
            let terms = record.instrument.as_ref();
            for write in &entry.writes {
                let bar = &write.candle;
                columns.open_ms.push(bar.open_ms);
                columns.date.push(Day(bar.date));
                columns.symbol.push(record.symbol.as_str());
                columns.currency.push(record.currency.as_str());
                columns.expiry.push(terms.map(|terms| Day(terms.expiry)));
                columns.strike.push(terms.map(|terms| Exact(terms.strike)));
                columns.option_type.push(terms.map(|terms| style.word(terms.option_type)));
                for (column, value) in columns.numbers.iter_mut().zip(bar.values()) {
                    column.push(value.map(Exact));
                }
                columns.data_source.push(write.data_source);
                columns.at.push(Stamp(write.at));
            }
        }
        columns
    }

    pub(super) fn values(&self) -> Values<'_> {
        let [open, high, low, close, volume] = &self.numbers;
        vec![
            &self.open_ms,
            &self.date,
            &self.symbol,
            &self.currency,
            &self.expiry,
            &self.strike,
            &self.option_type,
            open,
            high,
            low,
            close,
            volume,
            &self.data_source,
            &self.at,
        ]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.symbol.is_empty()
    }
}

/// Requests that will leave.
#[derive(Default)]
pub(super) struct SentColumns<'a> {
    seq: Vec<i64>,
    kind: Vec<&'a str>,
    query: Vec<Cow<'a, str>>,
    sent: Vec<i64>,
}

impl<'a> SentColumns<'a> {
    pub(super) fn of(sent: &'a [Attempt]) -> SentColumns<'a> {
        SentColumns {
            seq: sent.iter().map(|attempt| attempt.seq).collect(),
            kind: sent.iter().map(|attempt| attempt.kind).collect(),
            query: sent.iter().map(|attempt| plain(&attempt.query)).collect(),
            sent: sent.iter().map(|attempt| attempt.sent.0).collect(),
        }
    }

    pub(super) fn values<'v>(&'v self, epoch: &'v i64) -> Values<'v> {
        vec![epoch, &self.seq, &self.kind, &self.query, &self.sent]
    }
}

/// What came of requests.
#[derive(Default)]
pub(super) struct SettledColumns<'a> {
    seq: Vec<i64>,
    done: Vec<i64>,
    outcome: Vec<&'a str>,
    status: Vec<i64>,
    counted: Vec<bool>,
    bytes: Vec<i64>,
    rows: Vec<i64>,
    wait_s: Vec<Option<i64>>,
    note: Vec<Option<Cow<'a, str>>>,
}

impl<'a> SettledColumns<'a> {
    pub(super) fn of(settled: &'a [Settled]) -> SettledColumns<'a> {
        SettledColumns {
            seq: settled.iter().map(|settled| settled.seq).collect(),
            done: settled.iter().map(|settled| settled.done.0).collect(),
            outcome: settled.iter().map(|settled| settled.outcome).collect(),
            status: settled.iter().map(|settled| i64::from(settled.status)).collect(),
            counted: settled.iter().map(|settled| settled.counted).collect(),
            bytes: settled.iter().map(|settled| i64::from(settled.bytes)).collect(),
            rows: settled.iter().map(|settled| i64::from(settled.rows)).collect(),
            wait_s: settled.iter().map(|settled| settled.wait_s).collect(),
            note: settled.iter().map(|settled| settled.note.as_deref().map(plain)).collect(),
        }
    }

    pub(super) fn values<'v>(&'v self, epoch: &'v i64) -> Values<'v> {
        vec![
            epoch,
            &self.seq,
            &self.done,
            &self.outcome,
            &self.status,
            &self.counted,
            &self.bytes,
            &self.rows,
            &self.wait_s,
            &self.note,
        ]
    }
}

/// What is added to the tallies.
#[derive(Default)]
pub(super) struct TallyColumns<'a> {
    currency: Vec<&'a str>,
    numbers: [Vec<i64>; 6],
}

impl<'a> TallyColumns<'a> {
    pub(super) fn of(deltas: &'a Deltas) -> TallyColumns<'a> {
        let mut columns = TallyColumns::default();
        for (currency, counts) in deltas.each() {
            columns.currency.push(currency.as_str());
            for (column, number) in columns.numbers.iter_mut().zip(Counts::numbers(counts)) {
                column.push(number);
            }
        }
        columns
    }

    pub(super) fn values(&self) -> Values<'_> {
        let [listed, pending, stored, empty, attention, bars] = &self.numbers;
        vec![&self.currency, listed, pending, stored, empty, attention, bars]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.currency.is_empty()
    }
}

/// Notes about bars: a word with [`NoteColumns::flag`], old and new with [`NoteColumns::revise`].
#[derive(Default)]
pub(super) struct NoteColumns {
    symbol: Vec<String>,
    date: Vec<Day>,
    at: Vec<i64>,
    old: Vec<String>,
    new: Vec<String>,
    word: Vec<&'static str>,
}

impl NoteColumns {
    pub(super) fn flag(&mut self, symbol: &str, date: jiff::civil::Date, word: &'static str) {
        self.symbol.push(symbol.to_owned());
        self.date.push(Day(date));
        self.word.push(word);
    }

    pub(super) fn revise(&mut self, symbol: &str, date: jiff::civil::Date, at: Moment, old: String, new: String) {
        self.symbol.push(symbol.to_owned());
        self.date.push(Day(date));
        self.at.push(at.0);
        self.old.push(old);
        self.new.push(new);
    }

    pub(super) fn flag_values(&self) -> Values<'_> {
        vec![&self.symbol, &self.date, &self.word]
    }

    pub(super) fn revision_values(&self) -> Values<'_> {
        vec![&self.symbol, &self.date, &self.at, &self.old, &self.new]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.symbol.is_empty()
    }
}
