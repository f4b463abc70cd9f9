//! The options of one expiry, one a line.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::Screen;
use super::card::Card;
use super::coverage::sign;
use super::paint::Paint;
use super::place::window;
use crate::domain::instrument::expiry_code;
use crate::domain::ledger::{OptionRecord, OptionState};
use crate::domain::moment::Moment;
use crate::view::escape::safe;
use crate::view::finish::clock;
use crate::view::numbers::counted;
use crate::view::table::fit;

/// The page.
pub fn page(screen: &Screen, now: Moment, area: Rect, buffer: &mut Buffer) {
    let paint = screen.paint;
    let need = screen.place.need(&screen.seen);
    let found = screen.seen.chain.as_ref().filter(|(currency, expiry, _)| {
        need.chain.as_ref().is_some_and(|(wanted, of)| wanted == currency && of == expiry)
    });
    let Some((currency, expiry, records)) = found else {
        Card::new("Options", vec![Line::styled(" being read …", paint.dim())]).draw(area, buffer, paint);
        return;
    };
    let chosen = screen.place.option_at(&screen.seen);
    let day = expiry.map_or_else(|| "whose names do not parse".to_owned(), expiry_code);
    let title = format!("{} {day}: {}", safe(currency.as_str()), counted(records.len() as u64, "option"));
    let shown = window(records.len(), chosen, usize::from(area.height.saturating_sub(1)));
    let first = shown.start;
    let width = usize::from(area.width);
    let lines: Vec<Line<'static>> = records
        .get(shown)
        .unwrap_or_default()
        .iter()
        .enumerate()
        .map(|(at, record)| option_line(record, first + at == chosen, now, screen, width))
        .collect();
    Card::new(title, lines).draw(area, buffer, paint);
}

fn option_line(record: &OptionRecord, is_chosen: bool, now: Moment, screen: &Screen, width: usize) -> Line<'static> {
    let paint: Paint = screen.paint;
    let name_width = 27.min(width.saturating_sub(14));
    let name = fit(&safe(record.symbol.as_str()), name_width);
    let mark = if is_chosen { "›" } else { " " };
    let style = if is_chosen { paint.chosen().patch(paint.strong()) } else { Style::new() };
    let word = if record.state == OptionState::Pending { "missing" } else { record.state.word() };
    let mut details = match (record.row_count, record.first_bar, record.last_bar) {
        (0, ..) => String::new(),
        (count, Some(first), Some(last)) => format!("{}, {first} - {last}", counted(count.into(), "bar")),
        (count, ..) => counted(count.into(), "bar"),
    };
    if let Some(why) = &record.reason {
        details = safe(why).into_owned();
    } else if let Some(at) = record.fetched_at {
        let comma = if details.is_empty() { "" } else { ", " };
        details = format!("{details}{comma}fetched {}", clock(at, now, &screen.tz));
    }
    if !record.listed {
        details.push_str("; no longer listed");
    }
    Line::from_iter([
        Span::styled(format!("{mark}{name:<name_width$}"), style),
        Span::styled(format!(" {} {word:<10}", sign(record.state)), paint.state(record.state)),
        Span::styled(fit(&details, width.saturating_sub(name_width + 14)), paint.dim()),
    ])
}
