//! A listing against the ledger: what is new, what vanished, what came back (X8).

use std::collections::{HashMap, HashSet};

use super::instrument::Symbol;
use super::ledger::OptionRecord;
use super::moment::Moment;

/// What a fetched listing changes.
#[derive(Clone, Debug, Default)]
pub struct ListingNews {
    /// When it was complete.
    pub fetched_at: Moment,
    /// Names in it, each counted once.
    pub names: u32,
    /// Names among them that do not parse.
    pub unparsed: u32,
    /// Requests that it took.
    pub requests: u32,
    /// Options that the ledger did not know.
    pub new: Vec<OptionRecord>,
    /// Options of the last listing that this one does not name. Their rows stay.
    pub vanished: Vec<Symbol>,
    /// Options that had vanished and are named again.
    pub returned: Vec<Symbol>,
}

/// Compares a listing with the ledger. Names that stand twice count once.
pub fn compare<'a>(
    ledger: impl IntoIterator<Item = &'a OptionRecord>,
    names: &[Symbol],
    fetched_at: Moment,
    requests: u32,
) -> ListingNews {
    let known: HashMap<&Symbol, bool> = ledger.into_iter().map(|record| (&record.symbol, record.listed)).collect();
    let mut named = HashSet::with_capacity(names.len());
    let mut news = ListingNews { fetched_at, requests, ..ListingNews::default() };
    for symbol in names {
        if !named.insert(symbol) {
            continue;
        }
        match known.get(symbol) {
            None => news.new.push(sharing(OptionRecord::listed(symbol.clone()), news.new.last())),
            Some(false) => news.returned.push(symbol.clone()),
            Some(true) => {}
        }
        news.unparsed += u32::from(super::instrument::Instrument::parse(symbol.as_str()).is_err());
    }
    news.names = u32::try_from(named.len()).unwrap_or(u32::MAX);
    news.vanished = known
        .iter()
        .filter(|(symbol, listed)| **listed && !named.contains(**symbol))
        .map(|(symbol, _)| (*symbol).clone())
        .collect();
    news.vanished.sort();
    news
}

/// The record with the currency of the one before it, where that is the same: there may be a hundred thousand of them.
fn sharing(mut record: OptionRecord, before: Option<&OptionRecord>) -> OptionRecord {
    if let Some(before) = before.filter(|before| before.currency == record.currency) {
        record.currency = before.currency.clone();
        if let Some(instrument) = &mut record.instrument {
            instrument.currency = before.currency.clone();
        }
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_vanished_and_returned_options_are_named_and_nothing_is_counted_twice() {
        // F-X8
        let symbol = |name| Symbol::new(name);
        let mut gone = OptionRecord::listed(symbol("BTC-1JAN24-100-C"));
        gone.listed = false;
        let stays = OptionRecord::listed(symbol("BTC-1JAN24-200-C"));
        let leaves = OptionRecord::listed(symbol("BTC-1JAN24-300-C"));
        let names: Vec<_> = ["BTC-1JAN24-100-C", "BTC-1JAN24-200-C", "new?", "new?"].map(symbol).into();
        let news = compare([&gone, &stays, &leaves], &names, Moment(1), 1);
        assert_eq!((news.names, news.unparsed, news.new.len()), (3, 1, 1));
        assert_eq!((news.vanished, news.returned), (vec![leaves.symbol], vec![gone.symbol]));
    }
}
