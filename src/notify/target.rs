//! Who is told, as a person named it.

use std::fmt;

use reqwest::Url;

use super::form::Form;

/// Who is told.
#[derive(Clone)]
pub enum Target {
    /// A service.
    Service {
        /// What it takes.
        form: Form,
        /// Where it is: a secret, because whoever knows it can post there.
        url: Url,
    },
    /// A command of the user's.
    Command {
        /// For `sh -c`.
        line: String,
        /// Variables that it does not get (I9).
        hidden: Vec<&'static str>,
    },
}

impl Target {
    /// A service by its URL.
    ///
    /// # Errors
    /// In words without the URL.
    pub fn service(text: &str) -> Result<Target, &'static str> {
        Form::read(text).map(|(form, url)| Target::Service { form, url })
    }
}

/// As much of it as may be shown: `https://ntfy.sh`, and nothing of a path, a name or a password.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Command { .. } => f.write_str("--notify-command"),
            Target::Service { url, .. } => {
                write!(f, "{}://{}", url.scheme(), url.host_str().unwrap_or_default())?;
                url.port().map_or(Ok(()), |port| write!(f, ":{port}"))
            }
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scheme_and_host_of_a_target_are_ever_shown() {
        let shown = |text: &str| Target::service(text).map(|target| format!("{target} {target:?}"));
        let both = |shown: &str| Ok(format!("{shown} Target({shown})"));
        assert_eq!(shown("https://hooks.slack.com/services/T0/B0/hunter2"), both("https://hooks.slack.com"));
        assert_eq!(shown("ntfy+http://u:hunter2@[::1]:8080/hunter2?auth=hunter2"), both("http://[::1]:8080"));
        for bad in ["hunter2", "ftp://x/hunter2", "mail+https://x/hunter2", "slack+hunter2", "slack+mail://hunter2", ""]
        {
            assert!(!shown(bad).unwrap_err().contains("hunter2"), "{bad}");
        }
        let command = Target::Command { line: "echo hunter2".into(), hidden: Vec::new() };
        assert_eq!(format!("{command:?}"), "Target(--notify-command)");
    }
}
