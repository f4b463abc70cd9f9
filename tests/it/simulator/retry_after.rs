//! How long an answer tells a client to keep away, read from its headers without the program's own parser.

use chainfill::domain::moment::Moment;
use chainfill::limits::{DAY_MS, SECOND_MS};
use chainfill::source::Response;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The wait, in milliseconds: in seconds with or without a fraction, or as a date against the server's own `Date`
/// (C4). `None` where nothing is said that could be kept to. Longer ones than a day are kept for a day (T2).
pub fn wait_ms(answer: &Response) -> Option<i64> {
    if !matches!(answer.status, 429 | 403 | 503) {
        return None;
    }
    let said = answer.retry_after.as_deref()?.trim();
    let ms = match in_seconds(said) {
        Some(ms) => ms,
        None => at(answer.date.as_deref()?)?.until_ms(at(said)?),
    };
    (ms > 0).then_some(ms.min(DAY_MS))
}

fn in_seconds(said: &str) -> Option<i64> {
    let is_plain = said.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds: f64 = said.parse().ok().filter(|_| is_plain)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // a cast ends at the longest there is
    Some((seconds * SECOND_MS as f64).ceil() as i64)
}

fn at(date: &str) -> Option<Moment> {
    let date = DateTime::strptime("%a, %d %b %Y %H:%M:%S GMT", date).ok()?;
    Some(Moment(TimeZone::UTC.to_timestamp(date).ok()?.as_millisecond()))
}

#[test]
fn waits_are_read_as_they_are_meant() {
    // F-T2, F-T8, F-C4
    let wait_s = |status, said: &str| {
        let (retry_after, date) = (Some(said.to_owned()), Some("Mon, 23 Nov 2026 12:00:00 GMT".to_owned()));
        wait_ms(&Response { status, retry_after, date, ..Response::default() }).map(|ms| ms / SECOND_MS)
    };
    for (status, said, expected) in [
        (429, "7", Some(7)),
        (403, "7", Some(7)),
        (503, "1.5", Some(1)),
        (200, "7", None),
        (500, "7", None),
        (429, "Mon, 23 Nov 2026 12:01:00 GMT", Some(60)),
        (429, "Mon, 23 Nov 2026 11:59:00 GMT", None),
        (429, "1000000000", Some(86_400)),
        (429, "-5", None),
        (429, "0", None),
        (429, "", None),
        (429, "soon", None),
    ] {
        assert_eq!(wait_s(status, said), expected, "{status} {said:?}");
    }
}
