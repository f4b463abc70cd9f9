//! The durable state of every listed option, and its only transitions.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::answer::Empty;
use super::candle::Print;
use super::instrument::{Currency, Instrument, Symbol};
use super::moment::Moment;
use crate::limits::PUBLISH_LAG_MS;

/// What is known of an option's history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptionState {
    /// Not known yet.
    #[default]
    Pending,
    /// Its bars are in the table.
    Stored,
    /// A whole, valid answer held nothing for it.
    Empty,
    /// It cannot be had without a person's help; the record says why.
    Attention,
}

/// One option's line in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionRecord {
    /// The vendor's name.
    pub symbol: Symbol,
    /// Its currency; a guess where the name does not parse.
    pub currency: Currency,
    /// Its terms; `None` where the name does not parse.
    pub instrument: Option<Instrument>,
    /// Its state.
    pub state: OptionState,
    /// Bars in the table: always equal to the number of rows there (I4).
    pub row_count: u32,
    /// Date of the first bar.
    pub first_bar: Option<Date>,
    /// Date of the last bar.
    pub last_bar: Option<Date>,
    /// The sum of the rows' prints.
    pub print: Print,
    /// When the vendor last gave a whole answer for it.
    pub fetched_at: Option<Moment>,
    /// Whether the newest listing names it.
    pub listed: bool,
    /// Why it needs attention.
    pub reason: Option<Box<str>>,
}

/// What happened to an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A whole answer held bars.
    Bars,
    /// A whole answer held none.
    NoBars(Empty),
    /// Every try failed; why, and what to do.
    GivenUp(String),
    /// A person wants it asked again.
    PutBack,
}

impl OptionState {
    /// The only transitions there are. `has_rows`: whether the table holds bars of this option afterwards.
    ///
    /// Rows are never deleted, so an option with rows is never `empty`: a vendor that stops answering for a
    /// stored option takes nothing away.
    #[must_use]
    pub fn after(self, happening: &Happening, has_rows: bool) -> OptionState {
        use OptionState::{Attention, Empty, Pending, Stored};
        match (self, happening) {
            (Pending | Stored | Empty | Attention, Happening::Bars) => Stored,
            (Pending | Stored | Empty | Attention, Happening::NoBars(_)) => {
                if has_rows {
                    Stored
                } else {
                    Empty
                }
            }
            (Pending | Stored | Empty | Attention, Happening::GivenUp(_)) => Attention,
            (Pending | Stored | Empty | Attention, Happening::PutBack) => Pending,
        }
    }

    /// The word that is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            OptionState::Pending => "pending",
            OptionState::Stored => "stored",
            OptionState::Empty => "empty",
            OptionState::Attention => "attention",
        }
    }

    /// The state of a stored word.
    pub fn from_word(word: &str) -> Option<OptionState> {
        [OptionState::Pending, OptionState::Stored, OptionState::Empty, OptionState::Attention]
            .into_iter()
            .find(|state| state.word() == word)
    }
}

impl OptionRecord {
    /// The record of an option that was just listed. A name that does not parse needs attention from the
    /// start: it is shown and counted, and no request is spent on it (X6).
    pub fn listed(symbol: Symbol) -> OptionRecord {
        let parsed = Instrument::parse(symbol.as_str());
        let (state, reason) = match &parsed {
            Ok(_) => (OptionState::Pending, None),
            Err(why) => (OptionState::Attention, Some(format!("the name does not parse: {why}").into_boxed_str())),
        };
        let currency = parsed.as_ref().map_or_else(|_| symbol.currency_guess(), |i| i.currency.clone());
        OptionRecord {
            symbol,
            currency,
            instrument: parsed.ok(),
            state,
            row_count: 0,
            first_bar: None,
            last_bar: None,
            print: Print::default(),
            fetched_at: None,
            listed: true,
            reason,
        }
    }

    /// Whether the option's history is over and known: it was fetched after its expiry, and reaches it.
    pub fn is_final(&self) -> bool {
        match (self.state, self.fetched_at, &self.instrument) {
            (OptionState::Stored, Some(fetched), Some(instrument)) => {
                fetched >= instrument.expires_at() + PUBLISH_LAG_MS && !self.is_short()
            }
            _ => false,
        }
    }

    /// Whether bars are known, and reach the end of its life.
    pub fn is_whole(&self) -> bool {
        self.state == OptionState::Stored && self.last_bar.is_some() && !self.is_short()
    }

    /// Whether its bars end before its life does. A day without trade has a bar too: where the last ones are not there
    /// the vendor's archive ended before the option, and may have grown since.
    pub fn is_short(&self) -> bool {
        match (&self.instrument, self.last_bar) {
            (Some(instrument), Some(last)) => last < instrument.expiry.yesterday().unwrap_or(instrument.expiry),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_option_never_turns_empty_and_a_failure_never_turns_into_no_data() {
        // F-I1: `Happening::NoBars` cannot be written without an `Empty`, which only a whole answer makes.
        let failed = Happening::GivenUp("HTTP 500".into());
        for state in [OptionState::Pending, OptionState::Stored, OptionState::Empty, OptionState::Attention] {
            assert_eq!(state.after(&failed, false), OptionState::Attention);
            assert_eq!(state.after(&Happening::Bars, true), OptionState::Stored);
            assert_eq!(state.after(&Happening::PutBack, false), OptionState::Pending);
            assert_eq!(OptionState::from_word(state.word()), Some(state));
        }
    }

    #[test]
    fn a_name_that_does_not_parse_is_kept_and_shown() {
        // F-X6
        let record = OptionRecord::listed(Symbol::new("BTC-what"));
        assert_eq!((record.state, record.currency.as_str()), (OptionState::Attention, "BTC"));
        assert!(record.reason.is_some_and(|why| why.contains("does not parse")));
    }
}
