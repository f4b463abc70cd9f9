//! Names and words of others, made harmless for a terminal (X1).

use std::borrow::Cow;
use std::fmt::Write;

/// The text with everything that steers a terminal, hides, or turns the direction of writing spelt out:
/// `\u{202e}`. A name of the vendor's can then neither colour the screen nor forge a line of the log.
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hostile(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// The same for JSON text, where such characters stand in strings only.
pub fn safe_json(json: &str) -> Cow<'_, str> {
    if !json.chars().any(is_hostile) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    let mut units = [0; 2];
    for c in json.chars() {
        if is_hostile(c) {
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(shown, "\\u{unit:04x}"); // into a string: it cannot fail
            }
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_passes() {
        // F-X1
        let hostile = "a\x1b[31mb\u{202e}c\nd\0\u{9b}\u{2028}\u{feff}";
        assert_eq!(safe(hostile), r"a\u{1b}[31mb\u{202e}c\nd\u{0}\u{9b}\u{2028}\u{feff}");
        assert_eq!(safe("ETH-12APR24-3100-C Ä 期"), "ETH-12APR24-3100-C Ä 期");
        let json = serde_json::to_string(hostile).unwrap_or_default();
        let told = safe_json(&json);
        assert!(!told.chars().any(is_hostile), "{told}");
        assert_eq!(serde_json::from_str::<String>(&told).ok().as_deref(), Some(hostile));
    }
}
