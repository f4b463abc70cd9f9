//! What only a file can go through.

use std::sync::Arc;

use chainfill::domain::run::Ending;
use chainfill::store::{Mode, Order, RunEnd, StoreError, StoreUrl, open};

use super::facts::{T0, bars, begun, list, of_options, wish};
use super::home::Home;
use super::{A, is_true};

#[tokio::test]
async fn nothing_is_there_until_a_run_made_it() {
    let home = Home::sqlite();
    assert!(matches!(home.try_open(Mode::Read).await, Err(StoreError::Nothing { .. })));
    assert!(!home.path().exists(), "looking makes nothing");
    home.sql("CREATE TABLE of_somebody_else (x)").await;
    assert!(matches!(home.try_open(Mode::Read).await, Err(StoreError::Nothing { .. })));
}

#[tokio::test]
async fn a_reader_sees_a_living_writer_and_a_closed_file() {
    let home = Home::sqlite();
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A], T0).await;
    let reader = home.try_open(Mode::Read).await.unwrap().store;
    store.commit(epoch, &of_options(vec![bars(A, &["2024-04-01"])])).await.unwrap();
    is_true(&*reader).await;
    let left = reader.leave_order(&Order::Stop, T0).await.unwrap().unwrap();
    assert_eq!(store.take_orders(epoch, &[]).await.unwrap(), [(left.id, Order::Stop)]);
    assert!(reader.begin(&wish(3, |_| Some(false))).await.is_err(), "a reader never takes the lease");
    drop(reader);
    store.end(epoch, &RunEnd { at: T0, ending: Ending::Stopped, progress: None }).await.unwrap();
    assert!(!home.path().with_extension("db-wal").exists(), "another user's read-only shell fails on a left log");
    let mode = home.ask("SELECT journal_mode AS c FROM pragma_journal_mode").await;
    assert_eq!(mode, ["delete"]);
    let reader = home.try_open(Mode::Read).await.unwrap().store;
    assert_eq!(is_true(&*reader).await[0].rows, 1);
    drop(reader);
    drop(home.try_open(Mode::Write).await.unwrap()); // `plan` with a listing that is kept
    let mode = home.ask("SELECT journal_mode AS c FROM pragma_journal_mode").await;
    assert_eq!(mode, ["delete"], "who only looks leaves the file as it was");
}

#[tokio::test]
async fn fifty_at_once_and_one_proceeds() {
    // F-P8
    let home = Arc::new(Home::sqlite());
    let runs: Vec<_> = (1..=50)
        .map(|pid| {
            let home = Arc::clone(&home);
            tokio::spawn(async move {
                let store = home.try_open(Mode::Write).await.map_err(|error| error.to_string())?.store;
                Ok::<_, String>((pid, store.begin(&wish(pid, |_| Some(true))).await))
            })
        })
        .collect();
    let mut winners = Vec::new();
    let mut told = Vec::new();
    for run in runs {
        match run.await.unwrap().unwrap() {
            (pid, Ok(_)) => winners.push(pid),
            (_, Err(StoreError::Held(holder))) => told.push(holder.identity.pid),
            (_, Err(other)) => panic!("{other}"),
        }
    }
    assert_eq!((winners.len(), told.len()), (1, 49));
    assert!(told.iter().all(|pid| *pid == winners[0]));
}

#[tokio::test]
async fn a_file_that_is_moved_or_deleted_under_the_run_stops_it() {
    // F-B10
    for replaced in [false, true] {
        let home = Home::sqlite();
        let store = home.store().await;
        let epoch = begun(&*store).await;
        std::fs::rename(home.path(), home.path().with_extension("moved")).unwrap();
        if replaced {
            std::fs::write(home.path(), "").unwrap();
        }
        let batch = of_options(vec![bars(A, &["2024-04-01"])]);
        let Err(StoreError::Unfit { what, .. }) = store.commit(epoch, &batch).await else { panic!("it went on") };
        assert!(what.contains("moved"), "{what}");
    }
}

#[tokio::test]
async fn a_newer_or_a_wrong_file_is_refused() {
    // F-P10
    let home = Home::sqlite();
    drop(home.store().await);
    home.sql("UPDATE chainfill_schema SET version = 99").await;
    for mode in [Mode::Read, Mode::Write] {
        let Err(StoreError::Unfit { what, .. }) = home.try_open(mode).await else { panic!("it was taken") };
        assert!(what.contains("newer chainfill"), "{what}");
    }
    let home = Home::sqlite();
    std::fs::write(home.path(), "date,symbol,open\n".repeat(400)).unwrap();
    let Err(StoreError::Unfit { what, .. }) = home.try_open(Mode::Write).await else { panic!("it was taken") };
    assert!(what.contains("not a database"), "{what}");
    let nowhere = StoreUrl::sqlite(&home.path().join("no/such/place.db"));
    assert!(matches!(open(&nowhere, Mode::Write).await, Err(StoreError::Unfit { .. })));
}

#[tokio::test]
async fn a_lost_candle_table_is_not_made_anew() {
    // F-B5
    let home = Home::sqlite();
    drop(home.store().await);
    home.sql("DROP TABLE cryptodatadownload_options_daily").await;
    let Err(StoreError::Unfit { what, .. }) = home.try_open(Mode::Write).await else { panic!("it was taken") };
    assert!(what.contains("is gone"), "{what}");
}

#[tokio::test]
async fn a_long_reader_makes_the_log_grow_until_it_leaves_and_no_longer() {
    // F-B9
    let home = Home::sqlite();
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A], T0).await;
    let reader = crate::rig::archive::reader(&home.path());
    reader.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema").unwrap();
    let log_bytes = || std::fs::metadata(home.path().with_extension("db-wal")).map_or(0, |file| file.len());
    let bound = u64::try_from(chainfill::limits::SQLITE_WAL_BYTES).unwrap();
    let mut at = T0;
    let mut write = async || {
        at = at + 1;
        let progress = Some("x".repeat(1 << 20));
        store.commit(epoch, &chainfill::store::Batch { at, progress, ..Default::default() }).await.unwrap();
    };
    while log_bytes() <= bound * 2 {
        write().await;
    }
    drop(reader);
    let mut commits = 0;
    while log_bytes() > bound {
        write().await;
        commits += 1;
        assert!(commits < 100, "the log is cut when the reader has left: {} bytes", log_bytes());
    }
}
