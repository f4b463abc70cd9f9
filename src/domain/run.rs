//! One process's work on a store: who it is, and who may write.

use serde::{Deserialize, Serialize};

use super::moment::Moment;
use crate::limits::LEASE_MS;

/// A run's number on a store; it grows by one with each run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub i64);

/// Which process holds or held a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Process id on its host.
    pub pid: u32,
    /// The host's name.
    pub host: String,
    /// The kernel's id of this boot: a pid means nothing after a reboot.
    pub boot_id: String,
    /// Which machine, where several have one name; empty where it is not known.
    #[serde(default)]
    pub machine: String,
    /// The kernel's name of the process ids among which that one counts: each container has its own, on one boot and
    /// perhaps under one host name. Empty where it is not known.
    #[serde(default)]
    pub pid_namespace: String,
    /// When the process started, in the kernel's ticks since boot: a pid may be given out again.
    pub pid_started: u64,
    /// When the run started.
    pub started_at: Moment,
    /// The boot clock at that moment: with it a later process can tell how much time really passed (C2).
    pub started_boot_ms: i64,
    /// What was called, without anything secret.
    pub command: String,
}

/// What a run's times are measured against: they are the boot clock's, moved by what the wall clock said at its start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The kernel's id of the boot.
    pub boot_id: String,
    /// The wall clock less the boot clock.
    pub offset_ms: i64,
}

impl Identity {
    /// What this run's times are measured against.
    pub fn frame(&self) -> Frame {
        Frame { boot_id: self.boot_id.clone(), offset_ms: self.started_at.0 - self.started_boot_ms }
    }
}

impl Frame {
    /// What brings times of an earlier run into this one: zero unless the wall clock was stepped between them on the
    /// same boot, where the boot clock tells by how much (C2).
    pub fn shift_ms(&self, earlier: &Frame) -> i64 {
        if earlier.boot_id.is_empty() || earlier.boot_id != self.boot_id {
            return 0;
        }
        self.offset_ms - earlier.offset_ms
    }
}

/// Whether a process may take a store over from its last holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// Nobody holds it.
    Free,
    /// The holder is gone, or its lease ran out: its epoch ends here.
    TakenOver,
    /// Somebody works on it. Its lease runs out in so many milliseconds unless it beats again.
    Held(i64),
}

/// One writer (I7). `beat_age_ms`: time since the holder's last sign of life, by the store's clock. `alive`:
/// whether its process lives, where that can be seen: not on another machine, and not in another container.
pub fn claim(held: bool, beat_age_ms: i64, alive: Option<bool>) -> Claimed {
    match (held, alive) {
        (false, _) => Claimed::Free,
        // A live process may be stopped or starved for long and still come back: where it is seen it keeps the store.
        (true, Some(true)) => Claimed::Held(LEASE_MS),
        (true, Some(false)) => Claimed::TakenOver,
        (true, None) if beat_age_ms >= LEASE_MS => Claimed::TakenOver,
        (true, None) => Claimed::Held(LEASE_MS - beat_age_ms.max(0)),
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Everything that was asked for is there.
    Complete,
    /// All was tried; some options need attention.
    Attention,
    /// Stopped by request; the rest is pending.
    Stopped,
    /// Stopped at the vendor's limit, as told.
    Limit,
    /// The vendor cannot be reached, or speaks another language.
    Vendor,
    /// The key is refused.
    Key,
    /// The store cannot be used.
    Store,
    /// What was asked for does not exist.
    Usage,
    /// Something else.
    Failed,
}

impl Ending {
    /// The process's exit code, as documented in `--help`.
    pub fn exit_code(self) -> u8 {
        match self {
            Ending::Complete => 0,
            Ending::Failed => 1,
            Ending::Usage => 2,
            Ending::Attention => 3,
            Ending::Vendor => 4,
            Ending::Limit => 5,
            Ending::Stopped => 6,
            Ending::Key => 7,
            Ending::Store => 8,
        }
    }

    /// The ending of a stored word.
    pub fn from_word(word: &str) -> Option<Ending> {
        use Ending::{Attention, Complete, Failed, Key, Limit, Stopped, Store, Usage, Vendor};
        [Complete, Attention, Stopped, Limit, Vendor, Key, Store, Usage, Failed]
            .into_iter()
            .find(|ending| ending.word() == word)
    }

    /// The word that is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Ending::Complete => "complete",
            Ending::Attention => "attention",
            Ending::Stopped => "stopped",
            Ending::Limit => "limit",
            Ending::Vendor => "vendor",
            Ending::Key => "key",
            Ending::Store => "store",
            Ending::Usage => "usage",
            Ending::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_holder_on_this_host_is_replaced_at_once_and_a_far_one_after_its_lease() {
        // F-P3, F-P8
        assert_eq!(claim(false, 0, None), Claimed::Free);
        assert_eq!(claim(true, 0, Some(false)), Claimed::TakenOver);
        assert_eq!(claim(true, LEASE_MS * 10, Some(true)), Claimed::Held(LEASE_MS));
        assert_eq!(claim(true, LEASE_MS - 1, None), Claimed::Held(1));
        assert_eq!(claim(true, LEASE_MS, None), Claimed::TakenOver);
    }
}
