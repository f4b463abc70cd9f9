//! How far it is: a bar a currency with its finish, and the countdown of a wait.

use jiff::tz::TimeZone;
use ratatui::text::{Line, Span};

use super::card::Card;
use super::paint::Paint;
use super::spark;
use crate::domain::expectation::Expectation;
use crate::domain::forecast::span_words;
use crate::domain::moment::Moment;
use crate::domain::outlook::Outlook;
use crate::domain::progress::{Progress, Wait};
use crate::domain::tally::Tally;
use crate::view::escape::safe;
use crate::view::finish;
use crate::view::numbers::{grouped, percent};
use crate::view::status::StatusPage;
use crate::view::table::{fit, wrap};
use crate::view::title;

const FINISH: &str = " Finish  ";
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
    let room = width.saturating_sub(FINISH.len());
    if let Some(words) = outlook.and_then(|outlook| finish::words(outlook.expectation, now, tz, room)) {
        for (at, text) in wrap(&words, room).into_iter().enumerate() {
            let head = if at == 0 { FINISH.to_owned() } else { " ".repeat(FINISH.len()) };
            lines.push(Line::from_iter([Span::styled(head, paint.dim()), Span::styled(text, paint.strong())]));
        }
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

/// The wait with its countdown.
pub fn countdown(wait: &Wait, progress: &Progress, now: Moment, tz: &TimeZone, width: usize, paint: Paint) -> Card {
    let (whole_ms, left_ms) = (wait.since.until_ms(wait.until).max(1), now.until_ms(wait.until).max(0));
    let clock = title::countdown(left_ms);
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
