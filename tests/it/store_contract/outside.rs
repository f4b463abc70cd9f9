//! What others see of a store, and what is due.

use chainfill::domain::instrument::Currency;
use chainfill::domain::ledger::Happening;
use chainfill::domain::moment::Moment;
use chainfill::domain::plan::{self, Horizon};
use chainfill::limits::{DAY_MS, EMPTY_DAYS_DEFAULT};
use chainfill::store::{Attempt, Batch, Lookout, Mode, Outside, RunEnd, Store, StoreError};

use super::facts::{T0, attempt, bars, begun, list, loaded, news, no_bars, of_options, settled, symbol};
use super::home::Home;

super::contract!(
    coverage_and_chain_go_by_expiry_strike_and_type,
    an_option_tells_its_own_story,
    the_journal_and_the_runs_come_newest_first,
    what_is_due_is_counted_as_the_plan_counts_it,
    an_order_in_other_words_is_handed_over_as_it_is,
);

const EARLY: &str = "BTC-5APR24-60000-C";
const LATE: [&str; 3] = ["BTC-17APR24-9000-P", "BTC-17APR24-60000-C", "BTC-17APR24-60000-P"];

async fn coverage_and_chain_go_by_expiry_strike_and_type(home: &Home) {
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[LATE[2], EARLY, LATE[1], LATE[0], "BTC-what", "ETH-5APR24-1-C"], T0).await;
    let given_up = news(LATE[2], Happening::GivenUp("HTTP 400".into()), vec![], T0);
    let batch = of_options(vec![
        bars(LATE[0], &["2024-04-01", "2024-04-02"]),
        news(LATE[1], no_bars(LATE[1]), vec![], T0),
        given_up,
    ]);
    store.commit(epoch, &batch).await.unwrap();
    let btc = Currency::stored("BTC");
    let covers = store.coverage(&btc).await.unwrap();
    let cells: Vec<_> =
        covers.iter().map(|cover| (cover.expiry.map(|date| date.to_string()), &*cover.cells, cover.rows)).collect();
    assert_eq!(cells[..2], [(Some("2024-04-05".into()), "p", 0), (Some("2024-04-17".into()), "sea", 2)]);
    let unparsed: Vec<_> =
        store.coverage(&Currency::stored("?")).await.unwrap().into_iter().chain(covers.get(2).cloned()).collect();
    assert!(unparsed.iter().any(|cover| cover.expiry.is_none() && cover.cells == "a"), "{unparsed:?}");
    let chain = store.chain(&btc, covers[1].expiry).await.unwrap();
    let names: Vec<_> = chain.iter().map(|record| record.symbol.as_str()).collect();
    assert_eq!(names, LATE, "the order of the cells");
    assert_eq!(store.coverage(&Currency::stored("'; DROP TABLE")).await.unwrap(), []);
}

async fn an_option_tells_its_own_story(home: &Home) {
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[EARLY, LATE[0]], T0).await;
    let query = |seq, query: &str| Attempt { query: query.into(), ..attempt(seq, T0 + seq) };
    let sent = vec![
        query(1, EARLY),
        query(2, "BTC 5APR24"),
        query(3, "BTC 5APR24 +5000"),
        query(4, "BTC 5APR249"),
        query(5, LATE[0]),
    ];
    let batch = Batch {
        sent,
        settled: vec![settled(1, "rows", true, T0 + 9)],
        ..of_options(vec![bars(EARLY, &["2024-04-01"])])
    };
    store.commit(epoch, &batch).await.unwrap();
    let story = store.story(&symbol(EARLY)).await.unwrap().unwrap();
    assert_eq!(story.record.row_count, 1);
    assert_eq!(story.bars, store.history(&symbol(EARLY)).await.unwrap());
    let told: Vec<_> = story.attempts.iter().map(|line| (line.seq, line.outcome.as_deref())).collect();
    assert_eq!(told, [(3, None), (2, None), (1, Some("rows"))]);
    assert_eq!(store.story(&symbol("BTC-5APR24-1-C")).await.unwrap(), None);
}

async fn the_journal_and_the_runs_come_newest_first(home: &Home) {
    let store = home.store().await;
    let first = begun(&*store).await;
    let sent = (1..=5).map(|seq| attempt(seq, T0 + seq)).collect();
    store.commit(first, &Batch { sent, at: T0, ..Batch::default() }).await.unwrap();
    let end = RunEnd { at: T0 + 9, ending: chainfill::domain::run::Ending::Stopped, progress: Some("{}".into()) };
    store.end(first, &end).await.unwrap();
    let second = begun(&*store).await;
    let batch = Batch {
        sent: vec![attempt(1, T0 + 20)],
        settled: vec![settled(1, "server", true, T0 + 30)],
        at: T0,
        ..Batch::default()
    };
    store.commit(second, &batch).await.unwrap();
    let journal = store.journal(3).await.unwrap();
    let told: Vec<_> = journal.iter().map(|line| (line.epoch, line.seq)).collect();
    assert_eq!(told, [(second, 1), (first, 5), (first, 4)]);
    let newest = &journal[0];
    assert_eq!((newest.sent_at, newest.done_at, newest.status), (T0 + 20, Some(T0 + 30), Some(200)));
    assert_eq!(
        (newest.bytes, newest.rows, newest.wait_s, newest.note.as_deref()),
        (Some(17), Some(2), Some(3), Some("in words"))
    );
    let runs = store.runs(10).await.unwrap();
    let told: Vec<_> = runs.iter().map(|run| (run.epoch, run.ended.as_ref().map(|(_, word)| word.as_str()))).collect();
    assert_eq!(told, [(second, None), (first, Some("stopped"))]);
}

/// What is due by reading the whole ledger, as a run does.
async fn due(store: &dyn Store, now: Moment) -> u64 {
    let horizon = Horizon { now, empty_days: EMPTY_DAYS_DEFAULT };
    loaded(store).await.records.iter().filter(|record| plan::due(record, horizon).is_some()).count() as u64
}

async fn what_is_due_is_counted_as_the_plan_counts_it(home: &Home) {
    // T0 is 2024-06-17; one option traded then, one was over, one is empty, one waits for a person, one vanished.
    let names = ["BTC-28JUN24-1-C", EARLY, LATE[0], LATE[1], "BTC-28JUN24-2-C", "BTC-28JUN24-3-C"];
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &names, T0).await;
    let days = |now: Moment| (now.0 - T0.0) / DAY_MS;
    let moments: Vec<Moment> = [0, 1, 2, 13, 29, 30, 31, 400].map(|day| T0 + day * DAY_MS).to_vec();
    let agrees = async |store: &dyn Store| {
        for now in &moments {
            let open = store.glance(*now).await.unwrap().open;
            assert_eq!(open, due(store, *now).await, "day {}", days(*now));
        }
    };
    agrees(&*store).await;
    let batch = of_options(vec![
        bars(names[0], &["2024-06-15"]),
        bars(EARLY, &["2024-04-01"]),
        news(LATE[0], no_bars(LATE[0]), vec![], T0),
        news(LATE[1], Happening::GivenUp("why".into()), vec![], T0),
        bars(names[4], &["2024-06-15"]),
    ]);
    store.commit(epoch, &batch).await.unwrap();
    agrees(&*store).await;
    list(&*store, epoch, &names[..4], T0 + 5).await;
    agrees(&*store).await;
    let back = of_options(vec![news(LATE[1], Happening::PutBack, vec![], T0 + 6)]);
    store.commit(epoch, &back).await.unwrap();
    agrees(&*store).await;
    if home.has_tables() {
        // F-P10: a store of the first version is brought up to date, and counts the same.
        let open = store.glance(moments[7]).await.unwrap().open;
        drop(store);
        home.sql(
            "DROP TABLE chainfill_action; CREATE TABLE chainfill_action (at BIGINT NOT NULL, action TEXT NOT NULL, \
             epoch BIGINT NOT NULL, PRIMARY KEY (at, action)); INSERT INTO chainfill_action VALUES (1, 'retry', 1); \
             DROP INDEX chainfill_option_due; ALTER TABLE chainfill_option DROP COLUMN due_at; DROP TABLE chainfill_order; \
             CREATE TABLE chainfill_order (epoch BIGINT NOT NULL, word TEXT NOT NULL, at BIGINT NOT NULL, \
             taken BOOLEAN NOT NULL DEFAULT FALSE, PRIMARY KEY (epoch, word)); UPDATE chainfill_schema SET version = 1;",
        )
        .await;
        let Err(StoreError::Unfit { mend, .. }) = home.try_open(Mode::Read).await else {
            panic!("a look changes nothing")
        };
        assert!(mend.contains("chainfill backfill"), "{mend}");
        let opened = home.try_open(Mode::Write).await.unwrap();
        assert_eq!(opened.migrated.map(|(from, _)| from), Some(1));
        agrees(&*opened.store).await;
        assert_eq!(opened.store.glance(moments[7]).await.unwrap().open, open);
        assert_eq!(home.ask("SELECT id || action AS c FROM chainfill_action").await, ["1retry"]);
    }
}

#[tokio::test]
async fn a_lookout_sees_a_store_come_and_go_and_holds_no_file() {
    let home = Home::sqlite();
    let lookout = Lookout::new(home.url());
    assert!(matches!(lookout.glance(T0).await, Err(StoreError::Nothing { .. })));
    let store = home.store().await;
    let epoch = begun(&*store).await;
    list(&*store, epoch, &[EARLY], T0).await;
    assert_eq!(lookout.glance(T0).await.unwrap().open, 1);
    store
        .end(epoch, &RunEnd { at: T0, ending: chainfill::domain::run::Ending::Stopped, progress: None })
        .await
        .unwrap();
    assert!(!home.path().with_extension("db-wal").exists(), "a look keeps no run from folding its log away");
    drop(store);
    std::fs::remove_file(home.path()).unwrap();
    assert!(
        matches!(lookout.glance(T0).await, Err(StoreError::Nothing { .. })),
        "a file that is gone is not remembered"
    );
}

/// F-X1: what a newer program left is told, so that it can be marked.
async fn an_order_in_other_words_is_handed_over_as_it_is(home: &Home) {
    if !home.has_tables() {
        return;
    }
    let store = home.store().await;
    let epoch = begun(&*store).await;
    let left = store.leave_order(&chainfill::store::Order::Pause, T0).await.unwrap().unwrap();
    home.sql("UPDATE chainfill_order SET what = '{\"order\":\"sing\"}'").await;
    let unread = chainfill::store::Order::Unread("{\"order\":\"sing\"}".to_owned());
    assert_eq!(store.take_orders(epoch, &[]).await.unwrap(), [(left.id, unread)]);
    assert_eq!(store.take_orders(epoch, &[left.id]).await.unwrap(), []);
    assert!(store.order_taken(left.id).await.unwrap());
}
