//! The counts of a ledger.

use serde::Serialize;

use super::instrument::Currency;

/// The counts of one currency: `listed = pending + stored + empty + attention` (I4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
    /// The counts of all currencies together.
    pub fn total(tallies: &[Tally]) -> Tally {
        let nothing = Tally {
            currency: Currency::stored("all"),
            listed: 0,
            pending: 0,
            stored: 0,
            empty: 0,
            attention: 0,
            rows: 0,
        };
        tallies.iter().fold(nothing, |sum, one| Tally {
            listed: sum.listed + one.listed,
            pending: sum.pending + one.pending,
            stored: sum.stored + one.stored,
            empty: sum.empty + one.empty,
            attention: sum.attention + one.attention,
            rows: sum.rows + one.rows,
            ..sum
        })
    }

    /// Options whose history is known, be it that there is none.
    pub fn known(&self) -> u64 {
        self.stored + self.empty
    }
}
