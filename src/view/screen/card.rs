//! A screen is made of cards: a title in a rule, and lines below it. They are stacked in columns.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::paint::Paint;
use crate::view::table::fit;

/// Columns between two columns of cards.
const GAP: u16 = 2;

/// Some lines with a title.
pub struct Card {
    title: String,
    lines: Vec<Line<'static>>,
}

impl Card {
    /// A card.
    pub fn new(title: impl Into<String>, lines: Vec<Line<'static>>) -> Card {
        Card { title: title.into(), lines }
    }

    /// The same with so many lines scrolled past; the last one stays.
    #[must_use]
    pub fn scrolled(mut self, lines: usize) -> Card {
        self.lines.drain(..lines.min(self.lines.len().saturating_sub(1)));
        self
    }

    fn rows(&self) -> usize {
        self.lines.len() + 1
    }

    /// Draws the card from the top of an area, and returns the rows that it took.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, paint: Paint) -> u16 {
        if area.is_empty() {
            return 0;
        }
        rule(&self.title, area, buffer, paint);
        for (line, row) in self.lines.iter().zip(area.rows().skip(1)) {
            line.render(row, buffer);
        }
        u16::try_from(self.rows()).unwrap_or(u16::MAX).min(area.height)
    }
}

/// `─ Title ───────────`.
fn rule(title: &str, area: Rect, buffer: &mut Buffer, paint: Paint) {
    let width = usize::from(area.width);
    let title = fit(title, width.saturating_sub(4));
    let rest = width.saturating_sub(title.chars().count() + 3);
    let spans = [
        Span::styled("─ ", paint.dim()),
        Span::styled(title, paint.strong()),
        Span::styled(format!(" {}", "─".repeat(rest)), paint.dim()),
    ];
    Line::from_iter(spans).render(Rect { height: 1, ..area }, buffer);
}

/// Rows of the last card that decide whether there is room between cards: it may be as long as it likes.
const LAST_ROWS: usize = 8;

/// Stacks cards, and returns what is left of the area. Where they have room, a blank line stands between them; where
/// they have not, the later ones are left out or cut.
pub fn stack(cards: &[Card], area: Rect, buffer: &mut Buffer, paint: Paint) -> Rect {
    let last = cards.last().map_or(0, |card| card.rows().saturating_sub(LAST_ROWS));
    let rows = cards.iter().map(Card::rows).sum::<usize>() - last;
    let gap = u16::from(rows + cards.len() <= usize::from(area.height));
    let mut rest = area;
    for card in cards {
        // A title without a line below it says nothing.
        if rest.height < 2 {
            break;
        }
        let taken = (card.draw(rest, buffer, paint) + gap).min(rest.height);
        rest = Rect { y: rest.y + taken, height: rest.height - taken, ..rest };
    }
    rest
}

/// Areas side by side; `shares` say how wide they are.
pub fn side_by_side(area: Rect, shares: &[u16]) -> Vec<Rect> {
    let gaps = GAP * u16::try_from(shares.len().saturating_sub(1)).unwrap_or(0);
    let room = u32::from(area.width.saturating_sub(gaps));
    let all: u32 = shares.iter().map(|share| u32::from(*share)).sum();
    let mut found = Vec::with_capacity(shares.len());
    let mut x = area.x;
    for (at, share) in shares.iter().enumerate() {
        let width = if at + 1 == shares.len() {
            area.right().saturating_sub(x)
        } else {
            u16::try_from(room * u32::from(*share) / all.max(1)).unwrap_or(0)
        };
        found.push(Rect { x, width, ..area });
        x = x.saturating_add(width + GAP);
    }
    found
}
