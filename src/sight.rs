//! From a store to the page that every view draws: what is kept there, and whether the process lives.

use std::sync::Arc;

use crate::domain::ability::Ability;
use crate::domain::governor::{Explanation, Governor, Pace};
use crate::domain::health::LastRun;
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
        progress: glance.run.as_ref().and_then(|run| serde_json::from_str(run.progress.as_deref()?).ok()),
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

/// What a run said of its finish, scored where it did all that it was asked for.
pub fn forecasts(run: &RunRow) -> RunForecasts {
    let progress: Progress =
        run.progress.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let is_done = |word: &str| matches!(Ending::from_word(word), Some(Ending::Complete | Ending::Attention));
    let finished_at = run.ended.as_ref().filter(|(_, word)| is_done(word)).map(|(at, _)| *at);
    RunForecasts::of(run.epoch.0, &progress.forecasts, finished_at)
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
