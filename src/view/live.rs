//! The live view on a terminal: bars at the bottom, what matters above them. It draws on a thread of its own, so
//! that a frozen or closed terminal holds no run up (P12), and so that the countdown ticks without events.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::tz::TimeZone;

use super::drawing;
use super::escape::safe;
use super::summary::Summary;
use super::title::{self, Title};
use super::words;
use crate::domain::event::Event;
use crate::domain::moment::Moment;
use crate::domain::progress::{Phase, Progress, View};
use crate::limits::{DRAW_MS_IDLE, DRAW_MS_MIN, SCREEN_END_MS_MAX, SCREEN_LINES_MAX};

/// Columns where the terminal does not tell.
const WIDTH_DEFAULT: usize = 80;

/// Whether the live view is wanted: on a terminal that can move its cursor. Without colour it is drawn as well.
pub fn wanted(is_terminal: bool, term: Option<&str>, quiet: bool) -> bool {
    let able = term.is_some_and(|term| !term.is_empty() && term != "dumb");
    is_terminal && able && !quiet
}

/// Columns of the terminal behind standard error.
pub fn stderr_width() -> usize {
    match rustix::termios::tcgetwinsize(rustix::stdio::stderr()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => WIDTH_DEFAULT,
    }
}

/// Where and how the live view is drawn.
pub struct Scene {
    /// The terminal.
    pub target: ProgressDrawTarget,
    /// Its columns now; they change under the run.
    pub width: Box<dyn Fn() -> usize + Send>,
    /// The zone of its times.
    pub tz: TimeZone,
    /// Whether to use colour.
    pub color: bool,
    /// The terminal's title, where one is wanted.
    pub title: Option<Title>,
    /// The time: the countdown ticks while nothing happens.
    pub now: Box<dyn Fn() -> Moment + Send>,
}

/// The live view's end in the run.
pub struct Live {
    news: Way,
    ended: Receiver<()>,
    tz: TimeZone,
    drawn_at: Moment,
    phase: Phase,
}

/// Says what is no event of the run above the bars: written beside them it would tear them, and be painted over.
#[derive(Clone)]
pub struct Beside(Way);

/// The way to the drawing thread, while there is one.
type Way = Arc<Mutex<Option<SyncSender<News>>>>;

enum News {
    State(Box<Progress>),
    Above(String),
}

impl Live {
    /// Starts to draw.
    pub fn new(scene: Scene) -> Live {
        let (news, taken) = sync_channel(SCREEN_LINES_MAX);
        let (end, ended) = sync_channel(1);
        let tz = scene.tz.clone();
        thread::spawn(move || {
            draw_until_the_end(scene, &taken);
            let _ = end.try_send(()); // nobody waits for it any more: that is well
        });
        Live { news: Arc::new(Mutex::new(Some(news))), ended, tz, drawn_at: Moment(i64::MIN), phase: Phase::Starting }
    }

    /// For whoever has something to say while it draws.
    pub fn beside(&self) -> Beside {
        Beside(Arc::clone(&self.news))
    }

    fn tell(&self, news: News) {
        send(&self.news, news);
    }
}

impl Beside {
    /// Says a line. `false` where nothing is drawn any more, so that it must be said elsewhere.
    pub fn say(&self, line: &str) -> bool {
        send(&self.0, News::Above(safe(line).into_owned()))
    }
}

/// A terminal that takes nothing loses news: the next state holds all of it.
fn send(way: &Way, news: News) -> bool {
    let way = way.lock().unwrap_or_else(PoisonError::into_inner); // it is whole at all times
    way.as_ref().is_some_and(|to| !matches!(to.try_send(news), Err(TrySendError::Disconnected(_))))
}

impl View for Live {
    fn show(&mut self, at: Moment, event: &Event, progress: &Progress) {
        if is_told_above(event)
            && let Some(words) = words::of(event, at, progress, &self.tz)
        {
            self.tell(News::Above(format!("{} {words}", at.time_of_day(&self.tz, at))));
        }
        if let Some(passed) = &progress.passed {
            self.tell(News::Above(format!("{} {}", at.time_of_day(&self.tz, at), words::milestone(passed))));
        }
        let turned = self.phase != progress.phase;
        if turned || self.drawn_at.until_ms(at) >= DRAW_MS_MIN {
            (self.drawn_at, self.phase) = (at, progress.phase);
            self.tell(News::State(Box::new(progress.clone())));
        }
        if let Event::Ended { .. } = event {
            for line in Summary::of(progress, at).lines() {
                self.tell(News::Above(line));
            }
        }
    }
}

impl Drop for Live {
    /// The last lines are waited for, but not for ever.
    fn drop(&mut self) {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = self.ended.recv_timeout(Duration::from_millis(SCREEN_END_MS_MAX)); // late or early: it is over
    }
}

/// What scrolls past above the bars: all but what the bars themselves say.
fn is_told_above(event: &Event) -> bool {
    match event {
        Event::Sent | Event::Answered { .. } | Event::Revised { .. } => false,
        Event::Stored(_) => words::is_main(event),
        _ => true,
    }
}

fn draw_until_the_end(scene: Scene, news: &Receiver<News>) {
    let Scene { target, width, tz, color, mut title, now } = scene;
    let mut screen = Screen::new(target);
    let mut progress = Progress::default();
    loop {
        match news.recv_timeout(Duration::from_millis(DRAW_MS_IDLE)) {
            Ok(News::State(state)) => progress = *state,
            Ok(News::Above(line)) => screen.print(&line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        screen.draw(&drawing::draw(&progress, now(), &tz, width(), color));
        if let Some(title) = &mut title {
            title.set(title::words(&progress, now()));
        }
    }
    screen.end();
}

/// Lines at the bottom of a terminal that are drawn over again.
struct Screen {
    all: MultiProgress,
    bars: Vec<ProgressBar>,
    style: ProgressStyle,
}

impl Screen {
    fn new(target: ProgressDrawTarget) -> Screen {
        let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
        Screen { all: MultiProgress::with_draw_target(target), bars: Vec::new(), style }
    }

    fn draw(&mut self, lines: &[String]) {
        while self.bars.len() > lines.len() {
            if let Some(bar) = self.bars.pop() {
                self.all.remove(&bar);
            }
        }
        while self.bars.len() < lines.len() {
            let bar = ProgressBar::new_spinner().with_style(self.style.clone());
            self.bars.push(self.all.add(bar));
        }
        for (bar, line) in self.bars.iter().zip(lines) {
            if bar.message() != *line {
                bar.set_message(line.clone());
            }
        }
    }

    fn print(&self, line: &str) {
        let _ = self.all.println(line); // a terminal that went away is nobody's loss (P5)
    }

    /// The last state stays on the screen.
    fn end(&self) {
        for bar in &self.bars {
            bar.abandon();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::InMemoryTerm;

    #[test]
    fn a_terminal_gets_bars_and_everything_else_plain_lines() {
        // F-U5
        assert!(wanted(true, Some("xterm-256color"), false));
        for (is_terminal, term, quiet) in [
            (false, Some("xterm"), false),
            (true, Some("dumb"), false),
            (true, None, false),
            (true, Some(""), false),
            (true, Some("xterm"), true),
        ] {
            assert!(!wanted(is_terminal, term, quiet));
        }
    }

    #[test]
    fn the_last_state_and_what_mattered_are_on_the_screen() {
        let term = InMemoryTerm::new(30, 80);
        let scene = Scene {
            target: ProgressDrawTarget::term_like(Box::new(term.clone())),
            width: Box::new(|| 80),
            tz: TimeZone::UTC,
            color: false,
            title: None,
            now: Box::new(|| Moment(60_000)),
        };
        let mut live = Live::new(scene);
        let mut progress = Progress::default();
        let why = "HTTP 503\u{1b}[2J".to_owned();
        let cooldown = Event::Cooldown {
            wait_ms: 60_000,
            until: Moment(120_000),
            reason: crate::domain::governor::Reason::Cooldown,
            next: "ETH-12APR24-3100-C".into(),
        };
        for event in [Event::Down { why }, Event::Up, Event::Sent, cooldown] {
            progress.fold(Moment(0), &event);
            live.show(Moment(0), &event, &progress);
        }
        drop(live);
        insta::assert_snapshot!(term.contents());
    }

    #[test]
    fn what_is_said_beside_the_run_stands_above_the_bars_and_after_them_elsewhere() {
        let term = InMemoryTerm::new(30, 80);
        let live = Live::new(Scene {
            target: ProgressDrawTarget::term_like(Box::new(term.clone())),
            width: Box::new(|| 80),
            tz: TimeZone::UTC,
            color: false,
            title: None,
            now: Box::new(|| Moment(0)),
        });
        let beside = live.beside();
        live.tell(News::State(Box::default()));
        assert!(beside.say("said\u{1b}[2J beside"));
        drop(live);
        assert!(!beside.say("nobody draws"));
        let contents = term.contents();
        assert!(contents.starts_with("said\\u{1b}[2J beside\n"), "{contents}");
    }
}
