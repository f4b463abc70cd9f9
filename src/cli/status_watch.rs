//! `chainfill status --watch`: the page again and again.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::screen::Redraw;
use super::status::Form;
use super::{Failure, screen};
use crate::domain::moment::Moment;
use crate::domain::run::Ending;
use crate::limits::STATUS_EVERY_S_RANGE;
use crate::process;
use crate::sight;
use crate::store::{Outside, StoreError};
use crate::view::escape::safe;
use crate::view::status::StatusPage;

/// Exit code: the run ended without saying how.
const DIED: u8 = 1;

/// A page that is looked at again and again.
pub(super) struct Again {
    pub every: Duration,
    /// Whether it ends with the run.
    pub until_done: bool,
    pub store: Arc<dyn Outside>,
    pub form: Form,
}

/// Where the pages go.
enum Out {
    /// Over the one before.
    Screen(Redraw),
    /// Below the one before. What was said beside them last, so that it is said once.
    Pipe { is_first: bool, trouble: String },
}

impl Again {
    /// Until Ctrl-C, until nobody reads any more, or until the run has ended.
    pub(super) async fn run(self) -> Result<u8, Failure> {
        let is_able = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        let on_terminal = io::stdout().is_terminal() && is_able && !self.form.json;
        let out = if on_terminal {
            Out::Screen(Redraw::default())
        } else {
            Out::Pipe { is_first: true, trouble: String::new() }
        };
        tokio::select! {
            ended = self.look_on(out) => ended,
            // Whoever has seen enough presses Ctrl-C: that is no failure.
            _ = tokio::signal::ctrl_c() => {
                if on_terminal {
                    screen::print(""); // the shell's prompt begins a line of its own
                }
                Ok(0)
            }
        }
    }

    async fn look_on(&self, mut out: Out) -> Result<u8, Failure> {
        let mut tick = interval(self.every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let from = process::vantage();
            let seen = match sight::page(&self.store, &from).await {
                Ok(page) => Ok(page),
                // It comes back, or it is made: neither is a reason to stop looking.
                Err(error @ (StoreError::Away { .. } | StoreError::Nothing { .. } | StoreError::Full { .. })) => {
                    Err(safe(&error.to_string()).into_owned())
                }
                Err(error) => return Err(error.into()),
            };
            // A reader that went away has seen enough (P5).
            if self.show(&mut out, &seen, from.now).is_err() {
                return Ok(0);
            }
            if let Some(code) = seen.ok().as_ref().and_then(sense).filter(|_| self.until_done) {
                return Ok(code);
            }
        }
    }

    fn show(&self, out: &mut Out, seen: &Result<StatusPage, String>, now: Moment) -> io::Result<()> {
        match (out, seen) {
            (Out::Screen(redraw), seen) => {
                // The time, so that it is seen to go on.
                let time = now.time_of_day(&self.form.tz, now);
                let foot = format!("{time} looked at every {} s; Ctrl-C ends it", self.every.as_secs_f64());
                let height = screen::height().map(|height| height.saturating_sub(1));
                let page = match seen {
                    Ok(page) => self.form.text(page, now, height),
                    Err(words) => format!("{words}\n"),
                };
                redraw.draw(&(page + &foot))
            }
            (Out::Pipe { is_first, trouble }, Ok(page)) => {
                trouble.clear();
                let gap = if std::mem::take(is_first) || self.form.json { "" } else { "\n" };
                screen::try_print(&format!("{gap}{}", self.form.text(page, now, None)))
            }
            (Out::Pipe { trouble, .. }, Err(words)) => {
                if trouble != words {
                    screen::note(words);
                    trouble.clone_from(words);
                }
                Ok(())
            }
        }
    }
}

/// What the end of the run means as an exit code; `None` while one works, and before the first one.
fn sense(page: &StatusPage) -> Option<u8> {
    let run = page.run.as_ref()?;
    if run.is_dead() {
        return Some(DIED);
    }
    run.ended_at.map(|_| run.ending.map_or(DIED, Ending::exit_code))
}

/// Reads the flag's value.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let (least, most) = STATUS_EVERY_S_RANGE;
    let seconds: f64 = text.parse().map_err(|_| "write a number of seconds such as 2".to_owned())?;
    if !(least..=most).contains(&seconds) {
        return Err(format!("write a number of seconds from {least} to {most}"));
    }
    Ok(Duration::from_secs_f64(seconds))
}
