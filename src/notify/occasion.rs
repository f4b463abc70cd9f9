//! Which event makes which notice. Pure: an event comes in, a notice comes out, or none.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::notice::{Kind, Notice, Run};
use crate::domain::event::Event;
use crate::domain::expectation::{Expectation, expectation};
use crate::domain::forecast::span_words;
use crate::domain::health::{Health, working};
use crate::domain::instrument::Currency;
use crate::domain::milestone::Passed;
use crate::domain::moment::Moment;
use crate::domain::progress::Progress;
use crate::domain::run::Ending;
use crate::limits::MILESTONE_OPTIONS_MIN;
use crate::view::numbers::{counted, grouped};
use crate::view::words;

/// What was told so far.
#[derive(Debug)]
pub struct Occasions {
    tz: TimeZone,
    cooldown_ms: i64,
    run: Run,
    store: String,
    /// Whether it began and said no end.
    is_open: bool,
    /// Milestones that were told: where more is asked for, one may be passed again, and that is no news.
    passed: BTreeSet<(Currency, u64)>,
}

impl Occasions {
    /// Of a run that has not begun. `cooldown_ms`: the shortest cooldown that is told.
    pub fn new(host: String, tz: TimeZone, cooldown_ms: i64) -> Occasions {
        let run = Run { host, ..Run::default() };
        Occasions { tz, cooldown_ms, run, store: String::new(), is_open: false, passed: BTreeSet::new() }
    }

    /// The notice that an event makes.
    pub fn of(&mut self, at: Moment, event: &Event, progress: &Progress) -> Option<Notice> {
        let notice = match event {
            Event::Started { epoch, store, pid, .. } => {
                (self.run.epoch, self.run.pid) = (*epoch, *pid);
                store.clone_into(&mut self.store);
                self.is_open = true;
                self.started(at, progress)
            }
            Event::Stored(_) => self.reached(at, progress.passed.as_ref()?, progress)?,
            Event::Cooldown { wait_ms, until, .. } if *wait_ms >= self.cooldown_ms => {
                let title = format!("waiting until {}", until.time_of_day(&self.tz, at));
                let told = words::of(event, at, progress, &self.tz)?;
                let text = format!("{told}. It is no fault, and goes on by itself.{}", self.finish(at, progress));
                let notice = self.notice(Kind::Cooldown, at, (&title, &text), progress);
                Notice { until: Some(*until), ..notice }
            }
            Event::Ended { ending, words, resume_after } => {
                self.is_open = false;
                let told = words::of(event, at, progress, &self.tz).unwrap_or_else(|| words.clone());
                let notice = ended(at, *ending, &told, progress);
                Notice { ending: Some(*ending), resume_after: *resume_after, ..notice }
            }
            _ => return None,
        };
        Some(self.signed(notice))
    }

    /// The notice of a run that began and said no end: it failed.
    pub fn broken_off(&mut self, at: Moment, progress: &Progress) -> Option<Notice> {
        if !std::mem::take(&mut self.is_open) {
            return None;
        }
        let why = format!("run {} broke off.", self.run.epoch);
        let text = "The run broke off before it could write its end: its store cannot be used, or it failed; its last \
                    words are in the log. Start it again, nothing is lost.";
        let notice = Notice::new(Kind::Ended, at, ("broke off", text), (Health::Worry, &why), progress);
        Some(self.signed(Notice { ending: Some(Ending::Failed), ..notice }))
    }

    /// The run, and its store.
    pub fn signature(&self) -> (Run, String) {
        (self.run.clone(), self.store.clone())
    }

    fn signed(&self, notice: Notice) -> Notice {
        notice.of(&self.run, &self.store)
    }

    fn notice(&self, kind: Kind, at: Moment, words: (&str, &str), progress: &Progress) -> Notice {
        let (health, why) = working(progress, at, &self.tz);
        Notice::new(kind, at, words, (health, &why), progress)
    }

    fn started(&self, at: Moment, progress: &Progress) -> Notice {
        let quota = match &progress.quota {
            Some(quota) => format!("the vendor's limit is known from before: {}", quota.words()),
            None => "the vendor's limit is not known yet".to_owned(),
        };
        let text = format!("Run {} is at work, process {}; {quota}.", self.run.epoch, self.run.pid);
        self.notice(Kind::Start, at, ("started", &text), progress)
    }

    /// A handful of new options each day is four milestones within a second: nobody wants to be told of them.
    fn reached(&mut self, at: Moment, passed: &Passed, progress: &Progress) -> Option<Notice> {
        let Passed { currency, percent, options, of } = passed;
        if *of < MILESTONE_OPTIONS_MIN || !self.passed.insert((currency.clone(), *percent)) {
            return None;
        }
        let attention = match progress.currencies.iter().find(|one| one.currency == *currency)?.attention {
            0 => String::new(),
            more => format!(", {} in need of attention", grouped(more)),
        };
        let title = format!("{currency} {percent} %");
        let text = format!(
            "{} of {} {currency} options are done{attention}; {} so far.{}",
            grouped(*options),
            grouped(*of),
            counted(progress.rows_inserted, "new bar"),
            self.finish(at, progress)
        );
        let notice = self.notice(Kind::Milestone, at, (&title, &text), progress);
        Some(Notice { currency: Some(currency.clone()), ..notice })
    }

    /// ` Done between 16:30:00 and 18:30:00 (+08:00).`, or nothing while that cannot be told.
    fn finish(&self, at: Moment, progress: &Progress) -> String {
        match expectation(progress, true, at) {
            Expectation::Ready { low_at, high_at } => {
                let (low, high) = (low_at.time_of_day(&self.tz, at), high_at.time_of_day(&self.tz, at));
                let offset = high_at.offset(&self.tz);
                if low == high {
                    format!(" Done at about {low} ({offset}).")
                } else {
                    format!(" Done between {low} and {high} ({offset}).")
                }
            }
            _ => String::new(),
        }
    }
}

fn ended(at: Moment, ending: Ending, told: &str, progress: &Progress) -> Notice {
    let kind = if ending == Ending::Complete { Kind::Done } else { Kind::Ended };
    let (title, health) = match ending {
        Ending::Complete => ("done", Health::Done),
        Ending::Attention => ("done, but some options need a person", Health::Worry),
        Ending::Stopped => ("stopped by request", Health::Idle),
        Ending::Limit => ("ended at the vendor's limit, as told", Health::Idle),
        Ending::Vendor => ("gave the vendor up", Health::Worry),
        Ending::Key => ("the key is refused", Health::Worry),
        Ending::Store => ("the store cannot be used", Health::Worry),
        Ending::Usage => ("what was asked for does not exist", Health::Worry),
        Ending::Failed => ("failed", Health::Worry),
    };
    let told = sentence(told);
    let text = format!(
        "{} {} in {}: {}, {}.",
        told,
        counted(progress.requests, "request"),
        span_words(progress.started_at.until_ms(at)),
        counted(progress.rows_inserted, "new bar"),
        counted(progress.options().0, "option")
    );
    Notice::new(kind, at, (title, &text), (health, &told), progress)
}

/// With a full stop at its end.
fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
#[path = "occasion_tests.rs"]
mod tests;
