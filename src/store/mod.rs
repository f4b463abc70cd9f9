//! Candles, ledger, journal, throttle and lease behind one small port, because they must commit together (I2).

mod adoption;
mod lookout;
pub mod memory;
mod mend;
mod merge;
mod open;
mod outside;
mod postgres;
mod row;
mod sqlite;
mod text;
mod url;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::civil::Date;

use crate::domain::ability::Ability;
use crate::domain::candle::{Candle, Flaw};
use crate::domain::governor;
use crate::domain::governor::quota::Counted;
use crate::domain::instrument::Symbol;
use crate::domain::ledger::{Happening, OptionRecord};
use crate::domain::listing::ListingNews;
use crate::domain::moment::Moment;
pub use crate::domain::order::{Order, Which};
pub use crate::domain::run::Epoch;
use crate::domain::run::{Ending, Identity};
pub use crate::domain::tally::Tally;
use crate::domain::vantage::{Beat, Vantage};

pub use lookout::Lookout;
pub use memory::MemoryStore;
pub use open::{Mode, Opened, open};
pub use outside::{JournalLine, Left, Outside, Story};
pub use url::{StoreUrl, UrlError};

/// Where candles and their ledger live.
///
/// Every write goes through [`Store::commit`]: one transaction that first asserts the run's epoch (I7).
#[async_trait]
pub trait Store: Outside {
    /// Takes the lease for a new run and returns its epoch, which is higher than every one before. Ends the run
    /// of a holder that is gone; attempts of it without an outcome become `unknown` (I5).
    ///
    /// # Errors
    /// [`StoreError::Held`] where another run works on the store; the others as they come.
    async fn begin(&self, claim: &Claim) -> Result<Epoch, StoreError>;

    /// Writes all of a batch, or nothing of it.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] where another run has taken the store over. After [`StoreError::Away`] it is not
    /// known whether the batch was written; committing the same batch again is safe (I3, B2).
    async fn commit(&self, epoch: Epoch, batch: &Batch) -> Result<Committed, StoreError>;

    /// Ends the run and gives the lease back. The store is left so that other programs can read it.
    ///
    /// # Errors
    /// As [`Store::commit`].
    async fn end(&self, epoch: Epoch, end: &RunEnd) -> Result<(), StoreError>;

    /// Everything that a run needs to know, read at once. `counted_since`: how far back the vendor may count.
    ///
    /// # Errors
    /// Where the store cannot be read.
    async fn load(&self, counted_since: Moment) -> Result<Loaded, StoreError>;

    /// Marks orders as taken that the run has followed, and returns the others that were left for this epoch, by
    /// number. They stay as they are until the run says that it has followed them: an answer that is lost loses none.
    ///
    /// # Errors
    /// Where the store cannot be used; saying the same again is safe.
    async fn take_orders(&self, epoch: Epoch, followed: &[i64]) -> Result<Vec<(i64, Order)>, StoreError>;

    /// Hands every row of the table to `each`, by symbol, then by date; those that are no bars after the bars. Returns
    /// the ledger of the same moment: a run beside it commits, and what came between two looks would seem damaged.
    ///
    /// # Errors
    /// Where the store cannot be read.
    async fn audit(&self, each: &mut EachBar<'_>) -> Result<Ledger, StoreError>;
}

/// Takes rows, one after another: the bar that a row is, or why it is none.
pub type EachBar<'a> = dyn FnMut(&Symbol, Result<&Candle, &str>) + Send + 'a;

/// A wish to hold a store.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Who wants it.
    pub identity: Identity,
    /// The claimant's time.
    pub now: Moment,
    /// Whether a process lives, where that can be known: see [`crate::domain::run::claim`].
    pub alive: fn(&Identity) -> Option<bool>,
}

impl Claim {
    /// Where the claimant looks from.
    pub fn vantage(&self) -> Vantage {
        Vantage { now: self.now, frame: self.identity.frame(), alive: self.alive }
    }
}

/// Who holds a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The holder.
    pub identity: Identity,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its last sign of life.
    pub beat: Beat,
}

/// What one transaction writes.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The time of it.
    pub at: Moment,
    /// Requests that will leave once this is committed (I5).
    pub sent: Vec<Attempt>,
    /// What came of requests that left.
    pub settled: Vec<Settled>,
    /// What happened to options.
    pub options: Vec<OptionNews>,
    /// A listing that was fetched; shared, for a store may hand the batch to another thread.
    pub listing: Option<Arc<ListingNews>>,
    /// What the governor must not forget.
    pub throttle: Option<governor::Memory>,
    /// What was found out about the vendor.
    pub ability: Option<Ability>,
    /// A sign of life, where there is nothing else to write. Every commit is one.
    pub beat: bool,
    /// The run's progress, as JSON, for `status`; `None` where it is what it was.
    pub progress: Option<String>,
    /// Something that a person asked for, word for word, for the log of such things (I8).
    pub action: Option<String>,
}

/// A request in the journal. `seq` counts within the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number in the run.
    pub seq: i64,
    /// `listing`, `symbol`, `expiry` or `canary`.
    pub kind: &'static str,
    /// What was asked for: `ETH-12APR24-3100-C`, `BTC 17APR24 +5000`.
    pub query: String,
    /// When it was let go.
    pub sent: Moment,
}

/// What came of a request. The first word on it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The attempt's number in the run.
    pub seq: i64,
    /// When that was known.
    pub done: Moment,
    /// `rows`, `empty`, `listing`, `unsent`, or a fault's class.
    pub outcome: &'static str,
    /// The HTTP status; 0 where none came.
    pub status: u16,
    /// Whether the vendor counted it against the quota, or may have.
    pub counted: bool,
    /// Decoded bytes of the body.
    pub bytes: u32,
    /// Rows in it.
    pub rows: u32,
    /// The wait that the vendor asked for.
    pub wait_s: Option<i64>,
    /// A fault in words.
    pub note: Option<String>,
}

/// What happened to one option.
#[derive(Clone, Debug)]
pub struct OptionNews {
    /// The option; it is in the ledger.
    pub symbol: Symbol,
    /// What happened.
    pub happening: Happening,
    /// Its bars, by date, one a date; only with [`Happening::Bars`].
    pub candles: Vec<Candle>,
    /// What is odd about them.
    pub flaws: Vec<(Date, Flaw)>,
    /// When the answer was complete.
    pub at: Moment,
    /// The word for `data_source`.
    pub data_source: &'static str,
}

/// What a commit did, option by option, in the batch's order.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    /// One for each of [`Batch::options`].
    pub options: Vec<Applied>,
}

/// What a commit did to one option.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The option's line in the ledger now.
    pub record: OptionRecord,
    /// Bars that were not there before.
    pub inserted: u32,
    /// Bars that were there with the same values.
    pub unchanged: u32,
    /// Bars that were there with other values, and hold the new ones now (S20).
    pub revised: Vec<Revision>,
}

/// A bar whose values changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// What it was.
    pub old: Candle,
    /// What it is.
    pub new: Candle,
}

/// What a run finds when it starts.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Every option of the ledger, by symbol.
    pub records: Vec<OptionRecord>,
    /// What the governor knew.
    pub throttle: governor::Memory,
    /// Requests that the vendor may still count, oldest first, each in the time of its run; those with an unknown
    /// outcome count, as done when they left.
    pub counted: Vec<(Epoch, Counted)>,
    /// What was found out about the vendor.
    pub ability: Ability,
    /// The newest listing.
    pub listing: Option<ListingRow>,
    /// The newest run.
    pub run: Option<RunRow>,
}

/// What the table is held against.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Every option, by symbol.
    pub records: Vec<OptionRecord>,
    /// What was found out about the vendor.
    pub ability: Ability,
}

/// The state of things for a person.
#[derive(Clone, Debug, Default)]
pub struct Glance {
    /// The counts, by currency.
    pub tallies: Vec<Tally>,
    /// The newest run.
    pub run: Option<RunRow>,
    /// What the governor knew.
    pub throttle: governor::Memory,
    /// Requests that the vendor may still count, oldest first, each in the time of its run.
    pub counted: Vec<(Epoch, Counted)>,
    /// What was found out about the vendor.
    pub ability: Ability,
    /// The newest listing.
    pub listing: Option<ListingRow>,
    /// Size of the candle table, indexes included; of the file in SQLite.
    pub bytes: u64,
    /// Room that is left on its disk; `None` where that is not this machine's to know.
    pub room_bytes: Option<u64>,
    /// Requests that ever left.
    pub requests: u64,
    /// Options that a run would ask for now: those that are pending, and those that can bring news again.
    pub open: u64,
}

/// A listing that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListingRow {
    /// When.
    pub fetched_at: Moment,
    /// Names in it.
    pub names: u32,
    /// Names that do not parse.
    pub unparsed: u32,
    /// Options that were new in it.
    pub new: u32,
    /// Options that it no longer named.
    pub vanished: u32,
}

/// A run as it is stored.
#[derive(Clone, Debug)]
pub struct RunRow {
    /// Its number.
    pub epoch: Epoch,
    /// Whose.
    pub identity: Identity,
    /// Its last sign of life.
    pub beat: Beat,
    /// When and how it ended; `None` while it lives, or after it died.
    pub ended: Option<(Moment, String)>,
    /// Its progress as JSON.
    pub progress: Option<String>,
}

/// How a run ends.
#[derive(Clone, Debug)]
pub struct RunEnd {
    /// When.
    pub at: Moment,
    /// How.
    pub ending: Ending,
    /// The last progress, as JSON.
    pub progress: Option<String>,
}

/// Bars of an older script that were taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Options whose history is over.
    pub stored: u32,
    /// Options that still traded when they were fetched: due again.
    pub due: u32,
    /// Their bars.
    pub rows: u64,
    /// Rows that cannot be bars. They stay where they are; their options need attention.
    pub odd: u64,
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or is busy: the same again later may succeed.
    #[error("the store {place} cannot be reached: {what}")]
    Away {
        /// The store without a password.
        place: String,
        /// What happened.
        what: String,
    },
    /// Its disk is full (B11).
    #[error("the store {place} has no room left: {what}")]
    Full {
        /// The store without a password.
        place: String,
        /// What happened.
        what: String,
    },
    /// There is nothing yet.
    #[error("there is no archive at {place} yet")]
    Nothing {
        /// The store without a password.
        place: String,
    },
    /// Another run works on it.
    #[error("process {} on host {} holds the store since {}", .0.identity.pid, .0.identity.host.escape_debug(), .0.identity.started_at.rfc3339())]
    Held(Box<Holder>),
    /// Another run took it over: this one must write no more.
    #[error("another run has taken the store over; this one writes no more")]
    Fenced,
    /// It is not as it must be; a person can mend that.
    #[error("the store {place} cannot be used: {what}")]
    Unfit {
        /// The store without a password.
        place: String,
        /// What is wrong.
        what: String,
        /// What to do, SQL where that mends it.
        mend: String,
    },
}
