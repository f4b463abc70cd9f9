//! A real Django REST Framework server as the vendor: its throttle, authentication and error bodies are DRF's own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde::Deserialize;
use tempfile::TempDir;

use super::canary;
use super::clocks::Clocks;

/// A running server, which takes the key of this test. It ends when this is dropped, and also when this process is killed.
pub struct Drf {
    /// `http://127.0.0.1:PORT/v1`, for `--api-url`.
    pub base_url: String,
    control_port: u16,
    server: Child,
    leash: Option<ChildStdin>,
    dir: TempDir,
}

/// One request, as the server saw it: the oracle for what was sent, and when.
#[derive(Clone, Debug, Deserialize)]
pub struct Access {
    /// When it came in, seconds since the epoch.
    pub t: f64,
    /// Path and query.
    pub path: String,
    /// What it was answered with.
    pub status: u16,
    /// The answer's `Retry-After`.
    pub retry_after: Option<String>,
    /// Whether it carried the right key.
    pub key_ok: bool,
    /// The process that answered.
    pub pid: i32,
}

/// A bar as the server has it: date, opening in Unix milliseconds, open, high, low, close, volume.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TrueBar(pub String, pub i64, pub String, pub String, pub String, pub String, pub String);

impl Drf {
    /// Starts it with arguments of `tests/peer/server.py`, such as `["--face", "expiry", "--throttle", "20/3s"]`.
    pub fn start<S: AsRef<str>>(args: &[S]) -> Drf {
        Drf::start_with(args, &[])
    }

    /// The same on a machine whose clock a test moves.
    pub fn start_on<S: AsRef<str>>(args: &[S], clocks: &Clocks) -> Drf {
        Drf::start_with(args, &clocks.variables())
    }

    fn start_with<S: AsRef<str>>(args: &[S], variables: &[(&str, String)]) -> Drf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join(".venv/bin/python");
        assert!(python.exists(), "there is no Django in .venv: run scripts/prepare, which makes it once");
        let dir = tempfile::Builder::new().prefix("chainfill-drf-").tempdir().expect("a temporary directory");
        let mut server = Command::new(python)
            .arg("-B")
            .arg(root.join("tests/peer/server.py"))
            .args(args.iter().map(AsRef::as_ref))
            .arg("--access")
            .arg(dir.path().join("access.jsonl"))
            .arg("--truth")
            .arg(dir.path().join("truth.jsonl"))
            .arg("--leash")
            .arg(dir.path())
            .env("RIG_KEY", canary::key())
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let leash = server.stdin.take();
        let (mut port, mut control_port) = (None, None);
        for line in BufReader::new(server.stdout.take().expect("a pipe")).lines().map_while(Result::ok) {
            match line.split_once(' ') {
                Some(("control", number)) => control_port = number.parse().ok(),
                Some(("listening", number)) => port = number.parse::<u16>().ok(),
                _ => {}
            }
            if port.is_some() {
                break;
            }
        }
        let (Some(port), Some(control_port)) = (port, control_port) else {
            panic!("the DRF server did not start: {:?}; its words are above", server.wait());
        };
        Drf { base_url: format!("http://127.0.0.1:{port}/v1"), control_port, server, leash, dir }
    }

    /// Every request so far. A line is written before its answer leaves, so whoever has an answer finds it here.
    pub fn accesses(&self) -> Vec<Access> {
        self.lines("access.jsonl")
    }

    /// Every listed option with its bars, oldest first.
    pub fn truth(&self) -> BTreeMap<String, Vec<TrueBar>> {
        #[derive(Deserialize)]
        struct Line {
            symbol: String,
            rows: Vec<TrueBar>,
        }
        self.lines("truth.jsonl").into_iter().map(|line: Line| (line.symbol, line.rows)).collect()
    }

    /// Changes the throttle from now on: `20/3s`, `20/3s,100/min`, or an empty text for none. What was counted
    /// stays counted.
    pub fn set_rate(&self, rate: &str) {
        self.control("rate", rate);
    }

    /// Makes the key `good`, `inactive` or `unknown` from now on.
    pub fn set_key(&self, state: &str) {
        self.control("key", state);
    }

    /// Forgets what was counted, as a restart of the server does.
    pub fn forget(&self) {
        self.control("forget", "");
    }

    /// Where its files are.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn control(&self, what: &str, value: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.control_port)).expect("the control port");
        let length = value.len();
        write!(stream, "POST /control/{what} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{value}").expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.0 204"), "{what} {value:?}: {answer}");
    }

    fn lines<T: for<'a> Deserialize<'a>>(&self, name: &str) -> Vec<T> {
        let text = fs::read_to_string(self.dir.path().join(name)).expect("the server's file");
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}

impl Drop for Drf {
    fn drop(&mut self) {
        drop(self.leash.take());
        let _ = self.server.kill();
        let _ = self.server.wait();
        canary::none_in(self.dir.path());
    }
}
