//! `chainfill stop`, `pause`, `resume` and `pace`: what a running backfill is told from outside.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::{Context, Failure, screen};
use crate::clock::{Clock, SystemClock};
use crate::config::MaxRate;
use crate::domain::order::Order;
use crate::limits::{LEASE_MS, ORDER_WAIT_MS_MAX, STOP_WAIT_MS_MAX};
use crate::process;
use crate::store::{Holder, Left, Outside, StoreError};
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
pub(super) async fn follow(context: &Context, order: Order) -> Result<u8, Failure> {
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
    let (pid, host) = (left.holder.identity.pid, &left.holder.identity.host);
    if is_gone(&left.holder) {
        let words = format!("process {pid} ended without finishing; nothing is lost, and nothing runs");
        return Ok(Fate::Nobody(words));
    }
    let ends = *order == Order::Stop;
    let most_ms = if ends { STOP_WAIT_MS_MAX } else { ORDER_WAIT_MS_MAX };
    let who = format!("process {pid} on host {host}");
    match wait(store, &left, &clock, most_ms, ends).await? {
        Waited::Followed => return Ok(Fate::Followed(format!("{who} {}", followed(order)))),
        Waited::Ended => return Ok(Fate::Nobody(format!("{who} ended before it took the order; nothing was changed"))),
        Waited::Late => {}
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
        Order::Resume => "goes on".to_owned(),
        Order::Pace { spacing_ms } => format!("sends {} now", words::pace(*spacing_ms)),
        Order::Retry(_) => "has them pending again".to_owned(),
    }
}

/// Whether nobody is there to take an order: the process is dead, or out of sight and its lease has run out.
pub(super) fn is_gone(holder: &Holder) -> bool {
    match process::alive(&holder.identity) {
        Some(alive) => !alive,
        None => holder.beat_age_ms >= LEASE_MS,
    }
}

/// What came of waiting.
enum Waited {
    /// The order was followed.
    Followed,
    /// The run ended, and had not taken it.
    Ended,
    /// Neither, in time.
    Late,
}

/// Waits until the order is taken, or for one that ends the run until it has ended.
async fn wait(
    store: &Arc<dyn Outside>,
    left: &Left,
    clock: &SystemClock,
    most_ms: u64,
    until_end: bool,
) -> Result<Waited, StoreError> {
    let started = clock.now();
    while started.until_ms(clock.now()).unsigned_abs() < most_ms {
        tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        // Looked at first: a run may take an order and end right after.
        let run = store.glance(clock.now()).await?.run;
        let ended = run.is_none_or(|run| run.epoch != left.holder.epoch || run.ended.is_some())
            || process::alive(&left.holder.identity) == Some(false);
        if until_end && ended || !until_end && store.order_taken(left.id).await? {
            return Ok(Waited::Followed);
        }
        if ended {
            return Ok(Waited::Ended);
        }
    }
    Ok(Waited::Late)
}

fn say(context: &Context, order: &str, done: bool, text: &str) {
    if context.common.json {
        screen::print_json(&serde_json::json!({ "v": 1, "order": order, "done": done, "words": text }));
    } else {
        screen::print(text);
    }
}
