//! A log: one line an event, written at once, because people follow it with `tail -f`.
//!
//! # Text
//! `2025-10-26T12:33:00+08:00 [401/6738] ETH-12APR24-3100-C stored: 12 days, 12 inserted`: the local time with its
//! offset, a blank, the words of [`words`]. The closing summary takes several lines.
//!
//! # JSON
//! One object a line, see [`json`]: `{"v":1,"at":"2025-10-26T04:33:00.000Z","event":"stored",
//! "symbol":"ETH-12APR24-3100-C","index":401,"total":6738,"state":"stored","was":"pending","rows":12,…}`.
//! `event` is one of `started`, `listed`, `planned`, `face_found`, `answered`, `stored`, `revised`, `failed`,
//! `cooldown`, `resumed`, `learned` (with `lesson`), `down`, `up`, `doubted`, `settled`, `store_away`,
//! `store_back`, `unread`, `stopping`, `ended`, `summary`, `milestone` (behind the `stored` that reached it); the other fields are those of
//! [`Event`]. Times are RFC 3339 in UTC with milliseconds, spans end in `_ms` or `_s`. A request that leaves has no
//! line of its own: its `answered` says all of it.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use serde::Serialize;

use super::json;
use super::numbers::{grouped, percent_tight};
use super::summary::Summary;
use super::words;
use crate::domain::event::Event;
use crate::domain::forecast;
use crate::domain::milestone::Passed;
use crate::domain::moment::Moment;
use crate::domain::progress::{Progress, View};
use crate::limits::{PROGRESS_LINE_OPTIONS, SECOND_MS};

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Which events are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// All of them.
    All,
    /// The start, cooldowns, milestones, what needs attention, the end and the summary.
    Summary,
}

/// Says once why lines are lost.
type Tell = Box<dyn FnOnce(&str) + Send>;

/// Writes a line for each event.
pub struct Lines {
    out: Box<dyn Write + Send>,
    form: Form,
    level: Level,
    tz: TimeZone,
    /// Told once, with the reason, when lines begin to be lost.
    when_lost: Option<Tell>,
    /// Whether the last line was cut by a disk that had no room for the rest.
    torn: bool,
    counted: u64,
    /// The last second's stamp: thousands of lines share it.
    stamp: (i64, String),
}

impl Lines {
    /// Lines of that form, with times in that zone.
    pub fn new(out: Box<dyn Write + Send>, form: Form, tz: TimeZone) -> Lines {
        let (level, stamp) = (Level::All, (i64::MIN, String::new()));
        Lines { out, form, level, tz, when_lost: None, torn: false, counted: 0, stamp }
    }

    /// The same, but only so much is told.
    #[must_use]
    pub fn at_level(self, level: Level) -> Lines {
        Lines { level, ..self }
    }

    /// The same, and somebody is told where lines are lost, who would else look for them in vain (B12).
    #[must_use]
    pub fn when_lost(self, tell: impl FnOnce(&str) + Send + 'static) -> Lines {
        Lines { when_lost: Some(Box::new(tell)), ..self }
    }

    fn text(&mut self, at: Moment, event: &Event, progress: &Progress) {
        if (self.level == Level::All || words::is_main(event))
            && let Some(words) = words::of(event, at, progress, &self.tz)
        {
            self.stamped(at, &words);
        }
        if let Some(passed) = &progress.passed {
            self.stamped(at, &words::milestone(passed));
        }
        if let Event::Stored(done) = event
            && done.index > 0
        {
            self.counted += 1;
            if self.level == Level::All && self.counted.is_multiple_of(PROGRESS_LINE_OPTIONS) {
                self.stamped(at, &progress_line(progress, at));
            }
        }
        if let Event::Ended { .. } = event {
            for line in Summary::of(progress, at).lines() {
                self.stamped(at, &line);
            }
        }
    }

    fn json(&mut self, at: Moment, event: &Event, progress: &Progress) {
        if matches!(event, Event::Sent) {
            return;
        }
        if self.level == Level::All || words::is_main(event) {
            self.write(&(json::line(Some(at), event) + "\n"));
        }
        if let Some(passed) = &progress.passed {
            self.write(&(json::line(Some(at), &MilestoneLine { event: "milestone", passed }) + "\n"));
        }
        if let Event::Ended { .. } = event {
            self.write(&(json::line(Some(at), &Summary::of(progress, at)) + "\n"));
        }
    }

    fn stamped(&mut self, at: Moment, words: &str) {
        let second = at.0.div_euclid(SECOND_MS);
        if self.stamp.0 != second {
            self.stamp = (second, at.stamp(&self.tz));
        }
        let line = [&self.stamp.1, " ", words, "\n"].concat();
        self.write(&line);
    }

    /// A broken pipe or a full disk must not end a run of twenty hours: the first error is told, the lines after it
    /// are tried all the same, because a disk may have room again (P5, B12).
    fn write(&mut self, line: &str) {
        let written = if self.torn {
            self.put(b"\n").and_then(|()| self.put(line.as_bytes()))
        } else {
            self.put(line.as_bytes())
        };
        if let Err(error) = written.and_then(|()| self.out.flush())
            && let Some(tell) = self.when_lost.take()
        {
            tell(&error.to_string());
        }
    }

    /// Writes all of it, and remembers where a line was cut: the next one must not be glued to it.
    fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.out.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    let (written, rest) = bytes.split_at(count.min(bytes.len()));
                    self.torn = written.last() != Some(&b'\n');
                    bytes = rest;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl View for Lines {
    fn show(&mut self, at: Moment, event: &Event, progress: &Progress) {
        match self.form {
            Form::Text => self.text(at, event, progress),
            Form::Json => self.json(at, event, progress),
        }
    }
}

/// `{"event":"milestone","currency":"ETH","percent":25,"options":1685,"of":6738}`.
#[derive(Serialize)]
struct MilestoneLine<'a> {
    event: &'static str,
    #[serde(flatten)]
    passed: &'a Passed,
}

/// `Progress: 12.3% | Requests: 812 | Records: 9,120 | Left: 14 h 2 min - 15 h 26 min`.
fn progress_line(progress: &Progress, now: Moment) -> String {
    let (done, todo) = progress.options();
    let left = forecast::left(progress, progress.requests_left, now)
        .map_or_else(|| "being measured".to_owned(), forecast::Range::words);
    format!(
        "Progress: {} | Requests: {} | Records: {} | Left: {left}",
        percent_tight(done, todo),
        grouped(progress.requests),
        grouped(progress.rows_inserted)
    )
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
