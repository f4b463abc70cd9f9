//! What somebody else did to our own tables: mended by the next run where it can be, else told with what mends it.

use chainfill::domain::ledger::OptionState;
use chainfill::domain::moment::Moment;
use chainfill::store::{StoreError, Tally};

use super::facts::{T0, bars, begun, list, loaded, of_options, wish};
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
    let mut tallies = store.glance(T0).await.unwrap().tallies;
    tallies.retain(|tally| tally.listed > 0);
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
    assert_eq!(store.begin(&wish(3, |_| Some(false))).await.unwrap().0, 4098);
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
);
