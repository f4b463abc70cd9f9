//! What a run did, at its end.

use std::collections::BTreeMap;

use serde::Serialize;

use super::escape::safe;
use super::numbers::{bytes, counted, grouped};
use super::table::Table;
use crate::domain::forecast::span_words;
use crate::domain::instrument::Currency;
use crate::domain::moment::Moment;
use crate::domain::progress::Progress;
use crate::domain::run::Ending;
use crate::limits::ERROR_GROUPS_MAX;

const WIDTH: usize = 100;

/// A run in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    event: &'static str,
    ending: Option<Ending>,
    currencies: Vec<Line>,
    requests: u64,
    rows_inserted: u64,
    rows_unchanged: u64,
    rows_revised: u64,
    rows_flagged: u64,
    cooldowns: u64,
    cooldown_ms: i64,
    refusals: u64,
    elapsed_ms: i64,
    bytes: u64,
    outcomes: BTreeMap<String, u64>,
    errors: Vec<ErrorGroup>,
}

/// One currency of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Line {
    currency: Currency,
    todo: u64,
    done: u64,
    stored: u64,
    empty: u64,
    attention: u64,
    rows_inserted: u64,
}

/// Errors with the same words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorGroup {
    /// The words.
    pub words: String,
    /// How often.
    pub count: u64,
    /// When last.
    pub last_at: Moment,
}

/// The last errors of a run by their words, the most frequent first.
pub fn grouped_errors(progress: &Progress) -> Vec<ErrorGroup> {
    let mut groups: Vec<ErrorGroup> = Vec::new();
    for (at, words, count) in &progress.errors {
        match groups.iter_mut().find(|group| group.words == *words) {
            Some(group) => (group.count, group.last_at) = (group.count + count, group.last_at.max(*at)),
            None => groups.push(ErrorGroup { words: words.clone(), count: *count, last_at: *at }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse((group.count, group.last_at)));
    groups.truncate(ERROR_GROUPS_MAX);
    groups
}

impl Summary {
    /// What a run did until now.
    pub fn of(progress: &Progress, now: Moment) -> Summary {
        let currencies = progress
            .currencies
            .iter()
            .map(|one| Line {
                currency: one.currency.clone(),
                todo: one.todo,
                done: one.done,
                stored: one.stored,
                empty: one.empty,
                attention: one.attention,
                rows_inserted: one.rows_inserted,
            })
            .collect();
        Summary {
            event: "summary",
            ending: progress.ending,
            currencies,
            requests: progress.requests,
            rows_inserted: progress.rows_inserted,
            rows_unchanged: progress.rows_unchanged,
            rows_revised: progress.rows_revised,
            rows_flagged: progress.rows_flagged,
            cooldowns: progress.cooldowns,
            cooldown_ms: progress.cooldown_ms,
            refusals: progress.refusals,
            elapsed_ms: progress.started_at.until_ms(now).max(0),
            bytes: progress.bytes,
            outcomes: progress.outcomes.clone(),
            errors: grouped_errors(progress),
        }
    }

    /// The same as lines of text.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec!["Summary".to_owned()];
        if !self.currencies.is_empty() {
            let mut table = Table::new()
                .words("  Currency")
                .numbers("Asked for")
                .numbers("Done")
                .numbers("Stored")
                .numbers("Empty")
                .numbers("Attention")
                .numbers("New rows");
            for one in &self.currencies {
                let name = format!("  {}", safe(one.currency.as_str()));
                let numbers = [one.todo, one.done, one.stored, one.empty, one.attention, one.rows_inserted];
                table.row(std::iter::once(name).chain(numbers.map(grouped)));
            }
            lines.extend(table.draw(WIDTH));
        }
        lines.push(format!(
            "  Rows: {} inserted, {} unchanged, {} revised, {} flagged",
            grouped(self.rows_inserted),
            grouped(self.rows_unchanged),
            grouped(self.rows_revised),
            grouped(self.rows_flagged)
        ));
        lines.push(format!(
            "  Requests: {}, {} of answers, {} refused with 429",
            grouped(self.requests),
            bytes(self.bytes),
            grouped(self.refusals)
        ));
        lines.push(format!(
            "  Time: {}, of which {} in {}",
            span_words(self.elapsed_ms),
            span_words(self.cooldown_ms),
            counted(self.cooldowns, "cooldown")
        ));
        if !self.errors.is_empty() {
            lines.push("  The last errors:".to_owned());
            lines.extend(
                self.errors.iter().map(|group| format!("  {:>7} x {}", grouped(group.count), safe(&group.words))),
            );
        }
        lines
    }
}
