//! The fold of a run's events that every view draws, and that the store keeps for `status`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::{Before, Event};
use super::expectation::{self, Said};
use super::governor::quota::Quota;
use super::governor::{Lesson, Reason};
use super::instrument::Currency;
use super::latency::Latencies;
use super::ledger::OptionState;
use super::milestone::{Passed, Reached};
use super::moment::Moment;
use super::pulse::Pulse;
use super::run::Ending;
use super::tail::Tail;
use crate::limits::ERRORS_KEPT_MAX;

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// What it does.
    pub phase: Phase,
    /// Since when it does that.
    pub phase_since: Moment,
    /// When it started.
    pub started_at: Moment,
    /// Whether a person paused it.
    pub paused: bool,
    /// What it would do if it were not paused.
    pub beneath: Phase,
    /// When it was last free to work: at its start, or at the end of its last wait.
    pub working_since: Moment,
    /// What it waits for, while it waits.
    pub wait: Option<Wait>,
    /// What was there before it.
    pub before: Option<Before>,
    /// Its currencies, in their order.
    pub currencies: Vec<CurrencyProgress>,
    /// Least time between two requests, as a person wants it; 0 for none.
    pub spacing_ms: i64,
    /// Requests that left.
    pub requests: u64,
    /// Answers that came, good or bad.
    pub answers: u64,
    /// Requests that are still to be sent, as far as can be known.
    pub requests_left: u64,
    /// Answers by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// Decoded bytes of all answers.
    pub bytes: u64,
    /// How long answers took.
    pub latencies: Latencies,
    /// How long all of them took together.
    pub latency_sum_ms: i64,
    /// How it went over time.
    pub pulse: Pulse,
    /// Bars that are new.
    pub rows_inserted: u64,
    /// Bars that were there.
    pub rows_unchanged: u64,
    /// Bars that have other values now.
    pub rows_revised: u64,
    /// Bars that look odd.
    pub rows_flagged: u64,
    /// Cooldowns begun.
    pub cooldowns: u64,
    /// The end of the last one.
    pub cooled_until: Option<Moment>,
    /// Time spent in them, the present one not counted.
    pub cooldown_ms: i64,
    /// Time spent paused, the present pause not counted.
    pub idle_ms: i64,
    /// Time in which the vendor or the store was away, the present time not counted.
    pub away_ms: i64,
    /// 429s.
    pub refusals: u64,
    /// 429s in a row with nothing between, where they are so many that the key looks blocked.
    pub blocked: u32,
    /// Answers in a row, up to the last one, that were neither good nor a 429.
    pub failures_in_row: u64,
    /// The quota, once it is known.
    pub quota: Option<Quota>,
    /// Requests of the throttle's window that were used when the last answer came.
    pub window_used: u32,
    /// When the last good answer was committed.
    pub accepted_at: Option<Moment>,
    /// The last errors in words, oldest first, with how often each came in a row.
    pub errors: Vec<(Moment, String, u64)>,
    /// The tail of the log, oldest first.
    pub tail: Tail,
    /// What was said of the finish, oldest first.
    pub forecasts: Vec<Said>,
    /// About what the rest of the archive takes, while the store's disk has no room for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs_bytes: Option<u64>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// The milestone that the last event reached, so that every view tells it once.
    #[serde(skip)]
    pub passed: Option<Passed>,
}

/// What a run does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It takes the store and reads it.
    #[default]
    Starting,
    /// It asks what there is.
    Listing,
    /// It asks for bars.
    Fetching,
    /// Nothing may be sent.
    Waiting,
    /// The vendor does not answer.
    VendorDown,
    /// The store cannot be reached.
    StoreAway,
    /// A person paused it.
    Paused,
    /// It finishes what is under way.
    Stopping,
    /// It ended.
    Ended,
}

/// A wait with its end (I10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// Since when.
    pub since: Moment,
    /// Until when.
    pub until: Moment,
    /// Why.
    pub reason: Reason,
    /// What comes next.
    pub next: String,
}

/// One currency in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrencyProgress {
    /// The currency.
    pub currency: Currency,
    /// Options that the run asks for.
    pub todo: u64,
    /// Options that are done with.
    pub done: u64,
    /// Of these: stored, empty, in need of attention.
    pub stored: u64,
    /// See `stored`.
    pub empty: u64,
    /// See `stored`.
    pub attention: u64,
    /// Bars that are new.
    pub rows_inserted: u64,
    /// When a quarter, a half, three quarters and all of it were done.
    #[serde(default)]
    pub reached: Reached,
}

/// Draws a run. It never asks the engine, and never fails it.
pub trait View: Send {
    /// Something happened; `progress` holds it already.
    fn show(&mut self, at: Moment, event: &Event, progress: &Progress);
}

impl CurrencyProgress {
    /// A currency of which nothing is done yet.
    pub fn planned(currency: Currency, todo: u64) -> CurrencyProgress {
        CurrencyProgress {
            currency,
            todo,
            done: 0,
            stored: 0,
            empty: 0,
            attention: 0,
            rows_inserted: 0,
            reached: Reached::default(),
        }
    }

    fn count_of(&mut self, state: OptionState) -> Option<&mut u64> {
        match state {
            OptionState::Stored => Some(&mut self.stored),
            OptionState::Empty => Some(&mut self.empty),
            OptionState::Attention => Some(&mut self.attention),
            OptionState::Pending => None,
        }
    }
}

impl Progress {
    /// Takes an event in.
    pub fn fold(&mut self, at: Moment, event: &Event) {
        let before = self.phase;
        self.passed = None;
        match event {
            Event::Started { quota, spacing_ms, .. } => {
                (self.started_at, self.working_since, self.phase_since) = (at, at, at);
                self.quota.clone_from(quota);
                self.spacing_ms = *spacing_ms;
                self.phase = Phase::Listing;
            }
            Event::Listed { .. }
            | Event::FaceFound { .. }
            | Event::Revised { .. }
            | Event::Settled { .. }
            | Event::Unread { .. } => {}
            Event::Planned { before, todo, requests } => {
                if let Some(before) = before {
                    self.before = Some(before.clone());
                }
                self.plan(todo, *requests);
            }
            Event::PutBack { todo, requests, .. } => self.plan(todo, self.requests_left + requests),
            Event::Paced { spacing_ms } => self.spacing_ms = *spacing_ms,
            Event::Paused => {
                self.end_wait(at); // it is told anew where it is not over when the run goes on
                self.paused = true;
            }
            Event::Unpaused => {
                self.paused = false;
                if self.phase == Phase::Paused {
                    self.phase = if self.beneath == Phase::VendorDown { Phase::VendorDown } else { self.working() };
                }
                self.working_since = at;
            }
            Event::Sent => self.requests += 1,
            Event::Answered { bytes, latency_ms, outcome, used, of, left } => {
                self.requests_left = *left;
                self.answer(at, *bytes, *latency_ms, outcome);
                self.window_used = *used;
                let point = self.pulse.at(at);
                point.used = point.used.max(*used);
                if let (Some(quota), Some(of)) = (&mut self.quota, of) {
                    quota.requests = *of; // it may grow without a lesson, while the limit is felt for
                }
            }
            Event::Stored(done) => self.store(at, done),
            Event::Failed { why, .. } => self.error(at, why),
            Event::Cooldown { until, reason, next, .. } => {
                // One that grows, or goes on after a pause, is still the same.
                if self.cooled_until.is_none_or(|until| at >= until) {
                    self.cooldowns += 1;
                }
                self.cooled_until = self.cooled_until.max(Some(*until));
                self.phase = Phase::Waiting;
                self.wait = Some(Wait { since: at, until: *until, reason: *reason, next: next.clone() });
            }
            Event::Resumed => {
                self.end_wait(at);
                self.working_since = at;
                self.phase = self.working();
            }
            Event::Learned(lesson) => self.learn(lesson),
            Event::Down { why } => {
                self.phase = Phase::VendorDown;
                self.error(at, why);
            }
            Event::Up | Event::StoreBack => {
                self.needs_bytes = self.needs_bytes.filter(|_| matches!(event, Event::Up));
                self.working_since = at;
                self.phase = self.working();
            }
            Event::Doubted { empties, known } => {
                self.error(
                    at,
                    &format!("{empties} empty answers in a row; {known} is asked for to see whether that can be"),
                );
            }
            Event::StoreAway { why, needs_bytes } => {
                self.phase = Phase::StoreAway;
                self.needs_bytes = *needs_bytes;
                self.error(at, why);
            }
            Event::Stopping { .. } => self.phase = Phase::Stopping,
            Event::Ended { ending, .. } => {
                self.end_wait(at);
                self.phase = Phase::Ended;
                self.ending = Some(*ending);
            }
        }
        self.tail.note(at, event);
        if let Some(passed) = &self.passed {
            self.tail.reached(at, passed);
        }
        // What an answer that was under way at the pause says of the vendor counts when the pause is over.
        if self.paused && matches!(self.phase, Phase::Listing | Phase::Fetching | Phase::Waiting | Phase::VendorDown) {
            (self.beneath, self.phase) = (self.phase, Phase::Paused);
        }
        if self.phase != before {
            self.left(before, at);
        }
        if matches!(event, Event::Answered { .. } | Event::Cooldown { .. } | Event::Learned(_)) {
            expectation::say(self, at);
        }
    }

    /// Options that the run asks for, and how many are done with.
    pub fn options(&self) -> (u64, u64) {
        self.currencies.iter().fold((0, 0), |(done, todo), c| (done + c.done, todo + c.todo))
    }

    /// A phase is over. What a run could not work in is no part of its pace; while it waits, the wait counts it.
    fn left(&mut self, phase: Phase, at: Moment) {
        let span_ms = self.phase_since.until_ms(at).max(0);
        match phase {
            Phase::Paused => self.idle_ms += span_ms,
            Phase::VendorDown | Phase::StoreAway if self.wait.is_none() => self.away_ms += span_ms,
            _ => {}
        }
        self.phase_since = at;
    }

    fn learn(&mut self, lesson: &Lesson) {
        match lesson {
            Lesson::Learned(quota) | Lesson::Changed { to: quota, .. } => self.quota = Some(quota.clone()),
            Lesson::Blocked { refusals } => self.blocked = *refusals,
            Lesson::Foreign { .. } | Lesson::Blind { .. } => {}
        }
    }

    fn end_wait(&mut self, at: Moment) {
        if let Some(wait) = self.wait.take() {
            self.cooldown_ms += wait.since.until_ms(at);
        }
    }

    fn working(&self) -> Phase {
        if self.wait.is_some() {
            Phase::Waiting
        } else if self.currencies.is_empty() {
            Phase::Listing
        } else {
            Phase::Fetching
        }
    }

    fn plan(&mut self, todo: &[(Currency, u64)], requests: u64) {
        self.requests_left = requests;
        for (currency, count) in todo {
            match self.currencies.iter_mut().find(|c| c.currency == *currency) {
                Some(known) => {
                    known.todo = *count;
                    known.reached.hold(known.done, known.todo);
                }
                None => self.currencies.push(CurrencyProgress::planned(currency.clone(), *count)),
            }
        }
        if self.phase != Phase::Stopping {
            self.phase = self.working();
        }
    }

    fn answer(&mut self, at: Moment, bytes: u64, latency_ms: i64, outcome: &str) {
        self.answers += 1;
        self.bytes += bytes;
        self.latencies.add(latency_ms);
        self.latency_sum_ms = self.latency_sum_ms.saturating_add(latency_ms.max(0));
        let point = self.pulse.at(at);
        point.answers += 1;
        point.refused += u32::from(outcome == "throttled");
        match self.outcomes.get_mut(outcome) {
            Some(count) => *count += 1,
            None => {
                self.outcomes.insert(outcome.to_owned(), 1);
            }
        }
        self.refusals += u64::from(outcome == "throttled");
        match outcome {
            "rows" | "empty" | "listing" => (self.failures_in_row, self.blocked) = (0, 0),
            "throttled" => {}
            _ => self.failures_in_row += 1,
        }
    }

    fn store(&mut self, at: Moment, done: &super::event::OptionDone) {
        self.rows_inserted += u64::from(done.inserted);
        self.rows_unchanged += u64::from(done.unchanged);
        self.rows_revised += u64::from(done.revised);
        self.rows_flagged += u64::from(done.flagged);
        if matches!(done.state, OptionState::Stored | OptionState::Empty) {
            self.accepted_at = Some(at);
        }
        let point = self.pulse.at(at);
        point.rows += done.inserted;
        point.done += u32::from(done.index > 0);
        let Some(currency) = self.currencies.iter_mut().find(|c| c.currency == done.currency) else { return };
        currency.rows_inserted += u64::from(done.inserted);
        if done.state == OptionState::Pending {
            // Put back by a person: it counts again when it is known again.
            if let Some(count) = currency.count_of(done.was) {
                *count = count.saturating_sub(1);
            }
            return;
        }
        if done.index == 0 {
            return; // it came along with others; nobody counts on it
        }
        currency.done = currency.done.max(done.index);
        let highest = currency.reached.note(currency.done, currency.todo, at);
        self.passed = highest.map(|percent| Passed {
            currency: currency.currency.clone(),
            percent,
            options: currency.done,
            of: currency.todo,
        });
        if let Some(count) = currency.count_of(done.state) {
            *count += 1;
        }
    }

    fn error(&mut self, at: Moment, why: &str) {
        if let Some((last, known, count)) = self.errors.last_mut()
            && known == why
        {
            (*last, *count) = (at, *count + 1);
            return;
        }
        if self.errors.len() >= ERRORS_KEPT_MAX {
            self.errors.remove(0);
        }
        self.errors.push((at, why.to_owned(), 1));
    }
}
