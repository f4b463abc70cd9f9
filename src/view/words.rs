//! Each event in words: the texts that people read and grep for.

use std::fmt::Write;

use jiff::tz::TimeZone;

use super::escape::safe;
use super::numbers::{counted, grouped};
use crate::domain::event::{Event, OptionDone};
use crate::domain::governor::quota::{Evidence, Quota};
use crate::domain::governor::{Lesson, Reason};
use crate::domain::ledger::OptionState;
use crate::domain::milestone::Passed;
use crate::domain::moment::Moment;
use crate::domain::order::Order;
use crate::domain::progress::Progress;
use crate::domain::tail::{Remark, What};
use crate::limits::{NAMES_SHOWN_MAX, SECOND_MS};

/// An event as one line without control characters; `None` where it is told by others (requests, answers).
pub fn of(event: &Event, at: Moment, progress: &Progress, tz: &TimeZone) -> Option<String> {
    let clock = |moment: &Moment| moment.time_of_day(tz, at);
    let text = match event {
        Event::Sent | Event::Answered { .. } => return None,
        Event::Started { epoch, store, api, pid, quota, .. } => {
            let known = quota.as_ref().map_or(String::new(), |quota| format!(", {} are known", quota.words()));
            format!("chainfill run {epoch} started: store {store}, vendor {api}{known}, process {pid}")
        }
        Event::Listed { names, unparsed, new, vanished, requests } => {
            listed(*names, *unparsed, *new, *requests)
                + &gone(vanished.iter().map(crate::domain::instrument::Symbol::as_str), vanished.len())
        }
        Event::Planned { todo, requests, .. } if todo.is_empty() => {
            format!("Plan: {} to send", counted(*requests, "request"))
        }
        Event::Planned { todo, requests, .. } => {
            let parts: Vec<_> =
                todo.iter().map(|(currency, count)| format!("{currency} {}", counted(*count, "option"))).collect();
            format!("Plan: {}; {} to send", parts.join(", "), counted(*requests, "request"))
        }
        Event::FaceFound { expiry_queries: true, why } => format!("The vendor answers whole expiries: {why}"),
        Event::FaceFound { expiry_queries: false, why } => {
            format!("The vendor answers one option a request: {why}")
        }
        Event::Stored(done) => stored(done),
        Event::Revised { symbol, old, new } => format!("Revised: {symbol}: {old} is now {new}"),
        Event::Failed { query, why, class, again_at } => {
            format!("Error: {query}: {why} ({class}); asked again at {}", clock(again_at))
        }
        Event::Cooldown { wait_ms, until, reason, next } => cooldown(*wait_ms, *until, *reason, next, at, progress, tz),
        Event::Resumed => "Resuming downloads".to_owned(),
        Event::Learned(lesson) => learned(lesson),
        Event::Down { why } => {
            format!("The vendor does not answer: {why}; it is asked one request at a time until it does")
        }
        Event::Up => "The vendor answers again".to_owned(),
        Event::Doubted { empties, known } => format!(
            "{empties} empty answers in a row: {known}, which is known to hold data, is asked for to see whether that \
             can be"
        ),
        Event::Settled { believed: true, empties } => {
            format!("The {empties} empty answers are believed: the option that holds data was answered with data")
        }
        Event::Settled { believed: false, empties } => {
            format!("The {empties} empty answers are not believed: their options are asked for again")
        }
        Event::StoreAway { why, needs_bytes: None } => {
            format!("The store cannot be reached: {why}; nothing is sent until it can")
        }
        Event::StoreAway { why, .. } => format!("Waiting for room: {why}; nothing is sent meanwhile"),
        Event::StoreBack => "The store can be reached again".to_owned(),
        Event::Paused => "Paused by request: nothing is sent until `chainfill resume`".to_owned(),
        Event::Unpaused => "Going on by request".to_owned(),
        Event::Paced { spacing_ms } => format!("The pace by request: {}", pace(*spacing_ms)),
        Event::PutBack { options, requests, .. } => format!(
            "{} pending again by request; {} more to send",
            counted(*options, "option"),
            counted(*requests, "request")
        ),
        Event::Unread { text } => {
            format!("An order came that this version cannot read, and it is passed over: {text}")
        }
        Event::Stopping { why } => format!("Stopping: {why}; what is under way is finished first"),
        Event::Ended { words, resume_after, .. } => match resume_after {
            Some(after) => format!("{words} It makes sense to go on from {}", after.stamp(tz)),
            None => words.clone(),
        },
    };
    Some(safe(&text).into_owned())
}

/// A milestone: `ETH: 25% done (1,685 options)`.
pub fn milestone(passed: &Passed) -> String {
    let Passed { currency, percent, options, .. } = passed;
    safe(&format!("{currency}: {percent}% done ({})", counted(*options, "option"))).into_owned()
}

/// A remark of the log's tail as the log has it.
pub fn remark(remark: &Remark, tz: &TimeZone) -> String {
    match &remark.what {
        // How much of a window was used then is not known any more; the event itself says the rest.
        What::Event(event) => of(event, remark.at, &Progress::default(), tz).unwrap_or_default(),
        What::Passed(passed) => milestone(passed),
    }
}

/// What a run does that has followed an order, behind its name.
pub fn followed(order: &Order) -> String {
    match order {
        Order::Stop => "finishes what is under way and ends; nothing is lost".to_owned(),
        Order::Pause => "is paused".to_owned(),
        Order::Resume => "goes on".to_owned(),
        Order::Pace { spacing_ms } => format!("sends {} now", pace(*spacing_ms)),
        Order::Retry(_) => "has them pending again".to_owned(),
        Order::Unread(_) => "cannot read that".to_owned(),
    }
}

/// Whether an event is told even where only the main points are wanted.
pub fn is_main(event: &Event) -> bool {
    match event {
        Event::Started { .. }
        | Event::Cooldown { .. }
        | Event::Resumed
        | Event::Paused
        | Event::Unpaused
        | Event::Ended { .. } => true,
        Event::Stored(done) => done.state == OptionState::Attention,
        _ => false,
    }
}

/// What became of an option: `[401/6738] ETH-12APR24-3100-C stored: 12 days, 12 inserted`.
fn stored(done: &OptionDone) -> String {
    let place = if done.index == 0 { "+".to_owned() } else { format!("{}/{}", done.index, done.total) };
    format!("[{place}] {} {}", done.symbol, outcome(done))
}

/// `at most 5 requests a second`, or `as fast as answers come`.
pub fn pace(spacing_ms: i64) -> String {
    if spacing_ms <= 0 {
        return "as fast as answers come".to_owned();
    }
    #[allow(clippy::cast_precision_loss)] // a rate for the eye
    let per_s = 1_000.0 / spacing_ms as f64;
    if per_s >= 1.0 {
        format!("at most {} requests a second", (per_s * 100.0).round() / 100.0)
    } else {
        format!(
            "at most one request in {} s",
            (f64::from(u32::try_from(spacing_ms).unwrap_or(u32::MAX)) / 10.0).round() / 100.0
        )
    }
}

fn outcome(done: &OptionDone) -> String {
    match done.state {
        OptionState::Empty => "empty: the vendor has no data".to_owned(),
        OptionState::Attention => {
            format!("ATTENTION: {}", done.reason.as_deref().unwrap_or("the reason is not known"))
        }
        OptionState::Pending => "pending: asked for again".to_owned(),
        OptionState::Stored => {
            let mut words = format!("stored: {}, {} inserted", counted(done.rows.into(), "day"), done.inserted);
            for (count, what) in [(done.unchanged, "unchanged"), (done.revised, "revised"), (done.flagged, "flagged")] {
                if count > 0 {
                    let _ = write!(words, ", {count} {what}"); // into a string: it cannot fail, here and below
                }
            }
            words
        }
    }
}

fn listed(names: u32, unparsed: u32, new: u32, requests: u32) -> String {
    let mut words = format!("Listing: {}, {} new", counted(names.into(), "name"), grouped(new.into()));
    if unparsed > 0 {
        let _ = write!(words, ", {} do not parse and need attention", grouped(unparsed.into()));
    }
    words + &format!("; {}", counted(requests.into(), "request"))
}

fn gone<'a>(names: impl Iterator<Item = &'a str>, count: usize) -> String {
    if count == 0 {
        return String::new();
    }
    let shown: Vec<_> = names.take(NAMES_SHOWN_MAX).collect();
    let more = if count > shown.len() { format!(" and {} more", count - shown.len()) } else { String::new() };
    format!("; no longer listed, and kept: {}{more}", shown.join(", "))
}

fn cooldown(
    wait_ms: i64,
    until: Moment,
    reason: Reason,
    next: &str,
    at: Moment,
    progress: &Progress,
    tz: &TimeZone,
) -> String {
    // To the nearest second: the vendor's own number, without the slack that is added to it.
    let wait_s = (wait_ms + SECOND_MS / 2) / SECOND_MS;
    let minutes = (wait_s * 10 + 30) / 60;
    let mut words = format!(
        "Rate limit hit! Must wait {wait_s} seconds ({}.{} minutes) until {} ({})",
        minutes / 10,
        minutes % 10,
        until.time_of_day(tz, at),
        until.offset(tz)
    );
    if !next.is_empty() {
        let _ = write!(words, ", then {next}");
    }
    if reason == Reason::Quota {
        let _ = match &progress.quota {
            Some(quota) => write!(words, "; {} of {} requests", progress.window_used, quota.requests),
            None => write!(words, "; the requests"),
        };
        words.push_str(" of this window are used, no 429 was spent");
    }
    words
}

fn learned(lesson: &Lesson) -> String {
    match lesson {
        Lesson::Learned(quota) => format!("Learned: {}{}", quota.words(), doubt(quota)),
        Lesson::Changed { from, to } => {
            let (before, after) = (
                i128::from(from.requests) * i128::from(to.window_ms),
                i128::from(to.requests) * i128::from(from.window_ms),
            );
            let way = match after.cmp(&before) {
                std::cmp::Ordering::Less => "lowered",
                std::cmp::Ordering::Equal => "changed",
                std::cmp::Ordering::Greater => "raised",
            };
            format!("Learned: the quota was {way} from {} to {}{}", from.words(), to.words(), doubt(to))
        }
        Lesson::Foreign { slots } => format!(
            "Learned: somebody else uses this key: {} of this window not sent from here, at the least",
            counted((*slots).into(), "request")
        ),
        Lesson::Blind { wait_s } => {
            format!("A 429 did not say how long to wait: it will be {}", counted(wait_s.unsigned_abs(), "second"))
        }
        Lesson::Blocked { refusals } => format!(
            "{refusals} refusals in a row with nothing between: the key looks blocked; it is asked ever more seldom"
        ),
    }
}

fn doubt(quota: &Quota) -> &'static str {
    match quota.evidence {
        Evidence::Matched => "",
        Evidence::Computed => " (computed from one 429, to be confirmed by the next)",
    }
}
