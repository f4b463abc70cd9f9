//! The terminal: taken over, drawn on, and given back as it was, however the program ends.

use std::io::{self, Stdout, Write as _, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use tokio::sync::mpsc;

use crate::domain::moment::Moment;
use crate::limits::SCREEN_NEWS_MAX;
use crate::view::screen::Screen;
use crate::view::screen::keys::Key;

/// Whether a task or thread of this process has panicked: the whole view ends then, loudly (P7).
static PANICKED: AtomicBool = AtomicBool::new(false);

/// Whether the terminal is ours, and must be given back.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours.
pub(super) struct Terminal {
    screen: ratatui::Terminal<CrosstermBackend<Stdout>>,
}

/// What comes from it.
pub(super) enum Input {
    /// A key.
    Key(Key),
    /// Another size.
    Redraw,
    /// Ctrl-C, or nothing any more.
    End,
}

impl Terminal {
    /// Takes the terminal over.
    pub(super) fn enter() -> io::Result<Terminal> {
        // A panic is told where it can be read, and on a terminal that works.
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICKED.store(true, Ordering::Release);
            give_back();
            told(panic);
        }));
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::Release);
        // From here on `Drop` gives back what was taken, also where the next step fails.
        let taken = || -> io::Result<Terminal> {
            execute!(stdout(), EnterAlternateScreen, Hide)?;
            Ok(Terminal { screen: ratatui::Terminal::new(CrosstermBackend::new(stdout()))? })
        };
        taken().inspect_err(|_| give_back())
    }

    /// Draws what has changed.
    pub(super) fn draw(&mut self, screen: &Screen, now: Moment) -> io::Result<()> {
        // The terminal is given back already: drawing on it would spoil what the panic said.
        if PANICKED.load(Ordering::Acquire) {
            return Err(io::Error::other("a part of this view has panicked"));
        }
        self.screen.draw(|frame| screen.draw(now, frame.area(), frame.buffer_mut()))?;
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// Once: a second time would put the cursor back into the middle of what a panic has said meanwhile. A terminal that
/// went away takes nothing back: that is well.
fn give_back() {
    if !TAKEN.swap(false, Ordering::AcqRel) {
        return;
    }
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    let _ = stdout().flush();
}

/// What comes from the terminal, read on a thread of its own. It ends with the process.
pub(super) fn inputs() -> mpsc::Receiver<Input> {
    let (tell, told) = mpsc::channel(SCREEN_NEWS_MAX);
    thread::spawn(move || {
        loop {
            let inputs = match event::read() {
                Ok(Event::Key(key)) => inputs_of(key),
                Ok(Event::Resize(..)) => vec![Input::Redraw],
                Ok(_) => Vec::new(),
                Err(_) => vec![Input::End],
            };
            for input in inputs {
                let is_end = matches!(input, Input::End);
                if tell.blocking_send(input).is_err() || is_end {
                    return;
                }
            }
        }
    });
    told
}

/// What a key press says. Esc and a key in quick succession come as one with Alt: they are taken for what they were.
fn inputs_of(key: KeyEvent) -> Vec<Input> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        let is_end = matches!(key.code, KeyCode::Char('c' | 'd'));
        return if is_end { vec![Input::End] } else { Vec::new() };
    }
    let esc = key.modifiers.contains(KeyModifiers::ALT).then_some(Key::Esc);
    esc.into_iter().chain(key_of(key.code)).map(Input::Key).collect()
}

fn key_of(code: KeyCode) -> Option<Key> {
    let key = match code {
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        _ => return None,
    };
    Some(key)
}
