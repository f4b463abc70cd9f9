//! A directory, and at most one server in it, that are gone when the test is, however it ends.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// Reads process ids from its standard input; at the end of it the last one, where it is not `-`, is ended and the
/// directory removed. The input ends with this process even by SIGKILL, which no destructor outlives.
///
/// SIGQUIT is PostgreSQL's immediate shutdown, which takes its shared memory along; a segment that SIGKILL left is
/// named in `postmaster.pid`, line 7.
const WATCHDOG: &str = r#"
pid=-
while read -r line; do pid=$line; done
if [ "$pid" != - ] && kill -QUIT "$pid" 2>/dev/null; then
    tries=0
    while [ -e "$1/data/postmaster.pid" ] && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
    kill -KILL "$pid" 2>/dev/null
fi
segment=$(sed -n '7s/.* //p' "$1/data/postmaster.pid" 2>/dev/null)
[ -z "$segment" ] || ipcrm -m "$segment" 2>/dev/null
tries=0
while ! rm -rf "$1" 2>/dev/null && [ $tries -lt 100 ]; do sleep 0.05; tries=$((tries + 1)); done
"#;

/// A private directory in memory where there is plenty of that, else under the system's temporary one.
pub struct Home {
    path: PathBuf,
    watchdog: Child,
    leash: Option<ChildStdin>,
}

impl Home {
    /// Makes the directory, and the watchdog before anything is put into it.
    pub fn new(prefix: &str) -> Home {
        let path = tempfile::Builder::new().prefix(prefix).tempdir_in(place()).expect("a temporary directory").keep();
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(&path)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C and a test runner's time-out are sent to the test's group: the watchdog must outlive them.
            .process_group(0)
            .spawn()
            .expect("sh starts");
        let leash = watchdog.stdin.take();
        Home { path, watchdog, leash }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names the process that must not outlive this directory; `None` once it is known to have ended, so that its
    /// number, which may be another's by then, is never sent a signal.
    pub fn guard(&mut self, pid: Option<u32>) {
        let line = pid.map_or_else(|| "-\n".to_owned(), |pid| format!("{pid}\n"));
        let leash = self.leash.as_mut().expect("the leash is held until the end");
        leash.write_all(line.as_bytes()).expect("the watchdog listens");
    }
}

/// Copying a database of 28 MB takes 0.07 s in memory and 0.9 s on a virtual disk. A container's /dev/shm of 64 MB
/// would be full with the second server.
fn place() -> PathBuf {
    const KB_MIN: u64 = 4 << 20;
    let df = Command::new("df").args(["-Pk", "/dev/shm"]).stderr(Stdio::null()).output();
    let text = df.map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default();
    let free_kb = text.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
    match free_kb {
        Some(free_kb) if KB_MIN <= free_kb => PathBuf::from("/dev/shm"),
        _ => std::env::temp_dir(),
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ = self.watchdog.wait();
    }
}
