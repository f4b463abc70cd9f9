//! `chainfill status`: what a run does, alive or dead. Costs no request.

use std::io::IsTerminal;

use clap::Args;
use jiff::tz::TimeZone;

use super::{Context, Failure, screen};
use crate::clock::{Clock, SystemClock};
use crate::domain::governor::{Explanation, Governor, Pace};
use crate::domain::health::LastRun;
use crate::domain::moment::Moment;
use crate::domain::plan::{self, Horizon};
use crate::domain::run::Ending;
use crate::limits::EMPTY_DAYS_DEFAULT;
use crate::process;
use crate::store::{Glance, Mode, RunRow};
use crate::view::status::StatusPage;

/// Show what a run does, alive or dead; costs no request.
#[derive(Debug, Args)]
pub(super) struct Status {}

impl Status {
    /// Reads the store; asks the vendor nothing (U6).
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        let store = context.open(Mode::Read).await?.store;
        let now = SystemClock::start().now();
        let glance = store.glance().await?;
        let horizon = Horizon { now, empty_days: EMPTY_DAYS_DEFAULT };
        let records = store.load(now).await?.records;
        let open = records.iter().filter(|record| plan::due(record, horizon).is_some()).count();
        let page = StatusPage {
            store: store.place().to_owned(),
            open: u64::try_from(open).unwrap_or(u64::MAX),
            bytes: glance.bytes,
            requests: glance.requests,
            progress: glance.run.as_ref().and_then(|run| serde_json::from_str(run.progress.as_deref()?).ok()),
            throttle: explain(&glance, now),
            run: glance.run.as_ref().map(last_run),
            tallies: glance.tallies,
        };
        let tz = TimeZone::system();
        let color = std::io::stdout().is_terminal() || context.common.color == super::Color::Always;
        let text = if context.common.json { page.json(now, &tz) } else { page.draw(now, &tz, screen::width(), color) };
        screen::print(&text);
        Ok(0)
    }
}

/// What the governor of the next run would know.
pub(super) fn explain(glance: &Glance, now: Moment) -> Explanation {
    let pace = Pace { spacing_ms: 0, concurrency: 1 };
    Governor::new(pace, glance.throttle.clone(), glance.counted.iter().copied()).explain(now)
}

fn last_run(run: &RunRow) -> LastRun {
    let ended = run.ended.as_ref();
    LastRun {
        epoch: run.epoch.0,
        pid: run.identity.pid,
        host: run.identity.host.clone(),
        started_at: run.identity.started_at,
        beat_age_ms: run.beat_age_ms,
        alive: if ended.is_some() { Some(false) } else { process::alive(&run.identity) },
        ended_at: ended.map(|(at, _)| *at),
        ending: ended.and_then(|(_, word)| Ending::from_word(word)),
    }
}
