//! The keys, over everything else.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::card::Card;
use super::paint::Paint;

const KEYS: [(&str, &str); 11] = [
    ("1 - 5, Tab", "another page"),
    ("p", "pause the run: it sends nothing"),
    ("r", "let it go on"),
    ("s", "stop it (asks first); nothing is lost"),
    ("+  -", "a faster or slower pace"),
    ("↑ ↓ PgUp PgDn", "choose a line"),
    ("← →", "another currency, on Coverage"),
    ("Enter", "into an expiry, an option's story"),
    ("Esc", "out of it"),
    ("?", "these keys"),
    ("q, Ctrl-C", "leave; the run goes on"),
];

const FOOT: &str = "It reads the store and asks the vendor nothing.";

const WIDTH: u16 = 56;

/// Draws them in the middle.
pub fn draw(area: Rect, buffer: &mut Buffer, paint: Paint) {
    let lines: Vec<Line<'static>> = KEYS
        .into_iter()
        .map(|(key, what)| Line::from_iter([Span::styled(format!("  {key:<15}"), paint.strong()), Span::raw(what)]))
        .chain([Line::styled(format!("  {FOOT}"), paint.dim())])
        .collect();
    let height = (u16::try_from(lines.len()).unwrap_or(0) + 2).min(area.height);
    let width = WIDTH.min(area.width);
    let at = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    // A margin, so that nothing from below touches it.
    let cleared = Rect { x: at.x.saturating_sub(1).max(area.x), ..at };
    let cleared = Rect { width: (at.right() + 1).min(area.right()) - cleared.x, ..cleared };
    Clear.render(cleared, buffer);
    Card::new("Keys", lines).draw(at, buffer, paint);
    if at.height > 2 {
        let foot = Rect { y: at.bottom() - 1, height: 1, ..at };
        Line::styled("─".repeat(usize::from(width)), paint.dim()).render(foot, buffer);
    }
}
