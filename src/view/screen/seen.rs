//! What was read from the store: all that the screen shows, and how old it is.

use jiff::civil::Date;

use crate::domain::coverage::ExpiryCover;
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::journal::{JournalLine, Story};
use crate::domain::ledger::OptionRecord;
use crate::domain::moment::Moment;
use crate::view::status::StatusPage;

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The state of things; `None` before the first look, and where there is no archive.
    pub page: Option<StatusPage>,
    /// When that was read.
    pub at: Moment,
    /// Why the last look did not succeed.
    pub trouble: Option<Trouble>,
    /// One currency's expiries.
    pub coverage: Option<(Currency, Vec<ExpiryCover>)>,
    /// One expiry's options.
    pub chain: Option<(Currency, Option<Date>, Vec<OptionRecord>)>,
    /// One option's story.
    pub story: Option<Story>,
    /// The newest requests, newest first.
    pub journal: Vec<JournalLine>,
}

/// Why a look did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Since when.
    pub since: Moment,
    /// In words.
    pub words: String,
    /// Whether there simply is no archive yet.
    pub is_nothing: bool,
}

/// What a look should read, because it is on the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// The currency whose expiries are shown.
    pub currency: Option<Currency>,
    /// The expiry whose options are shown.
    pub chain: Option<(Currency, Option<Date>)>,
    /// The option whose story is told.
    pub story: Option<Symbol>,
}
