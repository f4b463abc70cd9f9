//! The real program, run as a user runs it: in a folder of its own, with an empty home and none of our variables.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::canary;
use super::home::Home;

/// How long a program may take unless a test says otherwise.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often it is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(2);

/// How often all command lines are read: what a program starts, too, must not show the key.
const LISTEN: Duration = Duration::from_millis(100);

/// A user's folder. It is removed, and the program that was started in it last ended, when this is dropped and also
/// when the test is killed.
pub struct Desk {
    home: RefCell<Home>,
    path: PathBuf,
}

/// A program that is about to be started.
pub struct Program<'a> {
    desk: &'a Desk,
    command: Command,
    deadline: Duration,
    lines: Option<usize>,
}

/// A program that runs. It is killed when this is dropped.
pub struct Running<'a> {
    desk: &'a Desk,
    child: Child,
    started: Instant,
    listened: Instant,
    deadline: Duration,
    out: Arc<Mutex<Vec<u8>>>,
    err: Arc<Mutex<Vec<u8>>>,
    readers: Vec<JoinHandle<()>>,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub out: String,
    /// What it said beside that.
    pub err: String,
    /// How long it ran.
    pub took: Duration,
}

impl Desk {
    /// An empty folder.
    pub fn new() -> Desk {
        let home = Home::new("chainfill-it-");
        let path = home.path().to_owned();
        Desk { home: RefCell::new(home), path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The store that a program without `--store` uses.
    pub fn database(&self) -> PathBuf {
        self.path.join("chainfill.db")
    }

    /// Names a process that was started in it by others and must not outlive it; `None` once that has ended.
    pub fn guard(&self, pid: Option<u32>) {
        self.home.borrow_mut().guard(pid);
    }

    /// Writes the key of this test to where a person puts it, for programs that a shell starts.
    pub fn put_key(&self) {
        canary::given(canary::key());
        let line = format!("CRYPTODATADOWNLOAD_API_KEY={}\n", canary::key());
        std::fs::write(self.path.join(".env"), line).expect("a file");
    }

    /// The program with these arguments.
    pub fn chainfill<S: AsRef<OsStr>>(&self, args: &[S]) -> Program<'_> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chainfill"));
        command.args(args).current_dir(&self.path).env_clear();
        for kept in ["PATH", "TMPDIR", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command.env("HOME", self.path.join("no-home")).stdin(Stdio::null());
        Program { desk: self, command, deadline: PATIENCE, lines: None }
    }
}

impl Drop for Desk {
    /// No key was said, nor is one in any file that was left: stores, logs, what is beside them (I9).
    fn drop(&mut self) {
        canary::none_in(&self.path);
    }
}

impl<'a> Program<'a> {
    /// Further arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: &[S]) -> Program<'a> {
        self.command.args(args);
        self
    }

    /// A variable of its environment.
    pub fn env(mut self, name: &str, value: &str) -> Program<'a> {
        self.command.env(name, value);
        self
    }

    /// The key of this test, which its vendor takes, where it belongs.
    pub fn with_key(self) -> Program<'a> {
        self.key(canary::key())
    }

    /// Another key.
    pub fn key(self, key: &str) -> Program<'a> {
        canary::given(key);
        self.env("CRYPTODATADOWNLOAD_API_KEY", key)
    }

    /// How long it may take, seconds.
    pub fn deadline_s(mut self, deadline_s: u64) -> Program<'a> {
        self.deadline = Duration::from_secs(deadline_s);
        self
    }

    /// The same under another program, such as strace: its name and what it takes before the name of ours.
    pub fn under<S: AsRef<OsStr>>(mut self, outer: &[S]) -> Program<'a> {
        let inner = self.command;
        let mut command = Command::new(&outer[0]);
        command.args(&outer[1..]).arg(inner.get_program()).args(inner.get_args()).env_clear().stdin(Stdio::null());
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(&self.desk.path);
        self.command = command;
        self
    }

    /// Reads so many lines of what it prints and goes away, as `head` does.
    pub fn read_lines(mut self, lines: usize) -> Program<'a> {
        self.lines = Some(lines);
        self
    }

    /// Starts it.
    pub fn spawn(mut self) -> Running<'a> {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("the program starts");
        self.desk.home.borrow_mut().guard(Some(child.id()));
        canary::listen_to_processes();
        let (out, err) = (Arc::default(), Arc::default());
        let readers = vec![
            read(child.stdout.take().expect("a pipe"), self.lines, Arc::clone(&out)),
            read(child.stderr.take().expect("a pipe"), None, Arc::clone(&err)),
        ];
        Running {
            desk: self.desk,
            child,
            started: Instant::now(),
            listened: Instant::now(),
            deadline: self.deadline,
            out,
            err,
            readers,
        }
    }

    /// Runs it to its end.
    pub fn run(self) -> Ended {
        self.spawn().wait()
    }

    /// Runs it and expects an exit code.
    pub fn ends_with(self, code: i32) -> Ended {
        self.run().expect_code(code)
    }
}

impl Ended {
    /// Fails with all that it said where the exit code is another one.
    pub fn expect_code(self, code: i32) -> Ended {
        assert_eq!(self.code, Some(code), "\n{}\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }

    /// All that it said.
    pub fn said(&self) -> String {
        format!("{}{}", self.out, self.err)
    }
}

impl Running<'_> {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Memory that it holds now (`VmRSS`) or held at the most (`VmHWM`), KiB, by the kernel's account; 0 where it is gone.
    pub fn memory_kib(&self, account: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let value = status.lines().find_map(|line| line.strip_prefix(account)).unwrap_or_default();
        value.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0)
    }

    /// Descriptors that it holds open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).map_or(0, Iterator::count)
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("it has not been waited for, so it takes signals");
    }

    /// What it printed so far, on both.
    pub fn said(&self) -> String {
        format!("{}{}", text(&self.out), text(&self.err))
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_some()
    }

    /// Waits until something holds; fails where the program ends before, or its time is over.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        while !holds() {
            assert!(!self.has_ended(), "it ended before {what}:\n{}", self.said());
            self.look(what);
        }
    }

    /// Waits until it has said something.
    pub fn until_said(&mut self, words: &str) {
        while !self.said().contains(words) {
            assert!(!self.has_ended(), "it ended before it said {words:?}:\n{}", self.said());
            self.look(words);
        }
    }

    /// Waits so long, or until it ends. Whether it still runs.
    pub fn lives_for(&mut self, span: Duration) -> bool {
        let from = Instant::now();
        while from.elapsed() < span {
            if self.has_ended() {
                return false;
            }
            std::thread::sleep(LOOK.min(span.saturating_sub(from.elapsed())));
        }
        !self.has_ended()
    }

    /// Kills it as the kernel does. Whether it still ran.
    pub fn kill(mut self) -> bool {
        let ran = !self.has_ended();
        let _ = self.child.kill();
        self.reap();
        ran
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Ended {
        while !self.has_ended() {
            self.look("its end");
        }
        let took = self.started.elapsed();
        let status: ExitStatus = self.reap();
        Ended { code: status.code(), out: text(&self.out), err: text(&self.err), took }
    }

    /// Lets a moment pass; fails where its time is over.
    pub fn look(&mut self, what: &str) {
        if self.started.elapsed() > self.deadline {
            let _ = self.child.kill();
            panic!("{what} did not come within {:?}:\n{}", self.deadline, self.said());
        }
        if self.listened.elapsed() > LISTEN {
            canary::listen_to_processes();
            self.listened = Instant::now();
        }
        std::thread::sleep(LOOK);
    }

    fn reap(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("a child can be waited for");
        self.desk.home.borrow_mut().guard(None);
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        let said =
            [self.out.lock().expect("a buffer").as_slice(), self.err.lock().expect("a buffer").as_slice()].concat();
        canary::listen("what it said", &said);
        status
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        self.reap();
    }
}

/// Reads to the end, or so many lines.
fn read(pipe: impl Read + Send + 'static, lines: Option<usize>, into: Arc<Mutex<Vec<u8>>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        for _ in 0..lines.unwrap_or(usize::MAX) {
            line.clear();
            match pipe.read_until(b'\n', &mut line) {
                Ok(1..) => into.lock().expect("a buffer").extend_from_slice(&line),
                _ => return,
            }
        }
    })
}

fn text(bytes: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&bytes.lock().expect("a buffer")).into_owned()
}
