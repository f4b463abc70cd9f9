//! The page in a real Chromium. tests/browser/run.mjs drives it; here are the run, the store, and the comparison.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use chainfill::vendor::Vendor;
use rustix::process::Signal;
use serde_json::Value;

use super::{Served, vendor};
use crate::rig::archive::reader;
use crate::rig::canary;
use crate::rig::program::Desk;
use crate::rig::simulated::Simulated;

/// How long the browser may take for all of it.
const PATIENCE: Duration = Duration::from_secs(150);

/// How old what a page shows may be: a look a second, and a slow machine.
const OLD_MAX: Duration = Duration::from_secs(4);

/// Bars, stored, empty, attention, missing and listed, by currency.
type Counts = BTreeMap<String, [u64; 6]>;

/// Node with its browser. Both are gone when this is.
struct Browser {
    node: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    until: Instant,
}

impl Browser {
    fn start(args: &[&str]) -> Browser {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
        assert!(
            folder.join("node_modules/playwright-core").exists() && chromium().exists(),
            "there is no Chromium, or no playwright-core: run scripts/prepare, which makes sure of both once"
        );
        let screenshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&screenshots).unwrap();
        let mut node = Command::new("node")
            .arg(folder.join("run.mjs"))
            .args(args)
            .arg(screenshots)
            .arg(chromium())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts");
        let (tell, lines) = channel();
        let out = BufReader::new(node.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let stdin = node.stdin.take().unwrap();
        Browser { node, stdin, lines, until: Instant::now() + PATIENCE }
    }

    /// What it says next; `None` where it says nothing for a moment.
    fn next(&mut self) -> Option<(String, Value)> {
        assert!(Instant::now() < self.until, "the browser is not done after {PATIENCE:?}");
        match self.lines.recv_timeout(Duration::from_millis(100)) {
            Ok(line) => {
                let (what, value) = line.split_once(' ').unwrap_or((&line, "null"));
                Some((what.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| panic!("{line}"))))
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("the browser's side failed; its words are above"),
        }
    }

    fn go_on(&mut self) {
        self.stdin.write_all(b"ok\n").expect("node listens");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.node.kill(); // the browser ends with the pipe to it
        let _ = self.node.wait();
    }
}

fn chromium() -> PathBuf {
    std::env::var_os("CHAINFILL_CHROMIUM").map_or_else(|| PathBuf::from("/usr/bin/chromium"), PathBuf::from)
}

/// What the store holds, counted in its tables as a user would.
fn counted(desk: &Desk) -> Counts {
    let file = reader(&desk.database());
    let mut counts = Counts::new();
    let sql = "SELECT o.currency, (SELECT COUNT(*) FROM cryptodatadownload_options_daily d WHERE d.currency = o.currency), \
               SUM(state = 'stored'), SUM(state = 'empty'), SUM(state = 'attention'), SUM(state IN ('pending', 'attention')), \
               COUNT(*) FROM chainfill_option o GROUP BY o.currency";
    let mut statement = file.prepare(sql).expect("a ledger");
    let mut rows = statement.query([]).expect("counts");
    while let Some(row) = rows.next().expect("a row") {
        let count = |at: usize| u64::try_from(row.get::<_, i64>(at).unwrap()).unwrap();
        counts.insert(row.get(0).unwrap(), [1, 2, 3, 4, 5, 6].map(count));
    }
    counts
}

/// What the page shows.
fn shown(numbers: &Value) -> Counts {
    let read = |one: &Value| {
        ["rows", "stored", "empty", "attention", "missing", "listed"]
            .map(|name| one[name].as_u64().unwrap_or_else(|| panic!("{name}: {numbers}")))
    };
    numbers.as_object().unwrap().iter().map(|(currency, one)| (currency.clone(), read(one))).collect()
}

#[test]
fn the_page_keeps_its_promises_in_a_real_browser() {
    // F-W4, F-W6, F-W7, F-X1
    let desk = Desk::new();
    let made = Vendor::new(vendor("BTC=150,ETH=110"));
    let mut names: Vec<String> = made.names().iter().map(ToString::to_string).collect();
    names.extend(["BTC-<img src=x onerror=hacked=1>".to_owned(), "BTC-\u{202e}'; DROP TABLE x; --".to_owned()]);
    let throttles = vec!["60/8s".parse().unwrap()];
    let settings = chainfill::vendor::Settings { names: Some(names), throttles, latency_ms: 5, ..vendor("BTC=1") };
    let simulated = Simulated::start(settings);
    let args = ["backfill", "ETH", "BTC", "--max-rate", "20", "--dashboard", "127.0.0.1:0", "--tz", "Asia/Hong_Kong"];
    let run = desk.chainfill(&args).args(&["--api-url", &simulated.base_url]).with_key().deadline_s(180);
    let mut run = Some(run.spawn());
    let beside = Served::by(run.as_mut().unwrap());
    run.as_mut().unwrap().until_said("[1/110] ");
    // A desk guards one program: the other one works in a folder of its own.
    let other = Desk::new();
    let store = format!("sqlite:{}", desk.database().display());
    let (program, served) = super::serving(&other, &["--store", &store]);
    let mut serving = Some(program);
    let url = |served: Served| format!("http://{}/", served.host());

    let mut browser = Browser::start(&[&url(beside), &url(served)]);
    let mut history: Vec<(Instant, Counts)> = Vec::new();
    let mut seen = 0;
    loop {
        let now = counted(&desk);
        history.push((Instant::now(), now.clone()));
        let Some((what, value)) = browser.next() else { continue };
        match what.as_str() {
            "seen" => {
                let (page, after) = (shown(&value), counted(&desk));
                let old = history.iter().rev().find(|(at, _)| at.elapsed() > OLD_MAX).unwrap_or(&history[0]);
                for (currency, counts) in &page {
                    let (least, most) = (&old.1[currency], &after[currency]);
                    let is_between = |at: usize| (least[at]..=most[at]).contains(&counts[at]);
                    assert!([0, 1, 2].into_iter().all(is_between), "{currency}: {least:?} {counts:?} {most:?}");
                    assert_eq!(counts[5], counts[1] + counts[2] + counts[4], "F-I4: {currency} {counts:?}");
                }
                seen += 1;
            }
            "exact" => assert_eq!(shown(&value), counted(&desk), "the page and the store"),
            "page" => canary::listen("a page in the browser", value.as_str().unwrap().as_bytes()),
            "freeze" => run.as_ref().unwrap().signal(Signal::STOP),
            "thaw" => run.as_ref().unwrap().signal(Signal::CONT),
            "down" => drop(serving.take()),
            "up" => {
                let at = served.host();
                let mut program =
                    other.chainfill(&["serve", "--listen", &at, "--store", &store]).deadline_s(120).spawn();
                assert_eq!(Served::by(&mut program).port, served.port);
                serving = Some(program);
            }
            "ended" => {
                run.take().unwrap().wait().expect_code(6);
            }
            "done" => break,
            other => panic!("{other}?"),
        }
        browser.go_on();
    }
    assert!(seen >= 4, "{seen}");
}
