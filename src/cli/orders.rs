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
use crate::store::{Left, Outside};
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
        let clock = SystemClock::start();
        let store = context.lookout()?;
        let Some(left) = leave(context, &store, &Order::Stop, &clock).await? else { return Ok(0) };
        let waited = wait(&store, &left, &clock, STOP_WAIT_MS_MAX, true).await?;
        let (pid, host) = (left.holder.identity.pid, &left.holder.identity.host);
        if waited {
            say(
                context,
                "stop",
                true,
                &format!("process {pid} on host {host} has stopped; chainfill backfill goes on from here"),
            );
            return Ok(0);
        }
        let what = format!("process {pid} on host {host} has not stopped within {} s", STOP_WAIT_MS_MAX / 1000);
        Err(Failure::unexpected(&what).hint(format!("on that host, kill {pid} ends it too; nothing is lost")))
    }
}

impl Pause {
    /// Leaves the order and waits until it is followed.
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        follow(context, Order::Pause, "is paused; chainfill resume lets it go on").await
    }
}

impl Resume {
    /// Leaves the order and waits until it is followed.
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        follow(context, Order::Resume, "goes on").await
    }
}

impl PaceCommand {
    /// Leaves the order and waits until it is followed.
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        let spacing_ms = self.max_rate.spacing_ms();
        let words = format!("sends {} now", words::pace(spacing_ms));
        follow(context, Order::Pace { spacing_ms }, &words).await
    }
}

/// Leaves an order and says what became of it.
pub(super) async fn follow(context: &Context, order: Order, done: &str) -> Result<u8, Failure> {
    let clock = SystemClock::start();
    let store = context.lookout()?;
    let word = order.word();
    let Some(left) = leave(context, &store, &order, &clock).await? else { return Ok(0) };
    let (pid, host) = (left.holder.identity.pid, &left.holder.identity.host);
    if wait(&store, &left, &clock, ORDER_WAIT_MS_MAX, false).await? {
        say(context, word, true, &format!("process {pid} on host {host} {done}"));
        return Ok(0);
    }
    let what = format!("process {pid} on host {host} has not taken the order within {} s", ORDER_WAIT_MS_MAX / 1000);
    Err(Failure::unexpected(&what).hint("chainfill status says what it does; it takes the order when it can"))
}

/// Leaves an order with the run that holds the store; says so where there is none that lives.
async fn leave(
    context: &Context,
    store: &Arc<dyn Outside>,
    order: &Order,
    clock: &SystemClock,
) -> Result<Option<Left>, Failure> {
    let Some(left) = store.leave_order(order, clock.now()).await? else {
        say(context, order.word(), false, &format!("no run holds the store; there is nothing to {}", order.word()));
        return Ok(None);
    };
    let pid = left.holder.identity.pid;
    if process::alive(&left.holder.identity) == Some(false) {
        let text = format!("process {pid} ended without finishing; nothing is lost, and nothing runs");
        say(context, order.word(), false, &text);
        return Ok(None);
    }
    Ok(Some(left))
}

/// Waits until the order is taken, or for one that ends the run until it has ended. Whether that came in time.
async fn wait(
    store: &Arc<dyn Outside>,
    left: &Left,
    clock: &SystemClock,
    most_ms: u64,
    until_end: bool,
) -> Result<bool, Failure> {
    let started = clock.now();
    while started.until_ms(clock.now()).unsigned_abs() < most_ms {
        tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        if !until_end && store.order_taken(left.id).await? {
            return Ok(true);
        }
        let run = store.glance(clock.now()).await?.run;
        let ended = run.is_none_or(|run| run.epoch != left.holder.epoch || run.ended.is_some());
        if ended || process::alive(&left.holder.identity) == Some(false) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn say(context: &Context, order: &str, done: bool, text: &str) {
    if context.common.json {
        screen::print_json(&serde_json::json!({ "v": 1, "order": order, "done": done, "words": text }));
    } else {
        screen::print(text);
    }
}
