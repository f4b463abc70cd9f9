//! How long so many requests take, cooldowns included.

use super::governor::quota::Quota;
use super::moment::Moment;
use super::progress::{Phase, Progress};
use super::pulse::Point;
use crate::limits::{HOUR_MS, PACE_ANSWERS_MIN, RATE_SPAN_MS, RATE_SPAN_MS_MIN, SERIAL_SUCCESSES};

/// What the vendor's quota was seen to be in 2025: 800 to 1000 an hour, 400 at the worst. Used for the range
/// while the real one is unknown, never for a decision.
const QUOTA_GUESS_LOW: u32 = 400;

/// A span of time, in milliseconds, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The least.
    pub low_ms: i64,
    /// The most.
    pub high_ms: i64,
}

/// The time that `requests` take. `used`: requests of the window that are used already. `pace_ms`: time from
/// one request to the next while nothing hinders.
pub fn duration(requests: u64, quota: Option<&Quota>, used: u32, pace_ms: i64) -> Range {
    let requests = i64::try_from(requests).unwrap_or(i64::MAX);
    match quota {
        Some(quota) => {
            let span = windows(requests, quota.requests, quota.window_ms, used, pace_ms);
            // A raised or lowered quota, a slow vendor: a tenth either way is what runs were seen to differ by.
            Range { low_ms: span, high_ms: span.saturating_add(span / 10) }
        }
        None => Range {
            low_ms: requests.saturating_mul(pace_ms),
            high_ms: windows(requests, QUOTA_GUESS_LOW, HOUR_MS, 0, pace_ms),
        },
    }
}

/// The time that a run takes from one answer to the next while nothing hinders: that of the last minute of work, else
/// that of the whole run; never less than a person's own pace. `None` while too few answers came.
pub fn pace_ms(progress: &Progress, now: Moment) -> Option<i64> {
    if progress.answers < PACE_ANSWERS_MIN {
        return None;
    }
    let mean = |span_ms: i64, answers: u64| {
        (span_ms > 0).then(|| (span_ms / i64::try_from(answers.max(1)).unwrap_or(i64::MAX)).max(1))
    };
    let enough = lately(progress, now).filter(|(point, _)| u64::from(point.answers) >= PACE_ANSWERS_MIN);
    let pace_ms = enough
        .and_then(|(point, covered_ms)| mean(covered_ms, point.answers.into()))
        .or_else(|| mean(worked_ms(progress, now), progress.answers))?;
    Some(pace_ms.max(progress.spacing_ms))
}

/// What the last minute of work brought, and the time that this covers; `None` where it covers too little, or nothing
/// was answered in it.
pub fn lately(progress: &Progress, now: Moment) -> Option<(Point, i64)> {
    let span_ms = progress.working_since.until_ms(now).min(RATE_SPAN_MS);
    let (point, covered_ms) = progress.pulse.lately(now, span_ms);
    (covered_ms >= RATE_SPAN_MS_MIN && point.answers > 0).then_some((point, covered_ms))
}

/// The time in which a run was at work: neither in a cooldown nor paused, and nobody away whom it needs.
pub fn worked_ms(progress: &Progress, now: Moment) -> i64 {
    let idle_ms = match (&progress.wait, progress.phase) {
        (_, Phase::Paused) => progress.phase_since.until_ms(now).max(0),
        (Some(wait), _) => wait.since.until_ms(now).max(0),
        (None, Phase::VendorDown | Phase::StoreAway) => progress.phase_since.until_ms(now).max(0),
        (None, _) => 0,
    };
    let known_ms = progress.cooldown_ms + progress.idle_ms + progress.away_ms;
    (progress.started_at.until_ms(now) - known_ms - idle_ms).max(0)
}

/// How long a run still takes for so many requests, cooldowns to come included; `None` while its pace is measured.
pub fn left(progress: &Progress, requests: u64, now: Moment) -> Option<Range> {
    if requests == 0 {
        return Some(Range { low_ms: 0, high_ms: 0 });
    }
    let pace_ms = pace_ms(progress, now)?;
    let quota = progress.quota.as_ref();
    if quota.is_none() && progress.refusals == 0 && progress.answers >= SERIAL_SUCCESSES as u64 {
        // More than any quota seen in 2025 went through without a 429: the pace is what counts.
        let low_ms = i64::try_from(requests).unwrap_or(i64::MAX).saturating_mul(pace_ms);
        return Some(Range { low_ms, high_ms: low_ms.saturating_add(low_ms / 4) });
    }
    let (wait_ms, used) = match &progress.wait {
        Some(wait) => (now.until_ms(wait.until).max(0), 0), // its window opens at the pace at which it was used
        None => (0, progress.window_used),
    };
    let mut range = duration(requests, quota, used, pace_ms);
    if quota.is_some() {
        range.low_ms -= range.low_ms / 20; // slots that are free by the time that they are needed
    }
    Some(Range { low_ms: range.low_ms.saturating_add(wait_ms), high_ms: range.high_ms.saturating_add(wait_ms) })
}

fn windows(requests: i64, per_window: u32, window_ms: i64, used: u32, pace_ms: i64) -> i64 {
    let per_window = i64::from(per_window.max(1));
    let free = (per_window - i64::from(used)).max(0);
    let burst = requests.saturating_mul(pace_ms);
    if requests <= free {
        return burst;
    }
    let later = requests - free;
    let full = later.div_euclid(per_window) + i64::from(later % per_window != 0);
    let last = later - (full - 1) * per_window;
    // Where the pace is slower than the quota, the pace alone tells.
    full.saturating_mul(window_ms).saturating_add(last.saturating_mul(pace_ms)).max(burst)
}

impl Range {
    /// `3 h 20 min`, or `3 h - 5 h 30 min`.
    pub fn words(self) -> String {
        let (low, high) = (span_words(self.low_ms), span_words(self.high_ms));
        if low == high { low } else { format!("{low} - {high}") }
    }
}

/// A span in words, two units at the most: `47 min 2 s`, `15 h 20 min`, `2 d 3 h`.
pub fn span_words(ms: i64) -> String {
    let s = ms.saturating_add(500) / 1000;
    let (d, h, m) = (s / 86_400, s % 86_400 / 3600, s % 3600 / 60);
    let two = |a: i64, unit_a: &str, b: i64, unit_b: &str| {
        if b == 0 { format!("{a} {unit_a}") } else { format!("{a} {unit_a} {b} {unit_b}") }
    };
    match (d, h, m) {
        (0, 0, 0) => format!("{s} s"),
        (0, 0, m) => two(m, "min", s % 60, "s"),
        (0, h, m) => two(h, "h", m, "min"),
        (d, h, _) => two(d, "d", h, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::governor::quota::Evidence;
    use crate::domain::moment::Moment;

    #[test]
    fn the_job_of_2025_takes_what_its_throttle_allows() {
        let quota = Quota { requests: 800, window_ms: HOUR_MS, evidence: Evidence::Matched, learned_at: Moment(0) };
        let range = duration(14_928, Some(&quota), 0, 200);
        assert_eq!(range.low_ms / HOUR_MS, 18);
        assert!(duration(14_928, None, 0, 200).high_ms > range.high_ms);
        assert_eq!(duration(100, Some(&quota), 0, 200).low_ms, 20_000);
        assert_eq!(duration(100, Some(&quota), 800, 200).low_ms, HOUR_MS + 20_000);
    }

    #[test]
    fn a_slower_pace_by_request_and_an_outage_are_seen_in_what_is_left() {
        let mut progress = Progress { answers: 2_000, requests_left: 1_000, ..Progress::default() };
        let now = Moment(200_000);
        let low_ms = |progress: &Progress, now| left(progress, 1_000, now).map(|range| range.low_ms);
        assert_eq!(low_ms(&progress, now), Some(100_000));
        progress.spacing_ms = 2_000;
        assert_eq!(low_ms(&progress, now), Some(2_000_000));
        // The vendor was away for five hours after that: it is as quick as it was.
        (progress.spacing_ms, progress.away_ms) = (0, 5 * HOUR_MS);
        assert_eq!(low_ms(&progress, now + 5 * HOUR_MS), Some(100_000));
    }

    #[test]
    fn spans_are_said_in_two_units() {
        let words = [400, 59_000, 2_815_000, 3_600_000, 55_200_000, 200_000_000].map(span_words);
        assert_eq!(words, ["0 s", "59 s", "46 min 55 s", "1 h", "15 h 20 min", "2 d 7 h"]);
    }
}
