//! A writer that never makes a run wait: a frozen terminal may hold a write for hours (P12).

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::limits::{SCREEN_BYTES_MAX, SCREEN_END_MS_MAX, SCREEN_GATHER_MS, SCREEN_LINES_MAX};

/// Hands each write to a thread of its own. Where that one is held up, lines are dropped, and their number is said
/// once it goes on. For screens; a log file must keep each line.
#[derive(Debug)]
pub struct Aside {
    lines: Option<SyncSender<Vec<u8>>>,
    ended: Receiver<()>,
    dropped: u64,
}

impl Aside {
    /// A writer in front of another one.
    pub fn new(out: Box<dyn Write + Send>) -> Aside {
        let (lines, taken) = sync_channel(SCREEN_LINES_MAX);
        let (end, ended) = sync_channel(1);
        thread::spawn(move || {
            write_all(out, &taken);
            let _ = end.try_send(()); // nobody waits for it any more: that is well
        });
        Aside { lines: Some(lines), ended, dropped: 0 }
    }
}

/// Until the other side is gone, or the reader of `out` is (P5).
fn write_all(mut out: Box<dyn Write + Send>, lines: &Receiver<Vec<u8>>) {
    for mut line in lines {
        // To be woken for each line of a burst would cost the run more than the line.
        thread::sleep(Duration::from_millis(SCREEN_GATHER_MS));
        // What has gathered meanwhile goes with it: a burst costs one write, not one for each line.
        while line.len() < SCREEN_BYTES_MAX
            && let Ok(more) = lines.try_recv()
        {
            line.extend_from_slice(&more);
        }
        if out.write_all(&line).and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(lines) = &self.lines else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let mut line = Vec::with_capacity(bytes.len());
        if self.dropped > 0 {
            line = format!("({} lines were not shown: the screen took none)\n", self.dropped).into_bytes();
        }
        line.extend_from_slice(bytes);
        match lines.try_send(line) {
            Ok(()) => self.dropped = 0,
            Err(TrySendError::Full(_)) => self.dropped += 1,
            Err(TrySendError::Disconnected(_)) => return Err(io::ErrorKind::BrokenPipe.into()),
        }
        Ok(bytes.len())
    }

    /// The thread flushes after each line.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Aside {
    /// The last lines are waited for, but not for ever.
    fn drop(&mut self) {
        self.lines = None;
        let _ = self.ended.recv_timeout(Duration::from_millis(SCREEN_END_MS_MAX)); // late or early: it is over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};
    use std::sync::{Arc, Mutex};

    /// A terminal that takes nothing until it is let go.
    struct Frozen {
        frozen: Sender<()>,
        thaw: Receiver<()>,
        seen: Arc<Mutex<Vec<u8>>>,
        thawed: bool,
    }

    impl Write for Frozen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !self.thawed {
                let _ = self.frozen.send(());
                let _ = self.thaw.recv();
                self.thawed = true;
            }
            self.seen.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_frozen_terminal_holds_nobody_up_and_what_it_missed_is_counted() {
        // F-P12
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (let_go, thaw): (Sender<()>, _) = channel();
        let (tell, frozen) = channel();
        let mut aside = Aside::new(Box::new(Frozen { frozen: tell, thaw, seen: seen.clone(), thawed: false }));
        aside.write_all(b"line 0\n").unwrap();
        frozen.recv().unwrap();
        for n in 1..SCREEN_LINES_MAX * 2 {
            aside.write_all(format!("line {n}\n").as_bytes()).unwrap();
        }
        let mut dropped = aside.dropped;
        let_go.send(()).unwrap();
        drop(aside);
        let seen = String::from_utf8(seen.lock().unwrap().clone()).unwrap();
        assert!(seen.starts_with("line 0\nline 1\n"), "{seen}");
        let (lines, notes): (Vec<&str>, Vec<&str>) = seen.lines().partition(|line| line.starts_with("line "));
        dropped += notes.iter().map(|note| note[1..].split(' ').next().unwrap().parse::<u64>().unwrap()).sum::<u64>();
        assert!(dropped >= SCREEN_LINES_MAX as u64 - 1 && lines.len() >= SCREEN_LINES_MAX);
        assert_eq!(lines.len() as u64 + dropped, SCREEN_LINES_MAX as u64 * 2);
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_told_to_the_writer_in_the_end() {
        // F-P5
        let mut aside = Aside::new(Box::new(Closed));
        let told = (0..1_000_000).any(|_| {
            std::thread::yield_now();
            aside.write_all(b"x\n").is_err()
        });
        assert!(told);
    }
}
