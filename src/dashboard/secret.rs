//! What a client must know: the token of the command line, and the one that each start puts into its page.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::limits::DASHBOARD_TOKEN_CHARS;

/// Goes into the cookie's fingerprint, so that the cookie does not tell the token.
const SALT: &str = "chainfill dashboard ";

/// A token that a person chose. It is never shown.
#[derive(Clone)]
pub struct Token(SecretString);

/// Why a text is no token. The text is not quoted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the dashboard's token needs {} to {} letters, digits, - . _ or ~; `openssl rand -hex 16` makes one",
    DASHBOARD_TOKEN_CHARS.0, DASHBOARD_TOKEN_CHARS.1)]
pub struct TokenError;

impl Token {
    /// Whether a client showed this token.
    pub fn is(&self, shown: &str) -> bool {
        same(self.0.expose_secret(), shown)
    }

    /// What the cookie holds instead of the token: the same after each start, so that a browser stays known.
    pub fn cookie(&self) -> String {
        hex(&Sha256::digest(format!("{SALT}{}", self.0.expose_secret()).as_bytes()))
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Token, TokenError> {
        let (least, most) = DASHBOARD_TOKEN_CHARS;
        let fits = (least..=most).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        if fits { Ok(Token(text.into())) } else { Err(TokenError) }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Whether two secrets are the same, in a time that tells nothing about where they differ.
pub fn same(one: &str, other: &str) -> bool {
    let (one, other) = (Sha256::digest(one.as_bytes()), Sha256::digest(other.as_bytes()));
    one.iter().zip(other.iter()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// 128 bits that nobody can guess.
pub fn random() -> String {
    let mut bytes = [0_u8; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        // It fails only where the kernel is older than 2014; an interrupted call is made again.
        match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => bytes[filled..].fill_with(|| {
                filled += 1;
                fastrand::u8(..)
            }),
        }
    }
    hex(&bytes)
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // into a string: it cannot fail
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_plain_and_never_shown() {
        for bad in ["", "short", "fifteen-letters", "sixteen letters!", "ümlaut-is-not-plain", &"x".repeat(257)] {
            assert_eq!(bad.parse::<Token>().err(), Some(TokenError), "{bad}");
        }
        let token: Option<Token> = "sixteen-letters-".parse().ok();
        assert_eq!(format!("{token:?}"), "Some(Token(…))");
        let is = |shown: &str| token.as_ref().is_some_and(|token| token.is(shown));
        assert!(is("sixteen-letters-") && !is("sixteen-letters") && !is(""));
        assert!(token.as_ref().is_some_and(|token| !token.cookie().contains("sixteen") && !token.is(&token.cookie())));
        assert!(!TokenError.to_string().contains("short"));
    }

    #[test]
    fn two_random_words_differ() {
        assert_eq!(random().len(), 32);
        assert_ne!(random(), random());
    }
}
