//! A quarter, a half, three quarters and all of a currency's options: when each was reached, or is expected.

use serde::{Deserialize, Serialize};

use super::forecast;
use super::instrument::Currency;
use super::moment::Moment;
use super::progress::{CurrencyProgress, Progress};

/// The parts of a currency's options that are told, in percent.
pub const PERCENTS: [u64; 4] = [25, 50, 75, 100];

/// When each of [`PERCENTS`] was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reached(pub [Option<Moment>; 4]);

/// One milestone of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Milestone {
    /// The currency.
    pub currency: Currency,
    /// Of the options that the run asks for.
    pub percent: u64,
    /// The options that this is.
    pub options: u64,
    /// When it was reached.
    pub reached_at: Option<Moment>,
    /// When it is expected at the soonest; only of a run that works and knows its pace.
    pub low_at: Option<Moment>,
    /// When it is expected at the latest.
    pub high_at: Option<Moment>,
}

/// A milestone that was reached just now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// The currency.
    pub currency: Currency,
    /// Of the options that the run asks for.
    pub percent: u64,
    /// The options that are done.
    pub options: u64,
    /// The options that the run asks for.
    pub of: u64,
}

impl Reached {
    /// Notes the milestones that were reached with so many options done, and returns the highest of them.
    pub fn note(&mut self, done: u64, todo: u64, at: Moment) -> Option<u64> {
        let mut highest = None;
        for (percent, reached) in PERCENTS.into_iter().zip(&mut self.0) {
            if reached.is_none() && todo > 0 && done >= options_at(percent, todo) {
                *reached = Some(at);
                highest = Some(percent);
            }
        }
        highest
    }

    /// Takes back what is no longer reached, because more is asked for now.
    pub fn hold(&mut self, done: u64, todo: u64) {
        for (percent, reached) in PERCENTS.into_iter().zip(&mut self.0) {
            if done < options_at(percent, todo) {
                *reached = None;
            }
        }
    }
}

/// All milestones of a run, currency by currency. `expects`: whether the run is at work, so that what is not reached
/// can be expected.
pub fn milestones(progress: &Progress, now: Moment, expects: bool) -> Vec<Milestone> {
    let mut found = Vec::with_capacity(progress.currencies.len() * PERCENTS.len());
    let mut before = 0; // currencies are asked for one after another
    for one in progress.currencies.iter().filter(|one| one.todo > 0) {
        for (percent, reached_at) in PERCENTS.into_iter().zip(one.reached.0) {
            let options = options_at(percent, one.todo);
            let expected = if expects && reached_at.is_none() {
                expected(progress, before + options.saturating_sub(one.done), now)
            } else {
                None
            };
            found.push(Milestone {
                currency: one.currency.clone(),
                percent,
                options,
                reached_at,
                low_at: expected.map(|range| now + range.low_ms),
                high_at: expected.map(|range| now + range.high_ms),
            });
        }
        before += left(one);
    }
    found
}

fn left(one: &CurrencyProgress) -> u64 {
    one.todo.saturating_sub(one.done)
}

fn expected(progress: &Progress, options: u64, now: Moment) -> Option<forecast::Range> {
    let all: u64 = progress.currencies.iter().map(left).sum();
    // An expiry's answer brings many options: requests are shared out evenly over what is left.
    let requests = progress.requests_left.saturating_mul(options).div_ceil(all.max(1));
    forecast::left(progress, requests, now)
}

/// Rounded up: the last quarter of three options is the third.
fn options_at(percent: u64, todo: u64) -> u64 {
    (todo * percent).div_ceil(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(name: &str, done: u64, todo: u64) -> CurrencyProgress {
        CurrencyProgress { done, ..CurrencyProgress::planned(Currency::stored(name), todo) }
    }

    #[test]
    fn milestones_are_noted_once_in_order_and_several_at_once() {
        let mut reached = Reached::default();
        assert_eq!(reached.note(1_684, 6_738, Moment(1)), None);
        assert_eq!(reached.note(1_685, 6_738, Moment(2)), Some(25));
        assert_eq!(reached.note(1_686, 6_738, Moment(3)), None);
        assert_eq!(reached.note(6_738, 6_738, Moment(4)), Some(100));
        assert_eq!(reached.0, [2, 4, 4, 4].map(|at| Some(Moment(at))));
        reached.hold(6_738, 6_740);
        assert_eq!(reached.0[3], None, "two more are asked for");
        assert_eq!(reached.0[2], Some(Moment(4)));
        assert_eq!(Reached::default().note(0, 0, Moment(1)), None, "nothing to do is no milestone");
    }

    #[test]
    fn what_is_not_reached_is_expected_after_the_currencies_before_it() {
        let progress = Progress {
            currencies: vec![currency("ETH", 50, 100), currency("BTC", 0, 100)],
            answers: 50,
            requests_left: 150,
            ..Progress::default()
        };
        let found = milestones(&progress, Moment(50_000), true);
        let soonest: Vec<_> = found.iter().map(|one| one.low_at.map(|at| at.0)).collect();
        // A second a request: 75 % of ETH are 25 requests away, 25 % of BTC are 75.
        assert_eq!(soonest[2..5], [Some(75_000), Some(100_000), Some(125_000)]);
        assert!(milestones(&progress, Moment(50_000), false).iter().all(|one| one.high_at.is_none()));
    }
}
