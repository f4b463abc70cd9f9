//! Where a run's settings come from: flags, then the environment, then `.env`, then the defaults. All of it is
//! checked before the first request is spent.

use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};

use crate::limits::{RATE_PER_S_DEFAULT, RATE_PER_S_RANGE};

/// The variable that holds the key.
pub const KEY_VARIABLE: &str = "CRYPTODATADOWNLOAD_API_KEY";
/// The variable that names the store.
pub const STORE_VARIABLE: &str = "CHAINFILL_STORE";
/// The variable that names the vendor's base URL.
pub const API_URL_VARIABLE: &str = "CHAINFILL_API_URL";
/// The variable that says who is notified: URLs with blanks between them.
pub const NOTIFY_VARIABLE: &str = "CHAINFILL_NOTIFY";
/// The variable that holds the dashboard's token.
pub const DASHBOARD_TOKEN_VARIABLE: &str = "CHAINFILL_DASHBOARD_TOKEN";
/// The store where none is named.
pub const STORE_DEFAULT: &str = "sqlite:chainfill.db";

/// Why a setting does not serve.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No key at all.
    #[error("there is no key: set {KEY_VARIABLE}, or write it into .env, or name a file with --key-file")]
    NoKey,
    /// Something is wrong with the key; the key itself is not shown.
    #[error("the key from {from} {what}; it is refused before anything is sent")]
    Key {
        /// Where it came from.
        from: String,
        /// What is wrong.
        what: &'static str,
    },
    /// A file cannot be read.
    #[error("{path} cannot be read: {what}")]
    File {
        /// The file.
        path: String,
        /// Why.
        what: String,
    },
}

/// The environment, and behind it what `.env` says. Values of `.env` are not put into the environment, so that
/// no child process inherits a key.
#[derive(Default)]
pub struct Surroundings {
    file: HashMap<String, SecretString>,
}

impl Surroundings {
    /// Reads `.env` from this folder, where there is one.
    ///
    /// # Errors
    /// Where there is one that cannot be read. Its text is not quoted: it may be the key.
    pub fn read(path: &Path) -> Result<Surroundings, ConfigError> {
        if !path.is_file() {
            return Ok(Surroundings::default());
        }
        let wrong = |what: &str| ConfigError::File { path: path.display().to_string(), what: what.to_owned() };
        let lines = dotenvy::from_path_iter(path).map_err(|_| wrong("it is no file that may be read"))?;
        let mut file = HashMap::new();
        for (number, line) in lines.enumerate() {
            let (name, value) = line.map_err(|_| wrong(&format!("its entry {} is not NAME=VALUE", number + 1)))?;
            file.insert(name, SecretString::from(value));
        }
        Ok(Surroundings { file })
    }

    /// A variable, from the environment or `.env`.
    pub fn variable(&self, name: &str) -> Option<String> {
        let set = std::env::var(name).ok().filter(|value| !value.is_empty());
        set.or_else(|| self.file.get(name).map(|value| value.expose_secret().to_owned()))
    }

    /// The key: from a file if one is named, else from the environment, else from `.env`.
    ///
    /// # Errors
    /// Where there is none, or it cannot be one.
    pub fn key(&self, file: Option<&Path>) -> Result<SecretString, ConfigError> {
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| ConfigError::File { path: path.display().to_string(), what: error.to_string() })?;
            // An editor ends a file with a line break; that one is not the key's.
            let text = text.strip_suffix('\n').map_or(text.as_str(), |rest| rest.strip_suffix('\r').unwrap_or(rest));
            return checked_key(text, &path.display().to_string());
        }
        match self.variable(KEY_VARIABLE) {
            Some(text) => checked_key(&text, KEY_VARIABLE),
            None => Err(ConfigError::NoKey),
        }
    }
}

fn checked_key(text: &str, from: &str) -> Result<SecretString, ConfigError> {
    let wrong = |what| Err(ConfigError::Key { from: from.to_owned(), what });
    if text.is_empty() {
        return wrong("is empty");
    }
    if text.starts_with('\u{feff}') {
        return wrong("starts with a byte-order mark: save the file without one");
    }
    if text.contains(['\n', '\r']) {
        return wrong("holds a line break");
    }
    if text.contains(['"', '\'', '`']) {
        return wrong("holds a quotation mark: leave the quotes away");
    }
    if text.contains(char::is_whitespace) {
        return wrong("holds a blank: is the word Token in front of it? Leave it away");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong("holds a character that no key has");
    }
    Ok(SecretString::from(text))
}

/// Requests a second, or no bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MaxRate {
    /// So many.
    PerSecond(f64),
    /// As many as the vendor lets.
    Unbounded,
}

impl MaxRate {
    /// The least time between two requests.
    pub fn spacing_ms(self) -> i64 {
        match self {
            #[allow(clippy::cast_possible_truncation)]
            MaxRate::PerSecond(rate) => (1000.0 / rate).ceil() as i64,
            MaxRate::Unbounded => 0,
        }
    }
}

impl Default for MaxRate {
    fn default() -> MaxRate {
        MaxRate::PerSecond(RATE_PER_S_DEFAULT)
    }
}

impl FromStr for MaxRate {
    type Err = String;

    fn from_str(text: &str) -> Result<MaxRate, String> {
        if text == "none" {
            return Ok(MaxRate::Unbounded);
        }
        let (least, most) = RATE_PER_S_RANGE;
        match text.parse::<f64>() {
            Ok(rate) if rate.is_finite() && (least..=most).contains(&rate) => Ok(MaxRate::PerSecond(rate)),
            _ => Err(format!("write requests per second between {least} and {most}, or none")),
        }
    }
}

/// A span of time as people write it: `90s`, `45m`, `1h30m`, `2h 5min`, or ISO 8601.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its length.
    pub ms: i64,
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let span: jiff::SignedDuration =
            text.parse().map_err(|_| "write a time span such as 90s, 45m or 1h30m".to_owned())?;
        if span.is_negative() {
            return Err("a time span cannot be negative".to_owned());
        }
        Ok(Span { ms: i64::try_from(span.as_millis()).unwrap_or(i64::MAX) })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_cannot_be_one_is_refused_without_showing_it() {
        // F-U2, F-I9
        for key in ["", "\u{feff}secret", "sec\nret", "\"secret\"", "Token secret", "secret\u{7f}", "sécret"] {
            let error = checked_key(key, "the test").unwrap_err().to_string();
            assert!(!error.contains("secret") && !error.contains("sécret"), "{error}");
        }
        assert_eq!(checked_key("a1b2", "the test").unwrap().expose_secret(), "a1b2");
    }

    #[test]
    fn a_rate_of_zero_or_nan_is_refused() {
        // F-U1
        for text in ["0", "-1", "NaN", "inf", "1e300", "", "5/s"] {
            assert!(text.parse::<MaxRate>().is_err(), "{text}");
        }
        assert_eq!("none".parse::<MaxRate>().unwrap().spacing_ms(), 0);
        assert_eq!("5".parse::<MaxRate>().unwrap().spacing_ms(), 200);
        assert_eq!("1h30m".parse::<Span>().unwrap().ms, 5_400_000);
        assert!("-5m".parse::<Span>().is_err() && "soon".parse::<Span>().is_err());
    }
}
