//! A vendor, or something between, may say the key back: in an error's words, a header, a debug page. Before anybody
//! reads an answer the key is taken out of it (I9).

use bytes::{Bytes, BytesMut};
use memchr::memmem;
use secrecy::{ExposeSecret, SecretString};

use crate::limits::KEY_BYTES_REDACTED_MIN;
use crate::source::percent_encoded;

const IN_ITS_PLACE: &str = "[the key]";

/// Takes the key out of what was received: as it is, and percent-encoded.
#[derive(Debug)]
pub struct Redaction {
    forms: Vec<SecretString>,
}

impl Redaction {
    /// For this key. One that is too short to be a secret would be found in every number.
    pub fn of(key: Option<&SecretString>) -> Redaction {
        let mut forms = Vec::new();
        if let Some(key) = key.map(ExposeSecret::expose_secret).filter(|key| key.len() >= KEY_BYTES_REDACTED_MIN) {
            forms.push(SecretString::from(key));
            let encoded = percent_encoded(key);
            if encoded != key {
                forms.push(SecretString::from(encoded));
            }
        }
        Redaction { forms }
    }

    /// A body without the key. One that does not hold it, as nearly all, is handed on as it is.
    pub fn body(&self, mut body: Bytes) -> Bytes {
        for form in self.forms.iter().map(|form| form.expose_secret().as_bytes()) {
            if memmem::find(&body, form).is_some() {
                body = without(&body, form);
            }
        }
        body
    }

    /// The same for a header's text.
    pub fn text(&self, text: String) -> String {
        let spoken = self.forms.iter().map(ExposeSecret::expose_secret);
        spoken.fold(text, |text, form| if text.contains(form) { text.replace(form, IN_ITS_PLACE) } else { text })
    }
}

fn without(body: &[u8], form: &[u8]) -> Bytes {
    let mut clean = BytesMut::with_capacity(body.len());
    let mut rest = 0;
    for at in memmem::find_iter(body, form) {
        clean.extend_from_slice(&body[rest..at]);
        clean.extend_from_slice(IN_ITS_PLACE.as_bytes());
        rest = at + form.len();
    }
    clean.extend_from_slice(&body[rest..]);
    clean.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_back_is_taken_out_and_the_rest_is_untouched() {
        // F-I9
        let key = SecretString::from("canary+0e1f2a3b");
        let redaction = Redaction::of(Some(&key));
        let body = Bytes::from_static(b"Token canary+0e1f2a3b is bad, ?auth_token=canary%2B0e1f2a3b, canary+0e1f2a3b");
        assert_eq!(redaction.body(body), "Token [the key] is bad, ?auth_token=[the key], [the key]");
        assert_eq!(redaction.text("/login?k=canary%2B0e1f2a3b".to_owned()), "/login?k=[the key]");
        let good = Bytes::from_static(br#"{"result":[]}"#);
        assert_eq!(redaction.body(good.clone()).as_ptr(), good.as_ptr(), "nothing is copied for nothing");
        assert!(!format!("{redaction:?}").contains("canary"));
        for key in [None, Some(SecretString::from("1"))] {
            assert_eq!(Redaction::of(key.as_ref()).body(Bytes::from_static(b"[1]")), "[1]");
        }
    }
}
