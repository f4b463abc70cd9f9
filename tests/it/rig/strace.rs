//! The calls of a program that change something outside of it, in order; and a program that dies at one of them.

use std::path::Path;

/// What may change a file, or leave by a socket. A call that is not among them is killed at by the next one that is.
const MUTATING: &str = "pwrite64,pwritev,write,writev,sendto,sendmsg,fdatasync,fsync,ftruncate,unlink,unlinkat,rename";

/// One call of a traced run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `pwrite64`, `fsync`.
    pub name: String,
    /// It was its thread's so-and-so-many-th of that name, from one on: strace counts so.
    pub nth: usize,
    /// What strace printed of it.
    pub line: String,
    /// Whether an earlier call of another thread has the same name and number: it cannot be killed at apart.
    pub is_twin: bool,
}

/// Whether strace is there and may trace; says so where not.
pub fn is_there() -> bool {
    let tried = std::process::Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    let there = tried.is_ok_and(|out| out.status.success());
    if !there {
        super::skipped("strace is absent or may not trace here; scripts/prepare installs it");
    }
    there
}

/// strace and its arguments, before those of the program: writes down each mutating call.
pub fn tracing(into: &Path) -> Vec<String> {
    let into = into.display().to_string();
    ["strace", "-f", "-y", "-s", "400", "--seccomp-bpf", "-o", &into, "-e", &format!("trace={MUTATING}")]
        .map(str::to_owned)
        .to_vec()
}

/// The same: kills the program as a thread of it enters that call, before the call does anything.
pub fn killing_at(call: &Call) -> Vec<String> {
    let Call { name, nth, .. } = call;
    let inject = format!("inject={name}:signal=SIGKILL:when={nth}");
    // With --seccomp-bpf strace 6.1 injects no signal, and says nothing of it.
    ["strace", "-f", "-o", "/dev/null", "-e", &format!("trace={name}"), "-e", &inject].map(str::to_owned).to_vec()
}

/// The calls that a traced run wrote down.
pub fn calls(written: &Path) -> Vec<Call> {
    let text = std::fs::read(written).expect("strace wrote");
    let mut counts = std::collections::HashMap::new();
    let (mut calls, mut seen) = (Vec::new(), std::collections::HashSet::new());
    for line in String::from_utf8_lossy(&text).lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        let Some((name, _)) = rest.split_once('(') else { continue };
        if !MUTATING.split(',').any(|known| known == name) {
            continue;
        }
        let nth: &mut usize = counts.entry((thread.to_owned(), name.to_owned())).or_default();
        *nth += 1;
        let (name, nth) = (name.to_owned(), *nth);
        let is_twin = !seen.insert((name.clone(), nth));
        calls.push(Call { name, nth, line: rest.to_owned(), is_twin });
    }
    calls
}
