//! Whether to worry, in one sentence that a person can act on.

use jiff::tz::TimeZone;
use serde::Serialize;

use super::forecast::span_words;
use super::moment::Moment;
use super::outlook::Rate;
use super::progress::{Phase, Progress, Wait};
use super::room;
use super::run::Ending;
use super::tally::Tally;
use crate::limits::{AWAY_WORRY_MS, FAILURES_WORRY, LEASE_MS, ROOM_BYTES_MIN, SILENCE_MS_MAX, STALLED_MS_MAX};

/// Whether to worry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// All goes as it should, waiting included.
    Fine,
    /// Somebody should look.
    Worry,
    /// Everything is there.
    Done,
    /// Nothing runs, and nothing is wrong.
    Idle,
}

/// What a look at the store and its last run shows.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// The last run; `None` where there was none.
    pub run: Option<&'a LastRun>,
    /// How far it is, or was.
    pub progress: Option<&'a Progress>,
    /// The counts of all currencies that matter.
    pub total: &'a Tally,
    /// Options that a run would ask for now.
    pub open: u64,
    /// Room that is left on the store's disk, where that can be seen from here.
    pub room_bytes: Option<u64>,
}

/// The last run on a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// Its number.
    pub epoch: i64,
    /// Its process.
    pub pid: u32,
    /// That process's host.
    pub host: String,
    /// When it started.
    pub started_at: Moment,
    /// Time since its last sign of life.
    pub beat_age_ms: i64,
    /// Whether the process lives, where that can be known.
    pub alive: Option<bool>,
    /// When it ended; `None` while it lives, or after it died.
    pub ended_at: Option<Moment>,
    /// How it ended.
    pub ending: Option<Ending>,
}

impl Health {
    /// `Fine`, as it begins the sentence.
    pub fn word(self) -> &'static str {
        match self {
            Health::Fine => "Fine",
            Health::Worry => "Worry",
            Health::Done => "Done",
            Health::Idle => "Idle",
        }
    }
}

impl LastRun {
    /// Whether it should be at work: it did not end.
    pub fn is_open(&self) -> bool {
        self.ended_at.is_none()
    }

    /// Whether it ended without saying so.
    pub fn is_dead(&self) -> bool {
        self.is_open() && (self.alive == Some(false) || (self.alive.is_none() && self.beat_age_ms >= LEASE_MS))
    }
}

/// The verdict: health, and why, as one sentence that begins with it.
pub fn verdict(sight: Sight<'_>, now: Moment, tz: &TimeZone) -> (Health, String) {
    let (health, why) = match sight.run {
        Some(run) if run.is_dead() => {
            let at = (now - run.beat_age_ms).time_of_day(tz, now);
            let words = format!(
                "process {} on host {} ended without finishing at {at}; start it again, nothing is lost.",
                run.pid, run.host
            );
            (Health::Worry, words)
        }
        Some(run) if run.is_open() => running(run, sight, now, tz),
        run => resting(run, sight, now, tz),
    };
    (health, format!("{}: {why}", health.word()))
}

fn running(run: &LastRun, sight: Sight<'_>, now: Moment, tz: &TimeZone) -> (Health, String) {
    // A run can write nothing of this into a full disk, and what it wrote before says that all is well (B11).
    if sight.open > 0 && sight.room_bytes.is_some_and(|bytes| bytes < ROOM_BYTES_MIN) {
        return (Health::Worry, no_room(room::needed_bytes(sight.open, sight.total.stored, sight.total.rows)));
    }
    if run.beat_age_ms >= SILENCE_MS_MAX {
        let words = format!(
            "process {} on host {} lives, but gave no sign of life for {}; it may be stopped, or its store away.",
            run.pid,
            run.host,
            span_words(run.beat_age_ms)
        );
        return (Health::Worry, words);
    }
    match sight.progress {
        Some(progress) => working(progress, now, tz),
        None => (Health::Fine, "starting.".to_owned()),
    }
}

/// The verdict on a run that is known to live.
pub fn working(progress: &Progress, now: Moment, tz: &TimeZone) -> (Health, String) {
    let since_ms = progress.phase_since.until_ms(now);
    let last = progress.errors.last().map_or(String::new(), |(_, why, _)| format!(", the last: {why}"));
    let since = || progress.phase_since.time_of_day(tz, now);
    let away = if since_ms >= AWAY_WORRY_MS { Health::Worry } else { Health::Fine };
    match progress.phase {
        Phase::VendorDown => {
            (away, format!("the vendor does not answer since {}; it is asked again and again{last}.", since()))
        }
        Phase::StoreAway if let Some(bytes) = progress.needs_bytes => (Health::Worry, no_room(bytes)),
        Phase::StoreAway => {
            (away, format!("the store cannot be reached since {}; nothing is sent meanwhile{last}.", since()))
        }
        Phase::Paused => {
            (Health::Fine, format!("paused by request since {}; `chainfill resume` lets it go on.", since()))
        }
        Phase::Stopping => (Health::Fine, "stopping; what is under way is finished first.".to_owned()),
        Phase::Ended => (Health::Fine, "ended.".to_owned()),
        Phase::Waiting => match &progress.wait {
            Some(wait) if wait.until.until_ms(now) >= SILENCE_MS_MAX => (
                Health::Worry,
                format!(
                    "the wait for the vendor was over at {}, and nothing was sent since.",
                    clock(wait.until, now, tz)
                ),
            ),
            Some(wait) if progress.blocked > 0 => (
                Health::Worry,
                format!(
                    "the vendor refused {} requests in a row; the key looks blocked, or somebody else uses it. {}.",
                    progress.blocked,
                    capital(&waiting(wait, now, tz))
                ),
            ),
            Some(wait) => (Health::Fine, format!("{}.", waiting(wait, now, tz))),
            None => (Health::Fine, "waiting for the vendor.".to_owned()),
        },
        Phase::Starting | Phase::Listing | Phase::Fetching => fetching(progress, &last, now),
    }
}

fn no_room(needed_bytes: u64) -> String {
    format!("the store's disk is full, and nothing is sent meanwhile; {}.", room::words(needed_bytes))
}

fn fetching(progress: &Progress, last: &str, now: Moment) -> (Health, String) {
    let accepted = progress.accepted_at.unwrap_or(progress.started_at).max(progress.working_since);
    let unaccepted_ms = accepted.until_ms(now);
    if progress.failures_in_row >= FAILURES_WORRY && unaccepted_ms < STALLED_MS_MAX {
        return (Health::Worry, format!("{} answers in a row failed{last}.", grouped(progress.failures_in_row)));
    }
    if unaccepted_ms >= STALLED_MS_MAX {
        let errors: u64 = progress.errors.iter().map(|(_, _, count)| count).sum();
        let errors = errors.max(progress.failures_in_row);
        let words = format!("no answer accepted for {}, {errors} errors{last}.", span_words(unaccepted_ms));
        return (Health::Worry, words);
    }
    if progress.phase != Phase::Fetching {
        return (Health::Fine, "asking the vendor what there is.".to_owned());
    }
    let attention: u64 = progress.currencies.iter().map(|currency| currency.attention).sum();
    let attention = match attention {
        0 => String::new(),
        1 => "; 1 option needs attention".to_owned(),
        more => format!("; {more} options need attention"),
    };
    match Rate::now(progress, now).and_then(Rate::words) {
        Some(rate) => (Health::Fine, format!("downloading, {rate}{attention}.")),
        None => (Health::Fine, format!("downloading{attention}.")),
    }
}

/// `waiting for the vendor until 13:20:15 (31 min 12 s left), then ETH-12APR24-3100-C`.
pub fn waiting(wait: &Wait, now: Moment, tz: &TimeZone) -> String {
    let left_ms = now.until_ms(wait.until);
    let left = if left_ms > 0 { format!("{} left", span_words(left_ms)) } else { "over now".to_owned() };
    let next = if wait.next.is_empty() { String::new() } else { format!(", then {}", wait.next) };
    format!("waiting for the vendor until {} ({left}){next}", clock(wait.until, now, tz))
}

fn clock(at: Moment, now: Moment, tz: &TimeZone) -> String {
    at.time_of_day(tz, now)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

fn resting(run: Option<&LastRun>, sight: Sight<'_>, now: Moment, tz: &TimeZone) -> (Health, String) {
    let total = sight.total;
    let at = run.and_then(|run| run.ended_at).map_or(String::new(), |at| at.time_of_day(tz, now));
    let last = sight
        .progress
        .and_then(|progress| progress.errors.last())
        .map_or(String::new(), |(_, why, _)| format!("; the last error: {why}"));
    let left = match sight.open {
        1 => "1 option is still to be fetched".to_owned(),
        open => format!("{} options are still to be fetched", grouped(open)),
    };
    let ending = run.and_then(|run| run.ending);
    match ending {
        Some(Ending::Key) => (Health::Worry, format!("the vendor refused the key at {at}; {left}.")),
        Some(Ending::Vendor) => (Health::Worry, format!("the run gave the vendor up at {at}{last}; {left}.")),
        Some(Ending::Store) => {
            (Health::Worry, format!("the run could not use its store any more at {at}{last}; {left}."))
        }
        Some(Ending::Failed) => (Health::Worry, format!("the run failed at {at}{last}; {left}.")),
        Some(Ending::Complete | Ending::Attention | Ending::Stopped | Ending::Limit | Ending::Usage) | None => {
            if total.listed == 0 {
                (Health::Idle, "no run, and nothing is listed yet: `chainfill backfill` begins.".to_owned())
            } else if sight.open > 0 {
                (Health::Idle, format!("no run; {left}."))
            } else if total.attention > 0 {
                let words = format!(
                    "all was tried, but {} of {} options need attention: `chainfill missing --list` names them.",
                    grouped(total.attention),
                    grouped(total.listed)
                );
                (Health::Worry, words)
            } else {
                let words = format!("complete, {} of {}.", grouped(total.known()), grouped(total.listed));
                (Health::Done, words)
            }
        }
    }
}

/// `17,529`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
