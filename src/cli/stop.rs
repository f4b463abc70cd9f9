//! `chainfill stop`: ends the running backfill cleanly, and waits until it has.

use std::time::Duration;

use clap::Args;

use super::{Context, Failure, screen};
use crate::clock::{Clock, SystemClock};
use crate::limits::STOP_WAIT_MS_MAX;
use crate::process;
use crate::store::{Mode, Order};

/// How often it looks whether the run has ended.
const LOOK_MS: u64 = 100;

/// End the running backfill cleanly, and wait until it has.
#[derive(Debug, Args)]
pub(super) struct Stop {}

impl Stop {
    /// Leaves the order and waits.
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        let store = context.open(Mode::Read).await?.store;
        let clock = SystemClock::start();
        let Some(holder) = store.leave_order(Order::Stop, clock.now()).await? else {
            screen::print("no run holds the store; there is nothing to stop");
            return Ok(0);
        };
        let (pid, host) = (holder.identity.pid, holder.identity.host.clone());
        if process::alive(&holder.identity) == Some(false) {
            screen::print(&format!("process {pid} ended without finishing; nothing is lost, and nothing runs"));
            return Ok(0);
        }
        let started = clock.now();
        while started.until_ms(clock.now()).unsigned_abs() < STOP_WAIT_MS_MAX {
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
            let run = store.glance().await?.run;
            let ended = run.is_none_or(|run| run.epoch != holder.epoch || run.ended.is_some());
            if ended || process::alive(&holder.identity) == Some(false) {
                screen::print(&format!(
                    "process {pid} on host {host} has stopped; chainfill backfill goes on from here"
                ));
                return Ok(0);
            }
        }
        let what = format!("process {pid} on host {host} has not stopped within {} s", STOP_WAIT_MS_MAX / 1000);
        Err(Failure::unexpected(&what).hint(format!("on that host, kill {pid} ends it too; nothing is lost")))
    }
}
