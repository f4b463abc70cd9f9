//! How far it is: a bar a currency with its finish, and the archive before the run, now, and as it will be.

use jiff::tz::TimeZone;
use ratatui::text::{Line, Span};

use super::card::Card;
use super::paint::Paint;
use super::spark;
use crate::domain::expectation::Expectation;
use crate::domain::forecast::span_words;
use crate::domain::moment::Moment;
use crate::domain::outlook::{Change, Outlook};
use crate::domain::progress::{Progress, Wait};
use crate::domain::tally::Tally;
use crate::view::escape::safe;
use crate::view::finish;
use crate::view::numbers::{grouped, percent};
use crate::view::status::StatusPage;
use crate::view::table::{Table, fit};

const NAME_MAX: usize = 9;
const BAR_MIN: usize = 8;
const BAR_MAX: usize = 60;

/// A bar a currency, and when all is done.
pub fn bars(
    page: &StatusPage,
    outlook: Option<&Outlook>,
    now: Moment,
    tz: &TimeZone,
    width: usize,
    paint: Paint,
) -> Card {
    let finishes: Vec<String> = page.tallies.iter().map(|one| finish_of(one, outlook, now, tz)).collect();
    let name_width = page.tallies.iter().map(|one| name(one).chars().count()).max().unwrap_or(0);
    let mut lines: Vec<Line<'static>> = page
        .tallies
        .iter()
        .zip(&finishes)
        .map(|(one, finish)| bar_line(one, finish, &finishes, name_width, width, paint))
        .collect();
    if page.tallies.is_empty() {
        lines.push(Line::styled(" nothing is listed yet", paint.dim()));
    }
    if let Some(words) = outlook.and_then(|outlook| finish::words(outlook.expectation, now, tz)) {
        let spans = [
            Span::styled(" Finish  ", paint.dim()),
            Span::styled(fit(&words, width.saturating_sub(9)), paint.strong()),
        ];
        lines.push(Line::from_iter(spans));
    }
    Card::new("Progress", lines)
}

fn name(one: &Tally) -> String {
    fit(&safe(one.currency.as_str()), NAME_MAX)
}

/// When a currency is done: its last milestone, as it was reached or is expected.
fn finish_of(one: &Tally, outlook: Option<&Outlook>, now: Moment, tz: &TimeZone) -> String {
    if one.listed > 0 && one.known() == one.listed {
        return "complete".to_owned();
    }
    let Some(outlook) = outlook else { return String::new() };
    let whole = outlook.milestones.iter().find(|mark| mark.percent == 100 && mark.currency == one.currency);
    match (whole, outlook.expectation) {
        (Some(mark), _) if mark.reached_at.is_some() => "done".to_owned(),
        (Some(mark), _) => match (mark.low_at, mark.high_at) {
            (Some(low), Some(high)) => finish::between(low, high, now, tz),
            _ if matches!(outlook.expectation, Expectation::Measuring { .. }) => "measuring".to_owned(),
            _ => String::new(),
        },
        (None, _) => String::new(),
    }
}

/// `ETH  ██████▌·······  35.1 %  3,045 of 8,679  19:40 - 21:10`; what a narrow screen loses first is the finish.
fn bar_line(
    one: &Tally,
    finish: &str,
    finishes: &[String],
    name_width: usize,
    width: usize,
    paint: Paint,
) -> Line<'static> {
    let part = format!("{:>7}", percent(one.known(), one.listed));
    let (known, listed) = (grouped(one.known()), grouped(one.listed));
    let count = format!("{known:>6} of {listed:<6}");
    let finish_width = finishes.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    let finish = format!("{finish:<finish_width$}");
    let forms: [&[&str]; 3] = [&[&part, &count, &finish], &[&part, &count], &[&part]];
    let length = |tails: &[&str]| {
        tails.iter().filter(|tail| !tail.is_empty()).map(|tail| tail.chars().count() + 2).sum::<usize>()
    };
    let tails = forms.into_iter().find(|tails| name_width + 3 + BAR_MIN + length(tails) <= width).unwrap_or(&[]);
    let room = width.saturating_sub(name_width + 3 + length(tails)).min(BAR_MAX);
    let mut spans = vec![Span::raw(format!(" {:<name_width$}  ", name(one)))];
    spans.extend(composition(one, room, paint));
    for (at, tail) in tails.iter().enumerate().filter(|(_, tail)| !tail.is_empty()) {
        spans.push(Span::styled(
            format!("  {tail}"),
            if at == 0 { paint.strong() } else { ratatui::style::Style::new() },
        ));
    }
    Line::from(spans)
}

/// What is known is full, what needs attention stands out, what is missing is dotted.
fn composition(one: &Tally, room: usize, paint: Paint) -> [Span<'static>; 3] {
    let known = spark::bar(one.known(), one.listed, room);
    let share = if one.listed == 0 { 0 } else { u128::from(one.attention) * room as u128 / u128::from(one.listed) };
    let attention = if one.attention == 0 { 0 } else { usize::try_from(share).unwrap_or(room).max(1) };
    let attention = attention.min(room - known.chars().count());
    let missing = room - known.chars().count() - attention;
    let style = if one.known() == one.listed { paint.good() } else { paint.busy() };
    [
        Span::styled(known, style),
        Span::styled("!".repeat(attention), paint.bad()),
        Span::styled("·".repeat(missing), paint.dim()),
    ]
}

/// The tables of a hand-written status page in one: before the run, now, and when all is done.
pub fn changes(page: &StatusPage, outlook: &Outlook, width: usize, paint: Paint) -> Card {
    let mut rows: Vec<Row> = outlook.changes.iter().zip(&page.tallies).map(|(one, tally)| row(one, tally)).collect();
    if rows.len() > 1 {
        rows.push(total(&outlook.changes, &page.tallies));
    }
    let has_before = outlook.changes.iter().any(|one| one.before.is_some());
    let (wide, narrow) = (has_before && width >= 78, width < 56);
    let mut table = Table::new().words(" ");
    let heads: &[&str] = match (wide, has_before, narrow) {
        (true, ..) => &["Records then", "now", "target", "Options then", "now", "target", "Missing then", "now"],
        (_, true, false) => &["Records then", "now", "Options then", "now", "of", "Missing"],
        _ => &["Records", "Options", "of", "Missing"],
    };
    for head in heads {
        table = table.numbers(head);
    }
    for one in &rows {
        let cells: Vec<&String> = match (wide, has_before, narrow) {
            (true, ..) => one.cells.iter().collect(),
            (_, true, false) => [0, 1, 3, 4, 5, 7].iter().map(|at| &one.cells[*at]).collect(),
            _ => [1, 4, 5, 7].iter().map(|at| &one.cells[*at]).collect(),
        };
        table.row(std::iter::once(format!(" {}", one.name)).chain(cells.into_iter().cloned()));
    }
    let lines = table.draw(width).into_iter().enumerate();
    let lines =
        lines.map(|(at, line)| Line::styled(line, if at == 0 { paint.dim() } else { ratatui::style::Style::new() }));
    Card::new(if has_before { "Before the run, now, target" } else { "The archive" }, lines.collect())
}

/// One line of the table: records before, now, target; options before, now, target; missing before, now.
struct Row {
    name: String,
    cells: [String; 8],
}

fn row(one: &Change, tally: &Tally) -> Row {
    let before = |value: fn(&crate::domain::outlook::Counts) -> u64| {
        one.before.as_ref().map_or_else(|| "-".to_owned(), |counts| grouped(value(counts)))
    };
    let target = one.rows_expected.map_or_else(
        || "?".to_owned(),
        |rows| if tally.known() == tally.listed { grouped(rows) } else { format!("~{}", about(rows)) },
    );
    Row {
        name: name(tally),
        cells: [
            before(|counts| counts.rows),
            grouped(one.now.rows),
            target,
            before(|counts| counts.stored),
            grouped(one.now.stored),
            grouped(one.listed),
            before(|counts| counts.missing),
            grouped(one.now.missing),
        ],
    }
}

fn total(changes: &[Change], tallies: &[Tally]) -> Row {
    let mut sum = Change {
        currency: crate::domain::instrument::Currency::stored("all"),
        before: None,
        now: crate::domain::outlook::Counts { rows: 0, stored: 0, missing: 0 },
        listed: 0,
        rows_expected: Some(0),
    };
    for one in changes {
        for (into, from) in [(Some(&mut sum.now), Some(one.now)), (sum.before.as_mut(), one.before)] {
            if let (Some(into), Some(from)) = (into, from) {
                (into.rows, into.stored, into.missing) =
                    (into.rows + from.rows, into.stored + from.stored, into.missing + from.missing);
            }
        }
        if sum.before.is_none() {
            sum.before = one.before;
        }
        sum.listed += one.listed;
        sum.rows_expected = sum.rows_expected.zip(one.rows_expected).map(|(a, b)| a + b);
    }
    row(&sum, &Tally::total(tallies))
}

/// Three digits: what is guessed is not known better.
fn about(number: u64) -> String {
    let mut unit = 1;
    while number / unit >= 1_000 {
        unit *= 10;
    }
    grouped((number + unit / 2) / unit * unit)
}

/// The wait with its countdown.
pub fn countdown(wait: &Wait, progress: &Progress, now: Moment, tz: &TimeZone, width: usize, paint: Paint) -> Card {
    let (whole_ms, left_ms) = (wait.since.until_ms(wait.until).max(1), now.until_ms(wait.until).max(0));
    let left_s = (left_ms + 999) / 1_000;
    let clock = if left_s >= 3_600 {
        format!("{}:{:02}:{:02}", left_s / 3_600, left_s % 3_600 / 60, left_s % 60)
    } else {
        format!("{:02}:{:02}", left_s / 60, left_s % 60)
    };
    let until = format!("until {}", wait.until.time_of_day(tz, now));
    let room = width.saturating_sub(clock.chars().count() + until.chars().count() + 6).min(BAR_MAX);
    let gone = spark::bar((whole_ms - left_ms).max(0).unsigned_abs(), whole_ms.unsigned_abs(), room);
    let rest = "·".repeat(room - gone.chars().count());
    let mut lines = vec![Line::from_iter([
        Span::styled(format!(" {clock}  "), paint.wait().patch(paint.strong())),
        Span::styled(gone, paint.wait()),
        Span::styled(rest, paint.dim()),
        Span::raw(format!("  {until}")),
    ])];
    let waited = span_words(progress.cooldown_ms + wait.since.until_ms(now).max(0));
    let next = if wait.next.is_empty() { String::new() } else { format!("then {}; ", safe(&wait.next)) };
    lines.push(Line::styled(fit(&format!(" {next}{waited} waited in this run so far"), width), paint.dim()));
    Card::new("Waiting for the vendor", lines)
}
