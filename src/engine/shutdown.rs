//! How a run ends: finish what is under way, write it, say what is left.

use std::time::Duration;

use super::commit::retry_pause_ms;
use super::{Report, Run};
use crate::domain::event::Event;
use crate::domain::instrument::Currency;
use crate::domain::ledger::{OptionRecord, OptionState};
use crate::domain::moment::Moment;
use crate::domain::outage::Outage;
use crate::domain::plan::{self, Horizon};
use crate::domain::run::Ending;
use crate::limits::{STOP_MS_MAX, STORE_AWAY_MS_MAX, TRY_GAP_MS_MAX};
use crate::store::{RunEnd, StoreError};

/// Why a run ends before its work does.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    ending: Ending,
    why: String,
    resume_after: Option<Moment>,
    /// When requests in flight are no longer waited for.
    pub deadline: Option<Moment>,
}

impl Stop {
    /// Somebody asked for it.
    pub fn by_request(by: &str) -> Stop {
        Stop { ending: Ending::Stopped, why: format!("stopped by {by}"), resume_after: None, deadline: None }
    }

    /// The vendor's limit, where waiting was not wanted.
    pub fn at_limit(until: Moment) -> Stop {
        let why = format!("the vendor's limit is reached; resume_after {}", until.rfc3339());
        Stop { ending: Ending::Limit, why, resume_after: Some(until), deadline: None }
    }

    /// The key is refused.
    pub fn at_key(why: String) -> Stop {
        let why = format!("{why}. Look at the key; no option was blamed");
        Stop { ending: Ending::Key, why, resume_after: None, deadline: None }
    }

    /// What was asked for does not exist.
    pub fn at_usage(why: String) -> Stop {
        Stop { ending: Ending::Usage, why, resume_after: None, deadline: None }
    }

    /// The vendor cannot be reached, or speaks another language.
    pub fn at_vendor(why: String) -> Stop {
        Stop { ending: Ending::Vendor, why, resume_after: None, deadline: None }
    }
}

impl Run {
    /// Begins the end. The first reason counts.
    pub(super) fn stop(&mut self, mut stop: Stop) {
        if self.stop.is_some() {
            return;
        }
        let now = self.now();
        stop.deadline = Some(now + STOP_MS_MAX);
        self.tell(Event::Stopping { why: stop.why.clone() });
        self.stop = Some(stop);
        // What was announced and is not committed never left, and need not be in the journal.
        for departure in std::mem::take(&mut self.departing) {
            self.batch.sent.retain(|attempt| attempt.seq != departure.seq);
            let _ = self.governor.settle(departure.permit, now, crate::domain::governor::Returned::Unsent);
            self.queue.push_first(departure.work);
        }
        self.clear_runway(now);
    }

    /// Whether nothing is left to do.
    pub(super) fn is_done(&mut self, now: Moment) -> bool {
        if let Some(stop) = &self.stop {
            let waited = stop.deadline.is_some_and(|deadline| now >= deadline);
            return (self.flights.is_empty() || waited) && (self.all_committed() || self.store_is_away());
        }
        if !self.flights.is_empty()
            || !self.runway.is_empty()
            || !self.queue.is_empty()
            || self.listing.is_some()
            || !self.all_committed()
        {
            return false;
        }
        if self.ask_for_the_last(now) {
            self.start_commit(now);
            return false;
        }
        true
    }

    /// Writes the end, gives the lease back, and says how it ended.
    pub(super) async fn close(&mut self) -> Result<Report, StoreError> {
        let now = self.now();
        // A call that is polled no more may be next in line for the store's connection: `end` would wait behind it for ever.
        self.orders = None;
        self.committing = None;
        self.mark_followed().await;
        let report = self.report(now);
        self.tell(Event::Ended {
            ending: report.ending,
            words: report.words.clone(),
            resume_after: report.resume_after,
        });
        let progress = Some(self.feed.progress_json());
        let end = RunEnd { at: now, ending: report.ending, progress };
        self.write_end(&end).await?;
        Ok(report)
    }

    /// The run ends because it has lost its store. Nothing can be written there, so log and terminal alone can say why:
    /// without a word they would look like a run that was killed.
    pub(super) fn tell_lost(&mut self, error: &StoreError) {
        let words = self.left_after(error);
        self.tell(Event::Ended { ending: Ending::Store, words, resume_after: None });
    }

    /// As stubborn as a commit (B3): an end that is not written leaves a run that seems to have died.
    async fn write_end(&self, end: &RunEnd) -> Result<(), StoreError> {
        let patience_ms = if self.stop.is_some() { STOP_MS_MAX } else { STORE_AWAY_MS_MAX };
        let mut failures = 0;
        let mut away = Outage::since(end.at);
        loop {
            let result = self.ports.store.end(self.epoch, end).await;
            away.failed(self.now(), TRY_GAP_MS_MAX);
            match result {
                Err(StoreError::Away { .. } | StoreError::Full { .. }) if away.tried_ms() < patience_ms => {
                    // The last try comes before whoever asked for the end takes it by force, and no reason is heard.
                    let left_ms = (patience_ms - away.tried_ms()).unsigned_abs();
                    tokio::time::sleep(Duration::from_millis(retry_pause_ms(failures).min(left_ms))).await;
                    failures += 1;
                }
                // The answer to a try before was lost: it was written, the store was free, and somebody began (B2). Or the
                // store was taken over meanwhile; all that this run knew had been committed either way.
                Err(StoreError::Fenced) if failures > 0 => return Ok(()),
                result => return result,
            }
        }
    }

    fn left_after(&self, why: impl std::fmt::Display) -> String {
        format!("{why}. {} options are left; the same command goes on from here.", self.scope.open_count())
    }

    fn report(&self, now: Moment) -> Report {
        if let Some(stop) = &self.stop {
            let words = match stop.ending {
                Ending::Usage => stop.why.clone(),
                _ => self.left_after(&stop.why),
            };
            return Report { ending: stop.ending, words, resume_after: stop.resume_after };
        }
        let currencies = self.currencies();
        // A listed name that does not parse may be of any currency: it is every run's business (X6).
        let is_mine = |record: &&OptionRecord| {
            currencies.contains(&record.currency) || (record.listed && record.instrument.is_none())
        };
        let mine = || self.records.iter().filter(is_mine);
        let attention = mine().filter(|record| record.state == OptionState::Attention).count();
        let horizon = Horizon { now, empty_days: self.settings.empty_days };
        let pending = plan::wanted(&self.records, &currencies, horizon).len();
        let listed = mine().count();
        let (ending, words) = if attention > 0 {
            let words = format!(
                "finished, but {attention} of {listed} options need attention: `chainfill missing --list` names them, \
                 `chainfill retry --attention` asks again"
            );
            (Ending::Attention, words)
        } else if listed == 0 {
            let asked: Vec<&str> = currencies.iter().map(Currency::as_str).collect();
            (Ending::Vendor, format!("the vendor lists no option of {}; nothing was fetched", asked.join(", ")))
        } else if pending > 0 {
            (Ending::Complete, format!("done as far as asked; {pending} of {listed} options are still to be fetched"))
        } else {
            (Ending::Complete, format!("BACKFILL COMPLETE! {listed} of {listed} options are known"))
        };
        let words = match self.missed_years.as_slice() {
            [] => words,
            // An accident, most likely; but a new option of such a year would be missing (T11).
            years => {
                format!("{words}. The vendor refused its list of {}: what was known of it is kept", years.join(", "))
            }
        };
        Report { ending, words, resume_after: None }
    }
}
