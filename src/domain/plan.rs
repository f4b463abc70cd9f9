//! Listing, ledger and horizon: which options can bring news, and the fewest requests that fetch them.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::answer::Query;
use super::instrument::{Currency, OptionType, Symbol};
use super::ledger::{OptionRecord, OptionState};
use super::moment::Moment;
use crate::limits::{DAY_MS, PAGE_ROWS, PUBLISH_LAG_MS};

/// Bars of an average option (FIELD: mean lifetime 15.5 days), to guess the pages of an expiry.
const BARS_MEAN: u32 = 16;

/// When an option is worth a request.
#[derive(Clone, Copy, Debug)]
pub struct Horizon {
    /// The time.
    pub now: Moment,
    /// Age at which an `empty` of an expired option is looked at again.
    pub empty_days: u32,
}

/// Why an option is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Due {
    /// Nothing is known of it.
    Pending,
    /// It still traded when it was fetched, and a bar has closed since.
    Grown,
    /// It was empty long ago, or its bars ended before its expiry; the archive grows.
    OldEmpty,
}

/// One option to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub symbol: Symbol,
    /// Its currency.
    pub currency: Currency,
    /// Its expiry.
    pub expiry: Date,
    /// Why.
    pub due: Due,
}

/// How many requests one query for an expiry replaces.
#[derive(Clone, Debug, Default)]
pub struct Chains(HashMap<(Currency, Date), u32>);

/// Whether an option can bring news, and why. What is final is never asked again.
pub fn due(record: &OptionRecord, horizon: Horizon) -> Option<Due> {
    let instrument = record.instrument.as_ref()?;
    let fetched = match (record.state, record.fetched_at) {
        (OptionState::Attention, _) => return None, // a person's turn: `retry`
        (OptionState::Pending, _) => return Some(Due::Pending),
        (_, None) => return record.listed.then_some(Due::Grown),
        (_, Some(fetched)) => fetched,
    };
    if !record.listed {
        return None;
    }
    if !fetched.has_been(horizon.now) {
        // Fetched under a clock that was ahead, nobody knows when: only bars that reach the end say that it was late enough.
        let is_over = horizon.now >= instrument.expires_at() + PUBLISH_LAG_MS;
        return (!is_over || !record.is_whole()).then_some(Due::Grown);
    }
    let traded_on = fetched < instrument.expires_at() + PUBLISH_LAG_MS;
    let bar_closed = (horizon.now - PUBLISH_LAG_MS).bar_boundary() > (fetched - PUBLISH_LAG_MS).bar_boundary();
    if traded_on && bar_closed {
        return Some(Due::Grown);
    }
    let old = fetched.until_ms(horizon.now) >= i64::from(horizon.empty_days) * DAY_MS;
    (may_grow(record) && old).then_some(Due::OldEmpty)
}

/// Whether a growing archive may hold more of an option whose life is over: each look puts the next one off.
fn may_grow(record: &OptionRecord) -> bool {
    record.state == OptionState::Empty || record.is_short()
}

/// The earliest moment at which an option that is known, and listed, can bring news again; `None` where that is never,
/// or now (pending), or a person's turn. A store keeps it, so that what is due can be counted without reading it all.
pub fn due_again_at(record: &OptionRecord, empty_days: u32) -> Option<Moment> {
    let instrument = record.instrument.as_ref()?;
    match (record.state, record.fetched_at) {
        (OptionState::Pending | OptionState::Attention, _) => None,
        (OptionState::Stored | OptionState::Empty, None) => Some(Moment(i64::MIN)),
        (OptionState::Stored | OptionState::Empty, Some(fetched)) => {
            let traded_on = fetched < instrument.expires_at() + PUBLISH_LAG_MS;
            let grown = (fetched - PUBLISH_LAG_MS).bar_boundary() + DAY_MS + PUBLISH_LAG_MS;
            let old = fetched + i64::from(empty_days) * DAY_MS;
            match (traded_on, may_grow(record)) {
                (true, true) => Some(grown.min(old)),
                (true, false) => Some(grown),
                (false, true) => Some(old),
                (false, false) => None,
            }
        }
    }
}

/// The options that can bring news, in the order in which they are asked for: the currencies as given, then by
/// expiry, strike and type.
pub fn wanted(records: &[OptionRecord], currencies: &[Currency], horizon: Horizon) -> Vec<Wanted> {
    let mut found: Vec<_> = records
        .iter()
        .filter_map(|record| {
            let rank = currencies.iter().position(|currency| *currency == record.currency)?;
            let due = due(record, horizon)?;
            let instrument = record.instrument.as_ref()?;
            Some(((rank, instrument.expiry, instrument.strike, instrument.option_type), record, due))
        })
        .collect();
    found.sort_by(|a, b| (&a.0, &a.1.symbol).cmp(&(&b.0, &b.1.symbol)));
    let wanted = |((_, expiry, ..), record, due): ((usize, Date, Decimal, OptionType), &OptionRecord, Due)| {
        let (symbol, currency) = (record.symbol.clone(), record.currency.clone());
        Wanted { symbol, currency, expiry, due }
    };
    found.into_iter().map(wanted).collect()
}

impl Chains {
    /// Counts the options of each expiry, and guesses the pages that its bars take.
    pub fn of(records: &[OptionRecord]) -> Chains {
        let mut rows: HashMap<(Currency, Date), u32> = HashMap::new();
        for record in records {
            if let Some(instrument) = &record.instrument {
                let bars = if record.state == OptionState::Stored { record.row_count } else { BARS_MEAN };
                *rows.entry((record.currency.clone(), instrument.expiry)).or_default() += bars;
            }
        }
        Chains(rows)
    }

    /// The requests that one query for this expiry takes, as far as can be known before.
    pub fn pages(&self, currency: &Currency, expiry: Date, page_rows: Option<u32>) -> u32 {
        let rows = self.0.get(&(currency.clone(), expiry)).copied().unwrap_or(1);
        rows.div_ceil(page_rows.unwrap_or(PAGE_ROWS).max(1)).max(1)
    }
}

/// One query an option.
pub fn by_symbol(wanted: &[Wanted]) -> Vec<Query> {
    wanted.iter().map(|option| Query::Symbol(option.symbol.clone())).collect()
}

/// The cheapest cover where the vendor answers expiries: one query for an expiry that lacks more options than it
/// takes pages, else its options one by one.
pub fn cheapest_cover(wanted: &[Wanted], chains: &Chains, page_rows: Option<u32>) -> Vec<Query> {
    let mut missing: BTreeMap<(&Currency, Date), u32> = BTreeMap::new();
    for option in wanted {
        *missing.entry((&option.currency, option.expiry)).or_default() += 1;
    }
    let mut queries = Vec::new();
    let mut covered: Vec<(&Currency, Date)> = Vec::new();
    for option in wanted {
        let chain = (&option.currency, option.expiry);
        if missing.get(&chain).copied().unwrap_or(0) <= chains.pages(chain.0, chain.1, page_rows) {
            queries.push(Query::Symbol(option.symbol.clone()));
        } else if covered.last() != Some(&chain) {
            covered.push(chain);
            queries.push(Query::Expiry(chain.0.clone(), chain.1));
        }
    }
    queries
}

/// The expiry whose answer tells most surely whether the vendor answers expiries: the one that lacks most
/// options. `None` where none lacks two: one by one is as cheap then.
pub fn probe(wanted: &[Wanted]) -> Option<Query> {
    let mut missing: BTreeMap<(&Currency, Date), u32> = BTreeMap::new();
    for option in wanted {
        *missing.entry((&option.currency, option.expiry)).or_default() += 1;
    }
    // The first of the largest: the order of a map is the same on every machine (I11).
    let (chain, most) = missing.into_iter().fold(None, |best: Option<(_, u32)>, next| match best {
        Some(best) if best.1 >= next.1 => Some(best),
        _ => Some(next),
    })?;
    (most >= 2).then(|| Query::Expiry(chain.0.clone(), chain.1))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::limits::HOUR_MS;

    fn record(name: &str) -> OptionRecord {
        OptionRecord::listed(Symbol::new(name))
    }

    fn stored(name: &str, fetched: Moment) -> OptionRecord {
        OptionRecord { state: OptionState::Stored, row_count: 3, fetched_at: Some(fetched), ..record(name) }
    }

    fn horizon(now: Moment) -> Horizon {
        Horizon { now, empty_days: 30 }
    }

    #[test]
    fn what_is_final_is_never_asked_again_and_what_traded_is_due_with_the_next_bar() {
        let expiry = Moment::opening_of(Date::constant(2024, 4, 17));
        let name = "BTC-17APR24-60000-C";
        let late = expiry + PUBLISH_LAG_MS;
        assert!(stored(name, late).is_final());
        assert!(!stored(name, late - 1).is_final(), "its last bar may have come after that");
        // F-S4: a history that ends before the expiry is looked at again when that was seen long ago.
        let short = OptionRecord { last_bar: Some(Date::constant(2024, 4, 15)), ..stored(name, late) };
        assert!(!short.is_final());
        assert_eq!(due(&short, horizon(late + 30 * DAY_MS - 1)), None);
        assert_eq!(due(&short, horizon(late + 30 * DAY_MS)), Some(Due::OldEmpty));
        let whole = OptionRecord { last_bar: Some(Date::constant(2024, 4, 16)), ..stored(name, late) };
        assert!(whole.is_final());
        assert_eq!(due(&stored(name, late), horizon(late + 400 * DAY_MS)), None);
        // Fetched five days before: due once 08:00 UTC and the vendor's lag have passed, not before.
        let fetched = expiry - 5 * DAY_MS + 3 * HOUR_MS;
        let next = expiry - 4 * DAY_MS + PUBLISH_LAG_MS;
        assert_eq!(due(&stored(name, fetched), horizon(next - 1)), None);
        assert_eq!(due(&stored(name, fetched), horizon(next)), Some(Due::Grown));
        assert_eq!(due(&stored(name, fetched), horizon(expiry + 900 * DAY_MS)), Some(Due::Grown));
    }

    #[test]
    fn an_empty_is_looked_at_again_when_its_evidence_is_old_and_attention_waits_for_a_person() {
        let at = Moment::opening_of(Date::constant(2025, 1, 1));
        let mut empty = stored("BTC-17APR24-60000-C", at);
        empty.state = OptionState::Empty;
        assert_eq!(due(&empty, horizon(at + 29 * DAY_MS)), None);
        assert_eq!(due(&empty, horizon(at + 30 * DAY_MS)), Some(Due::OldEmpty));
        empty.state = OptionState::Attention;
        assert_eq!(due(&empty, horizon(at + 900 * DAY_MS)), None);
        assert_eq!(due(&record("BTC-what"), horizon(at)), None, "F-X6: no request for a name that does not parse");
    }

    #[test]
    fn what_was_fetched_in_the_future_is_asked_for_again_unless_its_bars_reach_its_end() {
        // F-I10: a clock that was three years ahead would keep an option that still trades from its bars so long
        let expiry = Moment::opening_of(Date::constant(2024, 4, 17));
        let ahead = expiry + 1_095 * DAY_MS;
        let at = |last: Option<i8>| OptionRecord {
            last_bar: last.map(|day| Date::constant(2024, 4, day)),
            ..stored("BTC-17APR24-60000-C", ahead)
        };
        let (before, after) = (horizon(expiry - 5 * DAY_MS), horizon(expiry + DAY_MS));
        let empty = OptionRecord { state: OptionState::Empty, ..at(None) };
        for (record, in_life, over) in [
            (at(Some(12)), Some(Due::Grown), Some(Due::Grown)),
            (at(Some(16)), Some(Due::Grown), None),
            (empty.clone(), Some(Due::Grown), Some(Due::Grown)),
            (OptionRecord { listed: false, ..empty }, None, None),
        ] {
            assert_eq!((due(&record, before), due(&record, after)), (in_life, over), "{record:?}");
        }
        assert_eq!(due(&at(Some(12)), horizon(ahead)), None, "it may well have been then");
        let whole = at(Some(16));
        let published = whole.instrument.as_ref().unwrap().expires_at() + PUBLISH_LAG_MS;
        assert_eq!(due(&whole, horizon(published - 1)), Some(Due::Grown), "its last bar may not be out");
        assert_eq!(due(&whole, horizon(published)), None);
    }

    #[test]
    fn when_an_option_is_due_again_is_when_it_becomes_due() {
        let expiry = Moment::opening_of(Date::constant(2024, 4, 17));
        let short = Some(Date::constant(2024, 4, 15));
        for (state, last_bar) in [(OptionState::Stored, None), (OptionState::Stored, short), (OptionState::Empty, None)]
        {
            for hours in (-100..100).map(|n| n * 7) {
                let mut one = stored("BTC-17APR24-60000-C", expiry + hours * HOUR_MS);
                (one.state, one.last_bar) = (state, last_bar);
                match due_again_at(&one, 30) {
                    Some(at) => {
                        assert!(due(&one, horizon(at)).is_some(), "{state:?} {hours}");
                        assert_eq!(due(&one, horizon(at - 1)), None, "{state:?} {hours}");
                    }
                    None => assert_eq!(due(&one, horizon(expiry + 9_000 * DAY_MS)), None),
                }
            }
        }
        let adopted = OptionRecord { fetched_at: None, ..stored("BTC-17APR24-60000-C", expiry) };
        assert!(due_again_at(&adopted, 30).is_some_and(|at| at < expiry), "due at once");
        let over = stored("BTC-17APR24-60000-C", expiry + PUBLISH_LAG_MS);
        assert_eq!(due_again_at(&over, 30), None, "the last bar was there");
    }

    #[test]
    fn the_cover_is_the_cheapest_and_keeps_the_order() {
        let mut records: Vec<_> = (0..40).map(|n| record(&format!("ETH-5APR24-{}-C", 1000 + n))).collect();
        records.push(record("BTC-6APR24-100-C"));
        let currencies = ["ETH", "BTC"].map(Currency::stored);
        let at = horizon(Moment::opening_of(Date::constant(2025, 1, 1)));
        let wanted = wanted(&records, &currencies, at);
        let chains = Chains::of(&records);
        let expiry = Query::Expiry(Currency::stored("ETH"), Date::constant(2024, 4, 5));
        let single = Query::Symbol(Symbol::new("BTC-6APR24-100-C"));
        assert_eq!(cheapest_cover(&wanted, &chains, None), [expiry.clone(), single.clone()]);
        assert_eq!(probe(&wanted), Some(expiry));
        assert_eq!(by_symbol(&wanted).len(), 41);
        // With pages of 16 rows the expiry takes 40 pages: its options one by one are as cheap.
        assert_eq!(cheapest_cover(&wanted, &chains, Some(16)).len(), 41);
        assert_eq!(probe(&wanted[40..]), None);
        let few: Vec<_> = ["ETH-5APR24-1-C", "ETH-5APR24-2-C", "ETH-6APR24-1-C"].map(record).into();
        let first = Query::Expiry(Currency::stored("ETH"), Date::constant(2024, 4, 5));
        assert_eq!(probe(&super::wanted(&few, &currencies, at)), Some(first), "one that lacks fewer comes after it");
    }
}
