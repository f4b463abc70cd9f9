//! What every store must do, held against each of them.

mod adopted;
mod altered;
mod facts;
mod files;
mod home;
mod lease;
mod lengths;
mod migrated;
mod outside;
mod proven;
mod same;
mod servers;
mod stepped;

use std::collections::BTreeMap;

use chainfill::domain::ability::{Ability, Proven};
use chainfill::domain::candle::{Candle, Flaw, Print};
use chainfill::domain::governor::Memory;
use chainfill::domain::governor::quota::{Counted, Evidence, Quota};
use chainfill::domain::instrument::{Currency, Symbol};
use chainfill::domain::ledger::{Happening, OptionState};
use chainfill::domain::moment::Moment;
use chainfill::domain::run::Ending;
use chainfill::domain::vantage::Beat;
use chainfill::store::{Batch, Epoch, OptionNews, Revision, RunEnd, Store, Tally};

use facts::{
    T0, attempt, audited, bar, bars, begun, list, loaded, news, no_bars, of_options, plain_bar, settled, symbol,
};
use home::Home;

/// One test a store for each function of the contract.
macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod on_memory {
            $(#[tokio::test] async fn $name() { super::$name(&crate::store_contract::home::Home::memory()).await; })*
        }
        mod on_sqlite {
            $(#[tokio::test] async fn $name() { super::$name(&crate::store_contract::home::Home::sqlite()).await; })*
        }
        mod on_postgres {
            $(#[tokio::test] async fn $name() { super::$name(&crate::store_contract::home::Home::postgres()).await; })*
        }
    };
}
pub(crate) use contract;

contract!(
    a_batch_committed_again_changes_nothing,
    an_answer_applied_in_any_order_any_number_of_times_leaves_the_tables_identical,
    what_is_refused_leaves_nothing_of_it_behind,
    tallies_and_row_counts_are_true_after_every_commit,
    a_changed_bar_is_told_with_old_and_new,
    every_digit_is_kept,
    a_vendor_that_goes_silent_takes_nothing_away,
    an_option_that_is_put_back_keeps_its_bars,
    a_listing_names_what_is_new_vanished_and_back,
    hostile_text_is_text,
    what_was_learned_outlives_the_run,
    what_nobody_asked_for_is_not_open,
    the_audit_goes_by_symbol_and_date,
    a_batch_may_speak_of_one_option_twice,
    a_batch_of_more_rows_than_a_statement_has_parameters_is_one_batch,
);

const A: &str = "ETH-12APR24-3100-C";
const B: &str = "ETH-12APR24-3200-P";
const C: &str = "BTC-5APR24-60000-C";

/// I4: the tallies are the ledger's, and the ledger's are the table's.
async fn is_true(store: &dyn Store) -> Vec<Tally> {
    let mut rows: BTreeMap<Symbol, Vec<Candle>> = BTreeMap::new();
    for (symbol, bar) in audited(store).await {
        rows.entry(symbol).or_default().push(bar);
    }
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for record in loaded(store).await.records {
        let bars = rows.remove(&record.symbol).unwrap_or_default();
        assert_eq!(record.row_count as usize, bars.len(), "{}", record.symbol);
        assert_eq!(record.first_bar, bars.first().map(|bar| bar.date));
        assert_eq!(record.last_bar, bars.last().map(|bar| bar.date));
        let print = bars.iter().fold(Print::default(), |sum, bar| sum.plus(bar.print(&record.symbol)));
        assert_eq!(record.print, print, "{}", record.symbol);
        assert_eq!(store.history(&record.symbol).await.unwrap(), bars);
        let currency = record.currency.clone();
        let zero = Tally { currency, listed: 0, pending: 0, stored: 0, empty: 0, attention: 0, rows: 0 };
        let tally = tallies.entry(record.currency.to_string()).or_insert(zero);
        tally.listed += 1;
        tally.rows += bars.len() as u64;
        *match record.state {
            OptionState::Pending => &mut tally.pending,
            OptionState::Stored => &mut tally.stored,
            OptionState::Empty => &mut tally.empty,
            OptionState::Attention => &mut tally.attention,
        } += 1;
    }
    assert!(rows.is_empty(), "bars without a line in the ledger: {rows:?}");
    let kept = store.glance(T0).await.unwrap().tallies;
    assert_eq!(kept, tallies.into_values().collect::<Vec<_>>());
    kept
}

/// Everything that a store shows, but for the age of the last beat.
async fn shown(store: &dyn Store) -> String {
    let mut loaded = loaded(store).await;
    let mut glance = store.glance(T0).await.unwrap();
    for run in [&mut loaded.run, &mut glance.run].into_iter().flatten() {
        run.beat = Beat::Ago(0);
    }
    (glance.bytes, glance.room_bytes) = (0, None);
    format!("{loaded:?} {glance:?} {:?}", audited(store).await)
}

async fn a_batch_committed_again_changes_nothing(home: &Home) {
    // F-B2, F-B1, F-I3: the connection is cut during COMMIT, and nobody knows whether it was written.
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A, B, C], T0).await;
    let mut first = of_options(vec![bars(A, &["2024-04-01", "2024-04-02"]), news(B, no_bars(B), vec![], T0)]);
    first.options[0].flaws = vec![("2024-04-01".parse().unwrap(), Flaw::Range)];
    first.sent = vec![attempt(1, T0), attempt(2, T0 + 5)];
    first.action = Some("retry --empty".to_owned());
    store.commit(epoch, &first).await.unwrap();
    let mut second =
        of_options(vec![bars(A, &["2024-04-02", "2024-04-03"]), news(B, Happening::GivenUp("why".into()), vec![], T0)]);
    second.options[0].candles[0].volume = None;
    second.settled = vec![settled(1, "rows", true, T0 + 9), settled(2, "unsent", false, T0 + 9)];
    second.sent = vec![attempt(3, T0 + 10)];
    let told = store.commit(epoch, &second).await.unwrap();
    assert_eq!((told.options[0].inserted, told.options[0].revised.len()), (1, 1));
    let before = shown(&*store).await;
    assert!(before.contains("requests: 2"), "three journaled, one never left: {before}");
    for _ in 0..2 {
        let told = store.commit(epoch, &second).await.unwrap();
        assert_eq!((told.options[0].inserted, told.options[0].unchanged, told.options[0].revised.len()), (0, 2, 0));
        assert_eq!(shown(&*store).await, before);
    }
    is_true(&*store).await;
    if home.has_tables() {
        for (table, rows) in [
            ("chainfill_revision", "1"),
            ("chainfill_flag", "1"),
            ("chainfill_action", "1"),
            ("chainfill_attempt", "3"),
        ] {
            assert_eq!(home.ask(&format!("SELECT count(*) AS c FROM {table}")).await, [rows], "{table}");
        }
    }
}

async fn an_answer_applied_in_any_order_any_number_of_times_leaves_the_tables_identical(home: &Home) {
    // F-I3: each answer again, in this batch and in others, alone and together with the rest.
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A, B, C], T0).await;
    let answers = [bars(A, &["2024-04-01", "2024-04-02"]), news(B, no_bars(B), vec![], T0), bars(C, &["2024-03-01"])];
    store.commit(epoch, &of_options(answers.to_vec())).await.unwrap();
    let before = shown(&*store).await;
    let (mut twice, mut backwards) = ([&answers[..], &answers].concat(), answers.to_vec());
    backwards.reverse();
    twice.push(answers[0].clone());
    for again in [vec![answers[0].clone()], backwards, twice, vec![answers[1].clone()], answers.to_vec()] {
        for _ in 0..3 {
            store.commit(epoch, &of_options(again.clone())).await.unwrap();
            assert_eq!(shown(&*store).await, before);
        }
    }
    is_true(&*store).await;
}

async fn what_is_refused_leaves_nothing_of_it_behind(home: &Home) {
    // F-I2, F-I7: candles, ledger, journal and notes of one batch are there together, or none of them is.
    let store = home.store().await;
    let first = begun(&*store).await;
    list(&*store, first, &[A, B], T0).await;
    let second = store.begin(&facts::wish(2, |_| Some(false))).await.unwrap();
    let before = shown(&*store).await;
    let mut batch = of_options(vec![bars(A, &["2024-04-01"]), news(B, no_bars(B), vec![], T0)]);
    batch.sent = vec![attempt(1, T0)];
    batch.action = Some("retry".to_owned());
    batch.progress = Some("{}".to_owned());
    assert!(store.commit(first, &batch).await.is_err(), "its lease is another's");
    assert_eq!(shown(&*store).await, before);
    store.commit(second, &batch).await.unwrap();
    assert_ne!(shown(&*store).await, before);
    is_true(&*store).await;
}

async fn tallies_and_row_counts_are_true_after_every_commit(home: &Home) {
    // I4
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A, B, C, "nonsense"], T0).await;
    let tallies = is_true(&*store).await;
    let of =
        |tallies: &[Tally], name: &str| tallies.iter().find(|tally| tally.currency.as_str() == name).cloned().unwrap();
    assert_eq!((of(&tallies, "ETH").pending, of(&tallies, "?").attention), (2, 1));
    for happenings in [
        vec![
            bars(A, &["2024-04-01"]),
            news(B, no_bars(B), vec![], T0),
            news(C, Happening::GivenUp("x".into()), vec![], T0),
        ],
        vec![bars(B, &["2024-04-01", "2024-04-02"]), news(C, Happening::PutBack, vec![], T0)],
        vec![bars(A, &["2024-04-01", "2024-04-03"]), bars(C, &["2024-03-01"])],
    ] {
        store.commit(epoch, &of_options(happenings)).await.unwrap();
        is_true(&*store).await;
    }
    let tallies = is_true(&*store).await;
    assert_eq!((of(&tallies, "ETH").rows, of(&tallies, "ETH").stored, of(&tallies, "BTC").rows), (4, 2, 1));
}

async fn a_changed_bar_is_told_with_old_and_new(home: &Home) {
    // F-S20
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A], T0).await;
    store.commit(epoch, &of_options(vec![bars(A, &["2024-04-01", "2024-04-02"])])).await.unwrap();
    let old = plain_bar("2024-04-02");
    let mut new = old.clone();
    new.close = facts::number("0.01750000000000000000000001");
    let again = news(A, Happening::Bars, vec![plain_bar("2024-04-01"), new.clone()], T0 + 60_000);
    let told = store.commit(epoch, &of_options(vec![again])).await.unwrap();
    assert_eq!(told.options[0].revised, [Revision { old, new: new.clone() }]);
    assert_eq!(told.options[0].unchanged, 1);
    assert_eq!(store.history(&symbol(A)).await.unwrap()[1], new);
    let back = news(A, Happening::Bars, vec![plain_bar("2024-04-02")], T0 + 90_000);
    store.commit(epoch, &of_options(vec![back])).await.unwrap();
    assert_eq!(store.history(&symbol(A)).await.unwrap()[1], plain_bar("2024-04-02"), "the old digits are gone");
    is_true(&*store).await;
}

async fn every_digit_is_kept(home: &Home) {
    // F-X2
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A, "XRP_USDC-30JUN23-0d625-C"], T0).await;
    let hard = vec![
        bar("2024-04-01", ["1234567890123456789012345678", "0.0000000000000000000000000001", "0.1", "", "0"]),
        bar(
            "2024-04-02",
            ["-12.5", "79228162514264337593543950335", "7.9228162514264337593543950335", "0.30000000000000004", ""],
        ),
        bar("2024-04-03", ["", "", "", "", ""]),
        bar(
            "2024-04-04",
            ["9007199254740993", "0.1234567890123456", "123456.78901234567", "1e0", "100000000000000000000"]
                .map(|t| if t == "1e0" { "1.000" } else { t }),
        ),
        bar(
            "2024-04-05",
            [
                "0.0000000000001234567890123456",
                "0.0000000000001234567890123457",
                "-79228162514264337593543950335",
                "79228162514264337593543950334",
                "0.0000000000000000000012345679",
            ],
        ),
        bar("2024-04-06", ["10000", "100010000", "0.00010000", "10000.0001", "4503599627370497.5"]),
    ];
    let tokens = news(A, Happening::Bars, hard.clone(), T0);
    store.commit(epoch, &of_options(vec![tokens.clone()])).await.unwrap();
    assert_eq!(store.history(&symbol(A)).await.unwrap(), hard);
    let told = store.commit(epoch, &of_options(vec![tokens])).await.unwrap();
    assert_eq!(told.options[0].unchanged, 6, "a number that comes back otherwise would be revised for ever");
    is_true(&*store).await;
    if home.has_tables() {
        // They still sort and compute.
        let sql = "SELECT price_low * 2 > 0.19 AND price_low * 2 < 0.21 AS c FROM cryptodatadownload_options_daily WHERE date = '2024-04-01'";
        assert!(["1", "true"].contains(&home.ask(sql).await[0].as_str()));
    }
}

async fn a_vendor_that_goes_silent_takes_nothing_away(home: &Home) {
    // F-S5, I8
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A, B], T0).await;
    store.commit(epoch, &of_options(vec![bars(A, &["2024-04-01"])])).await.unwrap();
    let silent = [A, B].map(|name| news(name, no_bars(name), vec![], T0 + 5));
    let told = store.commit(epoch, &of_options(silent.to_vec())).await.unwrap();
    let states: Vec<_> = told.options.iter().map(|applied| applied.record.state).collect();
    assert_eq!(states, [OptionState::Stored, OptionState::Empty]);
    assert_eq!(told.options[0].record.fetched_at, Some(T0 + 5));
    assert_eq!(store.history(&symbol(A)).await.unwrap().len(), 1);
}

async fn an_option_that_is_put_back_keeps_its_bars(home: &Home) {
    // I8
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A], T0).await;
    store.commit(epoch, &of_options(vec![bars(A, &["2024-04-01"])])).await.unwrap();
    let given_up = news(A, Happening::GivenUp("eight tries".to_owned()), vec![], T0 + 9);
    let record = store.commit(epoch, &of_options(vec![given_up])).await.unwrap().options.remove(0).record;
    assert_eq!((record.state, record.reason.as_deref()), (OptionState::Attention, Some("eight tries")));
    assert_eq!((record.fetched_at, record.row_count), (Some(T0), 1), "only an answer moves it");
    store.commit(epoch, &of_options(vec![news(A, Happening::PutBack, vec![], T0 + 10)])).await.unwrap();
    let record = loaded(&*store).await.records.remove(0);
    assert_eq!(
        (record.state, record.reason, record.fetched_at, record.row_count),
        (OptionState::Pending, None, None, 1)
    );
    is_true(&*store).await;
}

async fn a_listing_names_what_is_new_vanished_and_back(home: &Home) {
    // F-X8
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A, B], T0).await;
    list(&*store, epoch, &[B, C], T0 + 1).await;
    let listed = |records: Vec<chainfill::domain::ledger::OptionRecord>| -> Vec<(String, bool)> {
        records.into_iter().map(|record| (record.symbol.to_string(), record.listed)).collect()
    };
    let told = loaded(&*store).await;
    assert_eq!(listed(told.records), [(C.into(), true), (A.into(), false), (B.into(), true)]);
    let row = told.listing.unwrap();
    assert_eq!((row.fetched_at, row.names, row.new, row.vanished, row.unparsed), (T0 + 1, 2, 1, 1, 0));
    list(&*store, epoch, &[A, B, C, "odd"], T0 + 2).await;
    let told = loaded(&*store).await;
    assert!(told.records.iter().all(|record| record.listed));
    assert_eq!(told.listing.unwrap().unparsed, 1);
    is_true(&*store).await;
    if home.has_tables() {
        let changes = home.ask("SELECT change AS c FROM chainfill_listing_change ORDER BY fetched_at").await;
        assert_eq!(changes, ["vanished", "returned"]);
    }
}

async fn hostile_text_is_text(home: &Home) {
    // F-X1
    let store = home.store().await;
    let epoch = begun(&*store).await;
    let names =
        ["'; DROP TABLE chainfill_option; --", "a\0b", "\u{202e}<script>", "\u{1b}[2J", "{\"x\",\\}NULL", "null", ""];
    list(&*store, epoch, &names, T0).await;
    list(&*store, epoch, &names, T0 + 1).await;
    let records = loaded(&*store).await.records;
    assert_eq!(records.len(), names.len());
    assert!(records.iter().all(|record| record.listed && record.state == OptionState::Attention));
    assert!(records.iter().any(|record| record.symbol.as_str() == "a\\u{0}b"));
    let why = format!("the vendor said {}", names.join(" "));
    let mut batch =
        of_options(names.iter().map(|name| news(name, Happening::GivenUp(why.clone()), vec![], T0)).collect());
    batch.sent = vec![attempt(1, T0)];
    batch.sent[0].query.clone_from(&why);
    batch.settled = vec![settled(1, "refused", true, T0)];
    batch.settled[0].note = Some(why.clone());
    batch.action = Some(why.clone());
    batch.progress = Some(why.clone());
    let told = store.commit(epoch, &batch).await.unwrap();
    assert_eq!(told.options.len(), names.len());
    let told = loaded(&*store).await;
    assert_eq!(told.records[3].reason.as_deref().map(|reason| reason.replace("\\u{0}", "\0")), Some(why));
    is_true(&*store).await;
}

async fn what_was_learned_outlives_the_run(home: &Home) {
    // F-T9
    let quota = Quota { requests: 800, window_ms: 3_600_000, evidence: Evidence::Matched, learned_at: T0 };
    let throttle =
        Memory { quota: Some(quota), cooldown_until: Some(T0 + 9), refusals: 2, probed_at: None, frame: None };
    let ability = Ability {
        expiry_queries: Proven::Yes,
        listing_by_year: Proven::No,
        page_rows: Some(7),
        probed_at: Some(T0),
        ..Ability::default()
    };
    let store = home.store().await;
    let epoch = begun(&*store).await;
    let batch = Batch {
        at: T0,
        sent: (1..=4).map(|seq| attempt(seq, T0 + seq * 1_000)).collect(),
        settled: vec![settled(1, "rows", true, T0 + 9_000), settled(2, "key_refused", false, T0 + 2_500)],
        throttle: Some(throttle.clone()),
        ability: Some(ability.clone()),
        progress: Some("{\"done\":1}".to_owned()),
        ..Batch::default()
    };
    store.commit(epoch, &batch).await.unwrap();
    let end = RunEnd { at: T0 + 10_000, ending: Ending::Limit, progress: Some("{\"done\":2}".to_owned()) };
    store.end(epoch, &end).await.unwrap();
    store.end(epoch, &end).await.unwrap();
    drop(store);
    let store = home.store().await;
    let told = loaded(&*store).await;
    assert_eq!((told.throttle, told.ability), (throttle, ability));
    let counted = |sent: i64, done: i64| Counted { sent: T0 + sent, done: T0 + done };
    assert!(told.counted.iter().all(|(of, _)| *of == epoch));
    let told_counted: Vec<_> = told.counted.iter().map(|(_, counted)| *counted).collect();
    assert_eq!(told_counted, [counted(3_000, 3_000), counted(4_000, 4_000), counted(1_000, 9_000)]);
    assert_eq!(store.load(T0 + 2_000).await.unwrap().counted.len(), 2, "only as far back as asked");
    let run = told.run.unwrap();
    assert_eq!((run.epoch, run.ended), (epoch, Some((T0 + 10_000, "limit".to_owned()))));
    assert_eq!((run.identity, run.progress.as_deref()), (facts::identity(1), Some("{\"done\":2}")));
    let glance = store.glance(T0).await.unwrap();
    assert_eq!((glance.requests, glance.counted), (4, told.counted));
    assert!(!home.has_tables() || glance.bytes > 0);
}

async fn what_nobody_asked_for_is_not_open(home: &Home) {
    // Of each currency one option is pending, and one can bring news again.
    let store = home.store().await;
    let epoch = begun(&*store).await;
    let names = ["ETH-5APR24-100-C", "ETH-5APR24-200-C", "SOL-5APR24-100-C", "SOL-5APR24-200-C"];
    list(&*store, epoch, &names, T0).await;
    let traded = |name| OptionNews { at: Moment(1_712_000_000_000), ..bars(name, &["2024-04-01"]) };
    store.commit(epoch, &of_options(vec![traded(names[0]), traded(names[2])])).await.unwrap();
    assert_eq!(store.glance(T0).await.unwrap().open, 4);
    let asked_for = std::iter::once(Currency::stored("ETH")).collect();
    let batch = Batch { at: T0, ability: Some(Ability { asked_for, ..Ability::default() }), ..Batch::default() };
    store.commit(epoch, &batch).await.unwrap();
    assert_eq!(store.glance(T0).await.unwrap().open, 2);
}

async fn the_audit_goes_by_symbol_and_date(home: &Home) {
    let store = home.store().await;
    let epoch = begun(&*store).await;
    let names: Vec<String> =
        (0..40).map(|at| format!("{}-5APR24-{}00-C", ["ETH", "BTC", "A_USDC"][at % 3], at * 7 % 40 + 1)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    list(&*store, epoch, &names, T0).await;
    let dates: Vec<String> = (1..=28).map(|day| format!("2024-02-{day:02}")).collect();
    let dates: Vec<&str> = dates.iter().map(String::as_str).collect();
    store.commit(epoch, &of_options(names.iter().map(|name| bars(name, &dates)).collect())).await.unwrap();
    let all: Vec<_> = audited(&*store).await.into_iter().map(|(symbol, bar)| (symbol, bar.date)).collect();
    assert_eq!(all.len(), 40 * 28);
    assert!(all.is_sorted() && loaded(&*store).await.records.is_sorted_by_key(|record| record.symbol.clone()));
}

async fn a_batch_of_more_rows_than_a_statement_has_parameters_is_one_batch(home: &Home) {
    // F-B7: PostgreSQL takes 65,535 parameters, SQLite 32,766; a bar has eight values.
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A], T0).await;
    let mut date = jiff::civil::Date::constant(1980, 1, 1);
    let mut dates = Vec::new();
    for _ in 0..12_000 {
        dates.push(date.to_string());
        date = date.tomorrow().unwrap();
    }
    let dates: Vec<&str> = dates.iter().map(String::as_str).collect();
    let done = store.commit(epoch, &of_options(vec![bars(A, &dates)])).await.unwrap();
    assert_eq!((done.options[0].inserted, done.options[0].record.row_count), (12_000, 12_000));
    assert_eq!(is_true(&*store).await[0].rows, 12_000);
}

async fn a_batch_may_speak_of_one_option_twice(home: &Home) {
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A], T0).await;
    let mut later = bars(A, &["2024-04-02", "2024-04-03"]);
    later.candles[0].open = None;
    let batch = of_options(vec![bars(A, &["2024-04-01", "2024-04-02"]), later.clone(), bars(B, &["2024-04-01"])]);
    let told = store.commit(epoch, &batch).await.unwrap();
    let counts: Vec<_> = told.options.iter().map(|applied| (applied.inserted, applied.revised.len())).collect();
    assert_eq!(counts, [(2, 0), (1, 1), (1, 0)]);
    assert_eq!(store.history(&symbol(A)).await.unwrap()[1..], later.candles);
    is_true(&*store).await;
    let unknown = loaded(&*store).await.records.into_iter().find(|record| record.symbol.as_str() == B).unwrap();
    assert!(!unknown.listed, "an option that was never listed has a line all the same");
    let _ = (Moment(0), Epoch(0));
}
