//! Which part of the archive is there: every expiry at a glance, and below it expiry by expiry, a cell an option.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use super::Screen;
use super::card::Card;
use super::paint::Paint;
use super::place::window;
use crate::domain::coverage::ExpiryCover;
use crate::domain::instrument::expiry_code;
use crate::domain::ledger::OptionState;
use crate::view::escape::safe;
use crate::view::numbers::{counted, grouped};

/// Columns of an expiry's date, with its margin.
const LABEL: usize = 10;
/// Columns of an expiry's count.
const COUNT: usize = 9;
/// Lines that the glance may take.
const GLANCE_MAX: usize = 4;

/// A state's sign. No two look alike without colour.
pub fn sign(state: OptionState) -> char {
    match state {
        OptionState::Stored => '█',
        OptionState::Empty => '▒',
        OptionState::Pending => '·',
        OptionState::Attention => '!',
    }
}

const STATES: [OptionState; 4] =
    [OptionState::Stored, OptionState::Empty, OptionState::Pending, OptionState::Attention];

/// The page.
pub fn page(screen: &Screen, area: Rect, buffer: &mut Buffer) {
    let paint = screen.paint;
    let width = usize::from(area.width);
    let covers = screen.place.expiries(&screen.seen);
    let Some(currency) = screen.place.currency_in(&screen.seen) else {
        let card = Card::new("Coverage", vec![Line::styled(" nothing is listed yet", paint.dim())]);
        card.draw(area, buffer, paint);
        return;
    };
    if covers.is_empty() {
        let words = if screen.seen.coverage.is_some() { " being read …" } else { " not read yet" };
        Card::new(title(&safe(currency.as_str()), covers), vec![Line::styled(words, paint.dim())])
            .draw(area, buffer, paint);
        return;
    }
    let chosen = screen.place.expiry_at(&screen.seen);
    let mut lines = vec![legend(covers, paint)];
    lines.extend(glance(covers, chosen, width, GLANCE_MAX, paint));
    let head = Card::new(title(&safe(currency.as_str()), covers), lines);
    let taken = head.draw(area, buffer, paint);
    let rest = Rect { y: area.y + taken, height: area.height - taken, ..area };
    let shown = window(covers.len(), chosen, usize::from(rest.height));
    for (at, row) in shown.zip(rest.rows()) {
        if let Some(cover) = covers.get(at) {
            expiry_line(cover, at == chosen, width, paint).render(row, buffer);
        }
    }
}

/// `Coverage of ETH: 183 expiries, 8,679 options`.
fn title(currency: &str, covers: &[ExpiryCover]) -> String {
    let options: usize = covers.iter().map(|cover| cover.cells.len()).sum();
    let expiries = if covers.len() == 1 { "expiry" } else { "expiries" };
    format!(
        "Coverage of {currency}: {} {expiries}, {}",
        grouped(covers.len() as u64),
        counted(options as u64, "option")
    )
}

fn legend(covers: &[ExpiryCover], paint: Paint) -> Line<'static> {
    let mut spans = Vec::new();
    for state in STATES {
        let count: usize = covers.iter().map(|cover| cover.count(state)).sum();
        let word = if state == OptionState::Pending { "missing" } else { state.word() };
        spans.push(Span::styled(format!(" {}", sign(state)), paint.state(state)));
        spans.push(Span::raw(format!(" {word} ")));
        spans.push(Span::styled(format!("{}  ", grouped(count as u64)), paint.dim()));
    }
    Line::from(spans)
}

/// Every expiry as one column, as high as its share of known options; several in one where there are too many.
fn glance(covers: &[ExpiryCover], chosen: usize, width: usize, lines_max: usize, paint: Paint) -> Vec<Line<'static>> {
    let room = width.saturating_sub(2).max(1);
    let each = covers.len().div_ceil(room * lines_max).max(1);
    let cells: Vec<Span<'static>> = covers
        .chunks(each)
        .enumerate()
        .map(|(at, group)| {
            let (sign, style) = glance_cell(group, paint);
            let is_chosen = chosen / each == at;
            Span::styled(sign.to_string(), if is_chosen { style.patch(paint.chosen()) } else { style })
        })
        .collect();
    cells.chunks(room).map(|cells| std::iter::once(Span::raw(" ")).chain(cells.iter().cloned()).collect()).collect()
}

fn glance_cell(group: &[ExpiryCover], paint: Paint) -> (char, Style) {
    let count = |state| group.iter().map(|cover| cover.count(state)).sum::<usize>();
    let all: usize = group.iter().map(|cover| cover.cells.len()).sum();
    let (stored, empty) = (count(OptionState::Stored), count(OptionState::Empty));
    if count(OptionState::Attention) > 0 {
        (sign(OptionState::Attention), paint.bad())
    } else if stored + empty == 0 {
        (sign(OptionState::Pending), paint.busy())
    } else if stored + empty < all {
        let eighths = ((stored + empty) * 8 / all.max(1)).clamp(1, 7);
        (['▁', '▂', '▃', '▄', '▅', '▆', '▇'][eighths - 1], paint.busy())
    } else if stored == 0 {
        (sign(OptionState::Empty), paint.dim())
    } else {
        (sign(OptionState::Stored), paint.good())
    }
}

fn expiry_line(cover: &ExpiryCover, is_chosen: bool, width: usize, paint: Paint) -> Line<'static> {
    let label = cover.expiry.map_or_else(|| "no date".to_owned(), expiry_code);
    let known = cover.count(OptionState::Stored) + cover.count(OptionState::Empty);
    let count = format!("{known}/{}", cover.cells.len());
    let style = if known == cover.cells.len() { paint.dim() } else { Style::new() };
    let room = width.saturating_sub(LABEL + COUNT).max(1);
    let mark = if is_chosen { "›" } else { " " };
    let label_style = if is_chosen { paint.chosen().patch(paint.strong()) } else { Style::new() };
    let mut spans = vec![Span::styled(format!("{mark}{label:<8}"), label_style), Span::raw(" ")];
    let cells: Vec<OptionState> = cover.cells.chars().map(state).collect();
    let each = cells.len().div_ceil(room).max(1);
    let signs: Vec<OptionState> = cells.chunks(each).map(worst).collect();
    for run in signs.chunk_by(|a, b| a == b) {
        if let Some(first) = run.first() {
            spans.push(Span::styled(sign(*first).to_string().repeat(run.len()), paint.state(*first)));
        }
    }
    spans.push(Span::raw(" ".repeat(room.saturating_sub(signs.len()))));
    spans.push(Span::styled(format!("{count:>COUNT$}"), style));
    Line::from(spans)
}

fn state(letter: char) -> OptionState {
    match letter {
        's' => OptionState::Stored,
        'e' => OptionState::Empty,
        'a' => OptionState::Attention,
        _ => OptionState::Pending,
    }
}

/// Of options that share a cell, the one that somebody should see.
fn worst(cells: &[OptionState]) -> OptionState {
    let order = [OptionState::Attention, OptionState::Pending, OptionState::Stored, OptionState::Empty];
    order.into_iter().find(|state| cells.contains(state)).unwrap_or_default()
}
