//! When something will be done, in few columns.

use jiff::tz::TimeZone;

use super::status_page;
use crate::domain::expectation::Expectation;
use crate::domain::forecast::Range;
use crate::domain::moment::Moment;

/// What is nearer than this is told to the second.
const CLOSE_MS: u64 = 600_000;

/// When a run will be done, as every page says it, or in fewer words where there is no room for so many; `None` where
/// nothing is expected.
pub fn words(expectation: Expectation, now: Moment, tz: &TimeZone, width: usize) -> Option<String> {
    let whole = status_page::finish(expectation, now, tz)?;
    Some(match expectation {
        Expectation::Ready { low_at, high_at } if whole.chars().count() > width => {
            let left = Range { low_ms: now.until_ms(low_at), high_ms: now.until_ms(high_at) };
            format!("{}, in {}", between(low_at, high_at, now, tz), left.words())
        }
        Expectation::Measuring { answers, of } if whole.chars().count() > width => {
            format!("being measured ({answers} of {of} answers)")
        }
        _ => whole,
    })
}

/// `13:20`, `Mon 03:57`; with seconds where it is minutes away.
pub fn clock(at: Moment, now: Moment, tz: &TimeZone) -> String {
    if now.until_ms(at).unsigned_abs() < CLOSE_MS { at.time_of_day(tz, now) } else { at.minute_of_day(tz, now) }
}

/// `19:40 - 21:10`; the day is said once where both are of one.
pub fn between(low_at: Moment, high_at: Moment, now: Moment, tz: &TimeZone) -> String {
    let (low, high) = (clock(low_at, now, tz), clock(high_at, now, tz));
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
    fn a_finish_has_fewer_words_where_there_is_less_room() {
        let now = Moment(1_761_453_200_000);
        let say = |expectation, width| words(expectation, now, &TimeZone::UTC, width).unwrap_or_default();
        let ready = Expectation::Ready { low_at: now + DAY_MS, high_at: now + DAY_MS + HOUR_MS };
        assert_eq!(say(ready, 100), "between Mon 04:33 and Mon 05:33 (in 1 d - 1 d 1 h), cooldowns included");
        assert_eq!(say(ready, 60), "Mon 04:33 - 05:33, in 1 d - 1 d 1 h");
        let measuring = Expectation::Measuring { answers: 3, of: 10 };
        assert!(say(measuring, 100).ends_with("(3 of 10 answers)"));
        assert_eq!(say(measuring, 40), "being measured (3 of 10 answers)");
        assert_eq!(words(Expectation::None, now, &TimeZone::UTC, 100), None);
    }

    #[test]
    fn a_range_says_its_day_once_and_seconds_where_it_is_near() {
        let now = Moment(1_761_453_200_000);
        let say = |low_ms, high_ms| between(now + low_ms, now + high_ms, now, &TimeZone::UTC);
        assert_eq!(say(HOUR_MS, 2 * HOUR_MS), "05:33 - 06:33");
        assert_eq!(say(HOUR_MS, HOUR_MS), "05:33");
        assert_eq!(say(5_000, HOUR_MS), "04:33:25 - 05:33");
        assert_eq!(say(HOUR_MS, DAY_MS), "05:33 - Mon 04:33");
    }
}
