//! `chainfill watch`: a store on a full screen, from any terminal, whether a run lives or not. It reads the store and
//! asks nobody else.

mod reader;
mod terminal;

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::orders::{self, Fate};
use super::{Color, Context, Failure};
use crate::clock::{Clock, SystemClock};
use crate::domain::order::Order;
use crate::limits::SCREEN_NEWS_MAX;
use crate::store::Outside;
use crate::view::screen::keys::Wish;
use crate::view::screen::place::Note;
use crate::view::screen::{Paint, Screen};
use reader::Reader;
use terminal::{Input, Terminal};

/// How often the screen is drawn without news: the countdown ticks.
const TICK: Duration = Duration::from_millis(250);

/// Watch a run on a full screen, from any terminal; keys pause, resume and stop it.
#[derive(Debug, Args)]
pub(super) struct Watch {}

impl Watch {
    /// Draws until the person leaves.
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let is_able = set("TERM").is_some_and(|term| term != "dumb");
        if !std::io::stdout().is_terminal() || !is_able || context.common.json {
            return Err(Failure::usage(&"this is no terminal to draw on: `chainfill status --watch` prints pages"));
        }
        let store = context.lookout()?;
        let paint = Paint { color: context.common.color != Color::Never && set("NO_COLOR").is_none() };
        let screen = Screen::new(context.tz()?, paint, !speaks_utf8(set));
        watch(screen, store).await
    }
}

/// Whether the terminal takes more than ASCII, by the locale that it was started in.
fn speaks_utf8(set: impl Fn(&str) -> Option<String>) -> bool {
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
    // A machine without any locale is a container, and its terminal stands somewhere else.
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

async fn watch(mut screen: Screen, store: std::sync::Arc<dyn Outside>) -> Result<u8, Failure> {
    let broken = |error: std::io::Error| Failure::unexpected(&format!("the terminal cannot be drawn on: {error}"));
    let mut clock = SystemClock::start();
    let hook = |kind| signal(kind).map_err(|error| Failure::unexpected(&error));
    let (mut interrupt, mut terminate) = (hook(SignalKind::interrupt())?, hook(SignalKind::terminate())?);
    let mut hang_up = hook(SignalKind::hangup())?;
    let mut reader = Reader::start(store.clone());
    let (tell, mut notes) = mpsc::channel::<Note>(SCREEN_NEWS_MAX);
    let mut terminal = Terminal::enter().map_err(broken)?;
    let mut inputs = terminal::inputs();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        terminal.draw(&screen, clock.now()).map_err(broken)?;
        tokio::select! {
            _ = interrupt.recv() => return Ok(0),
            _ = terminate.recv() => return Ok(0),
            _ = hang_up.recv() => return Ok(0),
            _ = tick.tick() => {}
            seen = reader.seen() => match seen {
                Some((seen, anchored)) => {
                    if let Some(note) = &mut screen.place.note {
                        note.at = note.at + clock.now().until_ms(anchored.now());
                    }
                    (screen.seen, clock) = (seen, anchored);
                }
                None => return Err(Failure::unexpected(&"what reads the store has ended")),
            },
            Some(note) = notes.recv() => {
                if note.is_bad {
                    screen.place.pace_ms = None;
                }
                screen.place.note = Some(note);
            }
            input = inputs.recv() => match input {
                Some(Input::Key(key)) => match screen.press(key) {
                    Some(Wish::Quit) => return Ok(0),
                    Some(Wish::Order(order)) => {
                        screen.place.note = Some(note(&clock, format!("{} …", asked(&order)), false));
                        tokio::spawn(give(store.clone(), order, clock, tell.clone()));
                    }
                    None => {}
                },
                Some(Input::Redraw) => {}
                // The terminal is gone, or the person pressed Ctrl-C.
                Some(Input::End) | None => return Ok(0),
            },
        }
        reader.want(screen.place.need(&screen.seen));
        let progress = screen.seen.page.as_ref().and_then(|page| page.progress.as_ref());
        if progress.is_some_and(|progress| Some(progress.spacing_ms) == screen.place.pace_ms) {
            screen.place.pace_ms = None;
        }
    }
}

fn asked(order: &Order) -> String {
    match order {
        Order::Pace { spacing_ms } => format!("pace: {}", crate::view::words::pace(*spacing_ms)),
        Order::Stop | Order::Pause | Order::Resume | Order::Retry(_) | Order::Unread(_) => order.word().to_owned(),
    }
}

fn note(clock: &SystemClock, words: String, is_bad: bool) -> Note {
    Note { words, is_bad, at: clock.now() }
}

async fn give(store: std::sync::Arc<dyn Outside>, order: Order, clock: SystemClock, tell: mpsc::Sender<Note>) {
    let (words, is_bad) = match orders::give(&store, &order).await {
        Ok(Fate::Followed(words)) => (words, false),
        Ok(Fate::Nobody(words) | Fate::Late(words, _)) => (words, true),
        Err(error) => (error.to_string(), true),
    };
    let _ = tell.send(note(&clock, words, is_bad)).await; // nobody looks any more: that is well
}
