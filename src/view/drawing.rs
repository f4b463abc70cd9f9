//! The live view as lines of text: a pure function of progress, time and width.

use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;

use super::escape::safe;
use super::finish;
use super::numbers::{counted, grouped, percent};
use super::status_page::style_of;
use super::table::{fit, wrap};
use crate::domain::expectation::expectation;
use crate::domain::forecast::{self, span_words};
use crate::domain::health::{self, Health};
use crate::domain::moment::Moment;
use crate::domain::outlook::Rate;
use crate::domain::progress::{CurrencyProgress, Phase, Progress};

const FINISH: &str = "finish: ";
const BAR_MIN: usize = 10;
const BAR_MAX: usize = 40;

/// The verdict may hold a vendor's long words: they must not push the bars off the screen.
const STATE_LINES_MAX: usize = 3;

/// The lines of the live view: a bar a currency, the numbers, and what it does. None is wider than `width`, colour
/// not counted.
pub fn draw(progress: &Progress, now: Moment, tz: &TimeZone, width: usize, color: bool) -> Vec<String> {
    let name_width =
        progress.currencies.iter().map(|one| safe(one.currency.as_str()).chars().count()).max().unwrap_or(0).min(16);
    let mut lines = Vec::with_capacity(progress.currencies.len() + 2);
    let mut before = 0;
    let mut first_open = true;
    for one in &progress.currencies {
        let open = one.todo.saturating_sub(one.done);
        let at_work = open > 0 && std::mem::take(&mut first_open);
        let eta = eta(progress, before + open, open, now);
        before += open;
        lines.push(paint(&bar(one, &eta, at_work, progress, now, name_width, width), bar_style(one), color));
    }
    let dim = AnsiColor::BrightBlack.on_default();
    if let Some(finish) = finish::words(expectation(progress, true, now), now, tz, width.saturating_sub(FINISH.len())) {
        lines.extend(wrap(&format!("{FINISH}{finish}"), width));
    }
    lines.extend(numbers(progress, width).iter().map(|line| paint(line, dim, color)));
    let (health, state) = state(progress, now, tz);
    let state = wrap(&safe(&state), width);
    lines.extend(state.iter().take(STATE_LINES_MAX).map(|line| paint(line, style_of(health), color)));
    lines
}

fn bar_style(one: &CurrencyProgress) -> Style {
    let color = if one.done >= one.todo { AnsiColor::Green } else { AnsiColor::Cyan };
    if one.attention > 0 { AnsiColor::Yellow.on_default() } else { color.on_default() }
}

fn paint(text: &str, style: Style, color: bool) -> String {
    if color { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

/// What it does; the countdown in a cooldown.
fn state(progress: &Progress, now: Moment, tz: &TimeZone) -> (Health, String) {
    let (health, sentence) = health::working(progress, now, tz);
    if let (Health::Fine, Phase::Waiting, Some(wait)) = (health, progress.phase, &progress.wait) {
        return (Health::Idle, health::waiting(wait, now, tz));
    }
    match health {
        // Nothing moves, and that is well: it must not look as if something did.
        Health::Fine if progress.phase == Phase::Paused => (Health::Idle, sentence),
        Health::Worry => (health, format!("{}: {sentence}", health.word())),
        Health::Fine | Health::Done | Health::Idle => (health, sentence),
    }
}

fn numbers(progress: &Progress, width: usize) -> Vec<String> {
    let quota = match &progress.quota {
        Some(quota) => format!("quota {}/{}", grouped(progress.window_used.into()), grouped(quota.requests.into())),
        None => "quota not known yet".to_owned(),
    };
    let parts = [
        counted(progress.requests, "request"),
        format!("{} rows", grouped(progress.rows_inserted)),
        quota,
        format!("{} x 429", grouped(progress.refusals)),
    ];
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 2 + part.chars().count() <= width => {
                line.push_str("  ");
                line.push_str(&part);
            }
            _ => lines.push(fit(&part, width)),
        }
    }
    lines
}

/// Options are asked for in the order of the currencies: this one is done when all before it are.
fn eta(progress: &Progress, open_until: u64, open: u64, now: Moment) -> String {
    let all_open: u64 = progress.currencies.iter().map(|one| one.todo.saturating_sub(one.done)).sum();
    if open == 0 || all_open == 0 {
        return "done".to_owned();
    }
    let share = u128::from(progress.requests_left) * u128::from(open_until) / u128::from(all_open);
    match forecast::left(progress, u64::try_from(share).unwrap_or(u64::MAX).max(1), now) {
        None => "ETA measuring".to_owned(),
        Some(left) if progress.quota.is_some() => format!("ETA {}", span_words(left.high_ms)),
        Some(left) => format!("ETA {}", left.words()),
    }
}

fn bar(
    one: &CurrencyProgress,
    eta: &str,
    at_work: bool,
    progress: &Progress,
    now: Moment,
    name_width: usize,
    width: usize,
) -> String {
    let name = fit(&safe(one.currency.as_str()), name_width);
    let name = format!("{name:<name_width$}");
    let count = format!("{}/{}", grouped(one.done), grouped(one.todo));
    let part = if one.todo == 0 { "-".to_owned() } else { percent(one.done, one.todo) };
    let rate = Rate::now(progress, now).and_then(Rate::words).filter(|_| at_work && progress.phase == Phase::Fetching);
    let rate = rate.map(|rate| rate.replace(" options", "")).unwrap_or_default();
    // The fullest form that fits; what a narrow screen loses first is the rate, last the percentage.
    let forms: [(bool, &[&str]); 5] = [
        (true, &[&count, &part, &rate, eta]),
        (true, &[&count, &part, eta]),
        (true, &[&part, eta]),
        (false, &[&part, eta]),
        (false, &[&part]),
    ];
    for (has_bar, parts) in forms {
        let tail: String = parts.iter().filter(|part| !part.is_empty()).flat_map(|part| ["  ", *part]).collect();
        let taken = name.chars().count() + tail.chars().count();
        let room = width.saturating_sub(taken + 4).min(BAR_MAX);
        if has_bar && room >= BAR_MIN {
            return format!("{name}  [{}]{tail}", blocks(one.done, one.todo, room));
        }
        if !has_bar && taken <= width {
            return format!("{name}{tail}");
        }
    }
    fit(&name, width)
}

/// `#####----`, full only where all is done.
fn blocks(done: u64, todo: u64, room: usize) -> String {
    let full = if todo == 0 { 0 } else { u128::from(done.min(todo)) * room as u128 / u128::from(todo) };
    let full = usize::try_from(full).unwrap_or(room).min(room);
    format!("{}{}", "#".repeat(full), "-".repeat(room - full))
}

#[cfg(test)]
#[path = "drawing_tests.rs"]
mod tests;
