//! `chainfill stop`, `pause`, `resume` and `pace`: what a running backfill is told from outside.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::{Context, Failure, screen};
use crate::clock::{Clock, SystemClock};
use crate::config::MaxRate;
use crate::domain::order::Order;
use crate::limits::{ORDER_WAIT_MS_MAX, STOP_WAIT_MS_MAX};
use crate::process;
use crate::sight::{self, Outcome};
use crate::store::{Left, Outside, StoreError};
use crate::view::words;

/// How often it looks whether the order was followed.
const LOOK_MS: u64 = 100;

/// End the running backfill cleanly, and wait until it has.
#[derive(Debug, Args)]
pub(super) struct Stop {}

/// Let the running backfill send nothing until it is resumed.
#[derive(Debug, Args)]
pub(super) struct Pause {}

/// Let a paused backfill go on.
#[derive(Debug, Args)]
pub(super) struct Resume {}

/// Change the pace of the running backfill.
#[derive(Debug, Args)]
pub(super) struct PaceCommand {
    /// Requests a second, or none for as fast as answers come
    #[arg(long, value_name = "R")]
    max_rate: MaxRate,
}

impl Stop {
    /// Leaves the order and waits until the run has ended.
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        follow(context, Order::Stop).await
    }
}

impl Pause {
    /// Leaves the order and waits until it is followed.
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        follow(context, Order::Pause).await
    }
}

impl Resume {
    /// Leaves the order and waits until it is followed.
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        follow(context, Order::Resume).await
    }
}

impl PaceCommand {
    /// Leaves the order and waits until it is followed.
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        follow(context, Order::Pace { spacing_ms: self.max_rate.spacing_ms() }).await
    }
}

/// What became of an order, in words.
pub(super) enum Fate {
    /// The run has followed it.
    Followed(String),
    /// No run that lives could take it.
    Nobody(String),
    /// The run has not taken it in time; and what to do.
    Late(String, String),
}

/// Leaves an order and says what became of it.
async fn follow(context: &Context, order: Order) -> Result<u8, Failure> {
    let fate = give(&context.lookout()?, &order).await?;
    tell(context, &order, fate)
}

/// Says what became of an order.
pub(super) fn tell(context: &Context, order: &Order, fate: Fate) -> Result<u8, Failure> {
    match fate {
        Fate::Followed(words) => say(context, order.word(), true, &words),
        Fate::Nobody(words) => say(context, order.word(), false, &words),
        Fate::Late(words, hint) => return Err(Failure::unexpected(&words).hint(hint)),
    }
    Ok(0)
}

/// Leaves an order with the run that holds the store, and waits until it is followed.
pub(super) async fn give(store: &Arc<dyn Outside>, order: &Order) -> Result<Fate, StoreError> {
    let clock = SystemClock::start();
    let Some(left) = store.leave_order(order, clock.now()).await? else {
        return Ok(Fate::Nobody(format!("no run holds the store; there is nothing to {}", order.word())));
    };
    if let Some(words) = left.holder.gone(&process::vantage()) {
        return Ok(Fate::Nobody(words));
    }
    let (pid, host) = (left.holder.identity.pid, &left.holder.identity.host);
    let ends = *order == Order::Stop;
    let most_ms = if ends { STOP_WAIT_MS_MAX } else { ORDER_WAIT_MS_MAX };
    let who = format!("process {pid} on host {host}");
    match wait(store, &left, &clock, most_ms, ends).await? {
        Some(Outcome::Over) if !ends => {
            return Ok(Fate::Nobody(format!("{who} ended before it took the order; nothing was changed")));
        }
        Some(Outcome::Taken | Outcome::Over) => return Ok(Fate::Followed(format!("{who} {}", followed(order)))),
        None => {}
    }
    let most_s = most_ms / 1000;
    Ok(if ends {
        let words = format!("{who} has not stopped within {most_s} s");
        Fate::Late(words, format!("on that host, kill {pid} ends it too; nothing is lost"))
    } else {
        let words = format!("{who} has not taken the order within {most_s} s");
        Fate::Late(words, "chainfill status says what it does; it takes the order when it can".to_owned())
    })
}

fn followed(order: &Order) -> String {
    match order {
        Order::Stop => "has stopped; chainfill backfill goes on from here".to_owned(),
        Order::Pause => "is paused; chainfill resume lets it go on".to_owned(),
        other => words::followed(other),
    }
}

/// Waits until the order is taken, or for one that ends the run until it has ended; `None` where that takes too long.
async fn wait(
    store: &Arc<dyn Outside>,
    left: &Left,
    clock: &SystemClock,
    most_ms: u64,
    until_end: bool,
) -> Result<Option<Outcome>, StoreError> {
    let started = clock.now();
    while started.until_ms(clock.now()).unsigned_abs() < most_ms {
        tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        if let Some(outcome) = sight::order(store, left, &process::vantage(), until_end).await? {
            return Ok(Some(outcome));
        }
    }
    Ok(None)
}

fn say(context: &Context, order: &str, done: bool, text: &str) {
    if context.common.json {
        screen::print_json(&serde_json::json!({ "v": 1, "order": order, "done": done, "words": text }));
    } else {
        screen::print(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::{Ending, Identity};
    use crate::limits::LEASE_MS;
    use crate::store::{Claim, MemoryStore, RunEnd, Store};

    /// A run on another host, whose last sign of life is so old.
    async fn elsewhere(beat_age_ms: i64) -> (Arc<MemoryStore>, crate::store::Epoch) {
        let clock = SystemClock::start();
        let mine = process::identity(&clock, "chainfill backfill".into());
        let identity = Identity { host: "elsewhere".into(), pid: 7, ..mine };
        let store = Arc::new(MemoryStore::new());
        let claim = Claim { identity, now: clock.now() - beat_age_ms, alive: process::alive };
        let epoch = store.begin(&claim).await.unwrap();
        (store, epoch)
    }

    async fn given(store: &Arc<MemoryStore>, order: Order) -> Fate {
        let store: Arc<dyn Outside> = store.clone();
        give(&store, &order).await.unwrap()
    }

    #[tokio::test]
    async fn a_run_that_ends_before_it_takes_an_order_has_not_followed_it() {
        for order in [Order::Pause, Order::Stop] {
            let (store, epoch) = elsewhere(0).await;
            let end = RunEnd { at: SystemClock::start().now(), ending: Ending::Complete, progress: None };
            let ending = async {
                tokio::task::yield_now().await;
                store.end(epoch, &end).await.unwrap();
            };
            match tokio::join!(given(&store, order.clone()), ending).0 {
                Fate::Nobody(words) => {
                    assert_eq!(order, Order::Pause);
                    assert_eq!(
                        words,
                        "process 7 on host elsewhere ended before it took the order; nothing was changed"
                    );
                }
                Fate::Followed(words) => assert!(order == Order::Stop && words.contains("has stopped"), "{words}"),
                Fate::Late(words, _) => assert!(words.is_empty(), "{words}"),
            }
        }
    }

    #[tokio::test]
    async fn a_run_that_took_an_order_and_ended_at_once_has_followed_it() {
        let (store, epoch) = elsewhere(0).await;
        let ending = async {
            let mut ids = Vec::new();
            while ids.is_empty() {
                tokio::task::yield_now().await;
                ids = store.take_orders(epoch, &[]).await.unwrap().into_iter().map(|(id, _)| id).collect();
            }
            store.take_orders(epoch, &ids).await.unwrap();
            let end = RunEnd { at: SystemClock::start().now(), ending: Ending::Complete, progress: None };
            store.end(epoch, &end).await.unwrap();
        };
        let fate = tokio::join!(given(&store, Order::Resume), ending).0;
        assert!(matches!(fate, Fate::Followed(_)));
    }

    #[tokio::test]
    async fn where_the_lease_ran_out_nobody_is_waited_for() {
        let (store, _) = elsewhere(LEASE_MS + 10).await; // two clocks that start in one millisecond may read one apart
        let Fate::Nobody(words) = given(&store, Order::Stop).await else { panic!("nobody is there") };
        assert!(words.contains("process 7 on host elsewhere has given no sign of life for 30 s"), "{words}");
    }
}
