//! A run's progress in another time than its own: every moment in it, and nothing else.

use super::expectation::Said;
use super::moment::Moment;
use super::progress::{Progress, Wait};

impl Progress {
    /// The same with each of its moments moved on by so much. Every field is named here, so that a new one cannot be
    /// forgotten.
    #[must_use]
    pub fn moved(mut self, by_ms: i64) -> Progress {
        let Progress {
            phase_since,
            started_at,
            working_since,
            wait,
            currencies,
            pulse,
            cooled_until,
            quota,
            accepted_at,
            errors,
            tail,
            forecasts,
            phase: _,
            paused: _,
            beneath: _,
            before: _,
            spacing_ms: _,
            requests: _,
            answers: _,
            requests_left: _,
            outcomes: _,
            bytes: _,
            latencies: _,
            latency_sum_ms: _,
            rows_inserted: _,
            rows_unchanged: _,
            rows_revised: _,
            rows_flagged: _,
            cooldowns: _,
            cooldown_ms: _,
            idle_ms: _,
            away_ms: _,
            refusals: _,
            blocked: _,
            failures_in_row: _,
            window_used: _,
            needs_bytes: _,
            ending: _,
            passed: _,
        } = &mut self;
        let on = |at: &mut Moment| *at = *at + by_ms;
        [phase_since, started_at, working_since, &mut pulse.since].into_iter().for_each(on);
        [cooled_until, accepted_at].into_iter().flatten().for_each(on);
        if let Some(Wait { since, until, reason: _, next: _ }) = wait {
            [since, until].into_iter().for_each(on);
        }
        currencies.iter_mut().flat_map(|currency| &mut currency.reached.0).flatten().for_each(on);
        *quota = quota.take().map(|quota| quota.moved(by_ms));
        errors.iter_mut().map(|(at, _, _)| at).for_each(on);
        *tail = std::mem::take(tail).moved(by_ms);
        for Said { at, low_at, high_at } in forecasts {
            [at, low_at, high_at].into_iter().for_each(on);
        }
        self
    }
}
