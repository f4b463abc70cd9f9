//! One notice to a command of the user's: words in its environment, JSON on its input, and an end to its time.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt as _;

use super::delivery::Miss;
use super::notice::Notice;

/// What `sh -c` runs.
#[derive(Debug)]
pub(super) struct Command {
    pub line: String,
    pub hidden: Vec<&'static str>,
    pub try_ms: u64,
}

/// A process group that ends with this, unless it was let go.
struct Group(Option<Pid>);

impl Command {
    /// Runs it once, to its end or to the end of its time.
    pub(super) async fn run(&self, notice: &Notice) -> Result<(), Miss> {
        let miss = |words: String| Miss { words, may_pass: true, wait_ms: None };
        let mut command = tokio::process::Command::new("sh");
        command
            .arg("-c")
            .arg(&self.line)
            .envs(variables(notice))
            .stdin(Stdio::piped())
            // What it prints must not stand between the lines of the run; what it complains of may.
            .stdout(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        for name in &self.hidden {
            command.env_remove(name);
        }
        let mut child = command.spawn().map_err(|error| miss(format!("sh cannot be started: {error}")))?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let mut group = Group(pid);
        let stdin = child.stdin.take();
        let json = notice.json();
        let feed = async {
            if let Some(mut stdin) = stdin {
                let _ = stdin.write_all(json.as_bytes()).await; // a command need not read it
            }
        };
        let end = async { tokio::join!(feed, child.wait()).1 };
        match tokio::time::timeout(Duration::from_millis(self.try_ms), end).await {
            Ok(Ok(status)) => {
                group.0 = None; // what it left running is the user's own
                if status.success() { Ok(()) } else { Err(miss(format!("the command ended with {status}"))) }
            }
            Ok(Err(error)) => Err(miss(format!("the command cannot be waited for: {error}"))),
            Err(_) => Err(miss("the command was ended: it took too long".to_owned())),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            let _ = kill_process_group(pid, Signal::KILL); // it may be gone already
        }
    }
}

fn variables(notice: &Notice) -> [(&'static str, String); 8] {
    [
        ("CHAINFILL_NOTICE_KIND", notice.kind.word().to_owned()),
        ("CHAINFILL_NOTICE_TITLE", notice.title.clone()),
        ("CHAINFILL_NOTICE_TEXT", notice.text.clone()),
        ("CHAINFILL_NOTICE_HEALTH", notice.verdict.health.word().to_ascii_lowercase()),
        ("CHAINFILL_NOTICE_PERCENT", notice.percent.map_or(String::new(), |percent| percent.to_string())),
        ("CHAINFILL_NOTICE_RUN", notice.run.epoch.to_string()),
        ("CHAINFILL_NOTICE_HOST", notice.run.host.clone()),
        ("CHAINFILL_NOTICE_STORE", notice.store.clone()),
    ]
}
