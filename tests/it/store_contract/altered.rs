//! What somebody else did to our own tables: mended by the next run where it can be, else told with what mends it.

use chainfill::domain::ledger::OptionState;
use chainfill::domain::moment::Moment;
use chainfill::store::{Batch, StoreError, Tally};

use super::facts::{T0, attempt, bars, begun, list, loaded, of_options, wish};
use super::home::Home;
use super::{A, B, C};

async fn filled(home: &Home) {
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A, B, C], T0).await;
    store
        .commit(epoch, &of_options(vec![bars(A, &["2024-04-01", "2024-04-02"]), bars(C, &["2024-04-01"])]))
        .await
        .unwrap();
}

async fn counts_that_are_not_the_ledgers_are_mended_by_the_next_run(home: &Home) {
    // F-B13: lines deleted by hand, so that their options are fetched anew; a count with a flipped bit
    filled(home).await;
    home.sql(&format!("DELETE FROM chainfill_option WHERE symbol = '{B}'")).await;
    home.sql("UPDATE chainfill_tally SET stored = stored + 4096 WHERE currency = 'BTC'").await;
    home.sql("INSERT INTO chainfill_tally VALUES ('SOL', 7, 7, 0, 0, 0, 0)").await;
    let store = home.store().await;
    begun_again(&*store).await;
    let tallies = store.glance(T0).await.unwrap().tallies;
    assert_eq!(tallies, Tally::of(&loaded(&*store).await.records));
    assert_eq!(Tally::total(&tallies).listed, 2);
}

async fn a_run_is_above_every_run_before_whatever_the_lease_says(home: &Home) {
    // F-B13, F-P8: else the newest run would be an old one on every page, or none could begin
    filled(home).await;
    home.sql("UPDATE chainfill_run SET epoch = 4096").await;
    let store = home.store().await;
    let epoch = store.begin(&wish(2, |_| Some(false))).await.unwrap();
    assert_eq!(epoch.0, 4097);
    assert_eq!(loaded(&*store).await.run.unwrap().epoch, epoch);
    home.sql("UPDATE chainfill_lease SET epoch = 1").await;
    let epoch = store.begin(&wish(3, |_| Some(false))).await.unwrap();
    assert_eq!(epoch.0, 4098);
    // A number that stands in the journal already: what leaves under it would not be written there (F-I5).
    let sent = |seq| Batch { at: T0, sent: vec![attempt(seq, T0)], ..Batch::default() };
    store.commit(epoch, &sent(1)).await.unwrap();
    home.sql("UPDATE chainfill_attempt SET epoch = 4099; UPDATE chainfill_lease SET epoch = 7").await;
    let epoch = store.begin(&wish(4, |_| Some(false))).await.unwrap();
    assert_eq!(epoch.0, 4100);
    store.commit(epoch, &sent(1)).await.unwrap();
    assert_eq!(home.ask("SELECT count(*) AS c FROM chainfill_attempt").await, ["2"]);
    // What the run before left without an outcome is known to be unknown, though the lease had lost its number.
    home.sql("UPDATE chainfill_lease SET epoch = 7").await;
    store.begin(&wish(5, |_| Some(false))).await.unwrap();
    let open = "SELECT count(*) AS c FROM chainfill_attempt WHERE epoch = 4100 AND outcome IS NULL";
    assert_eq!(home.ask(open).await, ["0"]);
}

async fn a_row_that_cannot_be_read_or_is_gone_is_told_with_its_table_and_what_mends_it(home: &Home) {
    // F-B13
    filled(home).await;
    let store = home.store().await;
    home.sql("DELETE FROM chainfill_lease").await;
    let Err(StoreError::Unfit { what, mend, .. }) = store.begin(&wish(2, |_| Some(false))).await else {
        panic!("begun")
    };
    assert!(what.contains("chainfill_lease has lost its row"), "{what}");
    home.sql(&mend).await;
    begun_again(&*store).await;
    for change in ["identity = '{'", "ended_at = 1, ending = NULL, progress = NULL"] {
        home.sql(&format!("UPDATE chainfill_run SET {change}")).await;
    }
    let Err(StoreError::Unfit { what, .. }) = store.load(Moment(0)).await else { panic!("it was read") };
    assert!(what.contains("chainfill_run"), "{what}");
    home.sql("DELETE FROM chainfill_run").await;
    for (name, must) in [("throttle", "wait out"), ("ability", "name every currency")] {
        home.sql(&format!("INSERT INTO chainfill_memory VALUES ('{name}', '{{')")).await;
        let Err(StoreError::Unfit { what, mend, .. }) = store.load(Moment(0)).await else { panic!("it was read") };
        assert!(what.contains(name) && mend.contains(must), "{what}; {mend}");
        home.sql(&format!("DELETE FROM chainfill_memory WHERE name = '{name}'")).await;
    }
}

#[tokio::test]
async fn a_name_that_is_no_text_is_taken_for_none_and_ends_no_later_run() {
    // F-B13, F-B14: a flipped high bit; made readable it would be another name, taken over again by each run
    let home = Home::sqlite();
    filled(&home).await;
    home.sql("UPDATE cryptodatadownload_options_daily SET symbol = CAST(x'4254C3' AS TEXT) WHERE symbol LIKE 'BTC%'")
        .await;
    let store = home.store().await;
    for pid in 2..4 {
        store.begin(&wish(pid, |_| Some(false))).await.unwrap();
        assert_eq!(loaded(&*store).await.records.len(), 3);
    }
}

async fn a_line_that_cannot_be_read_is_named_and_deleting_it_mends_it(home: &Home) {
    // F-B13
    filled(home).await;
    let far = if matches!(home, Home::Sqlite(_)) { "'2024-04-0!'" } else { "'294276-12-31'" };
    home.sql(&format!("UPDATE chainfill_option SET first_bar = {far} WHERE symbol = '{A}'")).await;
    let store = home.store().await;
    let Err(StoreError::Unfit { what, mend, .. }) = store.load(Moment(0)).await else { panic!("it was read") };
    assert!(what.contains(A) && mend.contains("delete that row of chainfill_option"), "{what}; {mend}");
    home.sql(&format!("DELETE FROM chainfill_option WHERE symbol = '{A}'")).await;
    let before = store.history(&super::symbol(A)).await.unwrap();
    begun_again(&*store).await;
    let records = loaded(&*store).await.records;
    let again = records.iter().find(|record| record.symbol.as_str() == A).expect("its bars are taken over");
    assert_eq!((again.state, again.row_count), (OptionState::Stored, 2));
    assert_eq!(store.history(&again.symbol).await.unwrap(), before);
}

async fn begun_again(store: &dyn chainfill::store::Store) {
    store.begin(&wish(2, |_| Some(false))).await.unwrap();
}

/// The tests of this file, for the stores that have tables.
macro_rules! altered {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite { $(#[tokio::test] async fn $name() { super::$name(&super::Home::sqlite()).await; })* }
        mod on_postgres { $(#[tokio::test] async fn $name() { super::$name(&super::Home::postgres()).await; })* }
    };
}

altered!(
    counts_that_are_not_the_ledgers_are_mended_by_the_next_run,
    a_run_is_above_every_run_before_whatever_the_lease_says,
    a_line_that_cannot_be_read_is_named_and_deleting_it_mends_it,
    a_row_that_cannot_be_read_or_is_gone_is_told_with_its_table_and_what_mends_it,
);
