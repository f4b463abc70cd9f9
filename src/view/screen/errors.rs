//! What went wrong lately, grouped by its words.

use jiff::tz::TimeZone;
use ratatui::text::{Line, Span};

use super::card::Card;
use super::paint::Paint;
use crate::domain::moment::Moment;
use crate::domain::progress::Progress;
use crate::view::escape::safe;
use crate::view::finish::clock;
use crate::view::numbers::grouped;
use crate::view::summary::grouped_errors;
use crate::view::table::{fit, wrap};

/// Columns of the count and the time before the words.
const HEAD: usize = 20;

/// The groups, `lines_max` lines each.
pub fn card(
    progress: Option<&Progress>,
    now: Moment,
    tz: &TimeZone,
    lines_max: usize,
    width: usize,
    paint: Paint,
) -> Card {
    let mut lines = Vec::new();
    for group in progress.map(grouped_errors).unwrap_or_default() {
        let head = format!(" {:>6} x {:>9}  ", grouped(group.count), clock(group.last_at, now, tz));
        let room = width.saturating_sub(HEAD);
        let texts = wrap(&safe(&group.words), room);
        let cut = texts.len() > lines_max;
        for (at, text) in texts.into_iter().take(lines_max).enumerate() {
            let text = if cut && at + 1 == lines_max { fit(&format!("{text} …"), room) } else { text };
            let head = if at == 0 { head.clone() } else { " ".repeat(HEAD) };
            lines.push(Line::from_iter([Span::styled(head, paint.wait()), Span::raw(text)]));
        }
    }
    if lines.is_empty() {
        lines.push(Line::styled(" none", paint.good()));
    }
    Card::new("The last errors of this run", lines)
}
