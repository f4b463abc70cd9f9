//! The log's tail, and the journal's: each request, newest first.

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::Screen;
use super::card::{Card, stack};
use super::paint::Paint;
use super::place::window;
use super::tail;
use crate::domain::journal::JournalLine;
use crate::domain::moment::Moment;
use crate::view::escape::safe;
use crate::view::numbers::{bytes, counted, grouped};
use crate::view::table::fit;

/// Columns of what was asked for, at the most.
const QUERY_MAX: usize = 26;
/// Columns of what came of it, at the most.
const OUTCOME_MAX: usize = 12;

/// The page: it follows the newest until a request is chosen.
pub fn page(screen: &Screen, now: Moment, area: Rect, buffer: &mut Buffer) {
    let (journal, paint, width) = (&screen.seen.journal, screen.paint, usize::from(area.width));
    let progress = screen.seen.page.as_ref().and_then(|page| page.progress.as_ref());
    // A third of the page, so that both say something.
    let above = usize::from(area.height / 3).saturating_sub(1);
    let tail = (above > 0).then(|| tail::card(progress, now, &screen.tz, above, width, paint));
    let area = stack(tail.as_slice(), area, buffer, paint);
    let chosen = screen.place.request_at(&screen.seen);
    let shown = window(journal.len(), chosen, usize::from(area.height.saturating_sub(1)));
    let first = shown.start;
    let mut lines = lines(journal.get(shown).unwrap_or_default(), now, &screen.tz, width, paint);
    if screen.place.request.is_some()
        && let Some(line) = lines.get_mut(chosen - first)
    {
        *line = std::mem::take(line).patch_style(paint.chosen());
    }
    Card::new("Log: the journal's newest requests", lines).draw(area, buffer, paint);
}

/// A line a request.
pub fn lines(journal: &[JournalLine], now: Moment, tz: &TimeZone, width: usize, paint: Paint) -> Vec<Line<'static>> {
    if journal.is_empty() {
        return vec![Line::styled(" no request has left yet", paint.dim())];
    }
    let widest = |text: fn(&JournalLine) -> &str, most: usize| {
        journal.iter().map(|one| safe(text(one)).chars().count()).max().unwrap_or(0).min(most)
    };
    let columns = Columns { query: widest(|one| &one.query, QUERY_MAX), outcome: widest(outcome, OUTCOME_MAX) };
    journal.iter().map(|one| line(one, columns, now, tz, width, paint)).collect()
}

/// How wide the columns are.
#[derive(Clone, Copy)]
struct Columns {
    query: usize,
    outcome: usize,
}

/// One request: `12:37:29  ETH-12APR24-3100-C   rows   12 rows, 1.2 kB, 85 ms`.
fn line(one: &JournalLine, columns: Columns, now: Moment, tz: &TimeZone, width: usize, paint: Paint) -> Line<'static> {
    let time = one.sent_at.time_of_day(tz, now);
    let head = format!(" {time}  ");
    let query = fit(&safe(&one.query), columns.query);
    let query = format!("{query:<0$}  ", columns.query);
    let word = fit(&safe(outcome(one)), columns.outcome);
    let word = format!("{word:<0$}  ", columns.outcome);
    let taken = head.chars().count() + query.chars().count() + word.chars().count();
    Line::from_iter([
        Span::styled(head, paint.dim()),
        Span::raw(query),
        Span::styled(word, style(one, paint)),
        Span::styled(fit(&details(one), width.saturating_sub(taken)), paint.dim()),
    ])
}

fn outcome(one: &JournalLine) -> &str {
    one.outcome.as_deref().unwrap_or("under way")
}

fn style(one: &JournalLine, paint: Paint) -> Style {
    match one.outcome.as_deref() {
        None => paint.busy(),
        Some("rows" | "listing") => paint.good(),
        Some("empty" | "unsent") => paint.dim(),
        Some("throttled") => paint.wait(),
        Some(_) => paint.bad(),
    }
}

fn details(one: &JournalLine) -> String {
    let mut parts = Vec::new();
    if let Some(status) = one.status.filter(|status| *status != 200 && *status != 0) {
        parts.push(format!("HTTP {status}"));
    }
    if let Some(wait_s) = one.wait_s {
        parts.push(format!("wait {} s", grouped(wait_s.unsigned_abs())));
    }
    if let Some(rows) = one.rows.filter(|rows| *rows > 0) {
        parts.push(counted(rows.into(), "row"));
    }
    if let Some(size) = one.bytes.filter(|size| *size > 0) {
        parts.push(bytes(size.into()));
    }
    if let Some(done_at) = one.done_at {
        parts.push(format!("{} ms", grouped(one.sent_at.until_ms(done_at).max(0).unsigned_abs())));
    }
    if let Some(note) = &one.note {
        parts.push(safe(note).into_owned());
    }
    parts.join(", ")
}
