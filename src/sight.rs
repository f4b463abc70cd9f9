//! From a store to the page that every view draws: what is kept there, and whether the process lives.
//!
//! What runs wrote is in their own time. Here it is brought into the viewer's, once for everybody: a verdict, an age and
//! a countdown are then right, and a time of day is what the user's clock says, however the wall clock was stepped since
//! a run began (C2).

use std::sync::Arc;

use crate::domain::ability::Ability;
use crate::domain::governor::quota::Counted;
use crate::domain::governor::{Explanation, Governor, Pace};
use crate::domain::health::LastRun;
use crate::domain::instrument::Symbol;
use crate::domain::journal::{JournalLine, Story};
use crate::domain::kept;
use crate::domain::moment::Moment;
use crate::domain::progress::Progress;
use crate::domain::run::{Ending, Epoch};
use crate::domain::tally::Tally;
use crate::domain::vantage::{Shifts, Vantage};
use crate::limits::{ERRANDS_PASSED_MAX, RUNS_SHIFTED_MAX};
use crate::store::{Glance, Left, Outside, RunRow, StoreError};
use crate::view::forecasts::RunForecasts;
use crate::view::status::StatusPage;

/// Commands that take the store for a moment, and are no backfill.
pub const ERRANDS: [&str; 2] = ["plan", "retry"];

/// Looks once. Costs the vendor no request, and the store a few reads whatever its size.
///
/// # Errors
/// Where the store cannot be read.
pub async fn page(store: &Arc<dyn Outside>, from: &Vantage) -> Result<StatusPage, StoreError> {
    let mut glance = glance(store, from).await?;
    // A plan or a retry after a backfill is no answer to what that one did, and why it ended.
    if glance.run.as_ref().is_some_and(|run| is_errand(run) && run.ended.is_some()) {
        let earlier = store.runs(ERRANDS_PASSED_MAX).await?.into_iter().find(|run| !is_errand(run));
        glance.run = earlier.or(glance.run);
    }
    Ok(StatusPage {
        store: store.place().to_owned(),
        open: glance.open,
        retriable: retriable(&glance),
        bytes: glance.bytes,
        room_bytes: glance.room_bytes,
        requests: glance.requests,
        progress: glance.run.as_ref().and_then(|run| progress(run, from)),
        throttle: explain(&glance, from.now),
        run: glance.run.as_ref().map(|run| last_run(run, from)),
        tallies: asked_for(glance.tallies, &glance.ability),
    })
}

/// The state of things with the throttle's times in the viewer's; a run's own line says what its times are measured
/// against.
///
/// # Errors
/// Where the store cannot be read.
pub async fn glance(store: &Arc<dyn Outside>, from: &Vantage) -> Result<Glance, StoreError> {
    let mut glance = store.glance(from.now).await?;
    let Some(run) = &glance.run else { return Ok(glance) };
    let kept = glance.throttle.frame.clone().unwrap_or_else(|| run.identity.frame());
    glance.throttle = glance.throttle.moved(from.shift_ms(&kept));
    let shifts = shifts(store, run, glance.counted.iter().map(|(epoch, _)| *epoch).min(), from).await?;
    for (epoch, Counted { sent, done }) in &mut glance.counted {
        let shift_ms = shifts.of(*epoch);
        (*sent, *done) = (*sent + shift_ms, *done + shift_ms);
    }
    Ok(glance)
}

/// The newest requests, newest first, in the viewer's time.
///
/// # Errors
/// Where the store cannot be read.
pub async fn journal(store: &Arc<dyn Outside>, newest: usize, from: &Vantage) -> Result<Vec<JournalLine>, StoreError> {
    let mut lines = store.journal(newest).await?;
    moved(store, &mut lines, from).await?;
    Ok(lines)
}

/// One option's story, its requests in the viewer's time.
///
/// # Errors
/// Where the store cannot be read.
pub async fn story(store: &Arc<dyn Outside>, symbol: &Symbol, from: &Vantage) -> Result<Option<Story>, StoreError> {
    let Some(mut story) = store.story(symbol).await? else { return Ok(None) };
    moved(store, &mut story.attempts, from).await?;
    Ok(Some(story))
}

/// How a wait for an order went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The run has taken it.
    Taken,
    /// The run ended, or nobody is there any more, and the order was not taken.
    Over,
}

/// Looks once what became of an order; `None` where it still waits. `until_end`: only the end of the run counts.
///
/// # Errors
/// Where the store cannot be read.
pub async fn order(
    store: &Arc<dyn Outside>,
    left: &Left,
    from: &Vantage,
    until_end: bool,
) -> Result<Option<Outcome>, StoreError> {
    // Looked at before the order: a run may take it and end between the two looks.
    let is_over = !left.has_taker(store.glance(from.now).await?.run.as_ref(), from);
    if !until_end && store.order_taken(left.id).await? {
        return Ok(Some(Outcome::Taken));
    }
    Ok(is_over.then_some(Outcome::Over))
}

async fn moved(store: &Arc<dyn Outside>, lines: &mut [JournalLine], from: &Vantage) -> Result<(), StoreError> {
    let Some(oldest) = lines.iter().map(|line| line.epoch).min() else { return Ok(()) };
    let Some(run) = store.runs(1).await?.into_iter().next() else { return Ok(()) };
    let shifts = shifts(store, &run, Some(oldest), from).await?;
    for line in lines {
        let shift_ms = shifts.of(line.epoch);
        line.sent_at = line.sent_at + shift_ms;
        line.done_at = line.done_at.map(|at| at + shift_ms);
    }
    Ok(())
}

/// By how much the times of runs are moved, from the newest one back to the oldest that is asked for.
async fn shifts(
    store: &Arc<dyn Outside>,
    newest: &RunRow,
    oldest: Option<Epoch>,
    from: &Vantage,
) -> Result<Shifts, StoreError> {
    let shift = |run: &RunRow| (run.epoch, from.shift_ms(&run.identity.frame()));
    let span = oldest.map_or(0, |oldest| newest.epoch.0.saturating_sub(oldest.0));
    if span <= 0 {
        return Ok(Shifts(vec![shift(newest)]));
    }
    let count = usize::try_from(span).unwrap_or(usize::MAX).saturating_add(1).min(RUNS_SHIFTED_MAX);
    Ok(Shifts(store.runs(count).await?.iter().map(shift).collect()))
}

/// How far a run is or was, in the viewer's time. A newer or older program's words are no reason to show nothing.
fn progress(run: &RunRow, from: &Vantage) -> Option<Progress> {
    let progress: Progress = kept::read(run.progress.as_deref()?).ok()?;
    Some(progress.moved(from.shift_ms(&run.identity.frame())))
}

/// Options in need of attention, less the names of the newest listing that do not parse.
fn retriable(glance: &Glance) -> u64 {
    let unparsed = glance.listing.as_ref().map_or(0, |listing| u64::from(listing.unparsed));
    Tally::total(&glance.tallies).attention.saturating_sub(unparsed)
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

/// What the governor of the next run would know, from a glance whose times are those of `now`.
pub fn explain(glance: &Glance, now: Moment) -> Explanation {
    let pace = Pace { spacing_ms: 0, concurrency: 1 };
    let counted = glance.counted.iter().map(|(_, counted)| *counted);
    Governor::new(pace, glance.throttle.clone(), counted).explain(now)
}

/// What runs said of their finish, newest first. A run that was interrupted is scored by the end of the one that did
/// the rest.
pub fn forecasts(runs: &[RunRow], from: &Vantage) -> Vec<RunForecasts> {
    let mut finished_at = None;
    let backfills = runs.iter().filter(|run| !is_errand(run));
    backfills
        .map(|run| {
            let progress = progress(run, from).unwrap_or_default();
            let is_done = |word: &str| matches!(Ending::from_word(word), Some(Ending::Complete | Ending::Attention));
            if let Some((at, _)) = run.ended.as_ref().filter(|(_, word)| is_done(word)) {
                finished_at = Some(*at + from.shift_ms(&run.identity.frame()));
            }
            RunForecasts::of(run.epoch.0, &progress.forecasts, finished_at)
        })
        .collect()
}

/// A run as the verdict needs it, in the viewer's time.
pub fn last_run(run: &RunRow, from: &Vantage) -> LastRun {
    let ended = run.ended.as_ref();
    let shift_ms = from.shift_ms(&run.identity.frame());
    LastRun {
        epoch: run.epoch.0,
        pid: run.identity.pid,
        host: run.identity.host.clone(),
        started_at: run.identity.started_at + shift_ms,
        beat_age_ms: run.beat.age_ms(&run.identity, from),
        alive: if ended.is_some() { Some(false) } else { (from.alive)(&run.identity) },
        ended_at: ended.map(|(at, _)| *at + shift_ms),
        ending: ended.and_then(|(_, word)| Ending::from_word(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::expectation::Said;
    use crate::domain::run::{Frame, Identity};
    use crate::domain::vantage::Beat;

    fn run(epoch: i64, command: &str, ended: Option<(i64, &str)>) -> RunRow {
        let identity = Identity {
            pid: 1,
            host: "nas".to_owned(),
            boot_id: String::new(),
            machine: String::new(),
            pid_namespace: String::new(),
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
            beat: Beat::Ago(0),
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
        let frame = Frame { boot_id: String::new(), offset_ms: 0 };
        let from = Vantage { now: Moment(600), frame, alive: |_| None };
        let scored: Vec<_> = forecasts(&runs, &from)
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
