//! What the journal tells of requests, and of one option.

use serde::Serialize;

use super::candle::Candle;
use super::ledger::OptionRecord;
use super::moment::Moment;
use super::run::Epoch;

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

#[allow(clippy::trivially_copy_pass_by_ref)] // serde wants it so
fn number_of<S: serde::Serializer>(epoch: &Epoch, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(epoch.0)
}
