//! How fast it is: its course as sparklines, how long answers took, what they said.

use ratatui::text::{Line, Span};

use super::card::Card;
use super::paint::Paint;
use super::spark;
use crate::domain::forecast::span_words;
use crate::domain::moment::Moment;
use crate::domain::outlook::Outlook;
use crate::domain::progress::Progress;
use crate::domain::pulse::Point;
use crate::view::escape::safe;
use crate::view::numbers::{bytes, counted, grouped, percent};
use crate::view::table::fit;

const LABEL: usize = 10;
/// Up to so many lines each, courses stand close: a small screen has no line to spare.
const ROWS_CLOSE: usize = 2;
const BAR_MAX: usize = 30;

/// A sparkline of the run's course: what it is of, and how a point is read.
struct Course {
    label: &'static str,
    mean: bool,
    value: fn(&Point) -> u32,
}

const ANSWERS: Course = Course { label: "answers/s", mean: true, value: |point| point.answers };
const ROWS: Course = Course { label: "rows/s", mean: true, value: |point| point.rows };
const QUOTA: Course = Course { label: "quota", mean: false, value: |point| point.used };

/// Throughput and quota over the whole run, `rows` lines each.
pub fn courses(progress: &Progress, outlook: &Outlook, until: Moment, rows: usize, width: usize, paint: Paint) -> Card {
    let rate = outlook.rate.and_then(crate::domain::outlook::Rate::words);
    let title = match rate {
        Some(rate) => format!("Speed: {rate}"),
        None => "Speed".to_owned(),
    };
    let mut lines = Vec::new();
    for (course, style) in [(ANSWERS, paint.busy()), (QUOTA, paint.wait())] {
        if rows > 1 && !lines.is_empty() {
            lines.push(Line::default()); // or two columns look like one
        }
        lines.extend(course_lines(&course, progress, until, rows, width, style, paint));
    }
    lines.push(axis(progress, until, width, paint));
    Card::new(title, lines)
}

/// The same with the bars that came, for a screen of its own.
pub fn all_courses(progress: &Progress, until: Moment, rows: usize, width: usize, paint: Paint) -> Card {
    let mut lines = Vec::new();
    for (course, style) in [(ANSWERS, paint.busy()), (ROWS, paint.good()), (QUOTA, paint.wait())] {
        if rows > ROWS_CLOSE && !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.extend(course_lines(&course, progress, until, rows, width, style, paint));
    }
    lines.push(axis(progress, until, width, paint));
    Card::new("The course of this run", lines)
}

fn course_lines(
    course: &Course,
    progress: &Progress,
    until: Moment,
    rows: usize,
    width: usize,
    style: ratatui::style::Style,
    paint: Paint,
) -> Vec<Line<'static>> {
    let most_width = 8;
    let room = width.saturating_sub(LABEL + most_width + 2);
    let values = spark::course(&progress.pulse, until, room, course.mean, course.value);
    let mut most = values.iter().copied().fold(0.0, f64::max);
    if let (false, Some(quota)) = (course.mean, &progress.quota) {
        most = most.max(f64::from(quota.requests)); // against the limit, not against itself
    }
    let told = if most >= 10.0 || most <= 0.0 || !course.mean { format!("{most:.0}") } else { format!("{most:.1}") };
    spark::columns(&values, most, rows)
        .into_iter()
        .enumerate()
        .map(|(row, text)| {
            let label = if row == 0 { course.label } else { "" };
            let told = if row == 0 { format!(" {told}") } else { String::new() };
            Line::from_iter([
                Span::styled(format!(" {label:<LABEL$}"), paint.dim()),
                Span::styled(text, style),
                Span::styled(told, paint.dim()),
            ])
        })
        .collect()
}

fn axis(progress: &Progress, until: Moment, width: usize, paint: Paint) -> Line<'static> {
    let elapsed = progress.started_at.until_ms(until).max(0);
    let waited = progress.cooldown_ms + progress.wait.as_ref().map_or(0, |wait| wait.since.until_ms(until).max(0));
    let words = format!(
        " {} rows new, {} revised; {} at work, {} of it waiting",
        grouped(progress.rows_inserted),
        grouped(progress.rows_revised),
        span_words(elapsed),
        span_words(waited)
    );
    Line::styled(fit(&words, width), paint.dim())
}

/// How long answers took: `50 % within 120 ms · 90 % 240 ms · 99 % 1.2 s`, and their spread.
pub fn latencies(progress: &Progress, width: usize, paint: Paint) -> Card {
    let Some(found) = progress.latencies.percentiles() else {
        return Card::new("Latency", vec![Line::styled(" no answer yet", paint.dim())]);
    };
    let parts = [("half", found.p50_ms), ("90 %", found.p90_ms), ("99 %", found.p99_ms), ("all", found.max_ms)];
    let mut spans = vec![Span::styled(" within", paint.dim())];
    for (part, ms) in parts {
        spans.push(Span::styled(format!("  {part} "), paint.dim()));
        spans.push(Span::raw(span(ms)));
    }
    let mut lines = vec![Line::from(spans)];
    let counts: Vec<(u32, u64)> = progress.latencies.buckets().collect();
    let filled = |(_, count): &(u32, u64)| *count > 0;
    if let (Some(first), Some(last)) = (counts.iter().position(filled), counts.iter().rposition(filled))
        && let (Some((low, _)), Some((high, _))) = (counts.get(first), counts.get(last))
        && last > first
    {
        #[allow(clippy::cast_precision_loss)] // for the eye
        let values: Vec<f64> = counts[first..=last].iter().map(|(_, count)| *count as f64).collect();
        let most = values.iter().copied().fold(0.0, f64::max);
        let text = spark::columns(&values, most, 1).pop().unwrap_or_default();
        let wide: String = text.chars().flat_map(|column| [column; 2]).collect();
        let wide = if wide.chars().count() + 24 <= width { wide } else { text };
        lines.push(Line::from_iter([
            Span::styled(format!(" {:>7} ", span(*low)), paint.dim()),
            Span::styled(wide, paint.busy()),
            Span::styled(format!(" {}", span(*high)), paint.dim()),
        ]));
    }
    Card::new("Latency", lines)
}

fn span(ms: u32) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { format!("{}.{} s", ms / 1_000, ms % 1_000 / 100) }
}

/// What answers said, most frequent first.
pub fn outcomes(progress: &Progress, width: usize, paint: Paint) -> Card {
    let mut found: Vec<(&String, u64)> = progress.outcomes.iter().map(|(word, count)| (word, *count)).collect();
    found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let total: u64 = found.iter().map(|(_, count)| count).sum();
    let name_width = found.iter().map(|(word, _)| safe(word).chars().count()).max().unwrap_or(0).min(16);
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (word, count) in found {
        let style = match word.as_str() {
            "rows" | "listing" => paint.good(),
            "empty" => paint.dim(),
            "throttled" => paint.wait(),
            _ => paint.bad(),
        };
        let name = fit(&safe(word), name_width);
        let tail = format!("{:>8} {:>8}", grouped(count), percent(count, total));
        let room = width.saturating_sub(name_width + tail.chars().count() + 4).min(BAR_MAX);
        let bar = spark::bar(count, total, room);
        let rest = " ".repeat(room - bar.chars().count());
        lines.push(Line::from_iter([
            Span::raw(format!(" {name:<name_width$}  ")),
            Span::styled(
                if bar.is_empty() { "▏".to_owned() + rest.get(1..).unwrap_or_default() } else { bar + &rest },
                style,
            ),
            Span::raw(format!(" {tail}")),
        ]));
    }
    if lines.is_empty() {
        lines.push(Line::styled(" no answer yet", paint.dim()));
    }
    let left = match progress.requests_left {
        0 => format!(" {} sent, none to come", counted(progress.requests, "request")),
        more => format!(" {} sent, about {} to come", counted(progress.requests, "request"), grouped(more)),
    };
    let title = format!("Answers: {}, {}", grouped(progress.answers), bytes(progress.bytes));
    lines.push(Line::styled(fit(&left, width), paint.dim()));
    Card::new(title, lines)
}
