//! The tail of the log: what was learned, waited for, ordered, doubted; newest first.

use jiff::tz::TimeZone;
use ratatui::text::{Line, Span};

use super::card::Card;
use super::paint::Paint;
use crate::domain::moment::Moment;
use crate::domain::progress::Progress;
use crate::view::table::fit;
use crate::view::words;

/// A card with so many of the newest lines.
pub fn card(
    progress: Option<&Progress>,
    now: Moment,
    tz: &TimeZone,
    lines_max: usize,
    width: usize,
    paint: Paint,
) -> Card {
    let newest = progress.into_iter().flat_map(|progress| progress.tail.0.iter().rev()).take(lines_max);
    let mut lines: Vec<Line<'static>> = newest
        .map(|one| {
            let head = format!(" {}  ", one.at.time_of_day(tz, now));
            let room = width.saturating_sub(head.chars().count());
            Line::from_iter([Span::styled(head, paint.dim()), Span::raw(fit(&words::remark(one, tz), room))])
        })
        .collect();
    if lines.is_empty() {
        lines.push(Line::styled(" nothing yet", paint.dim()));
    }
    Card::new("What happened", lines)
}
