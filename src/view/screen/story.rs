//! One option's own story: its line in the ledger, its requests, its bars.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::Screen;
use super::card::{Card, side_by_side, stack};
use super::coverage::sign;
use super::paint::Paint;
use super::{log, spark};
use crate::domain::instrument::OptionType;
use crate::domain::journal::Story;
use crate::domain::ledger::OptionState;
use crate::domain::moment::Moment;
use crate::view::escape::safe;
use crate::view::numbers::counted;
use crate::view::table::{Table, fit, wrap};

/// Requests that are shown beside the bars on a small screen.
const ATTEMPTS_SMALL: usize = 4;
/// Columns from which requests and bars stand side by side.
const WIDE: u16 = 150;

/// The page.
pub fn page(screen: &Screen, now: Moment, area: Rect, buffer: &mut Buffer) {
    let paint = screen.paint;
    let wanted = screen.place.story.as_ref();
    let Some(story) = screen.seen.story.as_ref().filter(|story| Some(&story.record.symbol) == wanted) else {
        let name = wanted.map_or("", |symbol| symbol.as_str());
        Card::new(safe(name), vec![Line::styled(" being read, or not known …", paint.dim())]).draw(area, buffer, paint);
        return;
    };
    let is_wide = area.width >= WIDE;
    let areas = if is_wide { side_by_side(area, &[3, 2]) } else { vec![area] };
    let (Some(first), Some(last)) = (areas.first(), areas.last()) else { return };
    let width = usize::from(first.width);
    let about = Card::new(safe(story.record.symbol.as_str()), about(story, now, screen, width));
    let most = if is_wide { usize::from(area.height) } else { ATTEMPTS_SMALL };
    let attempts = story.attempts.get(..most.min(story.attempts.len())).unwrap_or_default();
    let attempts = Card::new(
        format!("Its newest requests: {}", story.attempts.len()),
        log::lines(attempts, now, &screen.tz, width, paint),
    );
    let bars = Card::new(
        format!("Its bars: {}", story.bars.len()),
        bars(story, screen.place.scroll, usize::from(last.width), paint),
    );
    if is_wide {
        stack(&[about, attempts], *first, buffer, paint);
        stack(&[bars], *last, buffer, paint);
    } else {
        stack(&[about, attempts, bars], area, buffer, paint);
    }
}

fn about(story: &Story, now: Moment, screen: &Screen, width: usize) -> Vec<Line<'static>> {
    let (record, paint) = (&story.record, screen.paint);
    let word = if record.state == OptionState::Pending { "missing: not asked for yet" } else { record.state.word() };
    let mut lines = vec![Line::from_iter([
        Span::styled(format!(" {} {word}", sign(record.state)), paint.state(record.state)),
        Span::raw(match (record.first_bar, record.last_bar) {
            (Some(first), Some(last)) => {
                format!(", {} from {first} to {last}", counted(record.row_count.into(), "bar"))
            }
            _ => String::new(),
        }),
    ])];
    if let Some(terms) = &record.instrument {
        let side = if terms.option_type == OptionType::Call { "call" } else { "put" };
        let strike = terms.strike.normalize();
        lines.push(Line::raw(fit(
            &format!(" {} {side}, strike {strike}, expires {} 08:00 UTC", safe(record.currency.as_str()), terms.expiry),
            width,
        )));
    }
    let fetched = record.fetched_at.map_or_else(|| "never".to_owned(), |at| at.time_of_day(&screen.tz, now));
    let listed = if record.listed { "listed" } else { "no longer listed; it is kept" };
    let end = if record.is_final() { "; its history is over" } else { "" };
    lines.push(Line::styled(fit(&format!(" last answered {fetched}; {listed}{end}"), width), paint.dim()));
    if let Some(why) = &record.reason {
        lines.extend(
            wrap(&safe(why), width.saturating_sub(1))
                .into_iter()
                .map(|line| Line::styled(format!(" {line}"), paint.bad())),
        );
    }
    lines
}

/// The closes as columns, then bar by bar.
fn bars(story: &Story, scroll: usize, width: usize, paint: Paint) -> Vec<Line<'static>> {
    if story.bars.is_empty() {
        return vec![Line::styled(" none", paint.dim())];
    }
    let closes: Vec<f64> =
        story.bars.iter().map(|bar| bar.close.and_then(|close| close.to_f64()).unwrap_or(0.0)).collect();
    let most = closes.iter().copied().fold(0.0, f64::max);
    let from = closes.len().saturating_sub(width.saturating_sub(10));
    let line = spark::columns(closes.get(from..).unwrap_or_default(), most, 1).pop().unwrap_or_default();
    let mut lines = vec![Line::from_iter([Span::styled(" close ", paint.dim()), Span::styled(line, paint.busy())])];
    let mut table = Table::new()
        .words(" Date")
        .numbers("Open")
        .numbers("High")
        .numbers("Low")
        .numbers("Close")
        .extra_numbers("Volume");
    let told = |value: Option<Decimal>| value.map_or_else(|| "-".to_owned(), |value| value.normalize().to_string());
    for bar in &story.bars {
        table.row(std::iter::once(format!(" {}", bar.date)).chain(bar.values().map(told)));
    }
    let rows = table.draw(width);
    lines.extend(rows.first().map(|head| Line::styled(head.clone(), paint.dim())));
    lines.extend(rows.into_iter().skip(1 + scroll).map(Line::raw));
    lines
}
