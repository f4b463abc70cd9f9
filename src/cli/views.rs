//! Which views a run gets: the live one on a terminal, else lines; and the log.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, IsTerminal as _};
use std::path::Path;

use indicatif::ProgressDrawTarget;
use jiff::tz::TimeZone;

use super::{Color, Common, Failure, LogFormat, screen};
use crate::clock::{Clock, SystemClock};
use crate::domain::progress::View;
use crate::view::aside::Aside;
use crate::view::lines::{Form, Level, Lines};
use crate::view::live::{self, Beside, Live, Scene};
use crate::view::title::{self, Title};

/// The views of a run, and a way to say something beside them.
pub(super) struct Views {
    pub all: Vec<Box<dyn View>>,
    /// Where bars are drawn: they would be torn by what is written between them.
    pub beside: Option<Beside>,
}

/// Says a line where it tears nothing.
pub(super) fn note(beside: Option<&Beside>, line: &str) {
    if !beside.is_some_and(|beside| beside.say(line)) {
        screen::note(line);
    }
}

/// The views of a run. The live one is drawn on standard error, in place of the lines on standard output: it takes two
/// terminals, or one of them would show nothing.
pub(super) fn views(common: &Common, tz: &TimeZone) -> Result<Views, Failure> {
    let on_terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
    let mut views: Vec<Box<dyn View>> = Vec::new();
    let mut beside = None;
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let no_color = common.color == Color::Never || set("NO_COLOR").is_some();
    // The live view needs no colour; NO_COLOR takes the colour away, not the view.
    if !common.json && live::wanted(on_terminal, set("TERM").as_deref(), common.quiet) {
        let clock = SystemClock::start();
        let live = Live::new(Scene {
            target: ProgressDrawTarget::stderr(),
            width: Box::new(live::stderr_width),
            tz: tz.clone(),
            color: !no_color,
            title: title(set),
            now: Box::new(move || clock.now()),
        });
        beside = Some(live.beside());
        views.push(Box::new(live));
    } else {
        let form = if common.json { Form::Json } else { Form::Text };
        let level = if common.quiet { Level::Summary } else { Level::All };
        let out = Box::new(Aside::new(Box::new(std::io::stdout())));
        views.push(Box::new(Lines::new(out, form, tz.clone()).at_level(level)));
    }
    if common.log_file != Path::new("-") {
        let form = if common.log_format == LogFormat::Json { Form::Json } else { Form::Text };
        let name = common.log_file.display().to_string();
        match log_file(&common.log_file) {
            Ok(file) => {
                let beside = beside.clone();
                let lines = Lines::new(Box::new(file), form, tz.clone());
                views.push(Box::new(lines.when_lost(move |why| note(beside.as_ref(), &no_log(&name, why)))));
            }
            // A log is no reason not to run (B12).
            Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
                note(beside.as_ref(), &format!("the log {name} cannot be made: {error}; the run goes on without one"));
            }
            Err(error) => {
                let failure = Failure::usage(&format!("--log-file {name}: {error}"));
                return Err(failure.hint("--log-file - writes none"));
            }
        }
    }
    Ok(Views { all: views, beside })
}

/// Lines of the log begin to be lost.
fn no_log(name: &str, why: &str) -> String {
    format!("the log {name} cannot be written: {why}; the run goes on, and its log when there is room")
}

/// Whoever sets this variable wants the title left alone.
const NO_TITLE: &str = "CHAINFILL_NO_TITLE";

/// The title of the terminal that the live view is drawn on.
fn title(set: impl Fn(&str) -> Option<String>) -> Option<Title> {
    let is_terminal = std::io::stderr().is_terminal();
    let is_wanted = title::wanted(is_terminal, set("TERM").as_deref(), set(NO_TITLE).is_some());
    is_wanted.then(|| Title::new(Box::new(std::io::stderr())))
}

fn log_file(path: &Path) -> std::io::Result<fs::File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}
