//! Is everything there? Recounted from the rows themselves, compared with what the ledger says (B13).

use std::collections::HashMap;

use jiff::civil::Date;
use serde::Serialize;

use super::ability::Ability;
use super::candle::{Candle, Print};
use super::instrument::{Currency, Symbol};
use super::ledger::{OptionRecord, OptionState};
use super::plan::{self, Horizon};

/// The rows of each option, counted anew.
#[derive(Debug, Default)]
pub struct Audit {
    counted: HashMap<Symbol, Recount>,
    /// Rows that are no bars, and what is wrong with the first.
    unreadable: HashMap<Symbol, (u64, String)>,
    last: Option<Symbol>,
}

#[derive(Clone, Copy, Debug)]
struct Recount {
    rows: u32,
    first: Date,
    last: Date,
    print: Print,
}

/// What was checked of a currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The currency.
    pub currency: Currency,
    /// Options that the ledger names.
    pub listed: u64,
    /// Options whose bars were counted and compared with the ledger's print.
    pub stored: u64,
    /// Options of which a whole answer held nothing.
    pub empty: u64,
    /// Bars that were read.
    pub rows: u64,
}

/// An option that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its name.
    pub symbol: Symbol,
    /// Its currency.
    pub currency: Currency,
    /// What is wrong.
    #[serde(flatten)]
    pub wrong: Wrong,
}

/// What can be wrong with an option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "wrong")]
pub enum Wrong {
    /// It was not fetched yet.
    Pending,
    /// It cannot be had without a person's help.
    Attention {
        /// Why.
        reason: String,
    },
    /// A new bar can be had since it was fetched.
    Due,
    /// The table holds fewer bars than the ledger says.
    RowsMissing {
        /// How many there should be.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// The table holds more bars than the ledger says.
    RowsAdded {
        /// How many there should be.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// The table holds rows of it that are no bars: a price that is no number, a date that is none.
    RowsUnreadable {
        /// How many.
        found: u64,
        /// What is wrong with the first.
        first: String,
    },
    /// As many bars, with other values than were stored.
    RowsChanged,
    /// `stored` without rows, `empty` with rows, or known by no answer.
    Contradiction,
    /// The table holds bars of an option that the ledger does not name.
    Unknown {
        /// How many.
        found: u64,
    },
}

impl Wrong {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Wrong::Pending => "not fetched yet".to_owned(),
            Wrong::Attention { reason } => format!("needs attention: {reason}"),
            Wrong::Due => "a new bar can be had since it was fetched".to_owned(),
            Wrong::RowsMissing { expected, found } => {
                format!("rows are missing: {found} in the table, {expected} were stored")
            }
            Wrong::RowsAdded { expected, found } => {
                format!("rows were added: {found} in the table, {expected} were stored")
            }
            Wrong::RowsUnreadable { found, first } => {
                format!("{} of it cannot be read as bars, the first: {first}", rows(*found))
            }
            Wrong::RowsChanged => "rows were changed: their values are not those that were stored".to_owned(),
            Wrong::Contradiction => "the ledger contradicts itself about it".to_owned(),
            Wrong::Unknown { found } => {
                format!("{} of an option that the ledger does not name", rows(*found))
            }
        }
    }

    /// Whether the table itself was damaged, not merely unfinished.
    pub fn is_damage(&self) -> bool {
        match self {
            Wrong::Pending | Wrong::Attention { .. } | Wrong::Due => false,
            Wrong::RowsMissing { .. }
            | Wrong::RowsAdded { .. }
            | Wrong::RowsUnreadable { .. }
            | Wrong::RowsChanged
            | Wrong::Contradiction
            | Wrong::Unknown { .. } => true,
        }
    }
}

fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

/// What a recount found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// What was checked, by currency.
    pub checked: Vec<Checked>,
    /// The same of currencies that are listed and were never asked for.
    pub others: Vec<Checked>,
    /// What is wrong, by symbol. Where there is nothing, everything is there as it was received.
    pub findings: Vec<Finding>,
    /// The sum of all rows' prints.
    pub print: Print,
}

impl Audit {
    /// Counts a row: the bar that it is, or why it is none.
    pub fn see(&mut self, symbol: &Symbol, row: Result<&Candle, &str>) {
        let candle = match row {
            Ok(candle) => candle,
            Err(why) => {
                self.unreadable.entry(symbol.clone()).or_insert_with(|| (0, why.to_owned())).0 += 1;
                return;
            }
        };
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

    /// Compares the rows with the ledger. What is not there of a currency that nobody asked for is not missing.
    pub fn conclude(mut self, records: &[OptionRecord], ability: &Ability, horizon: Horizon) -> Proof {
        let mut findings = Vec::new();
        let mut checked: Vec<Checked> = Vec::new();
        let mut print = Print::default();
        for record in records {
            let count = self.counted.remove(&record.symbol);
            let unreadable = self.unreadable.remove(&record.symbol);
            let unreadable = unreadable.map(|(found, first)| Wrong::RowsUnreadable { found, first });
            let found = unreadable.or_else(|| wrong(record, count, horizon));
            let is_asked_for = ability.is_asked_for(&record.currency);
            let found = found.filter(|wrong| is_asked_for || !matches!(wrong, Wrong::Pending | Wrong::Due));
            let at = match checked.iter().position(|line| line.currency == record.currency) {
                Some(at) => at,
                None => {
                    let currency = record.currency.clone();
                    checked.push(Checked { currency, listed: 0, stored: 0, empty: 0, rows: 0 });
                    checked.len() - 1
                }
            };
            let line = &mut checked[at];
            line.listed += 1;
            line.stored += u64::from(record.state == OptionState::Stored);
            line.empty += u64::from(record.state == OptionState::Empty);
            line.rows += u64::from(count.map_or(0, |count| count.rows));
            print = count.map_or(print, |count| print.plus(count.print));
            if let Some(wrong) = found {
                let (symbol, currency) = (record.symbol.clone(), record.currency.clone());
                findings.push(Finding { symbol, currency, wrong });
            }
        }
        let mut unknown: HashMap<Symbol, u64> = HashMap::new();
        let counted = self.counted.into_iter().map(|(symbol, count)| (symbol, u64::from(count.rows)));
        for (symbol, rows) in counted.chain(self.unreadable.into_iter().map(|(symbol, (rows, _))| (symbol, rows))) {
            *unknown.entry(symbol).or_default() += rows;
        }
        for (symbol, found) in unknown {
            let currency = symbol.currency_guess();
            findings.push(Finding { symbol, currency, wrong: Wrong::Unknown { found } });
        }
        findings.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        checked.sort_by(|a, b| a.currency.cmp(&b.currency));
        // What an older script left is theirs, asked for or not.
        let is_other = |one: &mut Checked| !ability.is_asked_for(&one.currency) && one.stored + one.empty == 0;
        let others = checked.extract_if(.., is_other).collect();
        Proof { checked, others, findings, print }
    }
}

fn wrong(record: &OptionRecord, count: Option<Recount>, horizon: Horizon) -> Option<Wrong> {
    let (expected, found) = (u64::from(record.row_count), u64::from(count.map_or(0, |count| count.rows)));
    if found < expected {
        return Some(Wrong::RowsMissing { expected, found });
    }
    if found > expected {
        return Some(Wrong::RowsAdded { expected, found });
    }
    if let Some(count) = count
        && (count.print != record.print || Some(count.first) != record.first_bar || Some(count.last) != record.last_bar)
    {
        return Some(Wrong::RowsChanged);
    }
    match record.state {
        OptionState::Pending => Some(Wrong::Pending),
        OptionState::Attention => {
            Some(Wrong::Attention { reason: record.reason.as_deref().unwrap_or_default().to_owned() })
        }
        OptionState::Stored if found == 0 => Some(Wrong::Contradiction),
        OptionState::Empty if found > 0 => Some(Wrong::Contradiction),
        OptionState::Stored | OptionState::Empty if record.fetched_at.is_none() => Some(Wrong::Contradiction),
        OptionState::Stored | OptionState::Empty => match plan::due(record, horizon) {
            Some(plan::Due::Grown) => Some(Wrong::Due),
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
            for bar in bars {
                audit.see(&symbol, Ok(bar));
            }
            let proof = audit.conclude(std::slice::from_ref(&record), &Ability::default(), horizon);
            proof.findings.into_iter().next().map(|finding| finding.wrong)
        };
        assert_eq!(wrong(&bars), None);
        assert_eq!(wrong(&bars[..1]), Some(Wrong::RowsMissing { expected: 2, found: 1 }));
        assert_eq!(
            wrong(&[bars[0].clone(), bars[1].clone(), bar(3, 3_000)]),
            Some(Wrong::RowsAdded { expected: 2, found: 3 })
        );
        assert_eq!(wrong(&[bars[0].clone(), bar(2, 2_001)]), Some(Wrong::RowsChanged));
        let mut audit = Audit::default();
        audit.see(&symbol, Ok(&bars[0]));
        audit.see(&symbol, Err("2024-04-02: \"N/A\" is no number"));
        let found = audit.conclude(std::slice::from_ref(&record), &Ability::default(), horizon).findings.remove(0);
        assert!(matches!(&found.wrong, Wrong::RowsUnreadable { found: 1, .. }), "{found:?}");
    }
}
