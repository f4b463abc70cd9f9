//! Numbers as the vendor writes them, exact or refused (X2).

use rust_decimal::Decimal;
use serde_json::value::RawValue;

/// Longest shift of the decimal point that an exponent may ask for.
const EXPONENT_MAX: u32 = 40;

/// Bytes of a number that surely fits into 64 bits.
const SHORT_BYTES_MAX: usize = 18;

/// Reads a JSON value as a decimal: a number, a string that holds one, or null. `Err`: the text as it stood.
pub(super) fn decimal(raw: &RawValue) -> Result<Option<Decimal>, String> {
    match text_of(raw)? {
        None => Ok(None),
        Some(text) => exact(text).map(Some).ok_or_else(|| raw.get().to_owned()),
    }
}

/// Reads a JSON value as a whole number: a number, or a string that holds one (the vendor has both).
pub(super) fn integer(raw: &RawValue) -> Result<i64, String> {
    let text = text_of(raw)?.ok_or_else(|| raw.get().to_owned())?;
    text.parse().map_err(|_| raw.get().to_owned())
}

/// The characters of a plain value; `None` for null. No number needs an escape in its string.
pub(super) fn text_of(raw: &RawValue) -> Result<Option<&str>, String> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'n') => Ok(None),
        Some(b'"') => {
            let inner = text.get(1..text.len() - 1).unwrap_or("");
            if inner.contains('\\') { Err(text.to_owned()) } else { Ok(Some(inner)) }
        }
        Some(b'-' | b'0'..=b'9') => Ok(Some(text)),
        _ => Err(text.to_owned()),
    }
}

/// The decimal that a text denotes, if it is a plain number and can be held to the last digit.
fn exact(text: &str) -> Option<Decimal> {
    short(text).or_else(|| long(text))
}

/// A number of so few digits, without sign or exponent, that it fits into 64 bits: nearly every one. [`long`] reads the
/// same from it, in several times as long.
fn short(text: &str) -> Option<Decimal> {
    if !(1..=SHORT_BYTES_MAX).contains(&text.len()) || text.starts_with('.') {
        return None;
    }
    let (mut mantissa, mut places) = (0, None);
    for byte in text.bytes() {
        match (byte, places) {
            (b'0'..=b'9', _) => {
                mantissa = mantissa * 10 + i64::from(byte - b'0');
                places = places.map(|places| places + 1);
            }
            (b'.', None) => places = Some(0),
            _ => return None,
        }
    }
    (places != Some(0)).then(|| Decimal::new(mantissa, places.unwrap_or(0)))
}

fn long(text: &str) -> Option<Decimal> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], text[at + 1..].parse::<i32>().ok().filter(|e| e.unsigned_abs() <= EXPONENT_MAX)?),
        None => (text, 0),
    };
    let (minus, digits) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) || (digits.contains('.') && fraction.is_empty()) {
        return None;
    }
    let value = if exponent == 0 {
        Decimal::from_str_exact(digits).ok()?
    } else {
        Decimal::from_str_exact(&shifted(whole, fraction, exponent)).ok()?
    };
    // A minus before zero says nothing, and would print as a difference where there is none.
    Some(if minus && !value.is_zero() { -value } else { value })
}

fn shifted(whole: &str, fraction: &str, exponent: i32) -> String {
    let digits = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).unwrap_or(i32::MAX).saturating_add(exponent);
    let length = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    if point <= 0 {
        let zeros = usize::try_from(point.unsigned_abs()).unwrap_or(0);
        let fraction = digits.trim_end_matches('0');
        format!("0.{}{}", "0".repeat(zeros), if fraction.is_empty() { "0" } else { fraction })
    } else if point >= length {
        format!("{digits}{}", "0".repeat(usize::try_from(point - length).unwrap_or(0)))
    } else {
        let at = usize::try_from(point).unwrap_or(0);
        format!("{}.{}", &digits[..at], &digits[at..])
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> Result<Option<String>, String> {
        let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
        decimal(&raw).map(|value| value.map(|value| value.to_string()))
    }

    #[test]
    fn a_number_is_exact_or_refused() {
        // F-X2
        for (json, value) in [
            ("\"0.018\"", "0.018"),
            ("1009", "1009"),
            ("0.0", "0.0"),
            ("-0", "0"),
            ("\"-0.0\"", "0.0"),
            ("1e-5", "0.00001"),
            ("1.25E3", "1250"),
            ("12.345e1", "123.45"),
            ("0.1234567890123456789012345678", "0.1234567890123456789012345678"),
        ] {
            assert_eq!(read(json).unwrap().as_deref(), Some(value), "{json}");
        }
        assert_eq!(read("null"), Ok(None));
        for json in [
            "1e400",
            "1.7e-2147483648",
            "1.7e2147483647",
            "\"NaN\"",
            "\"Infinity\"",
            "\"\"",
            "\"N/A\"",
            "\"1,234.5\"",
            "\" 1\"",
            "\"1_000\"",
            "\"+1\"",
            "\".5\"",
            "\"5.\"",
            "\"0x10\"",
            "\"1\\u0000\"",
            "true",
            "[1]",
            "{}",
            "0.12345678901234567890123456789",
            "1234567890123456789012345678901234567890",
        ] {
            assert_eq!(read(json), Err(json.to_owned()), "{json}");
        }
    }

    proptest! {
        #[test]
        fn the_short_way_reads_what_the_long_way_reads(text in "[0-9.e-]{0,20}|[0-9]{1,12}\\.[0-9]{0,8}|\\PC{0,6}") {
            if let Some(number) = short(&text) {
                let (held, scale) = (number.mantissa(), number.scale());
                let other = long(&text).unwrap();
                prop_assert_eq!((held, scale), (other.mantissa(), other.scale()), "{}", text);
            }
        }
    }
}
