//! A point in time, as a number that is handed in: this layer never reads a clock.

use std::ops::{Add, Sub};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::limits::DAY_MS;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub i64);

/// An option expires, and its daily bar opens, at 08:00 UTC (Deribit).
pub const BAR_OPENS_MS: i64 = 8 * 3_600_000;

impl Moment {
    /// The moment as RFC 3339 in UTC, whole seconds; out of range it is shown as a number.
    pub fn rfc3339(self) -> String {
        match Timestamp::from_millisecond(self.0) {
            Ok(at) => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            Err(_) => format!("{} ms", self.0),
        }
    }

    /// The moment in a time zone as RFC 3339 with its offset, whole seconds: `2025-10-26T12:33:00+08:00`.
    pub fn stamp(self, tz: &TimeZone) -> String {
        self.timestamp().to_zoned_datetime(tz.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// The time of day in a time zone, `13:20:15`; with the date where that is not today's. Where the clocks change
    /// between the two on one day its offset is said, `02:20:15+01:00`: the same time of day comes twice then (C5).
    pub fn time_of_day(self, tz: &TimeZone, today: Moment) -> String {
        let local = self.timestamp().to_zoned_datetime(tz.clone());
        let today = today.timestamp().to_zoned_datetime(tz.clone());
        let form = match (local.date() == today.date(), local.offset() == today.offset()) {
            (true, true) => "%H:%M:%S",
            (true, false) => "%H:%M:%S%:z",
            (false, _) => "%Y-%m-%d %H:%M:%S",
        };
        local.strftime(form).to_string()
    }

    /// The time of day to the minute, `13:20`, for what is not known to the second; with the day of the week where that
    /// is not today's, `Mon 13:20`, or the date where it is days away.
    pub fn minute_of_day(self, tz: &TimeZone, today: Moment) -> String {
        let local = self.timestamp().to_zoned_datetime(tz.clone());
        let today = today.timestamp().to_zoned_datetime(tz.clone()).date();
        let days = local.date().since(today).map_or(i32::MAX, |span| span.get_days());
        let form = match days {
            0 => "%H:%M",
            -5..=5 => "%a %H:%M",
            _ => "%Y-%m-%d %H:%M",
        };
        local.strftime(form).to_string()
    }

    /// In as few columns as can be: `13:20`, or the date of another day, `27 Oct`.
    pub fn shortest(self, tz: &TimeZone, now: Moment) -> String {
        let local = self.timestamp().to_zoned_datetime(tz.clone());
        let same_day = local.date() == now.timestamp().to_zoned_datetime(tz.clone()).date();
        local.strftime(if same_day { "%H:%M" } else { "%-d %b" }).to_string()
    }

    /// The offset of a time zone from UTC at this moment: `+08:00`.
    pub fn offset(self, tz: &TimeZone) -> String {
        self.timestamp().to_zoned_datetime(tz.clone()).strftime("%:z").to_string()
    }

    /// The moment as a timestamp, clamped into the range that one can hold.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 { Timestamp::MIN } else { Timestamp::MAX })
    }

    /// The date in UTC.
    pub fn date(self) -> Date {
        self.timestamp().to_zoned_datetime(TimeZone::UTC).date()
    }

    /// 08:00 UTC of a date: when its bar opens, and when options of that expiry end.
    pub fn opening_of(date: Date) -> Moment {
        let days = date.since(Date::constant(1970, 1, 1)).map_or(0, |span| i64::from(span.get_days()));
        Moment(days * DAY_MS + BAR_OPENS_MS)
    }

    /// The last 08:00 UTC at or before this moment.
    pub fn bar_boundary(self) -> Moment {
        let days = self.0.saturating_sub(BAR_OPENS_MS).div_euclid(DAY_MS);
        Moment(days.saturating_mul(DAY_MS).saturating_add(BAR_OPENS_MS))
    }

    /// Whether it was, as far as can be: what was written under a clock far ahead may lie years in the future once that
    /// is mended, and nothing is computed from such a time (I10).
    pub fn has_been(self, now: Moment) -> bool {
        self <= now
    }

    /// Milliseconds from this moment until another; negative where that is past.
    pub fn until_ms(self, later: Moment) -> i64 {
        later.0.saturating_sub(self.0)
    }
}

impl Add<i64> for Moment {
    type Output = Moment;
    fn add(self, ms: i64) -> Moment {
        Moment(self.0.saturating_add(ms))
    }
}

impl Sub<i64> for Moment {
    type Output = Moment;
    fn sub(self, ms: i64) -> Moment {
        Moment(self.0.saturating_sub(ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_boundary_is_eight_utc() {
        let at = Moment(1_718_524_800_000); // 2024-06-16T08:00:00Z, the documented bar
        assert_eq!(at.bar_boundary(), at);
        assert_eq!((at - 1).bar_boundary(), at - DAY_MS);
        assert_eq!((at + 1).bar_boundary(), at);
        assert_eq!(Moment::opening_of(Date::constant(2024, 6, 16)), at);
        assert_eq!(at.rfc3339(), "2024-06-16T08:00:00Z");
        // F-B13: a time that somebody else wrote
        let far = [Moment(i64::MIN), Moment(i64::MAX)].map(Moment::bar_boundary);
        assert!(far[0] < at && at < far[1], "{far:?}");
    }

    #[test]
    fn the_shortest_time_is_a_time_today_and_a_date_on_other_days() {
        let at = Moment(1_718_524_800_000);
        let shortest = |later_ms: i64| (at + later_ms).shortest(&TimeZone::UTC, at);
        assert_eq!([0, DAY_MS].map(shortest), ["08:00", "17 Jun"]);
    }
}
