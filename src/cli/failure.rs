//! What a person is told when a command cannot do its work, and the exit code that scripts see.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use crate::config::ConfigError;
use crate::http::HttpError;
use crate::store::StoreError;
use crate::view::escape::{safe, safe_json};

/// Exit code: another run holds the store.
pub const HELD: u8 = 11;

/// Why a command ends without having done its work.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// What happened.
    pub what: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Failure {
    /// The command was called wrongly.
    pub fn usage(what: &dyn Display) -> Failure {
        Failure { code: 2, what: what.to_string(), hint: None }
    }

    /// Something that should not happen.
    pub fn unexpected(what: &dyn Display) -> Failure {
        Failure { code: 1, what: what.to_string(), hint: None }
    }

    /// With what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// Says it on standard error; with `--json` as one object. What somebody else wrote into a store, or the vendor said, may
    /// stand in it (X1).
    pub fn report(&self, json: bool) -> ExitCode {
        let mut out = anstream::stderr().lock();
        let _ = if json {
            let object = serde_json::json!({ "v": 1, "error": self.what, "hint": self.hint, "exit_code": self.code });
            writeln!(out, "{}", safe_json(&object.to_string()))
        } else {
            let red = anstyle::AnsiColor::Red.on_default().bold();
            let lines = |text: &str| text.lines().map(|line| safe(line).into_owned()).collect::<Vec<_>>().join("\n");
            let hint = self.hint.as_ref().map_or(String::new(), |hint| format!("\n  {}", lines(hint)));
            writeln!(out, "{red}error:{red:#} {}{hint}", safe(&self.what))
        };
        ExitCode::from(self.code)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        let (code, hint) = match &error {
            StoreError::Held(_) => {
                (HELD, Some("chainfill status shows what it does, chainfill stop ends it".to_owned()))
            }
            StoreError::Fenced => (HELD, None),
            StoreError::Nothing { .. } => (8, Some("chainfill backfill starts one; --store names another".to_owned())),
            StoreError::Unfit { mend, .. } => (8, Some(mend.clone())),
            StoreError::Full { .. } => {
                (8, Some("make room, then run the same command again: nothing is lost".to_owned()))
            }
            StoreError::Away { .. } => {
                (8, Some("start it, or look at --store; then run the same command again".to_owned()))
            }
        };
        Failure { code, what: error.to_string(), hint }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure::usage(&error)
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Failure {
        Failure::usage(&error)
    }
}
