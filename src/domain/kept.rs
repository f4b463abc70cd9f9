//! What was kept as JSON, read back. Another program may have written it, or a bit may have flipped: a number that no run
//! can have written would only turn sums and times into nonsense (B13).

use serde::de::{DeserializeOwned, Error as _};

use crate::limits::KEPT_DIGITS_MAX;

/// Reads it.
///
/// # Errors
/// Where it is another thing, or holds a number that cannot be.
pub fn read<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
    if has_long_number(json) {
        return Err(serde_json::Error::custom(format!("a number of more than {KEPT_DIGITS_MAX} digits")));
    }
    serde_json::from_str(json)
}

/// Digits in a row or an exponent, outside of text.
fn has_long_number(json: &str) -> bool {
    let (mut in_text, mut is_escaped, mut digits) = (false, false, 0);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => (in_text, digits) = (!in_text, 0),
            _ if in_text => {}
            b'0'..=b'9' => {
                digits += 1;
                if digits > KEPT_DIGITS_MAX {
                    return true;
                }
            }
            b'e' | b'E' if digits > 0 => return true,
            _ => digits = 0,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_cannot_be_is_refused_and_text_may_say_anything() {
        // F-B13
        let text = r#"["1234567890123456789", "a \" 1234567890123456789", 123456789012345, -5, true]"#;
        assert!(read::<serde_json::Value>(text).is_ok());
        for bad in ["1234567890123456", "[-9223372036854775808]", "{\"a\":1e9}", "[\"\\\\\",1234567890123456]"] {
            assert!(read::<serde_json::Value>(bad).is_err(), "{bad}");
        }
    }
}
