//! A table that an older script filled (B14, B5).

use chainfill::domain::candle::Candle;
use chainfill::domain::instrument::Symbol;
use chainfill::domain::ledger::OptionState;
use chainfill::domain::moment::Moment;
use chainfill::store::{Mode, StoreError};

use super::facts::{T0, audited, bar, bars, begun, list, loaded, of_options, symbol, wish};
use super::home::Home;
use super::is_true;

/// The older script's table. `{n}` is the type of a price, `{u}` what makes it unique.
fn old_table(home: &Home, number: &str, unique: &str) -> String {
    let (date, stamp) = if matches!(home, Home::Sqlite(_)) { ("TEXT", "TEXT") } else { ("DATE", "TIMESTAMP") };
    // The vendor may leave a price open; PostgreSQL's table is made to take that.
    let demanded = if matches!(home, Home::Sqlite(_)) { "" } else { "NOT NULL" };
    format!(
        "CREATE TABLE cryptodatadownload_options_daily (unix_timestamp BIGINT, date {date}, symbol VARCHAR(50), \
         currency VARCHAR(10), expiry_date {date}, strike {number}, option_type VARCHAR(4), price_open {number}, \
         price_high {number} {demanded}, price_low {number}, price_close {number}, volume_traded {number}, \
         data_source VARCHAR(50) DEFAULT 'x', downloaded_at {stamp}, note TEXT {unique});"
    )
}

fn old_row(symbol: &str, date: &str, downloaded_at: &str) -> String {
    let open_ms = Moment::opening_of(date.parse().unwrap()).0;
    format!(
        "INSERT INTO cryptodatadownload_options_daily VALUES ({open_ms}, '{date}', '{symbol}', 'ETH', '2024-04-12', 3100, \
         'call', 0.018, 0.021, 0.017, 0.0175, 1009, 'script', {downloaded_at}, NULL);"
    )
}

const OVER: &str = "ETH-12APR24-3100-C";
const TRADING: &str = "ETH-28JUN24-3100-C";
const UNREADABLE: &str = "WHAT-EVER";
const NOBODY_KNOWS: &str = "ETH-12APR24-3300-C";

async fn an_older_scripts_bars_are_taken_over(home: &Home) {
    // F-B14
    home.sql(&old_table(home, "NUMERIC(20,8)", ", UNIQUE (symbol, date)")).await;
    for (symbol, date, at) in [
        (OVER, "2024-04-10", "'2024-05-01 10:00:00'"),
        (OVER, "2024-04-11", "'2024-05-02 10:00:00'"),
        (TRADING, "2024-04-02", "'2024-05-02 10:00:00'"),
        (UNREADABLE, "2024-04-02", "NULL"),
        // Ten in the evening of the day of its expiry, in a zone that nobody wrote down: in Hong Kong before the last
        // bar could be had, in UTC after it. It is asked for again.
        (NOBODY_KNOWS, "2024-04-11", "'2024-04-12 22:00:00'"),
    ] {
        home.sql(&old_row(symbol, date, at)).await;
    }
    assert!(matches!(home.try_open(Mode::Read).await, Err(StoreError::Nothing { .. })), "looking takes nothing over");
    let opened = home.try_open(Mode::Write).await.unwrap();
    let told = opened.adopted.unwrap();
    assert_eq!((told.stored, told.due, told.rows, told.odd), (2, 2, 5, 0));
    let store = opened.store;
    is_true(&*store).await;
    let records = loaded(&*store).await.records;
    assert!(records.iter().all(|record| record.state == OptionState::Stored && !record.listed));
    let of = |name: &str| records.iter().find(|record| record.symbol.as_str() == name).unwrap().clone();
    assert!(of(OVER).is_final() && !of(TRADING).is_final());
    assert_eq!(of(OVER).fetched_at.unwrap().rfc3339(), "2024-05-01T20:00:00Z", "as early as it can have been");
    assert!(!of(NOBODY_KNOWS).is_final());
    assert_eq!(of(UNREADABLE).fetched_at.unwrap().rfc3339(), "2024-04-03T08:00:00Z", "the last bar's close");
    assert_eq!(of(UNREADABLE).currency.as_str(), "ETH", "the table knows what the name does not say");
    // The same bars from the vendor are the same; a new one is written the way the table is written.
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[OVER, TRADING, UNREADABLE, NOBODY_KNOWS], T0).await;
    let mut precise = bars(TRADING, &["2024-04-02", "2024-04-03"]);
    precise.candles[1] = bar("2024-04-03", ["0.0181234567891234567", "", "", "", "12"]);
    let done = store.commit(epoch, &of_options(vec![precise.clone()])).await.unwrap();
    assert_eq!((done.options[0].unchanged, done.options[0].inserted), (1, 1));
    assert_eq!(store.history(&symbol(TRADING)).await.unwrap(), precise.candles, "an old NUMERIC(20,8) cuts no digit");
    let styles = home.ask("SELECT DISTINCT option_type AS c FROM cryptodatadownload_options_daily").await;
    assert_eq!(styles, ["call"]);
    is_true(&*store).await;
    // The script runs again while chainfill does not; and nothing is taken over twice.
    home.sql(&old_row("ETH-12APR24-9900-C", "2024-04-01", "NULL")).await;
    drop(store);
    let opened = home.try_open(Mode::Write).await.unwrap();
    assert_eq!(opened.adopted, None);
    opened.store.begin(&wish(2, |_| Some(false))).await.unwrap();
    assert_eq!((loaded(&*opened.store).await.records.len(), audited(&*opened.store).await.len()), (5, 7));
    is_true(&*opened.store).await;
}

async fn rows_that_are_no_bars_are_told_and_not_lost(home: &Home) {
    // F-B14, F-X2
    home.sql(&old_table(home, "NUMERIC", ", UNIQUE (symbol, date)")).await;
    home.sql(&old_row(OVER, "2024-04-01", "NULL")).await;
    home.sql(&old_row(OVER, "2024-04-02", "NULL").replace("'2024-04-02'", "NULL")).await;
    home.sql(&old_row(OVER, "2024-04-03", "NULL").replace(&format!("'{OVER}'"), "NULL")).await;
    let opened = home.try_open(Mode::Write).await.unwrap();
    let told = opened.adopted.unwrap();
    assert_eq!((told.rows, told.odd), (1, 2));
    let record = loaded(&*opened.store).await.records.remove(0);
    assert_eq!((record.state, record.row_count), (OptionState::Attention, 1));
    assert!(record.reason.unwrap().contains("cannot be bars"));
    assert_eq!(home.ask("SELECT count(*) AS c FROM cryptodatadownload_options_daily").await, ["3"]);
}

async fn a_table_without_its_unique_index_is_refused_with_what_mends_it(home: &Home) {
    // F-B5
    home.sql(&old_table(home, "NUMERIC", "")).await;
    home.sql("CREATE UNIQUE INDEX of_some ON cryptodatadownload_options_daily (symbol, date) WHERE strike > 5").await;
    home.sql("CREATE UNIQUE INDEX of_other ON cryptodatadownload_options_daily (symbol, strike)").await;
    let Err(StoreError::Unfit { what, mend, .. }) = home.try_open(Mode::Write).await else { panic!("it was taken") };
    assert!(what.contains("no unique index"), "{what}");
    assert!(mend.contains("GROUP BY symbol, date HAVING count(*) > 1"), "{mend}");
    home.sql(&mend).await;
    let opened = home.try_open(Mode::Write).await.unwrap();
    assert_eq!(opened.adopted.unwrap().rows, 0);
    home.sql("DROP INDEX cryptodatadownload_options_daily_symbol_date").await;
    assert!(matches!(home.try_open(Mode::Write).await, Err(StoreError::Unfit { .. })), "it is looked at at each start");
}

async fn a_table_that_lacks_a_column_is_refused_with_what_mends_it(home: &Home) {
    // F-B5
    home.sql(&old_table(home, "NUMERIC", ", UNIQUE (symbol, date)")).await;
    home.sql("ALTER TABLE cryptodatadownload_options_daily DROP COLUMN downloaded_at").await;
    let Err(StoreError::Unfit { what, mend, .. }) = home.try_open(Mode::Write).await else { panic!("it was taken") };
    assert!(what.contains("downloaded_at"), "{what}");
    home.sql(&mend).await;
    home.try_open(Mode::Write).await.unwrap();
}

async fn a_row_that_is_no_bar_is_replaced_and_ends_nothing(home: &Home) {
    // F-B13, F-B14: a price that is no number, in a row whose option is fetched again
    home.sql(&old_table(home, "NUMERIC", ", UNIQUE (symbol, date)")).await;
    for date in ["2024-04-01", "2024-04-02", "2024-04-03"] {
        home.sql(&old_row(OVER, date, "NULL")).await;
    }
    home.sql("UPDATE cryptodatadownload_options_daily SET price_close = 'NaN' WHERE date > '2024-04-01'").await;
    let store = home.try_open(Mode::Write).await.unwrap().store;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[OVER], T0).await;
    let done = store.commit(epoch, &of_options(vec![bars(OVER, &["2024-04-01", "2024-04-02"])])).await.unwrap();
    assert_eq!((done.options[0].unchanged, done.options[0].inserted), (1, 1));
    assert_eq!(done.options[0].record.row_count, 2);
    let (mut good, mut odd) = (Vec::new(), Vec::new());
    let mut see = |_: &Symbol, row: Result<&Candle, &str>| match row {
        Ok(bar) => good.push(bar.clone()),
        Err(why) => odd.push(why.to_owned()),
    };
    store.audit(&mut see).await.unwrap();
    assert_eq!(good, bars(OVER, &["2024-04-01", "2024-04-02"]).candles);
    assert!(odd.len() == 1 && odd[0].contains("2024-04-03"), "{odd:?}");
}

async fn a_price_may_be_left_out_or_the_table_is_refused_with_what_mends_it(home: &Home) {
    // F-B5: PostgreSQL's table is made to take it, SQLite's would have to be made anew.
    let table = old_table(home, "NUMERIC", ", UNIQUE (symbol, date)");
    home.sql(&table.replace("price_low NUMERIC", "price_low NUMERIC NOT NULL DEFAULT 0")).await;
    match home.try_open(Mode::Write).await {
        Err(StoreError::Unfit { what, mend, .. }) if matches!(home, Home::Sqlite(_)) => {
            assert!(what.contains("price_low") && what.contains("must not be null"), "{what}");
            assert!(mend.contains("without NOT NULL"), "{mend}");
        }
        Err(error) => panic!("{error}"),
        Ok(opened) => {
            let store = opened.store;
            let epoch = begun(&*store).await;
            list(&*store, epoch, &[OVER], T0).await;
            let mut open = bars(OVER, &["2024-04-01"]);
            open.candles[0].low = None;
            store.commit(epoch, &of_options(vec![open.clone()])).await.unwrap();
            assert_eq!(store.history(&symbol(OVER)).await.unwrap(), open.candles);
        }
    }
}

/// The tests of this file, for the stores that have tables.
macro_rules! adopts {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite { $(#[tokio::test] async fn $name() { super::$name(&super::Home::sqlite()).await; })* }
        mod on_postgres { $(#[tokio::test] async fn $name() { super::$name(&super::Home::postgres()).await; })* }
    };
}

adopts!(
    an_older_scripts_bars_are_taken_over,
    rows_that_are_no_bars_are_told_and_not_lost,
    a_table_without_its_unique_index_is_refused_with_what_mends_it,
    a_table_that_lacks_a_column_is_refused_with_what_mends_it,
    a_row_that_is_no_bar_is_replaced_and_ends_nothing,
    a_price_may_be_left_out_or_the_table_is_refused_with_what_mends_it,
);

#[tokio::test]
async fn doubles_are_widened_and_a_view_on_them_is_told() {
    // F-B14
    let home = Home::postgres();
    home.sql(&old_table(&home, "DOUBLE PRECISION", ", UNIQUE (symbol, date)")).await;
    home.sql(&old_row(OVER, "2024-04-01", "NULL").replace("0.0175", "0.30000000000000004")).await;
    home.sql("CREATE VIEW closes AS SELECT symbol, price_close FROM cryptodatadownload_options_daily").await;
    let Err(StoreError::Unfit { what, mend, .. }) = home.try_open(Mode::Write).await else { panic!("it was taken") };
    assert!(what.contains("a view") && mend.contains("TYPE NUMERIC"), "{what} {mend}");
    assert_eq!(home.ask("SELECT to_regclass('chainfill_schema') IS NULL AS c").await, ["true"], "all or nothing");
    home.sql(&format!("DROP VIEW closes; {mend}")).await;
    let store = home.try_open(Mode::Write).await.unwrap().store;
    assert_eq!(store.history(&symbol(OVER)).await.unwrap()[0].close, super::facts::number("0.30000000000000004"));
    home.sql("DROP TABLE cryptodatadownload_options_daily CASCADE").await;
    let Err(StoreError::Unfit { what, .. }) = home.try_open(Mode::Write).await else { panic!("it was taken") };
    assert!(what.contains("is gone"), "{what}");
}

#[tokio::test]
async fn text_dates_are_refused_with_what_mends_them() {
    // F-B5
    let home = Home::postgres();
    let table =
        old_table(&home, "NUMERIC", ", UNIQUE (symbol, date)").replace("date DATE, symbol", "date TEXT, symbol");
    home.sql(&table).await;
    home.sql(&old_row(OVER, "2024-04-01", "NULL")).await;
    let Err(StoreError::Unfit { mend, .. }) = home.try_open(Mode::Write).await else { panic!("it was taken") };
    home.sql(&mend).await;
    assert_eq!(home.try_open(Mode::Write).await.unwrap().adopted.unwrap().rows, 1);
}
