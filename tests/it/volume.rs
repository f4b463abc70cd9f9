//! Disks that are full, for real: a small file system under the store or the log, filled, and given room again.

mod log;
mod postgres;
mod sqlite;

use std::time::{Duration, Instant};

use crate::rig::program::Running;
use crate::rig::simulated::Simulated;

/// How long a run may take to go on once there is room.
const GOING_ON: Duration = Duration::from_secs(30);

/// How often a run has said any of these.
fn times_said(running: &Running<'_>, words: &[&str]) -> usize {
    let said = running.said();
    words.iter().map(|words| said.matches(words).count()).sum()
}

/// Waits until it has said them so often.
fn until_said(running: &mut Running<'_>, words: &[&str], times: usize) {
    while times_said(running, words) < times {
        assert!(!running.has_ended(), "it ended in place of waiting:\n{}", running.said());
        running.look("a wait for room");
    }
}

/// There is room since that moment: the vendor is asked again, and soon.
fn goes_on(running: &mut Running<'_>, vendor: &Simulated, heard: u64, freed: Instant) {
    // Or the end, where all had been asked for and only the last answers waited for room.
    while vendor.requests() == heard && !running.has_ended() {
        running.look("the next request");
    }
    assert!(freed.elapsed() < GOING_ON, "{:?}", freed.elapsed());
}
