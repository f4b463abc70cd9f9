//! What a batch makes of ledger and bars, bar by bar.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use super::*;
use crate::domain::answer::{History, Next, Page, Pages, Query};

const AT: Moment = Moment(1_718_600_000_000);
const NAME: &str = "BTC-17APR24-60000-C";

fn bar(day: i8, close: i64) -> Candle {
    let date = day_of(day);
    let close = Some(Decimal::from(close));
    Candle { open_ms: Moment::opening_of(date).0, date, open: close, high: close, low: close, close, volume: None }
}

fn day_of(day: i8) -> Date {
    date(2024, 4, day)
}

fn news(happening: Happening, candles: &[Candle]) -> OptionNews {
    let symbol = Symbol::new(NAME);
    OptionNews { symbol, happening, candles: candles.to_vec(), flaws: Vec::new(), at: AT, data_source: "test" }
}

fn no_bars() -> Happening {
    let symbol = Symbol::new(NAME);
    let Next::Done(mut whole) = Pages::new(Query::Symbol(symbol.clone())).add(Page::default()).unwrap() else {
        panic!("a page that names no further one is the last")
    };
    let Some(History::Empty(empty)) = whole.history_of(&symbol) else { panic!("an empty page is empty") };
    Happening::NoBars(empty)
}

/// An option as a store holds it, with these bars.
fn held(state: OptionState, rows: &[Candle]) -> (OptionRecord, Vec<Candle>) {
    let mut record = OptionRecord { state, ..OptionRecord::listed(Symbol::new(NAME)) };
    count_rows(&mut record, rows);
    (record, rows.to_vec())
}

fn fold(before: Option<(OptionRecord, Vec<Candle>)>) -> Fold {
    let mut fold = Fold::default();
    let (record, rows) = before.map_or((None, Vec::new()), |(record, rows)| (Some(record), rows));
    fold.know(&Symbol::new(NAME), record, rows);
    fold
}

fn apply(fold: &mut Fold, happening: Happening, candles: &[Candle]) -> Applied {
    fold.apply(&Symbol::new(NAME), &news(happening, candles)).expect("it was taken in")
}

/// Each write: its day, its close, and whether it takes another bar's place.
fn writes(fold: &Fold) -> Vec<(i8, i64, bool)> {
    let told = |write: &Write| {
        let close = write.candle.close.and_then(|close| i64::try_from(close).ok());
        (write.candle.date.day(), close.unwrap_or(-1), write.replaces)
    };
    fold.written().flat_map(|entry| &entry.writes).map(told).collect()
}

#[test]
fn a_bar_is_new_or_the_same_or_another_one_and_only_what_differs_is_written() {
    // F-I3, F-S20
    let mut fold = fold(Some(held(OptionState::Stored, &[bar(2, 20), bar(4, 40)])));
    let applied = apply(&mut fold, Happening::Bars, &[bar(1, 10), bar(2, 20), bar(3, 30), bar(4, 44)]);
    assert_eq!((applied.inserted, applied.unchanged), (2, 1));
    assert_eq!(applied.revised, [Revision { old: bar(4, 40), new: bar(4, 44) }]);
    assert_eq!(writes(&fold), [(1, 10, false), (3, 30, false), (4, 44, true)]);
    let whole = [bar(1, 10), bar(2, 20), bar(3, 30), bar(4, 44)];
    let record = applied.record;
    assert_eq!((record.state, record.row_count, record.fetched_at), (OptionState::Stored, 4, Some(AT)));
    assert_eq!((record.first_bar, record.last_bar), (Some(day_of(1)), Some(day_of(4))));
    assert_eq!(record.print, Print::of(&Symbol::new(NAME), &whole));
}

#[test]
fn the_same_answer_again_writes_nothing() {
    // F-I3
    let mut before = held(OptionState::Stored, &[bar(1, 10)]);
    before.0.fetched_at = Some(AT);
    let mut fold = fold(Some(before));
    let applied = apply(&mut fold, Happening::Bars, &[bar(1, 10)]);
    assert_eq!((applied.inserted, applied.unchanged, applied.revised.len()), (0, 1, 0));
    assert_eq!((fold.written().count(), fold.changed().count(), fold.deltas().each().count()), (0, 0, 0));
}

#[test]
fn of_two_answers_in_one_batch_the_last_is_written_once_and_says_what_it_replaces() {
    // F-B6: a second statement for the same row would fail on PostgreSQL.
    let mut fold = fold(Some(held(OptionState::Stored, &[bar(1, 10)])));
    apply(&mut fold, Happening::Bars, &[bar(1, 11), bar(2, 20)]);
    let applied = apply(&mut fold, Happening::Bars, &[bar(1, 12), bar(2, 21)]);
    assert_eq!((applied.inserted, applied.revised.len()), (0, 2));
    assert_eq!(writes(&fold), [(1, 12, true), (2, 21, false)], "the table holds no bar of the second day yet");
}

#[test]
fn a_bar_takes_the_place_of_a_row_that_is_none() {
    // F-B14
    let mut fold = fold(Some(held(OptionState::Stored, &[])));
    fold.know_odd(&Symbol::new(NAME), day_of(2));
    fold.know_odd(&Symbol::new("BTC-17APR24-70000-C"), day_of(1));
    let applied = apply(&mut fold, Happening::Bars, &[bar(1, 10), bar(2, 20)]);
    assert_eq!((applied.inserted, applied.revised.len()), (2, 0));
    assert_eq!(writes(&fold), [(1, 10, false), (2, 20, true)]);
}

#[test]
fn what_happened_to_an_option_is_in_its_line() {
    // F-I1
    let told = |record: OptionRecord| (record.state, record.row_count, record.fetched_at, record.reason);
    let mut new = fold(Some(held(OptionState::Attention, &[])));
    assert_eq!(told(apply(&mut new, no_bars(), &[]).record), (OptionState::Empty, 0, Some(AT), None));
    let why = Some("HTTP 500".into());
    let given_up = apply(&mut new, Happening::GivenUp("HTTP 500".into()), &[]).record;
    assert_eq!(told(given_up), (OptionState::Attention, 0, Some(AT), why));
    assert_eq!(told(apply(&mut new, Happening::PutBack, &[]).record), (OptionState::Pending, 0, None, None));
    let mut stored = fold(Some(held(OptionState::Stored, &[bar(1, 10)])));
    let applied = apply(&mut stored, no_bars(), &[]);
    assert_eq!(told(applied.record), (OptionState::Stored, 1, Some(AT), None), "nothing is taken away");
    assert_eq!((stored.written().count(), stored.changed().count()), (0, 1));
}

#[test]
fn an_option_that_no_listing_named_is_kept_as_not_listed_and_one_not_taken_in_is_left_alone() {
    let mut fold = fold(None);
    let (known, other) = (Symbol::new(NAME), Symbol::new("BTC-17APR24-70000-C"));
    assert!(fold.knows(&known) && !fold.knows(&other));
    assert!(fold.apply(&other, &news(Happening::Bars, &[bar(1, 10)])).is_none());
    assert!(!apply(&mut fold, Happening::Bars, &[bar(1, 10)]).record.listed);
}

#[test]
fn a_change_of_state_leaves_one_count_and_enters_another() {
    let record = |state, rows: &[Candle]| held(state, rows).0;
    let counted = |before: Option<&OptionRecord>, after: &OptionRecord| {
        let mut deltas = Deltas::default();
        deltas.moved(before, after);
        deltas.each().map(|(currency, counts)| (currency.as_str().to_owned(), counts.numbers())).collect::<Vec<_>>()
    };
    let btc = |numbers| vec![("BTC".to_owned(), numbers)];
    let pending = record(OptionState::Pending, &[]);
    let stored = record(OptionState::Stored, &[bar(1, 10), bar(2, 20)]);
    assert_eq!(counted(None, &pending), btc([1, 1, 0, 0, 0, 0]));
    assert_eq!(counted(None, &record(OptionState::Empty, &[])), btc([1, 0, 0, 1, 0, 0]));
    assert_eq!(counted(Some(&pending), &stored), btc([0, -1, 1, 0, 0, 2]));
    let attention = record(OptionState::Attention, &[bar(1, 10)]);
    assert_eq!(counted(Some(&stored), &attention), btc([0, 0, -1, 0, 1, -1]));
    assert_eq!(counted(Some(&stored), &stored), []);
    // What a batch adds is what its options' lines became.
    let mut fold = fold(Some((pending, Vec::new())));
    apply(&mut fold, Happening::Bars, &[bar(1, 10), bar(2, 20)]);
    let told: Vec<_> = fold.deltas().each().map(|(_, counts)| counts.numbers()).collect();
    assert_eq!(told, [[0, -1, 1, 0, 0, 2]]);
}

#[test]
fn counts_are_added_to_a_tally_and_a_stored_one_is_read_with_nothing_below_zero() {
    // F-B13
    let mut sum = tally("BTC", [10, 4, 3, 2, 1, 50]);
    assert_eq!((sum.currency.as_str(), sum.listed, sum.rows), ("BTC", 10, 50));
    let counts = Counts { listed: 1, pending: -4, stored: 5, empty: -1, attention: 0, rows: 7 };
    counts.add_to(&mut sum);
    assert_eq!((sum.listed, sum.pending, sum.stored, sum.empty, sum.attention, sum.rows), (11, 0, 8, 1, 1, 57));
    assert_eq!(tally("BTC", [-1, 0, 0, 0, 0, 0]).listed, 0);
}
