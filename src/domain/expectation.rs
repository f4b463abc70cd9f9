//! When a run will be done, in states instead of a wrong number; and how good earlier words on it were.

use serde::{Deserialize, Serialize};

use super::forecast::{self, Range};
use super::moment::Moment;
use super::progress::{Phase, Progress};
use crate::limits::{FORECAST_EVERY_MS_MIN, FORECAST_GAP_PARTS, FORECASTS_KEPT_MAX, PACE_ANSWERS_MIN};

/// When a run will be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Expectation {
    /// No run is at work.
    None,
    /// It asks what there is, or too few answers came to tell its pace.
    Measuring {
        /// Answers that came.
        answers: u64,
        /// Answers that it takes.
        of: u64,
    },
    /// Between these two, cooldowns to come included.
    Ready {
        /// At the soonest.
        low_at: Moment,
        /// At the latest.
        high_at: Moment,
    },
    /// Nothing is left to ask for: any moment now.
    Due,
    /// The vendor or the store is away: nobody knows until when.
    Away,
    /// It is paused: how long it would still take, once it goes on.
    Paused {
        /// At the least; `None` while its pace is not known.
        low_ms: Option<i64>,
        /// At the most.
        high_ms: Option<i64>,
    },
}

/// What was once said of the finish. It is kept as `[at, low_at, high_at]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[Moment; 3]", into = "[Moment; 3]")]
pub struct Said {
    /// When it was said.
    pub at: Moment,
    /// The finish at the soonest.
    pub low_at: Moment,
    /// The finish at the latest.
    pub high_at: Moment,
}

/// How good a forecast was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Score {
    /// What was said.
    pub said: Said,
    /// How far the finish was outside of the range: late positive, early negative, inside zero.
    pub off_ms: i64,
    /// The same in parts of a thousand of the time that was left then.
    pub off_permille: i64,
}

/// When a run will be done. `is_working`: whether its process lives and has not ended.
pub fn expectation(progress: &Progress, is_working: bool, now: Moment) -> Expectation {
    let range = || forecast::left(progress, progress.requests_left, now);
    match progress.phase {
        Phase::Ended => Expectation::None,
        _ if !is_working => Expectation::None,
        Phase::VendorDown | Phase::StoreAway => Expectation::Away,
        Phase::Paused => {
            let range = range();
            Expectation::Paused { low_ms: range.map(|range| range.low_ms), high_ms: range.map(|range| range.high_ms) }
        }
        // Before the plan nothing is left to ask for either: a listing may have to wait as well.
        Phase::Fetching | Phase::Waiting if progress.requests_left == 0 && !progress.currencies.is_empty() => {
            Expectation::Due
        }
        Phase::Fetching | Phase::Waiting if !progress.currencies.is_empty() => match range() {
            Some(Range { low_ms, high_ms }) => Expectation::Ready { low_at: now + low_ms, high_at: now + high_ms },
            None => Expectation::Measuring { answers: progress.answers.min(PACE_ANSWERS_MIN), of: PACE_ANSWERS_MIN },
        },
        Phase::Starting | Phase::Listing | Phase::Fetching | Phase::Waiting | Phase::Stopping => {
            Expectation::Measuring { answers: progress.answers.min(PACE_ANSWERS_MIN), of: PACE_ANSWERS_MIN }
        }
    }
}

/// Says when the run will be done, where it is time to say so again: ever more seldom, so that a run of any length
/// keeps a bounded number of forecasts.
pub fn say(progress: &mut Progress, now: Moment) {
    let gap_ms = FORECAST_EVERY_MS_MIN.max(progress.started_at.until_ms(now) / FORECAST_GAP_PARTS);
    // What was said before the quota was known is worth little: it is said anew at once.
    let learned_at = progress.quota.as_ref().map(|quota| quota.learned_at);
    let is_due = progress.forecasts.last().is_none_or(|last| {
        last.at.until_ms(now) >= gap_ms || learned_at.is_some_and(|learned_at| learned_at > last.at)
    });
    if !is_due || progress.forecasts.len() >= FORECASTS_KEPT_MAX {
        return;
    }
    if let Expectation::Ready { low_at, high_at } = expectation(progress, true, now) {
        progress.forecasts.push(Said { at: now, low_at, high_at });
    }
}

/// How good a forecast was, now that the finish is known.
pub fn score(said: Said, finished_at: Moment) -> Score {
    let off_ms = if finished_at < said.low_at {
        said.low_at.until_ms(finished_at)
    } else {
        said.high_at.until_ms(finished_at).max(0)
    };
    let left_ms = said.at.until_ms(finished_at).max(1);
    Score { said, off_ms, off_permille: off_ms.saturating_mul(1_000) / left_ms }
}

impl From<[Moment; 3]> for Said {
    fn from([at, low_at, high_at]: [Moment; 3]) -> Said {
        Said { at, low_at, high_at }
    }
}

impl From<Said> for [Moment; 3] {
    fn from(said: Said) -> [Moment; 3] {
        [said.at, said.low_at, said.high_at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::governor::quota::Quota;
    use crate::domain::instrument::Currency;
    use crate::domain::progress::CurrencyProgress;
    use crate::limits::{DAY_MS, SECOND_MS};

    fn at_work() -> Progress {
        let eth = CurrencyProgress::planned(Currency::stored("ETH"), 150);
        Progress {
            phase: Phase::Fetching,
            answers: 50,
            requests_left: 100,
            currencies: vec![eth],
            ..Progress::default()
        }
    }

    #[test]
    fn there_is_a_state_for_each_time_without_a_number() {
        let now = Moment(50 * SECOND_MS);
        let ready = Expectation::Ready { low_at: now + 100 * SECOND_MS, high_at: Moment(0) };
        let low = |expectation| match expectation {
            Expectation::Ready { low_at, .. } => Some(low_at),
            _ => None,
        };
        assert_eq!(low(expectation(&at_work(), true, now)), low(ready));
        assert_eq!(expectation(&at_work(), false, now), Expectation::None);
        let few = Progress { answers: 3, ..at_work() };
        assert_eq!(expectation(&few, true, now), Expectation::Measuring { answers: 3, of: PACE_ANSWERS_MIN });
        let none_left = Progress { requests_left: 0, ..at_work() };
        assert_eq!(expectation(&none_left, true, now), Expectation::Due);
        let listing = Progress { phase: Phase::Waiting, currencies: Vec::new(), ..none_left };
        assert!(matches!(expectation(&listing, true, now), Expectation::Measuring { .. }));
        let paused = Progress { phase: Phase::Paused, phase_since: now, ..at_work() };
        assert!(matches!(expectation(&paused, true, now), Expectation::Paused { low_ms: Some(100_000), .. }));
        for phase in [Phase::VendorDown, Phase::StoreAway] {
            assert_eq!(expectation(&Progress { phase, ..at_work() }, true, now), Expectation::Away);
            assert_eq!(expectation(&Progress { phase, ..at_work() }, false, now), Expectation::None);
        }
        let ended = Progress { phase: Phase::Ended, ..at_work() };
        assert_eq!(expectation(&ended, true, now), Expectation::None);
    }

    #[test]
    fn forecasts_are_said_ever_more_seldom() {
        let mut progress = at_work();
        for minute in 0..30 * 24 * 60 {
            say(&mut progress, Moment(minute * 60 * SECOND_MS));
        }
        assert!(progress.forecasts.len() > 20 && progress.forecasts.len() <= FORECASTS_KEPT_MAX);
        assert!(progress.forecasts.last().is_some_and(|last| last.at.0 > 20 * DAY_MS));
    }

    #[test]
    fn a_quota_that_is_learned_is_news_for_the_finish() {
        let mut progress = at_work();
        say(&mut progress, Moment(50_000));
        say(&mut progress, Moment(51_000));
        assert_eq!(progress.forecasts.len(), 1);
        let evidence = crate::domain::governor::quota::Evidence::Matched;
        progress.quota = Some(Quota { requests: 10, window_ms: 10_000, evidence, learned_at: Moment(51_500) });
        say(&mut progress, Moment(52_000));
        say(&mut progress, Moment(53_000));
        assert_eq!(progress.forecasts.len(), 2);
        assert!(progress.forecasts[1].low_at > progress.forecasts[0].high_at, "it narrows to the truth");
    }

    #[test]
    fn a_forecast_is_scored_against_the_finish() {
        let said = Said { at: Moment(0), low_at: Moment(1_000), high_at: Moment(2_000) };
        assert_eq!(score(said, Moment(1_500)).off_ms, 0);
        assert_eq!(score(said, Moment(2_500)).off_ms, 500);
        assert_eq!(score(said, Moment(2_500)).off_permille, 200);
        assert_eq!(score(said, Moment(800)).off_ms, -200);
    }
}
