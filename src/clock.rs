//! The only file that reads a clock.

use crate::domain::moment::Moment;
use rustix::time::{ClockId, clock_gettime};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where a run gets its time from. Simulated runs bring their own.
pub trait Clock: Send + Sync {
    /// The run's time: the wall clock at its start, moved on by the boot clock. So a stepped wall clock makes
    /// no wait shorter or longer (C2), and a suspended machine's sleep counts (C1).
    fn now(&self) -> Moment;
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    wall_ms: i64,
    boot_ms: i64,
}

impl SystemClock {
    /// Anchors the run's time at the wall clock, now.
    pub fn start() -> SystemClock {
        SystemClock { wall_ms: wall_ms(), boot_ms: boot_ms() }
    }

    /// The wall clock less the boot clock, as it was at the anchor: what all times of this clock are measured against.
    pub fn offset_ms(&self) -> i64 {
        self.wall_ms - self.boot_ms
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment(self.wall_ms + boot_ms() - self.boot_ms)
    }
}

/// Milliseconds since the machine started, the time it slept included.
fn boot_ms() -> i64 {
    let at = clock_gettime(ClockId::Boottime);
    at.tv_sec * 1000 + at.tv_nsec / 1_000_000
}

/// Milliseconds since the epoch, by the wall clock.
fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
