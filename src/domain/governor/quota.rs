//! What one 429 tells of the quota.
//!
//! `Retry-After` is the whole seconds, rounded up, until the oldest counted request leaves the window. So
//! the sum of it and that request's age is the window W, and the requests since then are the quota N.

use serde::{Deserialize, Serialize};

use crate::domain::moment::Moment;
use crate::limits::{SECOND_MS, WINDOW_SLACK_MS, WINDOW_SLACK_PARTS};

/// N requests in W milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Requests per window.
    pub requests: u32,
    /// The window.
    pub window_ms: i64,
    /// How it is known.
    pub evidence: Evidence,
    /// When it was learned.
    pub learned_at: Moment,
}

/// How a quota is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A 429 named the very moment at which one of our own requests leaves a known window.
    Matched,
    /// Computed from the first request that is remembered; not yet confirmed.
    Computed,
}

/// A request that the vendor counted, or may have: at some moment between these two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// When it left.
    pub sent: Moment,
    /// When its answer was complete.
    pub done: Moment,
}

impl Counted {
    /// The same, not later than now: a time that has not been yet was written under a clock that was ahead.
    #[must_use]
    pub fn by(self, now: Moment) -> Counted {
        Counted { sent: self.sent.min(now), done: self.done.min(now) }
    }
}

/// What a 429 says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The quota.
    Quota(Quota),
    /// The quota stands, but slots are used that are not in the log; the first one opens then.
    Foreign {
        /// How many, at the least.
        slots: u32,
        /// When the first one opens.
        opens: Moment,
    },
    /// Nothing was counted before it: no quota can be read from it.
    Nothing,
}

/// One request in so many may be counted into a neighbouring window: it was under way when the window's edge passed.
const EDGE_PARTS: usize = 50;

/// The windows of Django REST Framework: a second, a minute, an hour, a day.
const WINDOWS_MS: [i64; 4] = [1_000, 60_000, 3_600_000, 86_400_000];

/// Reads a 429. `log`: the requests that were counted, oldest first. `refused`: when the refused request left
/// and came back.
pub fn find(log: &[Counted], known: Option<&Quota>, refused: Counted, wait_s: i64) -> Finding {
    // The next slot opens in this span: `Retry-After` is rounded up, and the request was under way.
    let opens = Span { from: refused.sent + wait_s * SECOND_MS - SECOND_MS, to: refused.done + wait_s * SECOND_MS };
    let quota = |requests: usize, window_ms: i64, evidence| {
        Finding::Quota(Quota {
            requests: u32::try_from(requests.max(1)).unwrap_or(u32::MAX),
            window_ms,
            evidence,
            learned_at: refused.done,
        })
    };
    if let Some(known) = known
        && let Some(requests) = match_own(log, known.window_ms, refused, &opens)
    {
        return quota(requests, known.window_ms, Evidence::Matched);
    }
    // At a steady pace a short wait fits several windows. The longest is taken: a window taken too long costs some
    // waiting, one taken too short a refusal each time.
    let possible = WINDOWS_MS.iter().rev().copied().filter(|window_ms| wait_s * SECOND_MS < window_ms + SECOND_MS);
    if known.is_none_or(|known| known.evidence == Evidence::Computed) {
        for window_ms in possible {
            // A shorter window would have refused before, had as many been sent in it before.
            if let Some(requests) = match_oldest(log, window_ms, refused, &opens)
                && most_in_window(log, window_ms) <= requests + 1 + requests / EDGE_PARTS
            {
                return quota(requests, window_ms, Evidence::Matched);
            }
        }
        let Some(first) = log.first() else { return Finding::Nothing };
        // Requests are taken as counted halfway; `Retry-After` is rounded up, so the window is at most the sum.
        let age_ms = first.sent.until_ms(refused.sent).midpoint(first.done.until_ms(refused.done));
        let window_ms = (wait_s * SECOND_MS + age_ms) / SECOND_MS * SECOND_MS;
        if known.is_none_or(|known| known.window_ms < window_ms) {
            return quota(log.len(), window_ms.max(SECOND_MS), Evidence::Computed);
        }
    }
    let Some(known) = known else { return Finding::Nothing };
    // Nothing of the known window opens then: the vendor may have changed to a shorter one (T7). What was sent before the
    // change fits any window, so only the oldest request of the new one is looked at. A longer one beside the known one
    // shows in the same way, and is kept by waiting as it asks: the shorter one is met again sooner (T4).
    let others = WINDOWS_MS.iter().copied().filter(|window_ms| *window_ms < known.window_ms);
    for window_ms in others.filter(|window_ms| wait_s * SECOND_MS < window_ms + SECOND_MS) {
        if let Some(requests) = match_oldest(log, window_ms, refused, &opens) {
            return quota(requests, window_ms, Evidence::Matched);
        }
    }
    let own = log.len() - first_counted(log, known.window_ms, refused);
    let slots = known.requests.saturating_sub(u32::try_from(own).unwrap_or(u32::MAX)).max(1);
    Finding::Foreign { slots, opens: opens.to }
}

struct Span {
    from: Moment,
    to: Moment,
}

impl Span {
    /// Whether a request leaves a window of that length within this span.
    fn holds_exit_of(&self, counted: &Counted, window_ms: i64) -> bool {
        let slack_ms = WINDOW_SLACK_MS + window_ms / WINDOW_SLACK_PARTS;
        counted.done + window_ms + slack_ms >= self.from && counted.sent + window_ms <= self.to + slack_ms
    }
}

/// The requests since the oldest one that the vendor can still have counted, if the 429 speaks of that one.
fn match_oldest(log: &[Counted], window_ms: i64, refused: Counted, opens: &Span) -> Option<usize> {
    let first = first_counted(log, window_ms, refused);
    log.get(first).filter(|oldest| opens.holds_exit_of(oldest, window_ms))?;
    // Those at the window's edge may be gone already: counting them would cost a refusal, leaving them out a slot.
    let gone = log.partition_point(|counted| counted.sent + window_ms <= refused.done);
    Some((log.len() - gone).max(1))
}

/// The same, or the requests since a later one: a vendor that was restarted forgot those before it (T6).
fn match_own(log: &[Counted], window_ms: i64, refused: Counted, opens: &Span) -> Option<usize> {
    let first = first_counted(log, window_ms, refused);
    let counted = log.get(first..)?;
    counted.iter().position(|own| opens.holds_exit_of(own, window_ms)).map(|at| counted.len() - at)
}

fn first_counted(log: &[Counted], window_ms: i64, refused: Counted) -> usize {
    log.partition_point(|counted| counted.done + window_ms <= refused.sent)
}

fn most_in_window(log: &[Counted], window_ms: i64) -> usize {
    let mut oldest = 0;
    let mut most = 0;
    for (at, newest) in log.iter().enumerate() {
        // A store that is not of this program's making may say that a request was done before it left.
        while oldest < at && log[oldest].done + window_ms <= newest.sent {
            oldest += 1;
        }
        most = most.max(at + 1 - oldest);
    }
    most
}

impl Quota {
    /// The same in a time that is ahead by so much.
    #[must_use]
    pub fn moved(self, by_ms: i64) -> Quota {
        Quota { learned_at: self.learned_at + by_ms, ..self }
    }

    /// The same, learned now where that has not been yet.
    #[must_use]
    pub fn by(self, now: Moment) -> Quota {
        Quota { learned_at: self.learned_at.min(now), ..self }
    }

    /// `800 requests per hour`.
    pub fn words(&self) -> String {
        let window = match self.window_ms {
            1_000 => "second".to_owned(),
            60_000 => "minute".to_owned(),
            3_600_000 => "hour".to_owned(),
            86_400_000 => "day".to_owned(),
            other => format!("{} s", other / SECOND_MS),
        };
        format!("{} requests per {window}", self.requests)
    }
}

#[cfg(test)]
#[path = "quota_tests.rs"]
mod tests;
