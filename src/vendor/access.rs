//! What reached the vendor: the oracle of the tests that count requests.

use std::collections::HashMap;

use super::faults::Kind;
use crate::domain::moment::Moment;

/// Most requests that the log keeps; further ones are only counted.
pub const ACCESS_KEPT_MAX: usize = 1_000_000;

/// One request as the vendor saw it. The key is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// When it came.
    pub at: Moment,
    /// Path and query.
    pub path: String,
    /// The status that was answered.
    pub status: u16,
    /// What `Retry-After` said: seconds, a date, or nonsense.
    pub retry_after: Option<String>,
    /// Whether the key was right.
    pub key_ok: bool,
    /// The fault that the answer was spoilt with.
    pub fault: Option<Kind>,
}

/// Every request since the start, in numbers, and one by one where that was asked for.
#[derive(Clone, Debug, Default)]
pub struct AccessLog {
    keeps: bool,
    kept: Vec<Access>,
    /// Requests in all.
    pub requests: u64,
    /// Answers with status 429, faults included.
    pub throttled: u64,
    /// Answers that were spoilt on purpose.
    pub spoilt: u64,
    /// Requests with a wrong key or none.
    pub key_wrong: u64,
}

impl AccessLog {
    /// A log that keeps each request, or only counts.
    pub(crate) fn new(keeps: bool) -> AccessLog {
        AccessLog { keeps, ..AccessLog::default() }
    }

    pub(crate) fn add(&mut self, access: impl FnOnce() -> Access, status: u16, key_ok: bool, fault: Option<Kind>) {
        self.requests += 1;
        self.throttled += u64::from(status == 429);
        self.spoilt += u64::from(fault.is_some());
        self.key_wrong += u64::from(!key_ok);
        if self.keeps && self.kept.len() < ACCESS_KEPT_MAX {
            self.kept.push(access());
        }
    }

    /// The requests, oldest first; none unless the settings say that they are kept.
    pub fn kept(&self) -> &[Access] {
        &self.kept
    }

    /// What was asked again although it had been answered well: path and number of good answers, two at the least.
    pub fn asked_twice(&self) -> Vec<(String, usize)> {
        let mut good: HashMap<&str, usize> = HashMap::new();
        for access in self.kept.iter().filter(|access| access.status == 200 && access.fault.is_none()) {
            *good.entry(&access.path).or_default() += 1;
        }
        let mut twice: Vec<(String, usize)> =
            good.into_iter().filter(|(_, count)| *count > 1).map(|(path, count)| (path.to_owned(), count)).collect();
        twice.sort_unstable();
        twice
    }
}
