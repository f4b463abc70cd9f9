//! What others do with a store beside the run that writes it: they look, and they leave orders.

use async_trait::async_trait;
use jiff::civil::Date;

use super::{Glance, Holder, RunRow, StoreError};
use crate::domain::answer::Query;
use crate::domain::candle::Candle;
use crate::domain::coverage::ExpiryCover;
use crate::domain::instrument::{Currency, Symbol};
pub use crate::domain::journal::{JournalLine, Story};
use crate::domain::ledger::OptionRecord;
use crate::domain::moment::Moment;
use crate::domain::order::Order;
use crate::domain::run::{Claimed, Identity, claim};
use crate::domain::vantage::Vantage;
use crate::limits::SECOND_MS;

/// A store as everybody but its writer sees it. Nothing here changes what it holds; each call reads one state.
#[async_trait]
pub trait Outside: Send + Sync {
    /// The store's URL without a password.
    fn place(&self) -> &str;

    /// The state of things for a person, cheap at any size: counts are kept, not counted.
    ///
    /// # Errors
    /// Where the store cannot be read.
    async fn glance(&self, now: Moment) -> Result<Glance, StoreError>;

    /// The expiries of a currency with the state of each option, by date; what does not parse comes last.
    ///
    /// # Errors
    /// Where the store cannot be read.
    async fn coverage(&self, currency: &Currency) -> Result<Vec<ExpiryCover>, StoreError>;

    /// The options of one expiry, in the order of [`ExpiryCover::cells`].
    ///
    /// # Errors
    /// Where the store cannot be read.
    async fn chain(&self, currency: &Currency, expiry: Option<Date>) -> Result<Vec<OptionRecord>, StoreError>;

    /// One option: its line, its newest requests, its bars. `None` where it is not known.
    ///
    /// # Errors
    /// Where the store cannot be read.
    async fn story(&self, symbol: &Symbol) -> Result<Option<Story>, StoreError>;

    /// One option's bars, by date.
    ///
    /// # Errors
    /// Where the store cannot be read.
    async fn history(&self, symbol: &Symbol) -> Result<Vec<Candle>, StoreError>;

    /// The newest requests, newest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    async fn journal(&self, newest: usize) -> Result<Vec<JournalLine>, StoreError>;

    /// The newest runs, newest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    async fn runs(&self, newest: usize) -> Result<Vec<RunRow>, StoreError>;

    /// Leaves an order for the run that holds the store; `None` where nobody does.
    ///
    /// # Errors
    /// Where the store cannot be written.
    async fn leave_order(&self, order: &Order, now: Moment) -> Result<Option<Left>, StoreError>;

    /// Whether the run has taken an order.
    ///
    /// # Errors
    /// Where the store cannot be read.
    async fn order_taken(&self, id: i64) -> Result<bool, StoreError>;
}

/// An order that was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Its number.
    pub id: i64,
    /// For whom.
    pub holder: Holder,
}

impl Left {
    /// Whether the run that it was left for still works on the store, as far as is known of the newest run. Where the
    /// next run would take the store over, nobody is there: else a person waits for one whose lease ran out.
    pub fn has_taker(&self, newest: Option<&RunRow>, from: &Vantage) -> bool {
        newest.is_some_and(|run| {
            run.epoch == self.holder.epoch
                && run.ended.is_none()
                && matches!(
                    claim(true, run.beat.age_ms(&run.identity, from), (from.alive)(&run.identity)),
                    Claimed::Held(_)
                )
        })
    }
}

impl Holder {
    /// Why nobody is there to take an order, or `None` where somebody is.
    pub fn gone(&self, from: &Vantage) -> Option<String> {
        let Identity { pid, host, .. } = &self.identity;
        let alive = (from.alive)(&self.identity);
        let beat_age_ms = self.beat.age_ms(&self.identity, from);
        match claim(true, beat_age_ms, alive) {
            Claimed::Held(_) => None,
            _ if alive == Some(false) => {
                Some(format!("process {pid} ended without finishing; nothing is lost, and nothing runs"))
            }
            _ => {
                let age_s = beat_age_ms / SECOND_MS;
                Some(format!("process {pid} on host {host} has given no sign of life for {age_s} s; nothing is lost"))
            }
        }
    }
}

/// What requests that bring an option's bars are called in the journal: by its name, or by its expiry, whose further
/// pages have a number behind it.
pub(super) fn queries_of(record: &OptionRecord) -> (String, String) {
    let expiry = record.instrument.as_ref().map(|terms| Query::Expiry(record.currency.clone(), terms.expiry).label());
    (record.symbol.to_string(), expiry.unwrap_or_default())
}
