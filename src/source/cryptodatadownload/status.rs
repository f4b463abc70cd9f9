//! What an HTTP status and its headers say, before the body is looked at.

use std::borrow::Cow;

use jiff::fmt::rfc2822;
use serde::Deserialize;

use super::named::Named;
use crate::domain::answer::Query;
use crate::limits::{QUOTE_CHARS_MAX, RETRY_AFTER_S_MAX};
use crate::source::Response;
use crate::source::fault::Fault;

/// What a refusal says of itself, as Django REST Framework writes it.
#[derive(Deserialize)]
struct Words<'a> {
    #[serde(borrow)]
    detail: Cow<'a, str>,
}

/// Passes a 200; names what every other status means. Only a 200 can ever say "no data" (I1, S11).
pub(super) fn check(response: &Response, path: &str) -> Result<(), Fault> {
    let status = response.status;
    if status == 200 {
        return Ok(());
    }
    let said = quoted(&response.body);
    let wait_s = wait_s(response);
    Err(match status {
        429 => Fault::Throttled { status, wait_s, said },
        // T8: some throttles hide behind these two; only a stated wait tells.
        403 | 503 if wait_s.is_some() => Fault::Throttled { status, wait_s, said },
        401 | 403 => Fault::KeyRefused { status, said },
        404 => Fault::NoSuchPath { path: path.to_owned() },
        301..=303 | 307 | 308 => {
            let to = response.location.as_deref().unwrap_or("a place that it does not name");
            Fault::Redirected { to: shortened(to) }
        }
        400..=499 => Fault::Refused { status, said },
        500..=599 => Fault::Unavailable { status, wait_s, said },
        _ => Fault::Malformed { what: format!("HTTP {status} instead of 200") },
    })
}

/// The wait in seconds that an answer asks for: `Retry-After` in seconds or as a date (measured against the
/// server's own `Date`, so that a skewed clock does not matter, C4), else the one number in the vendor's own words, in
/// whatever language they are (T5). What makes no sense is nothing; what is too long is clamped (T2).
fn wait_s(response: &Response) -> Option<i64> {
    let stated = match response.retry_after.as_deref().map(str::trim) {
        Some(text) if !text.is_empty() => seconds(text).or_else(|| until_date(text, response.date.as_deref())),
        _ => None,
    };
    let found = stated.or_else(|| if response.status == 429 { stated_in_words(response) } else { None });
    found.filter(|wait| *wait >= 0).map(|wait| wait.min(RETRY_AFTER_S_MAX))
}

fn seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    // More digits than a number holds is longer than any bound.
    let whole: i64 = whole.parse().unwrap_or(i64::MAX);
    Some(whole.saturating_add(i64::from(fraction.bytes().any(|b| b != b'0'))))
}

fn until_date(text: &str, date: Option<&str>) -> Option<i64> {
    let parse = |text: &str| rfc2822::parse(text).ok().map(|zoned| zoned.timestamp().as_second());
    let wait = parse(text)?.saturating_sub(parse(date?)?);
    (wait > 0).then_some(wait)
}

/// The one number in `detail`. Whatever stands between here and the vendor has numbers of its own: a status, a code
/// (`error code: 1015`), a limit beside the words. None of them is a time.
fn stated_in_words(response: &Response) -> Option<i64> {
    let Named(Words { detail }) = serde_json::from_slice(&response.body).ok()?;
    let is_status = |number: &i64| *number == i64::from(response.status);
    let numbers = detail.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    // More digits than a number holds is longer than any bound.
    let mut stated = numbers.map(|digits| digits.parse().unwrap_or(i64::MAX)).filter(|number| !is_status(number));
    let first = stated.next()?;
    stated.next().is_none().then_some(first)
}

/// The start of a body as one printable line: a page of HTML, or an attack on a terminal, is no message (X1).
pub(super) fn quoted(body: &[u8]) -> String {
    let start = &body[..body.len().min(QUOTE_CHARS_MAX * 4)];
    shortened(&String::from_utf8_lossy(start))
}

/// One printable line of bounded length.
pub(super) fn shortened(text: &str) -> String {
    let mut line = String::new();
    for (count, word) in text.split_whitespace().enumerate() {
        if count > 0 {
            line.push(' ');
        }
        line.extend(word.chars().map(|c| if is_plain(c) { c } else { '\u{fffd}' }));
        if line.chars().count() > QUOTE_CHARS_MAX {
            return line.chars().take(QUOTE_CHARS_MAX).chain(['…']).collect();
        }
    }
    line
}

fn is_plain(c: char) -> bool {
    // Marks that turn the direction of writing can make a line read as another one.
    !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The fault of rows that belong to another option.
pub(super) fn other_option(query: &Query, found: &str) -> Fault {
    Fault::OtherOption { asked: query.label(), found: shortened(found) }
}
