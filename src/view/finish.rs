//! When a run will be done, in words: a range that includes the waits to come, or the state that has no number yet.

use jiff::tz::TimeZone;

use crate::domain::expectation::Expectation;
use crate::domain::forecast::Range;
use crate::domain::moment::Moment;

/// The words; `None` where nothing is expected.
pub fn words(expectation: Expectation, now: Moment, tz: &TimeZone) -> Option<String> {
    match expectation {
        Expectation::None => None,
        Expectation::Measuring { answers, of } => Some(format!("being measured, {answers} of {of} answers")),
        Expectation::Ready { low_at, high_at } => {
            let left = Range { low_ms: now.until_ms(low_at), high_ms: now.until_ms(high_at) };
            Some(format!("{}, in {}", between(low_at, high_at, now, tz), left.words()))
        }
        Expectation::Due => Some("any moment now".to_owned()),
        Expectation::Paused { low_ms: Some(low_ms), high_ms: Some(high_ms) } => {
            Some(format!("paused; {} once it goes on", Range { low_ms, high_ms }.words()))
        }
        Expectation::Paused { .. } => Some("paused; its pace is not known yet".to_owned()),
    }
}

/// `19:40 - 21:10`; the date is said once where both are of one day.
pub fn between(low_at: Moment, high_at: Moment, now: Moment, tz: &TimeZone) -> String {
    let (low, high) = (low_at.short(tz, now), high_at.short(tz, now));
    if low == high {
        return low;
    }
    match (low.rsplit_once(' '), high.rsplit_once(' ')) {
        (Some((day, _)), Some((same, time))) if day == same => format!("{low} - {time}"),
        _ => format!("{low} - {high}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{DAY_MS, HOUR_MS};

    #[test]
    fn a_finish_is_a_range_or_a_state() {
        let now = Moment(1_761_453_200_000);
        let say = |expectation| words(expectation, now, &TimeZone::UTC);
        let ready = |low_ms, high_ms| say(Expectation::Ready { low_at: now + low_ms, high_at: now + high_ms });
        assert_eq!(ready(HOUR_MS, 2 * HOUR_MS).as_deref(), Some("05:33 - 06:33, in 1 h - 2 h"));
        assert_eq!(ready(DAY_MS, DAY_MS + HOUR_MS).as_deref(), Some("27 Oct 04:33 - 05:33, in 1 d - 1 d 1 h"));
        assert_eq!(ready(HOUR_MS, HOUR_MS).as_deref(), Some("05:33, in 1 h"));
        assert_eq!(
            say(Expectation::Measuring { answers: 3, of: 10 }).as_deref(),
            Some("being measured, 3 of 10 answers")
        );
        assert_eq!(say(Expectation::Due).as_deref(), Some("any moment now"));
        let paused = Expectation::Paused { low_ms: Some(HOUR_MS), high_ms: Some(HOUR_MS) };
        assert_eq!(say(paused).as_deref(), Some("paused; 1 h once it goes on"));
        assert_eq!(say(Expectation::None), None);
    }
}
