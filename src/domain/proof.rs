//! Is everything there? Recounted from the rows themselves, compared with what the ledger says (B13).

use std::collections::HashMap;

use jiff::civil::Date;
use serde::Serialize;

use super::candle::{Candle, Print};
use super::instrument::{Currency, Symbol};
use super::ledger::{OptionRecord, OptionState};
use super::plan::{self, Horizon};

/// The rows of each option, counted anew.
#[derive(Debug, Default)]
pub struct Audit {
    counted: HashMap<Symbol, Recount>,
    last: Option<Symbol>,
}

#[derive(Clone, Copy, Debug)]
struct Recount {
    rows: u32,
    first: Date,
    last: Date,
    print: Print,
}

/// What is wrong with an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// The ledger counts more rows than the table holds.
    RowsMissing,
    /// The table holds more rows than the ledger counts.
    RowsAdded,
    /// As many rows, but not the same ones.
    RowsChanged,
    /// The table holds rows of an option that the ledger does not know.
    Unknown,
    /// `stored` without rows or `empty` with rows, or known without an answer's time.
    State,
    /// Not fetched yet.
    Pending,
    /// Needs a person.
    Attention,
    /// Still traded when it was fetched; a bar has closed since.
    Grown,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The option.
    pub symbol: Symbol,
    /// What is wrong.
    pub wrong: Wrong,
    /// In words.
    pub words: String,
}

/// What was checked of one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The currency.
    pub currency: Currency,
    /// Its options.
    pub options: u64,
    /// Of these: with rows, without any by the vendor's own word.
    pub stored: u64,
    /// See `stored`.
    pub empty: u64,
    /// Rows that were read and found as the ledger says.
    pub rows: u64,
    /// Findings.
    pub findings: u64,
}

/// The result: complete if nothing was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Whether everything that the vendor lists is there, as it was received.
    pub complete: bool,
    /// By currency.
    pub checked: Vec<Checked>,
    /// What is wrong, by symbol.
    pub findings: Vec<Finding>,
    /// The sum of all rows' prints: two archives with the same one hold the same rows.
    pub print: String,
}

impl Audit {
    /// Counts a row.
    pub fn see(&mut self, symbol: &Symbol, candle: &Candle) {
        // Rows come by symbol: its name is shared, not copied for each of them.
        let key = match &self.last {
            Some(last) if last == symbol => last.clone(),
            _ => self.last.insert(symbol.clone()).clone(),
        };
        let fresh = Recount { rows: 0, first: candle.date, last: candle.date, print: Print::default() };
        let count = self.counted.entry(key).or_insert(fresh);
        count.rows += 1;
        count.first = count.first.min(candle.date);
        count.last = count.last.max(candle.date);
        count.print = count.print.plus(candle.print(symbol));
    }

    /// Compares the rows with the ledger.
    pub fn conclude(mut self, records: &[OptionRecord], horizon: Horizon) -> Proof {
        let mut findings = Vec::new();
        let mut checked: Vec<Checked> = Vec::new();
        let mut print = Print::default();
        for record in records {
            let count = self.counted.remove(&record.symbol);
            let found = wrong(record, count, horizon);
            let at = match checked.iter().position(|line| line.currency == record.currency) {
                Some(at) => at,
                None => {
                    checked.push(Checked {
                        currency: record.currency.clone(),
                        options: 0,
                        stored: 0,
                        empty: 0,
                        rows: 0,
                        findings: 0,
                    });
                    checked.len() - 1
                }
            };
            let line = &mut checked[at];
            line.options += 1;
            line.stored += u64::from(record.state == OptionState::Stored);
            line.empty += u64::from(record.state == OptionState::Empty);
            line.rows += u64::from(count.map_or(0, |count| count.rows));
            line.findings += u64::from(found.is_some());
            print = count.map_or(print, |count| print.plus(count.print));
            if let Some((wrong, words)) = found {
                findings.push(Finding { symbol: record.symbol.clone(), wrong, words });
            }
        }
        for (symbol, count) in self.counted {
            let words = format!("{} rows in the table, but the ledger does not know the option", count.rows);
            findings.push(Finding { symbol, wrong: Wrong::Unknown, words });
        }
        findings.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        checked.sort_by(|a, b| a.currency.cmp(&b.currency));
        let complete = findings.is_empty() && !records.is_empty();
        Proof { complete, checked, findings, print: format!("{:016x}", print.0) }
    }
}

fn wrong(record: &OptionRecord, count: Option<Recount>, horizon: Horizon) -> Option<(Wrong, String)> {
    let rows = count.map_or(0, |count| count.rows);
    let known = record.row_count;
    if rows < known {
        return Some((Wrong::RowsMissing, format!("{} of {known} rows are gone from the table", known - rows)));
    }
    if rows > known {
        return Some((Wrong::RowsAdded, format!("{} rows in the table that were never fetched", rows - known)));
    }
    if let Some(count) = count
        && (count.print != record.print || Some(count.first) != record.first_bar || Some(count.last) != record.last_bar)
    {
        return Some((Wrong::RowsChanged, format!("its {rows} rows are not the ones that were fetched")));
    }
    match record.state {
        OptionState::Pending => Some((Wrong::Pending, "not fetched yet".to_owned())),
        OptionState::Attention => {
            Some((Wrong::Attention, record.reason.as_deref().unwrap_or("needs attention").to_owned()))
        }
        OptionState::Stored if rows == 0 => Some((Wrong::State, "stored, but without a row".to_owned())),
        OptionState::Empty if rows > 0 => Some((Wrong::State, "empty, but with rows".to_owned())),
        OptionState::Stored | OptionState::Empty if record.fetched_at.is_none() => {
            Some((Wrong::State, "known, but by no answer".to_owned()))
        }
        OptionState::Stored | OptionState::Empty => match plan::due(record, horizon) {
            Some(plan::Due::Grown) => Some((Wrong::Grown, "bars have closed since it was fetched".to_owned())),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::moment::Moment;

    fn bar(day: i8, open_ms: i64) -> Candle {
        let none = None;
        let date = Date::constant(2024, 4, day);
        Candle { open_ms, date, open: none, high: none, low: none, close: none, volume: none }
    }

    #[test]
    fn a_row_gone_added_or_changed_by_one_bit_is_named() {
        // F-B13
        let symbol = Symbol::new("BTC-17APR24-60000-C");
        let bars = [bar(1, 1_000), bar(2, 2_000)];
        let print = bars.iter().fold(Print::default(), |sum, bar| sum.plus(bar.print(&symbol)));
        let record = OptionRecord {
            state: OptionState::Stored,
            row_count: 2,
            first_bar: Some(bars[0].date),
            last_bar: Some(bars[1].date),
            print,
            fetched_at: Some(Moment::opening_of(Date::constant(2025, 1, 1))),
            ..OptionRecord::listed(symbol.clone())
        };
        let horizon = Horizon { now: Moment::opening_of(Date::constant(2026, 1, 1)), empty_days: 30 };
        let wrong = |bars: &[Candle]| {
            let mut audit = Audit::default();
            bars.iter().for_each(|bar| audit.see(&symbol, bar));
            let proof = audit.conclude(std::slice::from_ref(&record), horizon);
            assert_eq!(proof.complete, proof.findings.is_empty());
            proof.findings.first().map(|finding| finding.wrong)
        };
        assert_eq!(wrong(&bars), None);
        assert_eq!(wrong(&bars[..1]), Some(Wrong::RowsMissing));
        assert_eq!(wrong(&[bars[0].clone(), bars[1].clone(), bar(3, 3_000)]), Some(Wrong::RowsAdded));
        assert_eq!(wrong(&[bars[0].clone(), bar(2, 2_001)]), Some(Wrong::RowsChanged));
        let nothing = Audit::default().conclude(&[], horizon);
        assert!(!nothing.complete, "an archive without a listing proves nothing");
    }
}
