//! JSON for machines: versioned, times as RFC 3339 in UTC with milliseconds, one line.

use std::fmt::Write;

use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

use super::escape::safe_json;
use crate::domain::moment::Moment;

/// The version of every JSON form. It grows when a field changes its meaning or goes; new fields may come.
pub const VERSION: u32 = 1;

/// One JSON object on one line, `{"v":1,…}`. Whole numbers under the name of a time become RFC 3339.
pub fn line(at: Option<Moment>, value: &impl Serialize) -> String {
    let mut fields = match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        Ok(other) => std::iter::once(("value".to_owned(), other)).collect(),
        Err(error) => std::iter::once(("unspeakable".to_owned(), Value::from(error.to_string()))).collect(),
    };
    for (name, field) in &mut fields {
        tell_times(name, field);
    }
    let mut text = format!("{{\"v\":{VERSION}");
    let mut push = |name: &str, value: &Value| {
        let _ = write!(text, ",{}:{value}", Value::from(name)); // into a string: it cannot fail
    };
    if let Some(at) = at {
        push("at", &Value::from(utc_ms(at)));
    }
    // What kind of line it is stands in front, for the eye.
    if let Some(event) = fields.remove("event") {
        push("event", &event);
    }
    for (name, value) in &fields {
        push(name, value);
    }
    text.push('}');
    safe_json(&text).into_owned()
}

/// `2025-10-26T04:33:00.000Z`.
pub fn utc_ms(at: Moment) -> String {
    at.timestamp().to_zoned_datetime(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// By their names: milliseconds end in `_ms`, so what ends in `_at` is a moment.
fn tell_times(name: &str, value: &mut Value) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, field)| tell_times(name, field)),
        Value::Array(items) => items.iter_mut().for_each(|item| tell_times(name, item)),
        Value::Number(number) if is_time(name) => {
            if let Some(ms) = number.as_i64() {
                *value = Value::from(utc_ms(Moment(ms)));
            }
        }
        Value::Number(_) | Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn is_time(name: &str) -> bool {
    name.ends_with("_at") || matches!(name, "at" | "until" | "since" | "resume_after") || name.ends_with("_since")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_words_and_spans_are_not() {
        let value = serde_json::json!({"event": "cooldown", "wait_ms": 5, "until": 0, "a": {"fetched_at": 1}});
        assert_eq!(
            line(Some(Moment(0)), &value),
            r#"{"v":1,"at":"1970-01-01T00:00:00.000Z","event":"cooldown","a":{"fetched_at":"1970-01-01T00:00:00.001Z"},"until":"1970-01-01T00:00:00.000Z","wait_ms":5}"#
        );
    }
}
