//! The counts of a ledger.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::instrument::Currency;
use super::ledger::{OptionRecord, OptionState};

/// The counts of one currency: `listed = pending + stored + empty + attention` (I4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The currency.
    pub currency: Currency,
    /// Options that were ever listed or adopted.
    pub listed: u64,
    /// Options not known yet.
    pub pending: u64,
    /// Options with bars.
    pub stored: u64,
    /// Options without any.
    pub empty: u64,
    /// Options that need a person.
    pub attention: u64,
    /// Bars in the table.
    pub rows: u64,
}

impl Tally {
    /// Of which nothing is known.
    pub fn nothing(currency: Currency) -> Tally {
        Tally { currency, listed: 0, pending: 0, stored: 0, empty: 0, attention: 0, rows: 0 }
    }

    /// The counts of a whole ledger, by currency.
    pub fn of(records: &[OptionRecord]) -> Vec<Tally> {
        let mut tallies: BTreeMap<&Currency, Tally> = BTreeMap::new();
        for record in records {
            let tally = tallies.entry(&record.currency).or_insert_with(|| Tally::nothing(record.currency.clone()));
            tally.listed += 1;
            tally.rows += u64::from(record.row_count);
            *match record.state {
                OptionState::Pending => &mut tally.pending,
                OptionState::Stored => &mut tally.stored,
                OptionState::Empty => &mut tally.empty,
                OptionState::Attention => &mut tally.attention,
            } += 1;
        }
        tallies.into_values().collect()
    }

    /// The counts of all currencies together. Stored counts may be anybody's: where they are more than can be, so is this.
    pub fn total(tallies: &[Tally]) -> Tally {
        let nothing = Tally::nothing(Currency::stored("all"));
        tallies.iter().fold(nothing, |sum, one| Tally {
            listed: sum.listed.saturating_add(one.listed),
            pending: sum.pending.saturating_add(one.pending),
            stored: sum.stored.saturating_add(one.stored),
            empty: sum.empty.saturating_add(one.empty),
            attention: sum.attention.saturating_add(one.attention),
            rows: sum.rows.saturating_add(one.rows),
            ..sum
        })
    }

    /// Options whose history is known, be it that there is none.
    pub fn known(&self) -> u64 {
        self.stored.saturating_add(self.empty)
    }
}
