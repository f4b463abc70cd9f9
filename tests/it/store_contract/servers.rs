//! What only a server can do to a run.

use std::sync::Arc;

use chainfill::domain::run::Ending;
use chainfill::limits::STORE_TRIES_MAX;
use chainfill::store::{Mode, RunEnd, StoreError};

use super::facts::{T0, bars, begun, list, loaded, of_options, wish};
use super::home::Home;
use super::{A, B, is_true};
use crate::rig::proxy::{Plain, Proxy};
use crate::rig::proxy_postgres::{At, Scissors};

fn server(home: &mut Home) -> &mut crate::rig::postgres::Postgres {
    let Home::Postgres(server, _) = home else { panic!("only a server can be killed") };
    server
}

#[tokio::test]
async fn a_server_that_goes_and_comes_back_costs_nothing() {
    // F-B3
    let mut home = Home::postgres();
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A, B], T0).await;
    for how in 0..3 {
        let batch = of_options(vec![bars([A, B][how % 2], &["2024-04-01", "2024-04-02", "2024-04-03"][..=how])]);
        match how {
            0 => server(&mut home).stop_fast(),
            1 => server(&mut home).kill_server(),
            _ => {
                let Home::Postgres(server, url) = &home else { panic!() };
                assert_eq!(server.kill_backends(url), 1);
                // The cut may be seen at the next call, or be mended before it.
                while let Err(error) = store.commit(epoch, &batch).await {
                    assert!(matches!(error, StoreError::Away { .. }), "{error}");
                }
                continue;
            }
        }
        for _ in 0..2 {
            let result = store.commit(epoch, &batch).await;
            assert!(matches!(result, Err(StoreError::Away { .. })), "{result:?}");
        }
        server(&mut home).start_again();
        store.commit(epoch, &batch).await.unwrap();
    }
    is_true(&*store).await;
    store.end(epoch, &RunEnd { at: T0, ending: Ending::Complete, progress: None }).await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_dropped_half_way_leaves_nothing_behind() {
    // F-B1
    let home = Home::postgres();
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A], T0).await;
    for polls in 1..12 {
        let batch = of_options(vec![bars(A, &["2024-04-01"])]);
        let mut call = store.commit(epoch, &batch);
        for _ in 0..polls {
            tokio::select! {
                biased;
                _ = &mut call => break,
                () = tokio::task::yield_now() => {}
            }
        }
        drop(call);
        is_true(&*store).await;
    }
    store.commit(epoch, &of_options(vec![bars(A, &["2024-04-01"])])).await.unwrap();
    is_true(&*store).await;
}

#[tokio::test]
async fn a_commit_that_is_cut_is_told_as_away_and_may_be_made_again() {
    // F-B2, F-I3: each side of COMMIT, and in each case what the server made of it.
    for (at, reset) in
        [At::Before, At::Torn, At::Sent, At::Answered].into_iter().flat_map(|at| [(at, false), (at, true)])
    {
        let home = Home::postgres();
        let direct = home.store().await;
        let epoch = begun(&*direct).await;
        list(&*direct, epoch, &[A], T0).await;
        let Home::Postgres(server, url) = &home else { panic!() };
        let scissors = Scissors::once(at, 1, reset);
        let course = scissors.clone();
        let proxy = Proxy::start(server.port(), move |_| course.course());
        let store = chainfill::store::open(&proxy.through(url).parse().unwrap(), Mode::Write).await.unwrap().store;
        let batch = of_options(vec![bars(A, &["2024-04-01"])]);
        let result = store.commit(epoch, &batch).await;
        assert!(matches!(result, Err(StoreError::Away { .. })), "{at:?}: {result:?}");
        assert_eq!(scissors.made(), [(at, true)]);
        let rows = loaded(&*direct).await.records[0].row_count;
        match at {
            At::Before | At::Torn => assert_eq!(rows, 0, "{at:?}"),
            At::Answered => assert_eq!(rows, 1, "the server had committed"),
            At::Sent | At::Message(_) => {}
        }
        store.commit(epoch, &batch).await.unwrap();
        assert_eq!(loaded(&*direct).await.records[0].row_count, 1);
        is_true(&*direct).await;
    }
}

#[tokio::test]
async fn a_server_that_takes_a_call_and_does_not_answer_counts_as_away() {
    // F-B3, F-I10
    let home = Home::postgres();
    let Home::Postgres(server, url) = &home else { panic!() };
    let proxy = Proxy::start(server.port(), |_| Box::new(Plain));
    let store = chainfill::store::open(&proxy.through(url).parse().unwrap(), Mode::Write).await.unwrap().store;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A], T0).await;
    proxy.lose();
    // Where all wait for what never comes, time passes at once.
    tokio::time::pause();
    let batch = of_options(vec![bars(A, &["2024-04-01"])]);
    let result = store.commit(epoch, &batch).await;
    assert!(matches!(&result, Err(StoreError::Away { what, .. }) if what.contains("did not answer")), "{result:?}");
    tokio::time::resume();
    proxy.up();
    store.commit(epoch, &batch).await.unwrap();
    is_true(&*store).await;
}

/// From now on each row meets this, and is counted.
fn failing(words: &str, code: &str) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         PERFORM nextval('tries'); RAISE EXCEPTION '{words}' USING ERRCODE = '{code}'; END $$"
    )
}

#[tokio::test]
async fn a_deadlock_is_tried_again() {
    // F-B4
    let home = Home::postgres();
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A], T0).await;
    // The first commit after this meets a serialization failure, those after it do not.
    home.sql(
        "CREATE SEQUENCE tries; CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF nextval('tries') = 1 THEN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER fail BEFORE INSERT ON cryptodatadownload_options_daily FOR EACH ROW EXECUTE FUNCTION fail()",
    )
    .await;
    store.commit(epoch, &of_options(vec![bars(A, &["2024-04-01"])])).await.unwrap();
    assert_eq!(home.ask("SELECT last_value AS c FROM tries").await, ["2"]);
    is_true(&*store).await;
    // A full disk is not tried again here, and writes nothing of the batch.
    home.sql(&failing("no space left", "53100")).await;
    let result = store.commit(epoch, &of_options(vec![bars(A, &["2024-04-02"])])).await;
    assert!(matches!(result, Err(StoreError::Full { .. })), "{result:?}");
    assert_eq!(home.ask("SELECT last_value AS c FROM tries").await, ["3"]);
    // Nor is anything tried for ever in one call: the run tells that the store is away, and asks again later.
    home.sql(&failing("again", "40001")).await;
    let result = store.commit(epoch, &of_options(vec![bars(A, &["2024-04-02"])])).await;
    assert!(matches!(result, Err(StoreError::Away { .. })), "{result:?}");
    assert_eq!(home.ask("SELECT last_value AS c FROM tries").await, [(3 + STORE_TRIES_MAX).to_string()]);
    assert_eq!(loaded(&*store).await.records[0].row_count, 1);
    is_true(&*store).await;
}

#[tokio::test]
async fn a_real_deadlock_with_another_session_is_tried_again() {
    // F-B4, F-I2
    let home = Home::postgres();
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[A, B], T0).await;
    let Home::Postgres(_, url) = &home else { panic!() };
    let (other, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    // Whoever has waited longest is looked at first, and is the one that must give way: the commit.
    other.batch_execute("SET deadlock_timeout = '30s'; BEGIN; SELECT * FROM chainfill_tally FOR UPDATE").await.unwrap();
    let batch = of_options(vec![bars(A, &["2024-04-01"]), bars(B, &["2024-04-02"])]);
    let stand_in_the_way = async {
        let waits = "SELECT count(*) AS c FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        while home.ask(waits).await != ["1"] {}
        other.batch_execute("UPDATE chainfill_lease SET beat_at = beat_at; COMMIT").await.unwrap();
    };
    let (result, ()) = tokio::join!(store.commit(epoch, &batch), stand_in_the_way);
    let committed = result.unwrap();
    assert!(committed.options.iter().all(|option| option.inserted == 1));
    assert!(home.log().contains("deadlock detected"), "nothing was tried again");
    is_true(&*store).await;
}

#[tokio::test]
async fn fifty_at_once_on_a_new_database_and_one_proceeds() {
    // F-P8
    let home = Arc::new(Home::postgres());
    let runs: Vec<_> = (1..=50)
        .map(|pid| {
            let home = Arc::clone(&home);
            tokio::spawn(async move {
                let store = home.try_open(Mode::Write).await.map_err(|error| error.to_string())?.store;
                Ok::<_, String>((pid, store.begin(&wish(pid, |_| Some(true))).await))
            })
        })
        .collect();
    let (mut winners, mut told) = (Vec::new(), Vec::new());
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
async fn a_wrong_url_and_a_newer_store_are_told_with_what_helps() {
    // F-B5, F-P10, F-U4
    let home = Home::postgres();
    assert!(matches!(home.try_open(Mode::Read).await, Err(StoreError::Nothing { .. })));
    drop(home.store().await);
    assert_eq!(is_true(&*home.try_open(Mode::Read).await.unwrap().store).await, []);
    home.sql("UPDATE chainfill_schema SET version = 99").await;
    for mode in [Mode::Read, Mode::Write] {
        let Err(StoreError::Unfit { what, .. }) = home.try_open(mode).await else { panic!("it was taken") };
        assert!(what.contains("newer chainfill"), "{what}");
    }
    let Home::Postgres(_, url) = &home else { panic!() };
    let other = url.replace("postgres@", "postgres:s3cret@").replace("db1", "crypto_data");
    let error = chainfill::store::open(&other.parse().unwrap(), Mode::Write).await.err().unwrap();
    let StoreError::Unfit { mend, .. } = &error else { panic!("{error}") };
    assert_eq!(mend, "createdb crypto_data");
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    let nobody = url.replace("postgres@", "nobody@");
    let error = chainfill::store::open(&nobody.parse().unwrap(), Mode::Write).await.err().unwrap();
    assert!(matches!(&error, StoreError::Unfit { mend, .. } if mend.contains("the user")), "{error}");
    let away = "postgres://postgres@127.0.0.1:1/x".parse().unwrap();
    let error = chainfill::store::open(&away, Mode::Write).await.err().unwrap();
    assert!(matches!(error, StoreError::Away { .. }), "{error:?}");
}
