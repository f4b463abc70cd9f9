//! What the tests put around the program: a private PostgreSQL, a real Django REST Framework server, shared data.
//!
//! Everything that is started here ends with the test that started it, also when that test panics or is killed.

pub mod archive;
pub mod bout;
pub mod canary;
pub mod certificate;
pub mod clocks;
pub mod drf;
mod early;
pub mod home;
mod itself;
pub mod pgbouncer;
pub mod postbox;
pub mod postgres;
pub mod program;
pub mod promtool;
pub mod proxy;
pub mod proxy_http;
pub mod proxy_postgres;
pub mod simulated;
pub mod strace;
pub mod table;
pub mod tmux;
pub mod volume;
pub mod world;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Says that something cannot be tested here, and why. A test that passes prints nothing that anybody sees: `check` shows
/// what stands in the file.
pub fn skipped(what: &str) {
    println!("skipped: {what}");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("skipped.txt");
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    // One write: tests are processes side by side.
    file.and_then(|mut file| file.write_all(format!("{what}\n").as_bytes())).expect("a list of what was skipped");
}

/// What threads of a test share. One of them may have failed while it held it: that failure is the one to read, not this.
pub fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file of the project's shared data, which stands beside the repository and not in it. `None`, told as skipped,
/// where it is absent: a clone elsewhere is not at fault.
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    skipped(&format!("the shared {name} is absent"));
    None
}
