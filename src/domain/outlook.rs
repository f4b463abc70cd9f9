//! What a run's progress means, in numbers for every view: how fast, how far, until when, against the start.

use serde::Serialize;

use super::expectation::{Expectation, expectation};
use super::forecast::{lately, worked_ms};
use super::instrument::Currency;
use super::latency::Percentiles;
use super::milestone::{Milestone, milestones};
use super::moment::Moment;
use super::progress::{Phase, Progress};
use super::tally::Tally;
use crate::limits::ROWS_GUESS_OPTIONS_MIN;

/// What a run's progress means.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outlook {
    /// When it will be done.
    pub expectation: Expectation,
    /// A quarter, a half, three quarters and all of each currency.
    pub milestones: Vec<Milestone>,
    /// How fast it is now.
    pub rate: Option<Rate>,
    /// How long answers take.
    pub latency: Option<Percentiles>,
    /// Each currency against the start and the target.
    pub changes: Vec<Change>,
    /// Growth of the table since the start.
    pub grown_bytes: Option<i64>,
}

/// How fast a run is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// Options done with, a second.
    pub options_per_s: f64,
    /// Answers, a second.
    pub answers_per_s: f64,
    /// New bars, a second.
    pub rows_per_s: f64,
}

/// One currency: before the run, now, and when all is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The currency.
    pub currency: Currency,
    /// Bars, stored options and options not known before the run; `None` where no run knows.
    pub before: Option<Counts>,
    /// The same now.
    pub now: Counts,
    /// The options that are listed: all of them are the target.
    pub listed: u64,
    /// Bars that the target will hold, from the mean of the options that are known; `None` while too few are.
    pub rows_expected: Option<u64>,
}

/// What the tables of a run compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Bars.
    pub rows: u64,
    /// Options with bars.
    pub stored: u64,
    /// Options not known: pending, or in need of attention.
    pub missing: u64,
}

impl Outlook {
    /// What is known of a run. `is_working`: whether its process lives and has not ended.
    pub fn of(progress: &Progress, tallies: &[Tally], bytes: u64, is_working: bool, now: Moment) -> Outlook {
        let expectation = expectation(progress, is_working, now);
        let expects = matches!(expectation, Expectation::Ready { .. });
        let grown = |before: u64| bytes.cast_signed() - before.cast_signed();
        Outlook {
            expectation,
            milestones: milestones(progress, now, expects),
            rate: if is_working && progress.phase == Phase::Fetching { Rate::now(progress, now) } else { None },
            latency: progress.latencies.percentiles(),
            changes: tallies.iter().map(|tally| Change::of(tally, progress)).collect(),
            grown_bytes: progress.before.as_ref().map(|before| grown(before.bytes)),
        }
    }
}

impl Rate {
    /// Over the last minute in which the run was free to work; `None` while there is nothing to tell.
    pub fn now(progress: &Progress, now: Moment) -> Option<Rate> {
        let (done, _) = progress.options();
        let (options, answers, rows, ms) = match lately(progress, now) {
            Some((point, covered_ms)) => (point.done.into(), point.answers.into(), point.rows.into(), covered_ms),
            None => (done, progress.answers, progress.rows_inserted, worked_ms(progress, now)),
        };
        #[allow(clippy::cast_precision_loss)] // rates for the eye
        let per_s = |count: u64| count as f64 * 1_000.0 / ms as f64;
        (ms >= 1_000 && answers + options > 0).then(|| Rate {
            options_per_s: per_s(options),
            answers_per_s: per_s(answers),
            rows_per_s: per_s(rows),
        })
    }

    /// `4.8 options/s`; per minute where that is less than one in two seconds.
    pub fn words(self) -> Option<String> {
        let per_s = self.options_per_s;
        (per_s > 0.0).then(|| {
            if per_s >= 0.5 { format!("{per_s:.1} options/s") } else { format!("{:.1} options/min", per_s * 60.0) }
        })
    }
}

impl Change {
    fn of(tally: &Tally, progress: &Progress) -> Change {
        let before = progress.before.as_ref().map(|before| {
            let same = before.tallies.iter().find(|one| one.currency == tally.currency);
            same.map_or(Counts { rows: 0, stored: 0, missing: tally.listed }, Counts::of)
        });
        let known = tally.known();
        let guess = || {
            let mean_rows = u128::from(tally.rows) * u128::from(tally.listed) / u128::from(known.max(1));
            u64::try_from(mean_rows).unwrap_or(u64::MAX)
        };
        let rows_expected = match known {
            known if known == tally.listed => Some(tally.rows),
            known if known >= ROWS_GUESS_OPTIONS_MIN => Some(guess()),
            _ => None,
        };
        Change { currency: tally.currency.clone(), before, now: Counts::of(tally), listed: tally.listed, rows_expected }
    }
}

impl Counts {
    fn of(tally: &Tally) -> Counts {
        Counts { rows: tally.rows, stored: tally.stored, missing: tally.pending + tally.attention }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Before;
    use crate::domain::progress::CurrencyProgress;
    use crate::limits::SECOND_MS;

    fn tally(rows: u64, stored: u64) -> Tally {
        let eth = Currency::stored("ETH");
        Tally { listed: 8_679, pending: 8_679 - stored, stored, rows, ..Tally::nothing(eth) }
    }

    #[test]
    fn a_run_is_compared_with_its_start_and_its_target() {
        let before = Before { tallies: vec![tally(26_078, 1_941)], bytes: 9_000_000 };
        let progress = Progress { before: Some(before), ..Progress::default() };
        let outlook = Outlook::of(&progress, &[tally(60_000, 4_340)], 20_000_000, false, Moment(0));
        let change = &outlook.changes[0];
        assert_eq!(change.before, Some(Counts { rows: 26_078, stored: 1_941, missing: 6_738 }));
        assert_eq!(change.now.missing, 4_339);
        assert_eq!(change.rows_expected, Some(119_986));
        assert_eq!(outlook.grown_bytes, Some(11_000_000));
        assert_eq!(outlook.expectation, Expectation::None);
    }

    #[test]
    fn the_rate_is_that_of_the_last_minute_of_work_and_not_of_the_wait_before() {
        let eth = CurrencyProgress { done: 500, ..CurrencyProgress::planned(Currency::stored("ETH"), 8_679) };
        let mut progress = Progress { phase: Phase::Fetching, currencies: vec![eth], ..Progress::default() };
        for second in 0..40 {
            progress.pulse.at(Moment(second * SECOND_MS)).answers += 20;
        }
        // A wait from second 40 to 160; then five a second.
        progress.working_since = Moment(160 * SECOND_MS);
        for second in 160..190 {
            let point = progress.pulse.at(Moment(second * SECOND_MS));
            (point.answers, point.done) = (5, 5);
        }
        let rate = Rate::now(&progress, Moment(189 * SECOND_MS));
        assert_eq!(rate.and_then(Rate::words).as_deref(), Some("5.0 options/s"));
        assert_eq!(Rate::now(&Progress::default(), Moment(0)), None);
    }
}
