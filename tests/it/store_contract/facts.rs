//! Small makers of what a run writes.

use chainfill::domain::answer::{History, Next, Page, Pages, Query};
use chainfill::domain::candle::Candle;
use chainfill::domain::instrument::Symbol;
use chainfill::domain::ledger::Happening;
use chainfill::domain::listing;
use chainfill::domain::moment::Moment;
use chainfill::domain::run::Identity;
use chainfill::store::{Attempt, Batch, Claim, Epoch, Loaded, OptionNews, Settled, Store};
use jiff::civil::Date;
use rust_decimal::Decimal;

pub(super) const T0: Moment = Moment(1_718_600_000_000);

pub(super) fn symbol(name: &str) -> Symbol {
    Symbol::new(name)
}

pub(super) fn number(text: &str) -> Option<Decimal> {
    (!text.is_empty()).then(|| Decimal::from_str_exact(text).unwrap())
}

pub(super) fn bar(date: &str, values: [&str; 5]) -> Candle {
    let date: Date = date.parse().unwrap();
    let [open, high, low, close, volume] = values.map(number);
    Candle { open_ms: Moment::opening_of(date).0, date, open, high, low, close, volume }
}

pub(super) fn plain_bar(date: &str) -> Candle {
    bar(date, ["0.018", "0.021", "0.017", "0.0175", "1009"])
}

/// The only way to a proof that there is nothing.
pub(super) fn no_bars(name: &str) -> Happening {
    let whole = match Pages::new(Query::Symbol(symbol(name))).add(Page::default()).unwrap() {
        Next::Done(mut whole) => whole.history_of(&symbol(name)),
        Next::Ask(..) => None,
    };
    let Some(History::Empty(empty)) = whole else { panic!("an empty page is empty") };
    Happening::NoBars(empty)
}

pub(super) fn news(name: &str, happening: Happening, candles: Vec<Candle>, at: Moment) -> OptionNews {
    OptionNews { symbol: symbol(name), happening, candles, flaws: Vec::new(), at, data_source: "test" }
}

pub(super) fn bars(name: &str, dates: &[&str]) -> OptionNews {
    news(name, Happening::Bars, dates.iter().map(|date| plain_bar(date)).collect(), T0)
}

pub(super) fn of_options(options: Vec<OptionNews>) -> Batch {
    Batch { at: T0, options, ..Batch::default() }
}

pub(super) fn attempt(seq: i64, sent: Moment) -> Attempt {
    Attempt { seq, kind: "symbol", query: "ETH-12APR24-3100-C".to_owned(), sent }
}

pub(super) fn settled(seq: i64, outcome: &'static str, counted: bool, done: Moment) -> Settled {
    let note = Some("in words".to_owned());
    Settled { seq, done, outcome, status: 200, counted, bytes: 17, rows: 2, wait_s: Some(3), note }
}

pub(super) fn identity(pid: u32) -> Identity {
    Identity {
        pid,
        host: "there".to_owned(),
        boot_id: "b".to_owned(),
        machine: String::new(),
        pid_namespace: String::new(),
        pid_started: 999_999_999_999_999,
        started_at: T0,
        started_boot_ms: 1,
        command: "chainfill backfill".to_owned(),
    }
}

pub(super) fn wish(pid: u32, alive: fn(&Identity) -> Option<bool>) -> Claim {
    Claim { identity: identity(pid), now: T0, alive }
}

pub(super) async fn begun(store: &dyn Store) -> Epoch {
    store.begin(&wish(1, |_| Some(false))).await.unwrap()
}

pub(super) async fn loaded(store: &dyn Store) -> Loaded {
    store.load(Moment(0)).await.unwrap()
}

/// Commits a listing of these names against what the store knows.
pub(super) async fn list(store: &dyn Store, epoch: Epoch, names: &[&str], at: Moment) {
    let names: Vec<Symbol> = names.iter().map(|name| symbol(name)).collect();
    let news = listing::compare(&loaded(store).await.records, &names, at, 1);
    store.commit(epoch, &Batch { at, listing: Some(news.into()), ..Batch::default() }).await.unwrap();
}

/// Every bar, in the order in which they are handed over.
pub(super) async fn audited(store: &dyn Store) -> Vec<(Symbol, Candle)> {
    let mut all = Vec::new();
    store.audit(&mut |symbol, row| all.push((symbol.clone(), row.unwrap().clone()))).await.unwrap();
    all
}
