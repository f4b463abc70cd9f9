//! What stands around every page: the pages' names and the time above, then the verdict; the keys below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::Screen;
use super::place::Tab;
use crate::domain::forecast::span_words;
use crate::domain::health::Health;
use crate::domain::moment::Moment;
use crate::domain::progress::Phase;
use crate::limits::{LOOK_LATE_MS, SECOND_MS};
use crate::view::escape::safe;
use crate::view::table::{fit, wrap};

/// Lines that a verdict may take: a vendor's long words must not push the numbers off the screen.
const VERDICT_LINES_MAX: usize = 3;

/// Columns of `? help` and `q quit` with their margins.
const HELP: usize = 8;
/// See [`HELP`].
const QUIT: usize = 8;

/// How long the answer to an order is shown.
const NOTE_MS: i64 = 12 * SECOND_MS;

/// Draws it, and returns the area that is left for the page.
pub fn draw(screen: &Screen, now: Moment, area: Rect, buffer: &mut Buffer) -> Rect {
    if area.height < 3 {
        return Rect::default();
    }
    let line = |y: u16| Rect { y, height: 1, ..area };
    head(screen, now, line(area.y), buffer);
    let mut y = area.y + 1;
    for text in verdict(screen, now, usize::from(area.width)) {
        if y + 1 < area.bottom() {
            text.render(line(y), buffer);
            y += 1;
        }
    }
    foot(screen, now, usize::from(area.width)).render(line(area.bottom() - 1), buffer);
    Rect { y, height: area.bottom() - 1 - y, ..area }
}

fn head(screen: &Screen, now: Moment, area: Rect, buffer: &mut Buffer) {
    let paint = screen.paint;
    let width = usize::from(area.width);
    let clock = format!("{} ({}) ", now.time_of_day(&screen.tz, now), now.offset(&screen.tz));
    let names: usize = Tab::ALL.iter().map(|tab| tab.name().chars().count() + 4).sum();
    let is_short = names + clock.chars().count() > width;
    let mut spans = Vec::new();
    for (at, tab) in (1..).zip(Tab::ALL) {
        let is_here = tab == screen.place.tab;
        let text = if is_short && !is_here { format!(" {at} ") } else { format!(" {at} {} ", tab.name()) };
        let style = if is_here { paint.chosen().patch(paint.strong()) } else { paint.dim() };
        spans.push(Span::styled(text, style));
    }
    let left = Line::from(spans);
    let room = width.saturating_sub(left.width());
    let clock = if clock.chars().count() > room { format!("{} ", now.time_of_day(&screen.tz, now)) } else { clock };
    left.render(area, buffer);
    if clock.chars().count() <= room {
        Line::styled(clock, paint.dim()).right_aligned().render(area, buffer);
    }
}

fn verdict(screen: &Screen, now: Moment, width: usize) -> Vec<Line<'static>> {
    let paint = screen.paint;
    let mut lines = Vec::new();
    let mut say = |health: Health, words: &str| {
        let texts = wrap(&safe(words), width.saturating_sub(3));
        let cut = texts.len() > VERDICT_LINES_MAX;
        for (at, text) in texts.into_iter().take(VERDICT_LINES_MAX).enumerate() {
            let text = if cut && at + 1 == VERDICT_LINES_MAX {
                fit(&format!("{text} …"), width.saturating_sub(3))
            } else {
                text
            };
            let mark = if at == 0 { " ● " } else { "   " };
            lines.push(Line::styled(format!("{mark}{text}"), paint.health(health)));
        }
    };
    match (&screen.seen.trouble, &screen.seen.page) {
        (Some(trouble), page) => {
            let age = if page.is_some() {
                format!(" What is shown is {} old.", span_words(screen.seen.at.until_ms(now).max(0)))
            } else {
                String::new()
            };
            let (health, next) = if trouble.is_nothing {
                (Health::Idle, "`chainfill backfill` begins one, and it will show here.")
            } else {
                (Health::Worry, "It is looked for again and again.")
            };
            let since = trouble.since.time_of_day(&screen.tz, now);
            say(health, &format!("{}: since {since}, {}. {next}{age}", health.word(), trouble.words));
        }
        (None, Some(page)) => {
            let (health, words) = page.verdict(now, &screen.tz);
            let waits =
                page.progress.as_ref().is_some_and(|progress| matches!(progress.phase, Phase::Paused | Phase::Waiting));
            // A wait is fine, and yet the eye should see at once that nothing moves.
            let health = if health == Health::Fine && waits { Health::Idle } else { health };
            say(health, &words);
            let age_ms = screen.seen.at.until_ms(now);
            if age_ms >= LOOK_LATE_MS {
                say(Health::Idle, &format!("The store has not answered for {}.", span_words(age_ms)));
            }
        }
        (None, None) => say(Health::Idle, "Looking at the store …"),
    }
    lines
}

fn foot(screen: &Screen, now: Moment, width: usize) -> Line<'static> {
    let (place, paint) = (&screen.place, screen.paint);
    if place.asks_stop {
        let words = " Stop the run? What is under way is finished first; nothing is lost.  y / n";
        let words = if words.chars().count() > width { " Stop the run?  y / n" } else { words };
        return Line::styled(fit(words, width), paint.wait().patch(paint.chosen()));
    }
    if let Some(note) = place.note.as_ref().filter(|note| note.at.until_ms(now) < NOTE_MS) {
        let style = if note.is_bad { paint.bad() } else { paint.good() };
        return Line::styled(fit(&format!(" {}", safe(&note.words)), width), style);
    }
    let page = screen.seen.page.as_ref();
    let is_working = page.is_some_and(crate::view::status::StatusPage::is_working);
    let is_paused = page.and_then(|page| page.progress.as_ref()).is_some_and(|progress| progress.paused);
    let mut keys: Vec<(&str, &str)> = Vec::new();
    if place.story.is_some() {
        keys.extend([("Esc", "back"), ("↑↓", "bars")]);
    } else {
        match place.tab {
            Tab::Coverage if place.is_in_chain => keys.extend([("Enter", "story"), ("Esc", "back"), ("↑↓", "option")]),
            Tab::Coverage => keys.extend([("Enter", "options"), ("↑↓", "expiry"), ("←→", "currency")]),
            Tab::Log => keys.extend([("Enter", "story"), ("↑↓", "request")]),
            Tab::Errors => keys.push(("↑↓", "scroll")),
            Tab::Overview | Tab::Requests => {}
        }
    }
    if is_working {
        keys.push(if is_paused { ("r", "resume") } else { ("p", "pause") });
        keys.extend([("s", "stop"), ("+-", "pace")]);
    }
    keys.extend([("?", "help"), ("q", "quit")]);
    let mut spans = Vec::new();
    let mut taken = 0;
    for (key, what) in keys {
        let length = key.chars().count() + what.chars().count() + 3;
        // Help and the way out are always named.
        let reserved = if key == "q" {
            0
        } else if key == "?" {
            QUIT
        } else {
            HELP + QUIT
        };
        if taken + length > width.saturating_sub(reserved) {
            continue;
        }
        taken += length;
        spans.push(Span::styled(format!(" {key}"), paint.strong()));
        spans.push(Span::styled(format!(" {what} "), paint.dim()));
    }
    if let Some(page) = page {
        let store = safe(&page.store).into_owned();
        let room = width.saturating_sub(taken + 2);
        if store.chars().count() <= room {
            spans.push(Span::styled(format!("{store:>room$} "), paint.dim()));
        }
    }
    Line::from(spans)
}
