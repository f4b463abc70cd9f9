//! A run's progress in another time than its own: every moment in it, and nothing else.

use super::expectation::Said;
use super::governor::quota::Quota;
use super::milestone::Reached;
use super::moment::Moment;
use super::progress::{CurrencyProgress, Progress, Wait};
use super::pulse::Pulse;

impl Progress {
    /// The same with each of its moments moved on by so much. Every field is named here, so that a new one cannot be
    /// forgotten.
    #[must_use]
    pub fn moved(self, by_ms: i64) -> Progress {
        let Progress {
            phase,
            phase_since,
            started_at,
            paused,
            beneath,
            working_since,
            wait,
            before,
            currencies,
            spacing_ms,
            requests,
            answers,
            requests_left,
            outcomes,
            bytes,
            latencies,
            latency_sum_ms,
            pulse,
            rows_inserted,
            rows_unchanged,
            rows_revised,
            rows_flagged,
            cooldowns,
            cooled_until,
            cooldown_ms,
            idle_ms,
            away_ms,
            refusals,
            blocked,
            failures_in_row,
            quota,
            window_used,
            accepted_at,
            errors,
            tail,
            forecasts,
            ending,
            passed,
        } = self;
        let moved = |at: Option<Moment>| at.map(|at| at + by_ms);
        let said =
            |said: Said| Said { at: said.at + by_ms, low_at: said.low_at + by_ms, high_at: said.high_at + by_ms };
        let reached = |currency: CurrencyProgress| CurrencyProgress {
            reached: Reached(currency.reached.0.map(moved)),
            ..currency
        };
        Progress {
            phase,
            phase_since: phase_since + by_ms,
            started_at: started_at + by_ms,
            paused,
            beneath,
            working_since: working_since + by_ms,
            wait: wait.map(|wait| Wait { since: wait.since + by_ms, until: wait.until + by_ms, ..wait }),
            before,
            currencies: currencies.into_iter().map(reached).collect(),
            spacing_ms,
            requests,
            answers,
            requests_left,
            outcomes,
            bytes,
            latencies,
            latency_sum_ms,
            pulse: Pulse { since: pulse.since + by_ms, ..pulse },
            rows_inserted,
            rows_unchanged,
            rows_revised,
            rows_flagged,
            cooldowns,
            cooled_until: moved(cooled_until),
            cooldown_ms,
            idle_ms,
            away_ms,
            refusals,
            blocked,
            failures_in_row,
            quota: quota.map(|quota| Quota { learned_at: quota.learned_at + by_ms, ..quota }),
            window_used,
            accepted_at: moved(accepted_at),
            errors: errors.into_iter().map(|(at, why, count)| (at + by_ms, why, count)).collect(),
            tail: tail.moved(by_ms),
            forecasts: forecasts.into_iter().map(said).collect(),
            ending,
            passed,
        }
    }
}
