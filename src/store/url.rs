//! Where a store is: `sqlite:PATH` or `postgres://…`. A password in it is never shown (U4).

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tokio_postgres::config::{Config, Host};

/// A store's address.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    at: At,
    shown: String,
}

/// What an address speaks of.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum At {
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(Box<Config>),
}

/// Why a text is not a store's address. The text itself is not quoted where it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// A path without the word before it.
    #[error("a store needs its kind before its path: sqlite:{0}")]
    BarePath(String),
    /// `sqlite:` without a path, or in memory.
    #[error("sqlite: needs the path of a file after it, as in sqlite:chainfill.db; an archive in memory would be lost")]
    NoPath,
    /// Neither `sqlite:` nor `postgres://`.
    #[error("a store is sqlite:PATH or postgres://USER@HOST/DATABASE{0}")]
    Unknown(String),
    /// The PostgreSQL driver cannot read it.
    #[error("the PostgreSQL URL cannot be read: {0}; it looks like postgres://USER@HOST/DATABASE")]
    Postgres(String),
}

impl StoreUrl {
    /// The address of an SQLite file.
    pub fn sqlite(path: &Path) -> StoreUrl {
        StoreUrl { at: At::Sqlite(path.to_owned()), shown: format!("sqlite:{}", path.display()) }
    }

    pub(super) fn at(&self) -> &At {
        &self.at
    }
}

impl FromStr for StoreUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<StoreUrl, UrlError> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.contains(":memory:") {
                return Err(UrlError::NoPath);
            }
            return Ok(StoreUrl::sqlite(Path::new(path)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let config: Config = text.parse().map_err(|error| UrlError::Postgres(causes(&error)))?;
            let shown = shown(&config);
            return Ok(StoreUrl { at: At::Postgres(Box::new(config)), shown });
        }
        let is_file = [".db", ".sqlite", ".sqlite3"].iter().any(|end| text.to_ascii_lowercase().ends_with(end));
        if is_file && !text.contains(':') && !text.contains('@') {
            return Err(UrlError::BarePath(text.to_owned()));
        }
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        let plain = !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+');
        Err(UrlError::Unknown(if plain { format!(", not {scheme}://") } else { String::new() }))
    }
}

/// The URL anew from its parts, so that no way of writing a password can slip through.
pub(super) fn shown(config: &Config) -> String {
    let host = config.get_hosts().first().map_or_else(
        || "localhost".to_owned(),
        |host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string().replace('/', "%2F"),
        },
    );
    let user = config.get_user().map(|user| format!("{user}@")).unwrap_or_default();
    let port = config.get_ports().first().filter(|port| **port != 5432).map(|port| format!(":{port}"));
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("postgres://{user}{host}{}/{database}", port.unwrap_or_default())
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    text
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.shown)
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shown, f)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        // F-U4
        for text in [
            "postgres://quant:s3cret@db.example:6432/crypto_data",
            "postgresql://quant@db.example:6432/crypto_data?password=s3cret",
            "postgres://quant:s3cret@%2Frun%2Fpg:6432/crypto_data?sslmode=disable",
        ] {
            let url: StoreUrl = text.parse().unwrap();
            let both = format!("{url} {url:?}");
            assert!(!both.contains("s3cret") && both.contains("quant") && both.contains("crypto_data"), "{both}");
        }
        for text in ["mysql://quant:s3cret@db/x", "quant:s3cret@db/x.db", "postgres://quant:s3cret@db:port/x"] {
            let error = text.parse::<StoreUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_bare_path_is_told_what_is_missing() {
        // F-U1
        let error = "data/chainfill.db".parse::<StoreUrl>().unwrap_err();
        assert!(error.to_string().contains("sqlite:data/chainfill.db"));
        assert_eq!("sqlite:".parse::<StoreUrl>().unwrap_err(), UrlError::NoPath);
        assert_eq!("sqlite:a.db".parse::<StoreUrl>().unwrap().to_string(), "sqlite:a.db");
    }
}
