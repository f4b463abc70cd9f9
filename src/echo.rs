//! A vendor, or a proxy before it, may send the key back: error pages quote headers. It must get no further (I9).

use bytes::Bytes;
use secrecy::{ExposeSecret as _, SecretString};

use crate::limits::KEY_BYTES_HIDDEN_MIN;

/// What stands where a key was.
const HIDDEN: &str = "[the key]";

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The forms in which a key may come back.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    forms: Vec<SecretString>,
}

impl Echo {
    /// The forms of a key: as it is, percent-encoded, and inside base64 wherever it may begin there. A key of a few
    /// bytes is no secret, and would be found in honest numbers.
    pub(crate) fn of(key: &SecretString) -> Echo {
        let key = key.expose_secret();
        let mut forms = vec![key.to_owned(), percent(key, true), percent(key, false)];
        for before in 0..3 {
            let inside = base64_inside(key.as_bytes(), before);
            forms.push(inside.replace('+', "-").replace('/', "_"));
            forms.push(inside);
        }
        forms.sort();
        forms.dedup();
        forms.retain(|form| form.len() >= KEY_BYTES_HIDDEN_MIN);
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        Echo { forms: forms.into_iter().map(SecretString::from).collect() }
    }

    /// The body without the key.
    pub(crate) fn hide_in(&self, body: Bytes) -> Bytes {
        let mut body = body;
        for form in &self.forms {
            let form = form.expose_secret();
            let places = match std::str::from_utf8(&body) {
                Ok(text) => text.match_indices(form).map(|(at, _)| at).collect(),
                // Such a body is a fault, and stays one: its other bytes are not touched.
                Err(_) => places_in(&body, form.as_bytes()),
            };
            if places.is_empty() {
                continue;
            }
            let mut hidden = Vec::with_capacity(body.len());
            let mut from = 0;
            for at in places {
                hidden.extend_from_slice(&body[from..at]);
                hidden.extend_from_slice(HIDDEN.as_bytes());
                from = at + form.len();
            }
            hidden.extend_from_slice(&body[from..]);
            body = Bytes::from(hidden);
        }
        body
    }

    /// A header's text without the key.
    pub(crate) fn hide_in_text(&self, mut text: String) -> String {
        for form in &self.forms {
            if text.contains(form.expose_secret()) {
                text = text.replace(form.expose_secret(), HIDDEN);
            }
        }
        text
    }
}

fn places_in(body: &[u8], form: &[u8]) -> Vec<usize> {
    let mut places = Vec::new();
    let mut from = 0;
    while let Some(at) = body[from..].windows(form.len()).position(|window| window == form) {
        places.push(from + at);
        from += at + form.len();
    }
    places
}

fn percent(key: &str, upper: bool) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ if upper => format!("%{byte:02X}"),
        _ => format!("%{byte:02x}"),
    };
    key.bytes().map(one).collect()
}

/// The digits of base64 that depend on the key alone, where so many bytes of a group of three stand before it.
fn base64_inside(key: &[u8], before: usize) -> String {
    let skip = if before == 0 { 0 } else { 3 - before };
    let whole = key.get(skip..).unwrap_or_default().chunks_exact(3);
    let digits = |group: &[u8]| {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(BASE64[bits >> shift & 63]))
    };
    whole.flat_map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_comes_back_is_hidden_in_each_of_its_forms() {
        // F-I9
        let key = "ab+c/1234567890=xyz";
        let echo = Echo::of(&SecretString::from(key));
        let hidden =
            |text: &str| String::from_utf8_lossy(&echo.hide_in(Bytes::copy_from_slice(text.as_bytes()))).into_owned();
        assert_eq!(
            hidden(&format!("{{\"Authorization\":\"Token {key}\"}}")),
            "{\"Authorization\":\"Token [the key]\"}"
        );
        assert_eq!(hidden("?auth_token=ab%2Bc%2F1234567890%3Dxyz&a"), "?auth_token=[the key]&a");
        // `printf 'Token ab+c/1234567890=xyz' | base64`, and with one byte more before it.
        for text in ["VG9rZW4gYWIrYy8xMjM0NTY3ODkwPXh5eg==", "IFRva2VuIGFiK2MvMTIzNDU2Nzg5MD14eXo="] {
            assert!(hidden(text).contains("[the key]"), "{}", hidden(text));
        }
        let mut spoilt = format!("x{key}y").into_bytes();
        spoilt.insert(0, 0xff);
        assert_eq!(&*echo.hide_in(Bytes::from(spoilt)), b"\xffx[the key]y");
        assert_eq!(hidden("{\"result\":[]}"), "{\"result\":[]}");
        assert_eq!(echo.hide_in_text(format!("https://x/?k={key}")), "https://x/?k=[the key]");
        let short = Echo::of(&SecretString::from("100"));
        assert_eq!(&*short.hide_in(Bytes::from_static(b"[100]")), b"[100]");
    }
}
