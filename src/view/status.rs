//! `status`: what is known of a store and its last run, alive or dead; and the form of it for machines.

use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};

use super::json;
use super::summary::grouped_errors;
use super::words;
use crate::domain::governor::Explanation;
use crate::domain::health::{self, Health, LastRun, Sight};
use crate::domain::moment::Moment;
use crate::domain::outlook::Outlook;
use crate::domain::progress::Progress;
use crate::domain::tail::Remark;
use crate::domain::tally::Tally;

/// What the page is drawn from.
#[derive(Clone, Debug)]
pub struct StatusPage {
    /// The store without a password.
    pub store: String,
    /// The counts, by currency.
    pub tallies: Vec<Tally>,
    /// Options that a run would ask for now.
    pub open: u64,
    /// Options in need of attention that can be asked for again: a name that does not parse never can.
    pub retriable: u64,
    /// Size of the table.
    pub bytes: u64,
    /// Room that is left on its disk, where that can be seen from here.
    pub room_bytes: Option<u64>,
    /// Requests that ever left.
    pub requests: u64,
    /// The last run.
    pub run: Option<LastRun>,
    /// How far it is, or was.
    pub progress: Option<Progress>,
    /// What is known of the throttle.
    pub throttle: Explanation,
}

/// The page for machines: `{"v":1,"at":…,"verdict":{"health":"fine","sentence":"Fine: …"},…}`.
#[derive(Clone, Debug, Serialize)]
pub struct StatusJson<'a> {
    verdict: VerdictJson,
    store: &'a str,
    total: Tally,
    currencies: &'a [Tally],
    open: u64,
    retriable: u64,
    bytes: u64,
    requests: u64,
    run: Option<&'a LastRun>,
    is_working: bool,
    throttle: &'a Explanation,
    outlook: Option<Outlook>,
    progress: Option<Value>,
    /// What a browser needs where the zone of the sentences has no name that it knows.
    utc_offset_s: i32,
}

#[derive(Clone, Debug, Serialize)]
struct VerdictJson {
    health: Health,
    sentence: String,
}

impl StatusPage {
    /// The verdict: health, and one sentence that begins with it.
    pub fn verdict(&self, now: Moment, tz: &TimeZone) -> (Health, String) {
        let total = Tally::total(&self.tallies);
        let (run, progress) = (self.run.as_ref(), self.progress.as_ref());
        let sight = Sight { run, progress, total: &total, open: self.open, room_bytes: self.room_bytes };
        health::verdict(sight, now, tz)
    }

    /// The page as one line of JSON.
    pub fn json(&self, now: Moment, tz: &TimeZone) -> String {
        let (health, sentence) = self.verdict(now, tz);
        let page = StatusJson {
            verdict: VerdictJson { health, sentence },
            store: &self.store,
            total: Tally::total(&self.tallies),
            currencies: &self.tallies,
            open: self.open,
            retriable: self.retriable,
            bytes: self.bytes,
            requests: self.requests,
            run: self.run.as_ref(),
            is_working: self.is_working(),
            throttle: &self.throttle,
            outlook: self.outlook(now),
            progress: self.progress.as_ref().map(|progress| told(progress, tz)),
            utc_offset_s: tz.to_offset(now.timestamp()).seconds(),
        };
        json::line(Some(now), &page)
    }

    /// Whether a run is at work on the store.
    pub fn is_working(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.is_open() && !run.is_dead())
    }

    /// Time that the run spent in cooldowns, the open one included. A dead run waits no longer: its last sign of life is
    /// where its time ends.
    pub fn cooldown_ms(&self, now: Moment) -> i64 {
        let Some(progress) = &self.progress else { return 0 };
        let seen = match &self.run {
            Some(run) if !self.is_working() => run.ended_at.unwrap_or(now - run.beat_age_ms),
            _ => now,
        };
        progress.cooldown_ms + progress.wait.as_ref().map_or(0, |wait| wait.since.until_ms(seen).max(0))
    }

    /// What the run's progress means: how fast, how far, until when.
    pub fn outlook(&self, now: Moment) -> Option<Outlook> {
        let progress = self.progress.as_ref()?;
        Some(Outlook::of(progress, &self.tallies, self.bytes, self.is_working(), now))
    }
}

/// Progress as it is kept, but for what is told in a better form: errors are grouped, the tail of the log is in words, milestones and forecasts stand in
/// the outlook.
fn told(progress: &Progress, tz: &TimeZone) -> Value {
    let mut told = serde_json::to_value(progress).unwrap_or_default();
    if let Some(fields) = told.as_object_mut() {
        fields.remove("forecasts");
        let line = |one: &Remark| json!({ "at": one.at, "words": words::remark(one, tz) });
        fields.insert("tail".to_owned(), progress.tail.0.iter().rev().map(line).collect());
        fields.insert("errors".to_owned(), serde_json::to_value(grouped_errors(progress)).unwrap_or_default());
    }
    for currency in told["currencies"].as_array_mut().into_iter().flatten() {
        if let Some(fields) = currency.as_object_mut() {
            fields.remove("reached");
        }
    }
    told
}
