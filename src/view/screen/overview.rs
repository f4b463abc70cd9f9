//! The first page: all that matters, in as many columns as there is room for; and the page of requests.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::Screen;
use super::card::{Card, side_by_side, stack};
use super::{changes, coverage, errors, log, milestones, progress, speed, tail, throttle};
use crate::domain::forecast::span_words;
use crate::domain::health::LastRun;
use crate::domain::moment::Moment;
use crate::domain::outlook::Outlook;
use crate::domain::progress::Progress;
use crate::view::escape::safe;
use crate::view::numbers::{bytes, counted};
use crate::view::status::StatusPage;
use crate::view::table::{fit, wrap};

/// Columns from which two or three columns of cards have room.
const TWO: u16 = 120;
/// See [`TWO`].
const THREE: u16 = 180;
/// Rows from which a map says something.
const MAP_ROWS_MIN: u16 = 6;
/// Lines of the log's tail.
const TAIL_LINES: usize = 5;
/// Requests that are more than any screen shows.
const TAIL: usize = 100;

/// All that matters.
pub fn page(screen: &Screen, now: Moment, area: Rect, buffer: &mut Buffer) {
    let paint = screen.paint;
    let Some(page) = &screen.seen.page else { return };
    let areas = match area.width {
        THREE.. => side_by_side(area, &[5, 4, 4]),
        TWO.. => side_by_side(area, &[1, 1]),
        _ => vec![area],
    };
    let widths: Vec<usize> = areas.iter().map(|area| usize::from(area.width)).collect();
    let outlook = page.outlook(now);
    let how_far = how_far(screen, page, outlook.as_ref(), now, widths[0]);
    let fast = |rows, width| how_fast(screen, page, outlook.as_ref(), now, rows, width);
    match *widths {
        [_, second, third] => {
            let mut cards = fast(4, second);
            cards.extend(answers(page, second, screen));
            map_below(screen, stack(&how_far, areas[0], buffer, paint), buffer);
            stack(&cards, areas[1], buffer, paint);
            stack(&tail(screen, page, now, third), areas[2], buffer, paint);
        }
        [_, second] => {
            let mut cards = fast(2, second);
            cards.extend(tail(screen, page, now, second));
            map_below(screen, stack(&how_far, areas[0], buffer, paint), buffer);
            stack(&cards, areas[1], buffer, paint);
        }
        _ => {
            let mut cards = how_far;
            let rows = if area.height > 28 { 2 } else { 1 };
            let at = cards.len().saturating_sub(1); // the run's own line comes last
            cards.splice(at..at, fast(rows, widths[0]));
            cards.extend(tail(screen, page, now, widths[0]));
            stack(&cards, area, buffer, paint);
        }
    }
}

/// The coverage, where enough is left of a column.
fn map_below(screen: &Screen, rest: Rect, buffer: &mut Buffer) {
    if rest.height >= MAP_ROWS_MIN {
        coverage::page(screen, rest, buffer);
    }
}

fn how_far(screen: &Screen, page: &StatusPage, outlook: Option<&Outlook>, now: Moment, width: usize) -> Vec<Card> {
    let (tz, paint) = (&screen.tz, screen.paint);
    let mut cards = Vec::new();
    let wait = page.progress.as_ref().and_then(|progress| Some((progress, progress.wait.as_ref()?)));
    if let Some((progress, wait)) = wait.filter(|_| page.is_working()) {
        cards.push(progress::countdown(wait, progress, now, tz, width, paint));
    }
    cards.push(progress::bars(page, outlook, now, tz, width, paint));
    if let Some(outlook) = outlook {
        cards.push(changes::card(page, outlook, width, paint));
        cards.extend(milestones::card(&outlook.milestones, now, tz, width, paint));
    }
    cards.push(Card::new("Run", run_lines(page, outlook, screen, now, width)));
    cards
}

fn how_fast(
    screen: &Screen,
    page: &StatusPage,
    outlook: Option<&Outlook>,
    now: Moment,
    rows: usize,
    width: usize,
) -> Vec<Card> {
    let mut cards = vec![throttle::card(page, now, &screen.tz, width, screen.paint)];
    if let (Some(progress), Some(outlook)) = (&page.progress, outlook) {
        cards.push(speed::courses(progress, outlook, until(page, progress, now), rows, width, screen.paint));
    }
    cards
}

fn answers(page: &StatusPage, width: usize, screen: &Screen) -> Vec<Card> {
    let Some(progress) = &page.progress else { return Vec::new() };
    vec![speed::latencies(progress, width, screen.paint), speed::outcomes(progress, width, screen.paint)]
}

fn tail(screen: &Screen, page: &StatusPage, now: Moment, width: usize) -> Vec<Card> {
    let (tz, paint) = (&screen.tz, screen.paint);
    let journal = &screen.seen.journal;
    let newest = journal.get(..TAIL.min(journal.len())).unwrap_or_default();
    vec![
        errors::card(page.progress.as_ref(), now, tz, 2, width, paint),
        tail::card(page.progress.as_ref(), now, tz, TAIL_LINES, width, paint),
        Card::new("Log: the newest requests", log::lines(newest, now, tz, width, paint)),
    ]
}

/// How fast it is, how long answers took, what they said.
pub fn requests(screen: &Screen, now: Moment, area: Rect, buffer: &mut Buffer) {
    let paint = screen.paint;
    let Some(page) = &screen.seen.page else { return };
    let Some(progress) = &page.progress else {
        let card = Card::new("Requests", vec![Line::styled(" no run yet", paint.dim())]);
        card.draw(area, buffer, paint);
        return;
    };
    let areas = if area.width >= TWO { side_by_side(area, &[3, 2]) } else { vec![area] };
    let widths: Vec<usize> = areas.iter().map(|area| usize::from(area.width)).collect();
    let rows = match usize::from(area.height) {
        40.. => 8,
        30.. => 4,
        18.. => 2,
        _ => 1,
    };
    let course = speed::all_courses(progress, until(page, progress, now), rows, widths[0], paint);
    match *widths {
        [_, second] => {
            stack(&[course, throttle::card(page, now, &screen.tz, widths[0], paint)], areas[0], buffer, paint);
            stack(&answers(page, second, screen), areas[1], buffer, paint);
        }
        _ => {
            let mut cards = vec![course];
            cards.extend(answers(page, widths[0], screen));
            cards.push(throttle::card(page, now, &screen.tz, widths[0], paint));
            stack(&cards, area, buffer, paint);
        }
    }
}

/// A run's course goes on while it lives; one that is over, or dead, ends with its last sign.
fn until(page: &StatusPage, progress: &Progress, now: Moment) -> Moment {
    if page.is_working() { now } else { progress.phase_since.max(progress.accepted_at.unwrap_or_default()) }
}

fn run_lines(
    page: &StatusPage,
    outlook: Option<&Outlook>,
    screen: &Screen,
    now: Moment,
    width: usize,
) -> Vec<Line<'static>> {
    let paint = screen.paint;
    let grown =
        outlook.and_then(|outlook| outlook.grown_bytes).filter(|grown| *grown != 0).map_or(String::new(), |grown| {
            let sign = if grown < 0 { '-' } else { '+' };
            format!(" ({sign}{} since the start)", bytes(grown.unsigned_abs()))
        });
    let words = page.run.as_ref().map_or_else(|| "no run yet".to_owned(), |run| run_words(run, screen, now));
    let mut lines: Vec<Line<'static>> =
        wrap(&safe(&words), width.saturating_sub(1)).into_iter().map(|line| Line::raw(format!(" {line}"))).collect();
    let store = format!(" the table: {}{grown}; {} ever left", bytes(page.bytes), counted(page.requests, "request"));
    lines.push(Line::styled(fit(&store, width), paint.dim()));
    lines
}

fn run_words(run: &LastRun, screen: &Screen, now: Moment) -> String {
    let started = run.started_at.time_of_day(&screen.tz, now);
    let place = format!("{}: process {} on host {}, started {started}", run.epoch, run.pid, run.host);
    match (run.ended_at, run.ending) {
        (Some(at), Some(ending)) => format!("{place}, ended {}: {}", at.time_of_day(&screen.tz, now), ending.word()),
        (Some(at), None) => format!("{place}, ended {}", at.time_of_day(&screen.tz, now)),
        (None, _) => {
            let beat_ms = run.beat_age_ms + screen.seen.at.until_ms(now).max(0);
            format!("{place}, last sign of life {} ago", span_words(beat_ms))
        }
    }
}
