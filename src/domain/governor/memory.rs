//! What of the throttle outlives the process.

use serde::{Deserialize, Serialize};

use super::quota::Quota;
use super::slack_ms;
use crate::domain::moment::Moment;
use crate::domain::run::Frame;
use crate::limits::{RETRY_AFTER_S_MAX, SECOND_MS};

/// Kept in the store with the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The quota, once it is learned.
    pub quota: Option<Quota>,
    /// The end of the last cooldown.
    pub cooldown_until: Option<Moment>,
    /// 429s in a row, with nothing between.
    pub refusals: u32,
    /// When one request more than the quota was last tried.
    pub probed_at: Option<Moment>,
    /// What these times are measured against; `None` in a store that an older version wrote.
    #[serde(default)]
    pub frame: Option<Frame>,
}

impl Memory {
    /// The same in another run's time. `newest`: what the store's newest run was measured against.
    #[must_use]
    pub fn moved_to(&self, frame: Frame, newest: Option<&Frame>) -> Memory {
        let shift_ms = self.frame.as_ref().or(newest).map_or(0, |earlier| frame.shift_ms(earlier));
        Memory { frame: Some(frame), ..self.moved(shift_ms) }
    }

    /// The same without what cannot be: nothing was found out later than now, and no wait is longer than the longest that
    /// is believed. Under a clock far ahead a run writes such times, and the next one would wait for years (I10).
    #[must_use]
    pub fn by(self, now: Moment) -> Memory {
        let longest_ms = RETRY_AFTER_S_MAX * SECOND_MS;
        let last = now + longest_ms + slack_ms(longest_ms);
        Memory {
            quota: self.quota.map(|quota| quota.by(now)),
            cooldown_until: self.cooldown_until.map(|until| until.min(last)),
            probed_at: self.probed_at.map(|at| at.min(now)),
            ..self
        }
    }

    /// The same with each of its moments moved on by so much.
    #[must_use]
    pub fn moved(&self, shift_ms: i64) -> Memory {
        let moved = |at: Option<Moment>| at.map(|at| at + shift_ms);
        let quota = self.quota.clone().map(|quota| quota.moved(shift_ms));
        let (cooldown_until, probed_at) = (moved(self.cooldown_until), moved(self.probed_at));
        Memory { quota, cooldown_until, probed_at, refusals: self.refusals, frame: self.frame.clone() }
    }
}
