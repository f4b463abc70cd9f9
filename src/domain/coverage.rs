//! Which part of the archive is there: each expiry with the state of its options.

use jiff::civil::Date;
use serde::Serialize;

use super::ledger::OptionState;

/// One expiry of a currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExpiryCover {
    /// The date; `None` for names that do not parse.
    pub expiry: Option<Date>,
    /// A letter an option, by strike, then by type: `s`tored, `e`mpty, `p`ending, `a`ttention.
    pub cells: String,
    /// Bars of all of them.
    pub rows: u64,
}

impl ExpiryCover {
    /// An expiry without options yet.
    pub fn of(expiry: Option<Date>) -> ExpiryCover {
        ExpiryCover { expiry, cells: String::new(), rows: 0 }
    }

    /// Adds the next option.
    pub fn add(&mut self, state: OptionState, rows: u64) {
        self.cells.push(letter(state));
        self.rows = self.rows.saturating_add(rows);
    }

    /// Options in a state.
    pub fn count(&self, state: OptionState) -> usize {
        let wanted = letter(state);
        self.cells.chars().filter(|cell| *cell == wanted).count()
    }
}

/// Adds an option to the expiries, which come in order.
pub fn add(found: &mut Vec<ExpiryCover>, expiry: Option<Date>, state: OptionState, rows: u64) {
    if found.last().is_none_or(|last| last.expiry != expiry) {
        found.push(ExpiryCover::of(expiry));
    }
    if let Some(last) = found.last_mut() {
        last.add(state, rows);
    }
}

fn letter(state: OptionState) -> char {
    match state {
        OptionState::Pending => 'p',
        OptionState::Stored => 's',
        OptionState::Empty => 'e',
        OptionState::Attention => 'a',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_gather_by_expiry() {
        let (april, may) = (Some(Date::constant(2024, 4, 17)), Some(Date::constant(2024, 5, 1)));
        let mut found = Vec::new();
        for (expiry, state) in [
            (april, OptionState::Stored),
            (april, OptionState::Empty),
            (may, OptionState::Pending),
            (None, OptionState::Attention),
        ] {
            add(&mut found, expiry, state, 2);
        }
        let cells: Vec<_> = found.iter().map(|one| (one.expiry, one.cells.as_str(), one.rows)).collect();
        assert_eq!(cells, [(april, "se", 4), (may, "p", 2), (None, "a", 2)]);
        assert_eq!(found[0].count(OptionState::Empty), 1);
    }
}
