//! A real terminal: tmux on a socket of its own, with a shell in it that knows nothing of ours.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::canary;
use super::home::Home;

/// How long a screen may take to show what is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(20);

/// A terminal with a shell. It is gone when this is dropped, and also when the test is killed.
pub struct Tmux {
    home: Home,
}

impl Tmux {
    /// A terminal of that size, with a shell in that folder.
    pub fn start(folder: &Path, width: u16, height: u16) -> Tmux {
        let mut tmux = Tmux { home: Home::new("chainfill-tmux-") };
        let (width, height) = (width.to_string(), height.to_string());
        let shell = "PS1='$ ' exec sh";
        let place = folder.to_string_lossy();
        let new = ["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height, "-c", &*place, shell];
        tmux.run(&new);
        let pid = tmux.run(&["display-message", "-p", "#{pid}"]).trim().parse().expect("the server's process id");
        tmux.home.guard(Some(pid));
        tmux.run(&["set-option", "-g", "remain-on-exit", "on"]);
        tmux.until("a prompt", |screen| screen.starts_with('$'));
        tmux
    }

    /// Types a line into the shell.
    pub fn enter(&self, line: &str) {
        self.run(&["send-keys", "-l", line]);
        self.keys(&["Enter"]);
    }

    /// Presses keys, by the names that tmux has for them.
    pub fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    /// What is on the screen.
    pub fn screen(&self) -> String {
        self.run(&["capture-pane", "-p"])
    }

    /// The same with its colours.
    pub fn painted(&self) -> String {
        self.run(&["capture-pane", "-p", "-e"])
    }

    /// What tmux knows of the pane, such as `#{pane_title}`.
    pub fn tell(&self, what: &str) -> String {
        self.run(&["display-message", "-p", what]).trim_end().to_owned()
    }

    /// Closes it, as a person closes a window: its programs are told by SIGHUP.
    pub fn close(&self) {
        self.run(&["kill-server"]);
    }

    /// Another size.
    pub fn resize(&self, width: u16, height: u16) {
        self.run(&["resize-window", "-x", &width.to_string(), "-y", &height.to_string()]);
    }

    /// Waits until the screen shows something, and returns it.
    pub fn until(&self, what: &str, shows: impl Fn(&str) -> bool) -> String {
        self.until_told(what, || self.screen(), shows)
    }

    /// Waits until the screen shows these words, and returns it.
    pub fn until_shown(&self, words: &str) -> String {
        self.until(words, |screen| screen.contains(words))
    }

    /// Waits until the title is as it should be, and returns it.
    pub fn until_titled(&self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        self.until_told(what, || self.tell("#{pane_title}"), is_it)
    }

    fn until_told(&self, what: &str, tell: impl Fn() -> String, is_it: impl Fn(&str) -> bool) -> String {
        let from = Instant::now();
        loop {
            let told = tell();
            if is_it(&told) {
                return told;
            }
            assert!(from.elapsed() < PATIENCE, "{what} did not come within {PATIENCE:?}:\n{told}\n{}", self.screen());
            std::thread::sleep(LOOK);
        }
    }

    fn run(&self, args: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(self.home.path().join("socket")).args(args).env_clear();
        for kept in ["PATH", "TMPDIR", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command.env("HOME", self.home.path()).env("LANG", "C.UTF-8").env("TERM", "xterm-256color");
        let done = command.output().expect("tmux is missing: scripts/prepare installs it");
        assert!(done.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&done.stderr));
        // A long word goes on in the next line.
        let words: Vec<u8> = done.stdout.iter().copied().filter(|byte| *byte != b'\n').collect();
        canary::listen("a screen or a title", &words);
        String::from_utf8_lossy(&done.stdout).into_owned()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let socket = self.home.path().join("socket");
        // A server that is gone already is as good as one that is ended.
        let _ = Command::new("tmux").arg("-S").arg(socket).arg("kill-server").output();
        self.home.guard(None);
    }
}
