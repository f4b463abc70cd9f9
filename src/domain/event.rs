//! What happened in a run. Events are told after the commit that makes them true (I2).

use serde::{Deserialize, Serialize};

use super::governor::quota::Quota;
use super::governor::{Lesson, Reason};
use super::instrument::{Currency, Symbol};
use super::ledger::OptionState;
use super::moment::Moment;
use super::run::Ending;
use super::tally::Tally;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// The run holds the store.
    Started {
        /// The run's number.
        epoch: i64,
        /// The store, without a password.
        store: String,
        /// The vendor's base URL.
        api: String,
        /// The process.
        pid: u32,
        /// The quota that runs before this one learned.
        quota: Option<Quota>,
        /// Least time between two requests.
        spacing_ms: i64,
    },
    /// A listing is committed.
    Listed {
        /// Names in it.
        names: u32,
        /// Names that do not parse.
        unparsed: u32,
        /// Options that are new.
        new: u32,
        /// Options that are no longer listed.
        vanished: Vec<Symbol>,
        /// Requests that it took.
        requests: u32,
    },
    /// The options to ask for are known, currency by currency.
    Planned {
        /// What is there before the first of them is asked for; with the first plan of a run.
        before: Option<Before>,
        /// Options to ask for.
        todo: Vec<(Currency, u64)>,
        /// Requests that this will take, as far as can be known.
        requests: u64,
    },
    /// It was found out whether one query can fetch an expiry.
    FaceFound {
        /// Whether it can.
        expiry_queries: bool,
        /// How that was seen.
        why: String,
    },
    /// A request left.
    Sent,
    /// Its answer came, good or bad.
    #[serde(skip_deserializing)] // too many to be kept, as the next two
    Answered {
        /// Decoded bytes.
        bytes: u64,
        /// Time from sending to the last byte.
        latency_ms: i64,
        /// `rows`, `empty`, `listing`, or a fault's class.
        #[serde(skip_deserializing)]
        outcome: &'static str,
        /// Requests of the throttle's window that are used now.
        used: u32,
        /// How many it has, once that is known.
        of: Option<u32>,
        /// Requests that are still to be sent, as far as can be known.
        left: u64,
    },
    /// What an answer said of an option is committed.
    #[serde(skip_deserializing)]
    Stored(Box<OptionDone>),
    /// A bar that was stored has other values now (S20).
    Revised {
        /// The option.
        symbol: Symbol,
        /// The bar as it was, in canonical text.
        old: String,
        /// The bar as it is.
        new: String,
    },
    /// A request failed; its query is asked again.
    #[serde(skip_deserializing)]
    Failed {
        /// What was asked for.
        query: String,
        /// What went wrong.
        why: String,
        /// The fault's class.
        #[serde(skip_deserializing)]
        class: &'static str,
        /// When it is asked again, at the soonest.
        again_at: Moment,
    },
    /// Nothing may be sent for a while.
    Cooldown {
        /// How long, from now.
        wait_ms: i64,
        /// Until when.
        until: Moment,
        /// Why.
        reason: Reason,
        /// What is asked for next.
        next: String,
    },
    /// The cooldown is over.
    Resumed,
    /// Something was learned of the throttle.
    Learned(Lesson),
    /// The vendor does not answer; it is probed one request at a time.
    Down {
        /// What happened last.
        why: String,
    },
    /// It answers again.
    Up,
    /// Many empty answers in a row: an option known to hold data is asked for (S5).
    Doubted {
        /// How many.
        empties: usize,
        /// The option that is asked for.
        known: String,
    },
    /// The doubt is settled.
    Settled {
        /// Whether the empty answers can be believed.
        believed: bool,
        /// How many they were.
        empties: usize,
    },
    /// The store cannot be reached; nothing is sent meanwhile.
    StoreAway {
        /// What happened.
        why: String,
        /// About what the rest of the archive takes, where only room is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        needs_bytes: Option<u64>,
    },
    /// It can be reached again.
    StoreBack,
    /// A person paused the run: nothing is sent until it is told to go on.
    Paused,
    /// The pause is over.
    Unpaused,
    /// A person changed the pace.
    Paced {
        /// Least time between two requests now; 0 for none.
        spacing_ms: i64,
    },
    /// A person wants options asked for again.
    PutBack {
        /// How many.
        options: u64,
        /// Options that the run asks for now, currency by currency.
        todo: Vec<(Currency, u64)>,
        /// Requests that the new ones take.
        requests: u64,
    },
    /// An order came that this version cannot read; it is passed over.
    Unread {
        /// The order, word for word.
        text: String,
    },
    /// The run is asked to end.
    Stopping {
        /// By what.
        why: String,
    },
    /// The run ended.
    Ended {
        /// How.
        ending: Ending,
        /// In words, with what to do next.
        words: String,
        /// When it makes sense to go on.
        resume_after: Option<Moment>,
    },
}

/// The archive before a run, once the listing is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// The counts of every currency.
    pub tallies: Vec<Tally>,
    /// Size of the table.
    pub bytes: u64,
}

/// What became of one option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OptionDone {
    /// Its currency.
    pub currency: Currency,
    /// Its name.
    pub symbol: Symbol,
    /// The how-manieth of its currency in this run it is; 0 where it was not asked for but came along.
    pub index: u64,
    /// How many of its currency this run asks for.
    pub total: u64,
    /// Its state now.
    pub state: OptionState,
    /// Its state before.
    pub was: OptionState,
    /// Its bars in the table.
    pub rows: u32,
    /// Bars that are new.
    pub inserted: u32,
    /// Bars that were there.
    pub unchanged: u32,
    /// Bars that have other values now.
    pub revised: u32,
    /// Bars that look odd.
    pub flagged: u32,
    /// Why it needs attention.
    pub reason: Option<String>,
}
