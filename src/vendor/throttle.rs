//! The throttle of Django REST Framework: a sliding log of N requests in W, told the time by its caller.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use crate::domain::moment::Moment;
use crate::limits::{DAY_MS, HOUR_MS, SECOND_MS};

/// N requests per window, written `800/hour`, `60/10s` or `5/2.5min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests that one window holds.
    pub requests: u32,
    /// Length of the window.
    pub window_ms: i64,
}

/// Why a text is not a rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a rate: write requests per window, like 800/hour, 60/10s or 5/min")]
pub struct RateError {
    text: String,
}

/// One limit and the times of the requests that it still counts.
#[derive(Clone, Debug)]
pub struct Throttle {
    rate: Rate,
    /// Oldest first.
    counted: VecDeque<Moment>,
}

/// All limits that stand before one view.
#[derive(Clone, Debug, Default)]
pub struct Throttles(Vec<Throttle>);

/// A refusal. `wait_s` is `None` where DRF itself cannot say: the limit was lowered under what is counted (T1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What `Retry-After` and the text state.
    pub wait_s: Option<i64>,
}

impl Throttle {
    /// A limit that has counted nothing yet.
    pub fn new(rate: Rate) -> Throttle {
        Throttle { rate, counted: VecDeque::new() }
    }

    /// Counts a request, or refuses it: a refused one is not counted.
    pub fn allow(&mut self, now: Moment) -> bool {
        while self.counted.front().is_some_and(|oldest| *oldest <= now - self.rate.window_ms) {
            self.counted.pop_front();
        }
        if self.counted.len() >= self.rate.requests as usize {
            return false;
        }
        self.counted.push_back(now);
        true
    }

    /// What DRF's `wait()` answers after a refusal, in milliseconds: the rest of the oldest request's window
    /// over the slots that will be free then, `None` where there will be none.
    pub fn wait_ms(&self, now: Moment) -> Option<f64> {
        let left_ms = match self.counted.front() {
            Some(oldest) => self.rate.window_ms - oldest.until_ms(now),
            None => self.rate.window_ms,
        };
        let slots = i64::from(self.rate.requests) - i64::try_from(self.counted.len()).unwrap_or(i64::MAX) + 1;
        #[allow(clippy::cast_precision_loss)] // milliseconds of a few days and a handful of slots
        (slots > 0).then(|| left_ms as f64 / slots as f64)
    }
}

impl Throttles {
    /// Limits that have counted nothing yet.
    pub fn new(rates: &[Rate]) -> Throttles {
        Throttles(rates.iter().copied().map(Throttle::new).collect())
    }

    /// Asks every limit, as DRF does: a request that one of them refuses still spends the others (T4).
    ///
    /// # Errors
    /// The refusal, with the longest wait of those that refused.
    pub fn check(&mut self, now: Moment) -> Result<(), Refusal> {
        let mut refused = false;
        let mut wait_ms: Option<f64> = None;
        for throttle in &mut self.0 {
            if !throttle.allow(now) {
                refused = true;
                wait_ms = match (wait_ms, throttle.wait_ms(now)) {
                    (Some(a), Some(b)) => Some(a.max(b)),
                    (a, b) => a.or(b),
                };
            }
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        let ceil_s = |ms: f64| (ms / SECOND_MS as f64).ceil() as i64;
        if refused { Err(Refusal { wait_s: wait_ms.map(ceil_s) }) } else { Ok(()) }
    }

    /// Other limits from now on. Where one keeps its place, what it counted stays counted, as it does when an
    /// operator changes a rate and the cache lives on (T7).
    pub fn change(&mut self, rates: &[Rate]) {
        self.0.truncate(rates.len());
        for (at, rate) in rates.iter().enumerate() {
            match self.0.get_mut(at) {
                Some(throttle) => throttle.rate = *rate,
                None => self.0.push(Throttle::new(*rate)),
            }
        }
    }

    /// Forgets what was counted: the server was restarted (T6).
    pub fn forget(&mut self) {
        self.0.iter_mut().for_each(|throttle| throttle.counted.clear());
    }
}

impl Refusal {
    /// The body that DRF sends with a 429.
    pub fn body(&self) -> String {
        let when = match self.wait_s {
            None => String::new(),
            Some(1) => " Expected available in 1 second.".to_owned(),
            Some(s) => format!(" Expected available in {s} seconds."),
        };
        format!(r#"{{"detail":"Request was throttled.{when}"}}"#)
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Rate, RateError> {
        let wrong = || RateError { text: text.to_owned() };
        let (requests, window) = text.split_once('/').ok_or_else(wrong)?;
        let requests = requests.trim().parse().map_err(|_| wrong())?;
        let window = window.trim();
        let (count, unit) = window.split_at(window.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?);
        let count: f64 = if count.is_empty() { 1.0 } else { count.trim().parse().map_err(|_| wrong())? };
        let unit_ms = match unit {
            "ms" => 1,
            "s" | "sec" | "second" | "seconds" => SECOND_MS,
            "m" | "min" | "minute" | "minutes" => 60 * SECOND_MS,
            "h" | "hour" | "hours" => HOUR_MS,
            "d" | "day" | "days" => DAY_MS,
            _ => return Err(wrong()),
        };
        #[allow(clippy::cast_precision_loss)]
        let window_ms = count * unit_ms as f64;
        if !(1.0..=1e12).contains(&window_ms) {
            return Err(wrong());
        }
        #[allow(clippy::cast_possible_truncation)] // the range was just checked
        Ok(Rate { requests, window_ms: window_ms.round() as i64 })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rate { requests, window_ms } = self;
        match *window_ms {
            SECOND_MS => write!(f, "{requests}/s"),
            60_000 => write!(f, "{requests}/min"),
            HOUR_MS => write!(f, "{requests}/hour"),
            DAY_MS => write!(f, "{requests}/day"),
            ms if ms % SECOND_MS == 0 => write!(f, "{requests}/{}s", ms / SECOND_MS),
            ms => write!(f, "{requests}/{ms}ms"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn throttles(text: &[&str]) -> Throttles {
        let rates: Vec<Rate> = text.iter().map(|rate| rate.parse().unwrap()).collect();
        Throttles::new(&rates)
    }

    fn ask(throttles: &mut Throttles, at_s: f64) -> Result<(), Option<i64>> {
        #[allow(clippy::cast_possible_truncation)]
        let at = Moment((at_s * 1000.0) as i64);
        throttles.check(at).map_err(|refusal| refusal.wait_s)
    }

    #[test]
    fn five_an_hour_answers_what_the_real_framework_answered() {
        // F-T3: after the wait one slot opens, not a window. The numbers were observed on DRF 3.18.3.
        let mut five = throttles(&["5/hour"]);
        for request in 0..5 {
            assert_eq!(ask(&mut five, f64::from(request) * 10.0), Ok(()));
        }
        assert_eq!(ask(&mut five, 50.0), Err(Some(3550)));
        assert_eq!(ask(&mut five, 1050.0), Err(Some(2550)), "refused ones do not count");
        assert_eq!(ask(&mut five, 3599.4), Err(Some(1)));
        assert_eq!(ask(&mut five, 3600.0), Ok(()), "exactly at expiry");
        assert_eq!(ask(&mut five, 3600.0), Err(Some(10)), "the next oldest is 10 s younger");
    }

    #[test]
    fn a_request_refused_by_one_limit_spends_the_other() {
        // F-T4: observed on DRF 3.18.3 with 2/min and 5/hour, 12 requests 1 s apart, one more 70 s later.
        let mut two = throttles(&["2/min", "5/hour"]);
        let seen: Vec<_> = (0..12).map(|second| ask(&mut two, f64::from(second))).collect();
        let waits = [58, 57, 56, 3595, 3594, 3593, 3592, 3591, 3590, 3589];
        assert_eq!(seen[..2], [Ok(()), Ok(())]);
        assert_eq!(seen[2..], waits.map(|wait| Err(Some(wait))));
        assert_eq!(ask(&mut two, 82.0), Err(Some(3518)), "the minute is free, the hour is not");
    }

    #[test]
    fn a_limit_that_was_lowered_under_its_count_cannot_say_when() {
        // F-T1, F-T7
        let mut limits = throttles(&["5/hour"]);
        for _ in 0..5 {
            limits.check(Moment(0)).unwrap();
        }
        limits.change(&["4/hour".parse().unwrap()]);
        assert_eq!(limits.check(Moment(0)), Err(Refusal { wait_s: None }));
        limits.change(&["9/hour".parse().unwrap()]);
        assert_eq!(limits.check(Moment(0)), Ok(()), "a raised one takes more at once");
        limits.change(&["6/hour".parse().unwrap()]);
        limits.forget();
        assert_eq!(limits.check(Moment(0)), Ok(()), "a restarted server has forgotten");
    }

    #[test]
    fn the_words_are_the_frameworks_own() {
        // F-T5
        let said = |wait_s| Refusal { wait_s }.body();
        assert_eq!(said(Some(2815)), r#"{"detail":"Request was throttled. Expected available in 2815 seconds."}"#);
        assert_eq!(said(Some(1)), r#"{"detail":"Request was throttled. Expected available in 1 second."}"#);
        assert_eq!(said(None), r#"{"detail":"Request was throttled."}"#);
    }

    #[test]
    fn rates_are_read_and_written() {
        for (text, requests, window_ms, shown) in [
            ("800/hour", 800, HOUR_MS, "800/hour"),
            ("60/10s", 60, 10_000, "60/10s"),
            ("5/2.5s", 5, 2_500, "5/2500ms"),
            ("20/second", 20, 1_000, "20/s"),
            ("3/day", 3, DAY_MS, "3/day"),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!((rate, rate.to_string().as_str()), (Rate { requests, window_ms }, shown));
            assert_eq!(rate.to_string().parse(), Ok(rate));
        }
        for wrong in ["", "800", "800/", "800/fortnight", "x/s", "-1/s", "5/0s", "5/-1s", "5/NaNs", "5/1e99s"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}
