//! For the tests: the run and the page that their fixtures begin with.

use jiff::tz::TimeZone;

use super::status::StatusPage;
use crate::domain::governor::Explanation;
use crate::domain::health::LastRun;
use crate::domain::moment::Moment;

/// 2025-10-26T12:33:20+08:00.
pub const START: Moment = Moment(1_761_453_200_000);

/// The zone of the page that started this.
pub fn zone() -> TimeZone {
    TimeZone::fixed(jiff::tz::offset(8))
}

/// A run whose process lives, and has just given a sign of it.
pub fn run() -> LastRun {
    LastRun {
        epoch: 3,
        pid: 15901,
        host: "nas".into(),
        started_at: START,
        beat_age_ms: 3_000,
        alive: Some(true),
        ended_at: None,
        ending: None,
    }
}

/// A store in which nothing is.
pub fn bare() -> StatusPage {
    StatusPage {
        store: "postgres://postgres@localhost/crypto_data".into(),
        tallies: Vec::new(),
        retriable: 0,
        open: 0,
        bytes: 0,
        room_bytes: None,
        requests: 0,
        run: None,
        progress: None,
        throttle: Explanation { quota: None, used: 0, next_at: None, reason: None },
    }
}
