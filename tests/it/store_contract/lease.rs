//! One writer, whatever is started (I7).

use chainfill::domain::moment::Moment;
use chainfill::limits::LEASE_MS;
use chainfill::store::{Batch, Order, StoreError, Which};

use super::facts::{T0, attempt, begun, identity, loaded, settled, wish};
use super::home::Home;
use chainfill::domain::run::Ending;
use chainfill::store::RunEnd;

super::contract!(
    a_second_run_is_refused_and_told_by_whom,
    a_run_that_was_taken_over_writes_no_more,
    a_claim_whose_answer_was_lost_may_be_made_again,
    requests_of_a_dead_run_count,
    an_order_reaches_the_run_that_it_was_meant_for,
);

async fn a_second_run_is_refused_and_told_by_whom(home: &Home) {
    // F-P8
    let store = home.store().await;
    let epoch = store.begin(&wish(1, |_| None)).await.unwrap();
    let other = home.store().await;
    for alive in [|_: &_| None, |_: &_| Some(true)] {
        let Err(StoreError::Held(holder)) = other.begin(&wish(2, alive)).await else { panic!("two writers") };
        assert_eq!((holder.identity.pid, holder.identity.host.as_str(), holder.epoch), (1, "there", epoch));
    }
    store.end(epoch, &RunEnd { at: T0, ending: Ending::Complete, progress: None }).await.unwrap();
    let next = other.begin(&wish(2, |_| Some(true))).await.unwrap();
    assert!(next > epoch);
}

async fn a_run_that_was_taken_over_writes_no_more(home: &Home) {
    // F-P6
    let store = home.store().await;
    let first = store.begin(&wish(1, |_| None)).await.unwrap();
    let other = home.store().await;
    let second = other.begin(&wish(2, |_| Some(false))).await.unwrap();
    assert!(second > first);
    let batch = Batch { at: T0, action: Some("x".to_owned()), sent: vec![attempt(1, T0)], ..Batch::default() };
    assert!(matches!(store.commit(first, &batch).await, Err(StoreError::Fenced)));
    let end = RunEnd { at: T0, ending: Ending::Complete, progress: None };
    assert!(matches!(store.end(first, &end).await, Err(StoreError::Fenced)));
    assert_eq!(loaded(&*other).await.counted, [], "nothing of a fenced batch is written");
    other.commit(second, &batch).await.unwrap();
    other.end(second, &end).await.unwrap();
    assert!(matches!(other.commit(second, &batch).await, Err(StoreError::Fenced)), "it gave the lease back");
}

async fn a_claim_whose_answer_was_lost_may_be_made_again(home: &Home) {
    // F-B2
    let store = home.store().await;
    let epoch = store.begin(&wish(1, |_| Some(true))).await.unwrap();
    assert_eq!(store.begin(&wish(1, |_| Some(true))).await.unwrap(), epoch, "it must not be held up by itself");
    assert_eq!(loaded(&*store).await.run.unwrap().identity, identity(1));
}

async fn requests_of_a_dead_run_count(home: &Home) {
    // F-P3, I5
    let store = home.store().await;
    let epoch = begun(&*store).await;
    let sent = (1..=3).map(|seq| attempt(seq, T0 + seq)).collect();
    let settled = vec![settled(1, "rows", true, T0 + 50), settled(2, "unsent", false, T0 + 50)];
    store.commit(epoch, &Batch { at: T0 + 50, sent, settled, ..Batch::default() }).await.unwrap();
    let mut next = wish(2, |_| Some(false));
    next.now = T0 + 60_000;
    store.begin(&next).await.unwrap();
    let counted = loaded(&*store).await.counted;
    let spans: Vec<(i64, i64)> =
        counted.iter().map(|(_, counted)| (counted.sent.0 - T0.0, counted.done.0 - T0.0)).collect();
    assert_eq!(spans, [(3, 3), (1, 50)], "as far as is known it was counted when it left");
    if home.has_tables() {
        let sql = "SELECT outcome AS c FROM chainfill_attempt ORDER BY seq";
        assert_eq!(home.ask(sql).await, ["rows", "unsent", "unknown"]);
    }
}

async fn an_order_reaches_the_run_that_it_was_meant_for(home: &Home) {
    let store = home.store().await;
    assert_eq!(store.leave_order(&Order::Stop, T0).await.unwrap(), None, "nobody is there");
    let epoch = store.begin(&wish(7, |_| Some(true))).await.unwrap();
    assert_eq!(store.take_orders(epoch, &[]).await.unwrap(), []);
    // The same order twice, and others between: each is followed, in the order in which they were left.
    let which = Which { symbols: vec!["ETH-\u{0}'; DROP TABLE".into()], attention: true, empty: false };
    let orders = [Order::Pause, Order::Resume, Order::Pause, Order::Pace { spacing_ms: 200 }, Order::Retry(which)];
    let mut ids = Vec::new();
    for order in &orders {
        let left = store.leave_order(order, T0).await.unwrap().unwrap();
        assert_eq!((left.holder.identity.pid, left.holder.epoch), (7, epoch));
        assert!(!store.order_taken(left.id).await.unwrap());
        ids.push(left.id);
    }
    // F-B2: until the run says that it has followed them, an answer may be lost and they are told again.
    let told: Vec<(i64, Order)> = ids.iter().copied().zip(orders).collect();
    for _ in 0..2 {
        assert_eq!(store.take_orders(epoch, &[]).await.unwrap(), told);
        assert!(!store.order_taken(ids[0]).await.unwrap());
    }
    // Not up to a number: of two that are left at once the later one may be seen first.
    for _ in 0..2 {
        assert_eq!(store.take_orders(epoch, &ids[1..]).await.unwrap(), told[..1]);
    }
    assert!(!store.order_taken(ids[0]).await.unwrap());
    assert_eq!(store.take_orders(epoch, &ids[..1]).await.unwrap(), []);
    for id in ids {
        assert!(store.order_taken(id).await.unwrap());
    }
    assert!(!store.order_taken(99).await.unwrap(), "nobody left that one");
    let late = store.leave_order(&Order::Stop, T0).await.unwrap().unwrap();
    let next = store.begin(&wish(8, |_| Some(false))).await.unwrap();
    assert_eq!(store.take_orders(next, &[late.id]).await.unwrap(), [], "it was for the run before");
    assert!(!store.order_taken(late.id).await.unwrap(), "another run takes nothing of it");
}

#[tokio::test]
async fn a_silent_lease_runs_out() {
    let home = Home::memory();
    let store = home.store().await;
    store.begin(&wish(1, |_| None)).await.unwrap();
    let mut late = wish(2, |_| None);
    late.now = Moment(T0.0 + LEASE_MS - 1);
    assert!(matches!(store.begin(&late).await, Err(StoreError::Held(_))));
    late.now = late.now + 1;
    store.begin(&late).await.unwrap();
}
