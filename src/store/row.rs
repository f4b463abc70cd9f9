//! Words and lines between the port's types and any table.

use std::borrow::Cow;

use super::ListingRow;
use crate::domain::ability::Ability;
use crate::domain::candle::Print;
use crate::domain::governor::Memory;
use crate::domain::instrument::{Currency, Instrument, Symbol, kept_name};
use crate::domain::kept;
use crate::domain::ledger::{OptionRecord, OptionState};
use crate::domain::listing::ListingNews;
use crate::domain::moment::Moment;
use crate::domain::order::Order;
use crate::domain::plan;
use crate::limits::{EMPTY_DAYS_DEFAULT, REQUEST_MS_MAX, RETRY_AFTER_S_MAX, SECOND_MS};

/// A name as a store holds it.
pub(super) fn storable_symbol(symbol: &Symbol) -> Symbol {
    match kept_name(symbol.as_str()) {
        Cow::Borrowed(_) => symbol.clone(),
        Cow::Owned(text) => Symbol::new(&text),
    }
}

/// A line as a store holds it.
pub(super) fn storable(record: &OptionRecord) -> Cow<'_, OptionRecord> {
    match kept_name(record.symbol.as_str()) {
        Cow::Borrowed(_) => Cow::Borrowed(record),
        Cow::Owned(text) => Cow::Owned(OptionRecord { symbol: Symbol::new(&text), ..record.clone() }),
    }
}

/// A line of the ledger as it is read back. Its terms are read from the name: that is quicker than a column.
#[derive(Default)]
pub(super) struct Lines {
    last: Option<Currency>,
}

/// The columns of a ledger line.
pub(super) struct Line<'a> {
    pub(super) symbol: &'a str,
    pub(super) currency: &'a str,
    pub(super) state: &'a str,
    pub(super) row_count: i64,
    pub(super) first_bar: Option<jiff::civil::Date>,
    pub(super) last_bar: Option<jiff::civil::Date>,
    pub(super) print: i64,
    pub(super) fetched_at: Option<i64>,
    pub(super) listed: bool,
    pub(super) reason: Option<&'a str>,
}

impl Lines {
    /// Reads one; an unknown state is an error with its word.
    pub(super) fn read(&mut self, line: &Line<'_>) -> Result<OptionRecord, String> {
        let state = OptionState::from_word(line.state).ok_or_else(|| format!("unknown state {:?}", line.state))?;
        let currency = match &self.last {
            Some(last) if last.as_str() == line.currency => last.clone(),
            _ => self.last.insert(Currency::stored(line.currency)).clone(),
        };
        Ok(OptionRecord {
            symbol: Symbol::new(line.symbol),
            currency,
            instrument: Instrument::parse(line.symbol).ok(),
            state,
            row_count: u32::try_from(line.row_count).map_err(|_| format!("row count {}", line.row_count))?,
            first_bar: line.first_bar,
            last_bar: line.last_bar,
            print: print_stored(line.print),
            fetched_at: line.fetched_at.map(Moment),
            listed: line.listed,
            reason: line.reason.map(Into::into),
        })
    }
}

/// A print as a signed column holds it: the same bits.
pub(super) fn print_bits(print: Print) -> i64 {
    i64::from_ne_bytes(print.0.to_ne_bytes())
}

/// The way back from [`print_bits`].
pub(super) fn print_stored(bits: i64) -> Print {
    Print(u64::from_ne_bytes(bits.to_ne_bytes()))
}

/// How far back from the newest request the vendor may count, as far as is known.
pub(super) fn counted_span_ms(throttle: &Memory) -> i64 {
    let window_ms = throttle.quota.as_ref().map_or(RETRY_AFTER_S_MAX * SECOND_MS, |quota| quota.window_ms);
    window_ms + REQUEST_MS_MAX.cast_signed()
}

/// When an option is due again, as it is kept: as if it were listed, for a listing may name it again.
pub(super) fn due_at(record: &OptionRecord) -> Option<i64> {
    plan::due_again_at(record, EMPTY_DAYS_DEFAULT).map(|at| at.0)
}

/// An order as it is stored; its names cannot break out of JSON.
pub(super) fn order_text(order: &Order) -> String {
    serde_json::to_string(order).unwrap_or_default()
}

/// The way back. What a newer program left is told, so that nobody waits for it.
pub(super) fn order_of(text: &str) -> Order {
    kept::read(text).unwrap_or_else(|_| Order::Unread(text.to_owned()))
}

/// Options that a run would ask for now, of the currencies that were ever asked for. `due`: those that can bring news
/// again.
pub(super) fn open_count(tallies: &[super::Tally], due: &[(Currency, u64)], ability: &Ability) -> u64 {
    let pending = tallies.iter().map(|tally| (&tally.currency, tally.pending));
    let all = pending.chain(due.iter().map(|(currency, count)| (currency, *count)));
    all.filter(|(currency, _)| ability.is_asked_for(currency)).fold(0, |sum, (_, count)| sum.saturating_add(count))
}

impl ListingRow {
    /// What is kept of a listing's news.
    pub(super) fn of(news: &ListingNews) -> ListingRow {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        ListingRow {
            fetched_at: news.fetched_at,
            names: news.names,
            unparsed: news.unparsed,
            new: count(news.new.len()),
            vanished: count(news.vanished.len()),
        }
    }
}
