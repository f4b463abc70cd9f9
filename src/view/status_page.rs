//! The page of `status` as text: the verdict first, then what is there, then what the run does and will do.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;

use super::escape::safe;
use super::numbers::{bytes, counted, grouped, percent};
use super::status::StatusPage;
use super::summary::grouped_errors;
use super::table::{Table, fit, wrap};
use super::words;
use crate::domain::expectation::Expectation;
use crate::domain::forecast::{Range, span_words};
use crate::domain::governor::Reason;
use crate::domain::governor::quota::Evidence;
use crate::domain::health::{Health, LastRun};
use crate::domain::milestone::Milestone;
use crate::domain::moment::Moment;
use crate::domain::outlook::{Change, Counts, Outlook};
use crate::domain::progress::Progress;
use crate::domain::tally::Tally;

/// Error groups on the page.
const ERRORS_SHOWN: usize = 2;
/// Lines of the log's tail on the page.
const TAIL_SHOWN: usize = 4;
const HEAD_WIDTH: usize = 11;
/// A finish that is nearer than this is told to the second.
const CLOSE_MS: i64 = 600_000;

/// A line of the page: its head, its words, and how soon it is left out where a screen has no room; 0 for never.
struct Fact {
    head: &'static str,
    words: String,
    spare: u8,
    /// Words of others may be long: one line of them is enough, the log has the rest.
    one_line: bool,
}

/// Draws the page, no wider than `width`. Where `height` is given, what matters least is left out until it fits, with
/// a line for the prompt.
pub fn draw(page: &StatusPage, now: Moment, tz: &TimeZone, width: usize, height: Option<usize>, color: bool) -> String {
    let (health, sentence) = page.verdict(now, tz);
    let style = if color { style_of(health) } else { Style::new() };
    let mut top: Vec<String> =
        wrap(&safe(&sentence), width).into_iter().map(|line| format!("{style}{line}{style:#}")).collect();
    top.push(String::new());
    top.extend(tallies(&page.tallies).draw(width));
    top.push(String::new());
    let mut facts: Vec<(u8, Vec<String>)> =
        facts(page, now, tz).iter().map(|fact| (fact.spare, fact.lines(width))).collect();
    let lines = |facts: &[(u8, Vec<String>)]| top.len() + facts.iter().map(|(_, lines)| lines.len()).sum::<usize>();
    while height.is_some_and(|height| lines(&facts) >= height)
        && let Some(most) = facts.iter().map(|(spare, _)| *spare).max().filter(|spare| *spare > 0)
    {
        facts.retain(|(spare, _)| *spare != most);
    }
    top.extend(facts.into_iter().flat_map(|(_, lines)| lines));
    top.join("\n") + "\n"
}

impl Fact {
    fn new(head: &'static str, spare: u8, words: String) -> Fact {
        Fact { head, words, spare, one_line: false }
    }

    fn lines(&self, width: usize) -> Vec<String> {
        let room = width.saturating_sub(HEAD_WIDTH);
        let text = safe(&self.words);
        let lines = if self.one_line { vec![fit(&text, room)] } else { wrap(&text, room) };
        let head = |at: usize| if at == 0 { self.head } else { "" };
        let draw = |(at, line): (usize, &String)| fit(&format!("{:<HEAD_WIDTH$}{line}", head(at)), width);
        lines.iter().enumerate().map(draw).collect()
    }
}

fn facts(page: &StatusPage, now: Moment, tz: &TimeZone) -> Vec<Fact> {
    let mut facts = Vec::new();
    let outlook = page.outlook(now);
    if let Some(outlook) = &outlook {
        if let Some(words) = finish(outlook.expectation, now, tz) {
            facts.push(Fact::new("Finish", 0, words));
        }
        facts.extend(milestones(&outlook.milestones, now, tz));
        if let Some(words) = speed(outlook) {
            facts.push(Fact::new("Speed", 4, words));
        }
        if let Some(words) = before(&outlook.changes) {
            facts.push(Fact::new("Before", 5, words));
        }
        if let Some(words) = target(&outlook.changes) {
            facts.push(Fact::new("Target", 6, words));
        }
    }
    facts.push(Fact::new("Throttle", 0, throttle(page, now, tz)));
    if let Some(progress) = &page.progress {
        facts.push(Fact::new("Cooldowns", 0, cooldowns(progress, page.cooldown_ms(now))));
    }
    facts.push(Fact::new("Requests", 0, requests(page)));
    for (at, group) in page.progress.iter().flat_map(grouped_errors).take(ERRORS_SHOWN).enumerate() {
        let (head, spare) = if at == 0 { ("Errors", 0) } else { ("", 7) };
        let words = format!("{} x {}", grouped(group.count), group.words);
        facts.push(Fact { head, words, spare, one_line: true });
    }
    if let Some(progress) = &page.progress {
        facts.extend(tail(progress, now, tz));
    }
    if let Some(run) = &page.run {
        facts.push(Fact::new("Run", 0, of_run(run, now, tz)));
    }
    let grown = outlook.as_ref().and_then(|outlook| outlook.grown_bytes).filter(|grown| *grown > 0);
    let grown =
        grown.map_or(String::new(), |grown| format!(", {} more than before the run", bytes(grown.unsigned_abs())));
    facts.push(Fact::new("Store", 0, format!("{}, {}{grown}", page.store, bytes(page.bytes))));
    facts.push(Fact::new("Times", 0, format!("are in UTC{}", now.offset(tz))));
    facts
}

/// The newest lines of the log, the newest first. The older ones are the first to go where there is no room.
fn tail(progress: &Progress, now: Moment, tz: &TimeZone) -> Vec<Fact> {
    let newest = progress.tail.0.iter().rev().take(TAIL_SHOWN).enumerate();
    newest
        .map(|(at, one)| {
            let (head, spare) = if at == 0 { ("Log", 3) } else { ("", 17) };
            let words = format!("{} {}", one.at.time_of_day(tz, now), words::remark(one, tz));
            Fact { head, words, spare, one_line: true }
        })
        .collect()
}

/// When it will be done, in words: a range, or why there is none.
pub fn finish(expectation: Expectation, now: Moment, tz: &TimeZone) -> Option<String> {
    let clock = |at: Moment| {
        if now.until_ms(at) < CLOSE_MS { at.time_of_day(tz, now) } else { at.minute_of_day(tz, now) }
    };
    Some(match expectation {
        Expectation::None => return None,
        Expectation::Measuring { answers, of } => {
            format!("not known yet, the pace is being measured ({answers} of {of} answers)")
        }
        Expectation::Ready { low_at, high_at } => {
            let range = Range { low_ms: now.until_ms(low_at), high_ms: now.until_ms(high_at) };
            let (low, high) = (clock(low_at), clock(high_at));
            let between = if low == high { format!("at {low}") } else { format!("between {low} and {high}") };
            format!("{between} (in {}), cooldowns included", range.words())
        }
        Expectation::Due => "due: nothing is left to ask for".to_owned(),
        Expectation::Away => "not known until the vendor and the store can be reached".to_owned(),
        Expectation::Paused { low_ms: Some(low_ms), high_ms: Some(high_ms) } => {
            format!("paused; it would still take {}", Range { low_ms, high_ms }.words())
        }
        Expectation::Paused { .. } => "paused; the pace is not known yet".to_owned(),
    })
}

/// A line a currency: `ETH 25 % at 12:50, 50 % about 14:20, …`.
fn milestones(all: &[Milestone], now: Moment, tz: &TimeZone) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    for part in all.chunk_by(|a, b| a.currency == b.currency) {
        let Some(first) = part.first() else { continue };
        let words: Vec<String> = part.iter().map(|one| milestone(one, now, tz)).collect();
        let head = if facts.is_empty() { "Milestones" } else { "" };
        // The currencies further on go first where there is no room.
        let spare = u8::try_from(8 + facts.len()).unwrap_or(u8::MAX).min(16);
        facts.push(Fact::new(head, spare, format!("{} {}", first.currency, words.join(", "))));
    }
    facts
}

fn milestone(one: &Milestone, now: Moment, tz: &TimeZone) -> String {
    let clock = |at: Moment| at.minute_of_day(tz, now);
    match (one.reached_at, one.high_at) {
        (Some(at), _) => format!("{} % at {}", one.percent, clock(at)),
        (None, Some(high)) => format!("{} % by {}", one.percent, clock(high)),
        (None, None) => format!("{} % open", one.percent),
    }
}

fn speed(outlook: &Outlook) -> Option<String> {
    let rate = outlook.rate.and_then(|rate| Some(format!("{}, {:.1} rows/s", rate.words()?, rate.rows_per_s)));
    let latency =
        outlook.latency.map(|found| format!("answers take {} ms, 99 of 100 at most {} ms", found.p50_ms, found.p99_ms));
    match (rate, latency) {
        (None, None) => None,
        (rate, latency) => Some([rate, latency].into_iter().flatten().collect::<Vec<_>>().join("; ")),
    }
}

/// What was there before the run, by currency, as in the first table of the old page.
fn before(changes: &[Change]) -> Option<String> {
    let one = |change: &Change| {
        let Counts { rows, stored, missing } = change.before?;
        let (rows, stored, missing) = (grouped(rows), grouped(stored), grouped(missing));
        Some(format!("{} {rows} records, {stored} options, {missing} missing", change.currency))
    };
    let words: Vec<String> = changes.iter().filter_map(one).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

fn target(changes: &[Change]) -> Option<String> {
    let one = |change: &Change| {
        let rows = change.rows_expected?;
        let about = if change.now.missing > 0 { "about " } else { "" };
        Some(format!("{} {about}{} records, {} options", change.currency, grouped(rows), grouped(change.listed)))
    };
    let words: Vec<String> = changes.iter().filter_map(one).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

fn cooldowns(progress: &Progress, spent_ms: i64) -> String {
    let paused =
        if progress.idle_ms > 0 { format!(", {} paused", span_words(progress.idle_ms)) } else { String::new() };
    format!(
        "{}, {} in them{paused}, {} refused with 429",
        grouped(progress.cooldowns),
        span_words(spent_ms),
        counted(progress.refusals, "request")
    )
}

fn requests(page: &StatusPage) -> String {
    let ever = format!("{} ever left", counted(page.requests, "request"));
    match &page.progress {
        None => ever,
        Some(progress) => {
            let outcomes: Vec<_> =
                progress.outcomes.iter().map(|(outcome, count)| format!("{} {outcome}", grouped(*count))).collect();
            let outcomes = if outcomes.is_empty() { String::new() } else { format!(": {}", outcomes.join(", ")) };
            format!("{} in this run ({}){outcomes}; {ever}", grouped(progress.requests), bytes(progress.bytes))
        }
    }
}

fn throttle(page: &StatusPage, now: Moment, tz: &TimeZone) -> String {
    let throttle = &page.throttle;
    let used = grouped(throttle.used.into());
    let mut words = match &throttle.quota {
        None => format!("not known yet, no 429 has told of it; {used} requests may still count"),
        Some(quota) => {
            let from = match quota.evidence {
                Evidence::Matched => "matched by a 429",
                Evidence::Computed => "computed from a 429",
            };
            let at = quota.learned_at.time_of_day(tz, now);
            format!("{} ({from}, {at}); {used} of {} used", quota.words(), grouped(quota.requests.into()))
        }
    };
    match (throttle.next_at, throttle.reason) {
        (Some(next), Some(Reason::Cooldown | Reason::Quota)) if next > now => {
            let _ = write!(words, "; next slot {}", next.time_of_day(tz, now)); // into a string: it cannot fail
        }
        _ => words.push_str("; next slot now"),
    }
    words
}

fn of_run(run: &LastRun, now: Moment, tz: &TimeZone) -> String {
    let started = run.started_at.time_of_day(tz, now);
    let place = format!("{}: process {} on host {}, started {started}", run.epoch, run.pid, run.host);
    match (run.ended_at, run.ending) {
        (Some(at), Some(ending)) => format!("{place}, ended {}: {}", at.time_of_day(tz, now), ending.word()),
        (Some(at), None) => format!("{place}, ended {}", at.time_of_day(tz, now)),
        (None, _) => format!("{place}, last sign of life {} ago", span_words(run.beat_age_ms)),
    }
}

/// The state of things by currency: `Options + Empty + Attention + Missing = Listed` (I4).
pub fn tallies(tallies: &[Tally]) -> Table {
    let mut table = Table::new()
        .words("Currency")
        .numbers("Records")
        .numbers("Options")
        .extra_numbers("Empty")
        .extra_numbers("Attention")
        .numbers("Missing")
        .extra_numbers("Listed")
        .numbers("%");
    let mut add = |one: &Tally| {
        let name = safe(one.currency.as_str()).into_owned();
        let numbers = [one.rows, one.stored, one.empty, one.attention, one.pending, one.listed].map(grouped);
        table.row(std::iter::once(name).chain(numbers).chain([percent(one.known(), one.listed)]));
    };
    tallies.iter().for_each(&mut add);
    if tallies.len() > 1 {
        add(&Tally::total(tallies));
    }
    table
}

/// The colour of a verdict.
pub fn style_of(health: Health) -> Style {
    let color = match health {
        Health::Fine | Health::Done => AnsiColor::Green,
        Health::Worry => AnsiColor::Red,
        Health::Idle => AnsiColor::Yellow,
    };
    color.on_default().bold()
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
