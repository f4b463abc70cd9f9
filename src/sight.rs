//! From a store to the page that every view draws: what is kept there, and whether the process lives.

use std::sync::Arc;

use crate::domain::ability::Ability;
use crate::domain::governor::{Explanation, Governor, Pace};
use crate::domain::health::LastRun;
use crate::domain::kept;
use crate::domain::moment::Moment;
use crate::domain::progress::Progress;
use crate::domain::run::Ending;
use crate::domain::tally::Tally;
use crate::limits::ERRANDS_PASSED_MAX;
use crate::process;
use crate::store::{Glance, Outside, RunRow, StoreError};
use crate::view::forecasts::RunForecasts;
use crate::view::status::StatusPage;

/// Commands that take the store for a moment, and are no backfill.
pub const ERRANDS: [&str; 2] = ["plan", "retry"];

/// Looks once. Costs the vendor no request, and the store a few reads whatever its size.
///
/// # Errors
/// Where the store cannot be read.
pub async fn page(store: &Arc<dyn Outside>, now: Moment) -> Result<StatusPage, StoreError> {
    let mut glance = store.glance(now).await?;
    // A plan or a retry after a backfill is no answer to what that one did, and why it ended.
    if glance.run.as_ref().is_some_and(|run| is_errand(run) && run.ended.is_some()) {
        let earlier = store.runs(ERRANDS_PASSED_MAX).await?.into_iter().find(|run| !is_errand(run));
        glance.run = earlier.or(glance.run);
    }
    Ok(StatusPage {
        store: store.place().to_owned(),
        open: glance.open,
        bytes: glance.bytes,
        requests: glance.requests,
        // A newer or older program's words are no reason to show nothing.
        progress: glance.run.as_ref().and_then(|run| kept::read(run.progress.as_deref()?).ok()),
        throttle: explain(&glance, now),
        run: glance.run.as_ref().map(last_run),
        tallies: asked_for(glance.tallies, &glance.ability),
    })
}

/// Whether a run only planned, or put options back.
fn is_errand(run: &RunRow) -> bool {
    ERRANDS.contains(&run.identity.command.as_str())
}

/// What is listed and was never asked for is not missing: where nothing of it is known it is left out.
fn asked_for(mut tallies: Vec<Tally>, ability: &Ability) -> Vec<Tally> {
    tallies.retain(|tally| ability.is_asked_for(&tally.currency) || tally.pending < tally.listed);
    tallies
}

/// What the governor of the next run would know.
pub fn explain(glance: &Glance, now: Moment) -> Explanation {
    let pace = Pace { spacing_ms: 0, concurrency: 1 };
    Governor::new(pace, glance.throttle.clone(), glance.counted.iter().copied()).explain(now)
}

/// What runs said of their finish, newest first. A run that was interrupted is scored by the end of the one that did
/// the rest.
pub fn forecasts(runs: &[RunRow]) -> Vec<RunForecasts> {
    let mut finished_at = None;
    let backfills = runs.iter().filter(|run| !is_errand(run));
    backfills
        .map(|run| {
            let progress: Progress = run.progress.as_deref().and_then(|text| kept::read(text).ok()).unwrap_or_default();
            let is_done = |word: &str| matches!(Ending::from_word(word), Some(Ending::Complete | Ending::Attention));
            if let Some((at, _)) = run.ended.as_ref().filter(|(_, word)| is_done(word)) {
                finished_at = Some(*at);
            }
            RunForecasts::of(run.epoch.0, &progress.forecasts, finished_at)
        })
        .collect()
}

/// A run as the verdict needs it.
pub fn last_run(run: &RunRow) -> LastRun {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::expectation::Said;
    use crate::domain::run::Identity;
    use crate::store::Epoch;

    fn run(epoch: i64, command: &str, ended: Option<(i64, &str)>) -> RunRow {
        let identity = Identity {
            pid: 1,
            host: "nas".to_owned(),
            boot_id: String::new(),
            pid_started: 0,
            started_at: Moment(0),
            started_boot_ms: 0,
            command: command.to_owned(),
        };
        let said = Said { at: Moment(epoch), low_at: Moment(90), high_at: Moment(110) };
        let progress = Progress { forecasts: vec![said], ..Progress::default() };
        RunRow {
            epoch: Epoch(epoch),
            identity,
            beat_age_ms: 0,
            ended: ended.map(|(at, word)| (Moment(at), word.to_owned())),
            progress: serde_json::to_string(&progress).ok(),
        }
    }

    #[test]
    fn a_forecast_is_scored_by_the_run_that_did_the_rest() {
        let runs = [
            run(6, "backfill", None),
            run(5, "retry", Some((500, "complete"))),
            run(4, "backfill", Some((120, "complete"))),
            run(3, "backfill", None), // killed
            run(2, "backfill", Some((60, "stopped"))),
            run(1, "backfill", Some((50, "attention"))),
        ];
        let scored: Vec<_> = forecasts(&runs)
            .iter()
            .map(|one| (one.epoch, one.finished_at.map(|at| at.0), one.forecasts[0].off_ms))
            .collect();
        assert_eq!(
            scored,
            [
                (6, None, None),
                (4, Some(120), Some(10)),
                (3, Some(120), Some(10)),
                (2, Some(120), Some(10)),
                (1, Some(50), Some(-40)),
            ]
        );
    }
}
