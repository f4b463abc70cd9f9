//! `status`: one page on a store and its last run, alive or dead. The verdict comes first.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

use super::escape::safe;
use super::json;
use super::numbers::{bytes, counted, grouped, percent};
use super::summary::grouped_errors;
use super::table::{Table, fit, wrap};
use crate::domain::forecast::{self, span_words};
use crate::domain::governor::quota::Evidence;
use crate::domain::governor::{Explanation, Reason};
use crate::domain::health::{self, Health, LastRun, Sight};
use crate::domain::moment::Moment;
use crate::domain::outlook::Outlook;
use crate::domain::progress::{Phase, Progress};
use crate::domain::tally::Tally;

/// Error groups on the page: with them it fits a screen of 24 lines.
const ERRORS_SHOWN: usize = 2;

/// What stands before the errors.
const ERROR_HEADS: [&str; 2] = ["Errors", ""];

const HEAD_WIDTH: usize = 11;

/// What the page is drawn from.
#[derive(Clone, Debug)]
pub struct StatusPage {
    /// The store without a password.
    pub store: String,
    /// The counts, by currency.
    pub tallies: Vec<Tally>,
    /// Options that a run would ask for now.
    pub open: u64,
    /// Size of the table.
    pub bytes: u64,
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
    bytes: u64,
    requests: u64,
    run: Option<&'a LastRun>,
    throttle: &'a Explanation,
    outlook: Option<Outlook>,
    progress: Option<Value>,
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
        let sight = Sight { run: self.run.as_ref(), progress: self.progress.as_ref(), total: &total, open: self.open };
        health::verdict(sight, now, tz)
    }

    /// The page as text: it fits 80 × 24 with four currencies.
    pub fn draw(&self, now: Moment, tz: &TimeZone, width: usize, color: bool) -> String {
        let mut page = String::new();
        let (health, sentence) = self.verdict(now, tz);
        let style = if color { style_of(health) } else { Style::new() };
        for line in wrap(&safe(&sentence), width) {
            let _ = writeln!(page, "{style}{line}{style:#}"); // into a string: it cannot fail, here and below
        }
        page.push('\n');
        for line in tallies(&self.tallies).draw(width) {
            let _ = writeln!(page, "{line}");
        }
        page.push('\n');
        for (head, text) in self.facts(now, tz) {
            let room = width.saturating_sub(HEAD_WIDTH);
            // Words of others may be long: one line of them is enough, the log has the rest.
            let lines =
                if ERROR_HEADS.contains(&head) { vec![fit(&safe(&text), room)] } else { wrap(&safe(&text), room) };
            for (at, line) in lines.iter().enumerate() {
                let head = if at == 0 { head } else { "" };
                let _ = writeln!(page, "{}", fit(&format!("{head:<HEAD_WIDTH$}{line}"), width));
            }
        }
        page
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
            bytes: self.bytes,
            requests: self.requests,
            run: self.run.as_ref(),
            throttle: &self.throttle,
            outlook: self.outlook(now),
            progress: self.progress.as_ref().map(told),
        };
        json::line(Some(now), &page)
    }

    /// Whether a run is at work on the store.
    pub fn is_working(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.is_open() && !run.is_dead())
    }

    /// What the run's progress means: how fast, how far, until when.
    pub fn outlook(&self, now: Moment) -> Option<Outlook> {
        let progress = self.progress.as_ref()?;
        Some(Outlook::of(progress, &self.tallies, self.bytes, self.is_working(), now))
    }

    fn left(&self, progress: &Progress, now: Moment) -> Option<forecast::Range> {
        let fetching = matches!(progress.phase, Phase::Fetching | Phase::Waiting);
        if self.is_working() && fetching { forecast::left(progress, progress.requests_left, now) } else { None }
    }

    fn facts(&self, now: Moment, tz: &TimeZone) -> Vec<(&'static str, String)> {
        let mut facts = vec![("Throttle", self.throttle_words(now, tz))];
        if let Some(run) = &self.run {
            facts.push(("Run", run_words(run, now, tz)));
        }
        let ever = format!("{} ever left", counted(self.requests, "request"));
        facts.push(match &self.progress {
            None => ("Requests", ever),
            Some(progress) => (
                "Requests",
                format!(
                    "{} in this run ({}), {} refused with 429; {ever}",
                    grouped(progress.requests),
                    bytes(progress.bytes),
                    grouped(progress.refusals)
                ),
            ),
        });
        if let Some(progress) = &self.progress {
            let waiting_ms = progress.wait.as_ref().map_or(0, |wait| wait.since.until_ms(now).max(0));
            facts.push((
                "Cooldowns",
                format!("{}, {} in them", grouped(progress.cooldowns), span_words(progress.cooldown_ms + waiting_ms)),
            ));
            if let Some(left) = self.left(progress, now) {
                facts
                    .push(("Finish", format!("in {}, by {}", left.words(), (now + left.high_ms).time_of_day(tz, now))));
            }
            for (at, group) in grouped_errors(progress).iter().take(ERRORS_SHOWN).enumerate() {
                let head = if at == 0 { "Errors" } else { "" };
                facts.push((head, format!("{} x {}", grouped(group.count), group.words)));
            }
        }
        facts.push(("Store", format!("{}, {}", self.store, bytes(self.bytes))));
        facts.push(("Times", format!("are in UTC{}", now.offset(tz))));
        facts
    }

    fn throttle_words(&self, now: Moment, tz: &TimeZone) -> String {
        let throttle = &self.throttle;
        let used = grouped(throttle.used.into());
        let mut words = match &throttle.quota {
            None => format!("not known yet, no 429 has told of it; {used} requests may still count"),
            Some(quota) => {
                let from = match quota.evidence {
                    Evidence::Matched => "matched by a 429",
                    Evidence::Computed => "computed from a 429",
                };
                let at = quota.learned_at.time_of_day(tz, now);
                format!("{} ({from}, {at}); {used} of {} used", quota.words(), grouped(quota.requests.into()))
            }
        };
        match (throttle.next_at, throttle.reason) {
            (Some(next), Some(Reason::Cooldown | Reason::Quota)) if next > now => {
                let _ = write!(words, "; next slot {}", next.time_of_day(tz, now));
            }
            _ => words.push_str("; next slot now"),
        }
        words
    }
}

fn run_words(run: &LastRun, now: Moment, tz: &TimeZone) -> String {
    let started = run.started_at.time_of_day(tz, now);
    let place = format!("{}: process {} on host {}, started {started}", run.epoch, run.pid, run.host);
    match (run.ended_at, run.ending) {
        (Some(at), Some(ending)) => format!("{place}, ended {}: {}", at.time_of_day(tz, now), ending.word()),
        (Some(at), None) => format!("{place}, ended {}", at.time_of_day(tz, now)),
        (None, _) => format!("{place}, last sign of life {} ago", span_words(run.beat_age_ms)),
    }
}

/// Progress as it is kept, but for what is told in a better form: errors are grouped, milestones and forecasts stand in
/// the outlook.
fn told(progress: &Progress) -> Value {
    let mut told = serde_json::to_value(progress).unwrap_or_default();
    if let Some(fields) = told.as_object_mut() {
        fields.remove("forecasts");
        fields.insert("errors".to_owned(), serde_json::to_value(grouped_errors(progress)).unwrap_or_default());
    }
    for currency in told["currencies"].as_array_mut().into_iter().flatten() {
        if let Some(fields) = currency.as_object_mut() {
            fields.remove("reached");
        }
    }
    told
}

/// The state of things by currency: `Options + Empty + Attention + Missing = Listed` (I4).
pub fn tallies(tallies: &[Tally]) -> Table {
    let mut table = Table::new()
        .words("Currency")
        .numbers("Records")
        .numbers("Options")
        .extra_numbers("Empty")
        .extra_numbers("Attention")
        .numbers("Missing")
        .extra_numbers("Listed")
        .numbers("%");
    let mut add = |one: &Tally| {
        let name = safe(one.currency.as_str()).into_owned();
        let numbers = [one.rows, one.stored, one.empty, one.attention, one.pending, one.listed].map(grouped);
        table.row(std::iter::once(name).chain(numbers).chain([percent(one.known(), one.listed)]));
    };
    tallies.iter().for_each(&mut add);
    if tallies.len() > 1 {
        add(&Tally::total(tallies));
    }
    table
}

/// The colour of a verdict.
pub fn style_of(health: Health) -> Style {
    let color = match health {
        Health::Fine | Health::Done => AnsiColor::Green,
        Health::Worry => AnsiColor::Red,
        Health::Idle => AnsiColor::Yellow,
    };
    color.on_default().bold()
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
