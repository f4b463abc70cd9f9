//! The bodies of good answers, read strictly: whatever is not as documented is a fault and never "no data".

use std::borrow::Cow;
use std::collections::HashMap;

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::named::Named;
use super::names::Names;
use super::number;
use super::status::{other_option, quoted, shortened};
use crate::domain::answer::{More, Page, Query};
use crate::domain::candle::Candle;
use crate::domain::instrument::Symbol;
use crate::domain::moment::Moment;
use crate::limits::ANSWER_ROWS_MAX;
use crate::source::fault::Fault;

/// Years outside of which a bar's time is a mistake: seconds taken for milliseconds, or the reverse (X3).
const YEARS: std::ops::RangeInclusive<i16> = 2010..=2100;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    pagination: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// A good answer with bars, and what it may hold besides.
#[derive(Deserialize)]
struct Bars<'a> {
    #[serde(borrow)]
    result: Vec<Named<Row<'a>>>,
    pagination: Option<Named<Pagination>>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    unix: &'a RawValue,
    #[serde(borrow)]
    date: &'a RawValue,
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    #[serde(borrow)]
    open: &'a RawValue,
    #[serde(borrow)]
    high: &'a RawValue,
    #[serde(borrow)]
    low: &'a RawValue,
    #[serde(borrow)]
    close: &'a RawValue,
    #[serde(borrow)]
    volume: &'a RawValue,
}

#[derive(Deserialize)]
struct Pagination {
    has_more: bool,
    #[serde(default)]
    next_offset: Option<u32>,
}

/// The names of a listing.
pub(super) fn names(body: &[u8]) -> Result<Vec<Symbol>, Fault> {
    let (result, pagination) = envelope(body)?;
    if pagination.is_some_and(|pagination| pagination.has_more) {
        // T11: no plan is made from half a list.
        return Err(Fault::Pages { what: "the listing comes in pages, which is not documented".into() });
    }
    let Names { names, more } = serde_json::from_str(result.get()).map_err(|error| other_fields(&error))?;
    if more > 0 {
        return Err(Fault::Pages { what: format!("the listing holds {} names", names.len() + more) });
    }
    Ok(names)
}

/// One page of bars, every row of it checked to be of what was asked.
pub(super) fn page(body: &[u8], query: &Query) -> Result<Page, Fault> {
    let (rows, pagination) = rows(body)?;
    if rows.len() > ANSWER_ROWS_MAX {
        return Err(Fault::Pages { what: format!("the answer holds {} rows at once", rows.len()) });
    }
    let mut places: HashMap<Cow<'_, str>, usize> = HashMap::new();
    let mut page = Page { options: Vec::new(), more: more(pagination.as_ref()) };
    for Named(row) in rows {
        let place = match places.get(&row.symbol) {
            Some(place) => *place,
            None => {
                // S16, S19: one foreign row spoils the whole answer.
                let symbol = Symbol::new(&row.symbol);
                if !query.covers(&symbol) {
                    return Err(other_option(query, &row.symbol));
                }
                places.insert(row.symbol.clone(), page.options.len());
                page.options.push((symbol, Vec::new()));
                page.options.len() - 1
            }
        };
        let (symbol, candles) = &mut page.options[place];
        candles.push(candle(&row).map_err(|what| Fault::BadValue { what: format!("{symbol}: {what}") })?);
    }
    Ok(page)
}

/// The rows as they stand there. A good answer is read in one go; any other is read again, piece by piece, to say
/// what is wrong with it.
fn rows(body: &[u8]) -> Result<(Vec<Named<Row<'_>>>, Option<Pagination>), Fault> {
    if let Ok(Named(Bars { result, pagination, detail, error })) = serde_json::from_str(text_of(body)?)
        && complaint(detail, error).is_none()
    {
        return Ok((result, pagination.map(|Named(pagination)| pagination)));
    }
    let (result, pagination) = envelope(body)?;
    let rows = serde_json::from_str(result.get()).map_err(|error| other_fields(&error))?;
    Ok((rows, pagination))
}

fn text_of(body: &[u8]) -> Result<&str, Fault> {
    // A byte-order mark is no part of JSON; it does no harm either (S12).
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    std::str::from_utf8(body).map_err(|_| malformed("it is not UTF-8", body))
}

fn envelope(body: &[u8]) -> Result<(&RawValue, Option<Pagination>), Fault> {
    let text = text_of(body)?;
    let start = text.trim_start();
    if start.is_empty() {
        return Err(Fault::Malformed { what: "it is empty".into() });
    }
    if start.starts_with('<') {
        return Err(malformed("it is a page of HTML", body));
    }
    let Named(envelope): Named<Envelope<'_>> = serde_json::from_str(text).map_err(|error| {
        malformed(if error.is_eof() { "it is cut off" } else { "it is not the documented JSON" }, body)
    })?;
    // I1: an empty list beside a complaint is no evidence of anything.
    if let Some(said) = complaint(envelope.detail, envelope.error) {
        return Err(Fault::Malformed { what: format!("it says {}", shortened(said)) });
    }
    let Some(result) = envelope.result else {
        return Err(Fault::OtherFields { what: format!("there is no field `result`: {}", quoted(body)) });
    };
    if !result.get().starts_with('[') {
        return Err(Fault::Malformed { what: format!("`result` is not a list: {}", shortened(result.get())) });
    }
    let pagination = match envelope.pagination {
        Some(raw) if raw.get() != "null" => {
            let Named(pagination) = serde_json::from_str(raw.get()).map_err(|error| other_fields(&error))?;
            Some(pagination)
        }
        _ => None,
    };
    Ok((result, pagination))
}

/// What an answer says of what went wrong. A field that is there and says nothing is an added one (S21).
fn complaint<'a>(detail: Option<&'a RawValue>, error: Option<&'a RawValue>) -> Option<&'a str> {
    [detail, error].into_iter().flatten().map(RawValue::get).find(|said| !["null", "false", "\"\""].contains(said))
}

fn more(pagination: Option<&Pagination>) -> More {
    match pagination {
        None => More::Unsaid,
        Some(Pagination { has_more: false, .. }) => More::End,
        Some(Pagination { next_offset: Some(offset), .. }) => More::At(*offset),
        Some(_) => More::Further,
    }
}

fn candle(row: &Row<'_>) -> Result<Candle, String> {
    let bad = |field: &str, value: &str, why: &str| format!("{field} {} {why}", shortened(value));
    let open_ms = number::integer(row.unix).map_err(|value| bad("unix", &value, "is not a whole number"))?;
    let opens_on = Moment(open_ms).date();
    if !YEARS.contains(&opens_on.year()) {
        return Err(bad("unix", row.unix.get(), "is not a time in milliseconds between 2010 and 2100"));
    }
    let date_text = number::text_of(row.date).ok().flatten().unwrap_or_else(|| row.date.get());
    let date = date_of(date_text).ok_or_else(|| bad("date", date_text, "is not a day"))?;
    if date != opens_on {
        return Err(bad("date", date_text, &format!("is not the UTC date of unix {open_ms}")));
    }
    let value = |field: &str, raw: &RawValue| {
        number::decimal(raw).map_err(|value| bad(field, &value, "is not a number that can be held exactly"))
    };
    Ok(Candle {
        open_ms,
        date,
        open: value("open", row.open)?,
        high: value("high", row.high)?,
        low: value("low", row.low)?,
        close: value("close", row.close)?,
        volume: value("volume", row.volume)?,
    })
}

/// `2024-06-16`, also with a time behind it, as the vendor's other tables have it.
fn date_of(text: &str) -> Option<Date> {
    let day = text.get(..10)?;
    if !matches!(text.as_bytes().get(10), None | Some(b' ' | b'T')) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| {
        let digits = &day.as_bytes()[range.clone()];
        digits.iter().all(u8::is_ascii_digit).then(|| day.get(range))?
    };
    if day.as_bytes()[4] != b'-' || day.as_bytes()[7] != b'-' {
        return None;
    }
    Date::new(part(0..4)?.parse().ok()?, part(5..7)?.parse().ok()?, part(8..10)?.parse().ok()?).ok()
}

fn malformed(what: &str, body: &[u8]) -> Fault {
    Fault::Malformed { what: format!("{what}: {}", quoted(body)) }
}

fn other_fields(error: &serde_json::Error) -> Fault {
    Fault::OtherFields { what: shortened(&error.to_string()) }
}
