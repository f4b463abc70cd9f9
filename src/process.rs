//! This process, and whether another one lives.

use std::fs;

use sha2::{Digest as _, Sha256};

use crate::clock::{Clock, SystemClock};
use crate::domain::run::{Frame, Identity};
use crate::domain::vantage::Vantage;

/// The namespace of process ids that a machine begins with, by the number that the kernel has for it.
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// Who this process is. `command`: what was called, without anything secret.
pub fn identity(clock: &SystemClock, command: String) -> Identity {
    let pid = std::process::id();
    let started_at = clock.now();
    Identity {
        pid,
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        boot_id: boot_id(),
        machine: machine(),
        pid_namespace: pid_namespace(),
        pid_started: started(pid).unwrap_or(0),
        started_at,
        // That of the same moment, however long ago the clock was anchored.
        started_boot_ms: started_at.0 - clock.offset_ms(),
        command,
    }
}

/// Where this process looks from, now: its clock is anchored anew at each look, so that a step of the wall clock is
/// followed by a view that stays for days (C2).
pub fn vantage() -> Vantage {
    let clock = SystemClock::start();
    let frame = Frame { boot_id: boot_id(), offset_ms: clock.offset_ms() };
    Vantage { now: clock.now(), frame, alive }
}

/// Whether a process lives; `None` where that cannot be known from here: another host, another container.
pub fn alive(who: &Identity) -> Option<bool> {
    if who.host != rustix::system::uname().nodename().to_string_lossy() || who.boot_id.is_empty() {
        return None;
    }
    if who.boot_id != boot_id() {
        // It was started anew since, or it is another machine of the same name, where the process may be at work.
        return (!who.machine.is_empty() && who.machine == machine()).then_some(false);
    }
    // Two containers of one host name would else each take the other for gone, and both would write.
    if who.pid_namespace != pid_namespace() {
        return None;
    }
    match started(who.pid) {
        // The start time tells a process from a later one that was given the same pid.
        Some(started) => Some(started == who.pid_started),
        // Where not even the first process is seen, other users' are hidden (`hidepid`).
        None => started(1).map(|_| false),
    }
}

fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// The machine's id, hashed: as it stands it is not for the eyes of whoever reads the store. None in a container, whose id
/// may be its image's, and the same on each machine that runs it.
fn machine() -> String {
    let id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let id = id.trim();
    if pid_namespace() != FIRST_PID_NAMESPACE || id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return String::new();
    }
    let hash = Sha256::digest(format!("chainfill {id}"));
    hash.first_chunk().map_or_else(String::new, |bytes| format!("{:016x}", u64::from_be_bytes(*bytes)))
}

fn pid_namespace() -> String {
    fs::read_link("/proc/self/ns/pid").map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Ticks from boot to the start of a process; `None` where there is none, or only its corpse (a zombie).
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold blanks and parentheses: the fields start behind the last one.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_to_be_gone_only_where_it_would_be_seen() {
        // F-P8, F-C3
        let me = identity(&SystemClock::start(), String::new());
        let other = |change: fn(&mut Identity)| {
            let mut other = me.clone();
            change(&mut other);
            alive(&other)
        };
        assert_eq!(alive(&me), Some(true));
        assert_eq!(other(|other| other.pid_started += 1), Some(false), "its number was given to another");
        assert_eq!(other(|other| other.host.push('x')), None);
        assert_eq!(other(|other| other.pid_namespace.push('x')), None, "another container's");
        assert_eq!(other(|other| other.pid_namespace.clear()), None, "an older version did not say");
        let reboot = |other: &mut Identity| other.boot_id.push('x');
        let rebooted = if me.machine.is_empty() { None } else { Some(false) };
        assert_eq!(other(reboot), rebooted);
        for machine in ["x", ""] {
            let mut other = me.clone();
            reboot(&mut other);
            other.machine = machine.to_owned();
            assert_eq!(alive(&other), None, "another machine of this name, perhaps");
        }
    }
}
