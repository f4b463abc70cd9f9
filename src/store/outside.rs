//! What others do with a store beside the run that writes it: they look, and they leave orders.

use async_trait::async_trait;
use jiff::civil::Date;
use serde::Serialize;

use super::{Epoch, Glance, Holder, RunRow, StoreError};
use crate::domain::answer::Query;
use crate::domain::candle::Candle;
use crate::domain::coverage::ExpiryCover;
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::ledger::OptionRecord;
use crate::domain::moment::Moment;
use crate::domain::order::Order;

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

/// A request as the journal tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JournalLine {
    /// The run's number.
    #[serde(serialize_with = "number_of")]
    pub epoch: Epoch,
    /// Its number in the run.
    pub seq: i64,
    /// `listing`, `symbol`, `expiry` or `canary`.
    pub kind: String,
    /// What was asked for.
    pub query: String,
    /// When it was let go.
    pub sent_at: Moment,
    /// When its outcome was known.
    pub done_at: Option<Moment>,
    /// `rows`, `empty`, `listing`, `unsent`, `unknown`, or a fault's class; `None` while it is under way.
    pub outcome: Option<String>,
    /// The HTTP status; 0 where none came.
    pub status: Option<u16>,
    /// Decoded bytes of the body.
    pub bytes: Option<u32>,
    /// Rows in it.
    pub rows: Option<u32>,
    /// The wait that the vendor asked for.
    pub wait_s: Option<i64>,
    /// A fault in words.
    pub note: Option<String>,
}

/// One option's own story.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    /// Its line in the ledger.
    pub record: OptionRecord,
    /// Its newest requests, newest first; those for its whole expiry as well.
    pub attempts: Vec<JournalLine>,
    /// Its bars, by date.
    pub bars: Vec<Candle>,
}

/// What requests that bring an option's bars are called in the journal: by its name, or by its expiry, whose further
/// pages have a number behind it.
pub(super) fn queries_of(record: &OptionRecord) -> (String, String) {
    let expiry = record.instrument.as_ref().map(|terms| Query::Expiry(record.currency.clone(), terms.expiry).label());
    (record.symbol.to_string(), expiry.unwrap_or_default())
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde wants it so
fn number_of<S: serde::Serializer>(epoch: &Epoch, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(epoch.0)
}
