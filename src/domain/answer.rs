//! From pages to a whole answer, the only thing that can say "no data" (invariant I1).

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::candle::{Candle, Flaw};
use super::instrument::{Currency, Instrument, Symbol, expiry_code};
use crate::limits::{PAGES_MAX, QUERY_ROWS_MAX};

/// What one answer covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Query {
    /// One option.
    Symbol(Symbol),
    /// Every option of one expiry.
    Expiry(Currency, Date),
}

/// One page of an answer, already checked to be what was asked for.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The options in it, each named once, with their bars in the vendor's order.
    pub options: Vec<(Symbol, Vec<Candle>)>,
    /// Whether the vendor said that this is not the end.
    pub more: More,
}

/// What a page says of the pages after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum More {
    /// It is the last one, by the vendor's own word, or the query has one page by its nature.
    #[default]
    End,
    /// The next one starts at this row.
    At(u32),
    /// There are more, and where they start is not said: right after these.
    Further,
    /// Nothing is said. Only an empty page after it proves the end: the vendor's cap may be lower than asked (S17).
    Unsaid,
}

/// Why pages do not make a whole answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// The vendor gave an offset that it gave before, or rows that were read already: `offset` is ignored (S18).
    #[error("the vendor repeats itself at row {0}: it does not page this query")]
    Repeats(u32),
    /// A page holds bars of the pages before it: the vendor's rows moved between two pages, or have no order. As many
    /// as came twice may never have come.
    #[error(
        "the page at row {0} holds bars of the pages before it: rows moved between two pages, and some may be missing"
    )]
    Moved(u32),
    /// More than [`PAGES_MAX`] pages or [`QUERY_ROWS_MAX`] rows.
    #[error("the answer does not end: {0} rows so far")]
    Endless(usize),
}

/// The pages of one query, as they come in.
#[derive(Debug)]
pub struct Pages {
    query: Query,
    by_symbol: BTreeMap<Symbol, Vec<Bar>>,
    rows: usize,
    pages: u32,
    next: u32,
}

/// Every page of one query, read to the end. Only [`Pages::add`] makes one.
#[derive(Debug)]
pub struct Whole {
    query: Query,
    by_symbol: BTreeMap<Symbol, Vec<Bar>>,
}

/// A bar, and whether the answer held another one for its date.
type Bar = (Candle, bool);

/// Proof that a whole, valid answer held nothing for an option. Only [`Whole::history_of`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Empty(());

/// What a whole answer says of one option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum History {
    /// Its bars, by date, one a date.
    Bars(Vec<Candle>, Vec<(Date, Flaw)>),
    /// It has none.
    Empty(Empty),
}

/// What to do after a page.
#[derive(Debug)]
pub enum Next {
    /// Ask for the page that starts at this row.
    Ask(Pages, u32),
    /// That was all.
    Done(Whole),
}

impl Query {
    /// A short name for a log line: the symbol, or `BTC 17APR24`.
    pub fn label(&self) -> String {
        match self {
            Query::Symbol(symbol) => symbol.to_string(),
            Query::Expiry(currency, expiry) => format!("{currency} {}", expiry_code(*expiry)),
        }
    }

    /// Whether an option belongs to this query.
    pub fn covers(&self, symbol: &Symbol) -> bool {
        match self {
            Query::Symbol(asked) => asked == symbol,
            Query::Expiry(currency, expiry) => Instrument::parse(symbol.as_str())
                .is_ok_and(|instrument| instrument.currency == *currency && instrument.expiry == *expiry),
        }
    }
}

impl Page {
    /// The bars in it, of all its options.
    pub fn rows(&self) -> usize {
        self.options.iter().map(|(_, candles)| candles.len()).sum()
    }
}

impl Pages {
    /// No page yet.
    pub fn new(query: Query) -> Pages {
        Pages { query, by_symbol: BTreeMap::new(), rows: 0, pages: 0, next: 0 }
    }

    /// Takes a page in.
    ///
    /// # Errors
    /// When the vendor repeats itself or does not end.
    pub fn add(mut self, page: Page) -> Result<Next, PageError> {
        let read = page.rows();
        let (mut news, mut again) = (0, 0);
        for (symbol, candles) in page.options {
            let bars = self.by_symbol.entry(symbol).or_default();
            let known = bars.len();
            again += overlap(bars, &candles);
            bars.extend(candles.into_iter().map(|candle| (candle, false)));
            // B6: the same bar twice is one bar; another value for it is kept and flagged. The sort is stable, so the
            // later one comes later; bars come in order, or in the reverse of it, which makes it quick.
            bars.sort_by_key(|(candle, _)| candle.date);
            bars.dedup_by(|(later, _), (kept, two_values)| {
                if later.date != kept.date {
                    return false;
                }
                if later != kept {
                    std::mem::swap(later, kept);
                    *two_values = true;
                }
                true
            });
            news += bars.len() - known;
        }
        if self.pages > 0 && read > 0 && news == 0 {
            return Err(PageError::Repeats(self.next));
        }
        if again > 0 {
            return Err(PageError::Moved(self.next));
        }
        self.rows += news;
        self.pages += 1;
        let row_count = u32::try_from(read).unwrap_or(u32::MAX);
        let next = match page.more {
            More::End => None,
            More::Unsaid if read == 0 => None,
            More::Further if read == 0 => return Err(PageError::Repeats(self.next)),
            More::Unsaid | More::Further => Some(self.next.saturating_add(row_count)),
            More::At(offset) if offset <= self.next || read == 0 => return Err(PageError::Repeats(offset)),
            More::At(offset) => Some(offset),
        };
        let Some(next) = next else {
            return Ok(Next::Done(Whole { query: self.query, by_symbol: self.by_symbol }));
        };
        if self.pages >= PAGES_MAX || self.rows > QUERY_ROWS_MAX {
            return Err(PageError::Endless(self.rows));
        }
        self.next = next;
        Ok(Next::Ask(self, next))
    }

    /// The query that these pages answer.
    pub fn query(&self) -> &Query {
        &self.query
    }
}

/// How many of these bars stand in earlier pages. Those are sorted by date.
fn overlap(earlier: &[Bar], candles: &[Candle]) -> usize {
    let is_known = |candle: &&Candle| earlier.binary_search_by_key(&candle.date, |(bar, _)| bar.date).is_ok();
    if earlier.is_empty() { 0 } else { candles.iter().filter(is_known).count() }
}

impl Whole {
    /// What the answer says of an option; `None` where the option was not asked for, or its bars were handed out before:
    /// who asks twice must not hear "no data".
    pub fn history_of(&mut self, symbol: &Symbol) -> Option<History> {
        if !self.query.covers(symbol) {
            return None;
        }
        Some(match self.by_symbol.get_mut(symbol).map(std::mem::take) {
            Some(bars) if bars.is_empty() => return None,
            Some(bars) => {
                let mut flaws = Vec::new();
                let mut candles = Vec::with_capacity(bars.len());
                for (candle, two_values) in bars {
                    if two_values {
                        flaws.push((candle.date, Flaw::TwoValues));
                    }
                    candles.push(candle);
                }
                History::Bars(candles, flaws)
            }
            None => History::Empty(Empty(())),
        })
    }

    /// The options that the answer holds bars for.
    pub fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.by_symbol.keys()
    }

    /// Whether it holds no bar at all.
    pub fn is_empty(&self) -> bool {
        self.by_symbol.is_empty()
    }

    /// The query that was answered.
    pub fn query(&self) -> &Query {
        &self.query
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn bar(symbol: &str, day: i8) -> (Symbol, Vec<Candle>) {
        let date = Date::constant(2024, 4, day);
        let open_ms = super::super::moment::Moment::opening_of(date).0;
        let none = None;
        let bar = Candle { open_ms, date, open: none, high: none, low: none, close: none, volume: none };
        (Symbol::new(symbol), vec![bar])
    }

    fn expiry() -> Query {
        Query::Expiry(Currency::stored("BTC"), Date::constant(2024, 4, 17))
    }

    #[test]
    fn an_option_is_empty_only_after_the_last_page() {
        let page = Page { options: vec![bar("BTC-17APR24-60000-C", 1)], more: More::At(1) };
        let Next::Ask(pages, 1) = Pages::new(expiry()).add(page).unwrap() else { panic!("it said there is more") };
        let Next::Done(mut whole) = pages.add(Page::default()).unwrap() else { panic!("it said that is all") };
        let has = Symbol::new("BTC-17APR24-60000-C");
        assert!(matches!(whole.history_of(&has), Some(History::Bars(bars, _)) if bars.len() == 1));
        assert_eq!(whole.history_of(&has), None, "who asks twice must not hear of no data");
        assert!(matches!(whole.history_of(&Symbol::new("BTC-17APR24-60000-P")), Some(History::Empty(_))));
        assert_eq!(whole.history_of(&Symbol::new("BTC-18APR24-60000-P")), None, "it was not asked for");
    }

    #[test]
    fn a_repeated_offset_or_page_is_an_error_and_never_the_end() {
        // F-S18
        let page = |more| Page { options: vec![bar("BTC-17APR24-60000-C", 1)], more };
        assert_eq!(Pages::new(expiry()).add(page(More::At(0))).unwrap_err(), PageError::Repeats(0));
        let Next::Ask(pages, 1) = Pages::new(expiry()).add(page(More::Unsaid)).unwrap() else { panic!("unproven end") };
        assert_eq!(pages.add(page(More::Unsaid)).unwrap_err(), PageError::Repeats(1));
    }

    #[test]
    fn a_page_that_says_nothing_of_the_end_needs_an_empty_one_after_it() {
        // F-S17
        let page = Page { options: vec![bar("BTC-17APR24-60000-C", 1)], more: More::Unsaid };
        let Next::Ask(pages, offset) = Pages::new(expiry()).add(page).unwrap() else { panic!("unproven end") };
        assert_eq!(offset, 1);
        let end = pages.add(Page { options: vec![], more: More::Unsaid }).unwrap();
        assert!(matches!(end, Next::Done(_)));
    }

    #[test]
    fn two_values_for_one_bar_keep_the_later_and_say_so() {
        // F-B6
        let (symbol, first) = bar("BTC-17APR24-60000-C", 2);
        let (mut other, mut earlier) = (first[0].clone(), first[0].clone());
        other.volume = Some(rust_decimal::Decimal::ONE);
        earlier.date = Date::constant(2024, 4, 1);
        let bars = vec![first[0].clone(), first[0].clone(), other.clone(), earlier.clone()];
        let page = |bars, more| Page { options: vec![(symbol.clone(), bars)], more };
        let Next::Done(mut whole) = Pages::new(expiry()).add(page(bars, More::End)).unwrap() else {
            panic!("one page")
        };
        let flaw = (other.date, Flaw::TwoValues);
        assert_eq!(whole.history_of(&symbol), Some(History::Bars(vec![earlier.clone(), other.clone()], vec![flaw])));
    }

    #[test]
    fn a_page_that_overlaps_the_one_before_means_that_rows_moved_and_some_may_be_missing() {
        // F-B6, F-S18: rows 1 and 2, then 2 and 3 of what has no order: nobody knows of a row 4.
        let bars = |days: &[i8]| {
            let each = days.iter().map(|day| bar("BTC-17APR24-60000-C", *day).1[0].clone());
            vec![(Symbol::new("BTC-17APR24-60000-C"), each.collect())]
        };
        let first = Page { options: bars(&[1, 2]), more: More::At(2) };
        let Next::Ask(pages, 2) = Pages::new(expiry()).add(first).unwrap() else { panic!("it said there is more") };
        let second = Page { options: bars(&[3, 2]), more: More::End };
        assert_eq!(pages.add(second).unwrap_err(), PageError::Moved(2));
    }
}
