//! Where the person looks, and what was last said to them.

use std::ops::Range;

use jiff::civil::Date;

use super::seen::{Need, Seen};
use crate::domain::coverage::ExpiryCover;
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::ledger::OptionState;
use crate::domain::moment::Moment;
use crate::domain::progress::Phase;
use crate::domain::run::Epoch;

/// A page of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// How far it is.
    #[default]
    Overview,
    /// How fast it is.
    Requests,
    /// Which part of the archive is there.
    Coverage,
    /// What went wrong.
    Errors,
    /// The journal's tail.
    Log,
}

/// Where the person looks.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The page.
    pub tab: Tab,
    /// The currency whose coverage is looked at; the first one where none was chosen.
    pub currency: Option<Currency>,
    /// The expiry that was chosen; until one is, the first that is not complete: the map follows the run.
    pub expiry: Option<Option<Date>>,
    /// Whether the options of that expiry are listed.
    pub is_in_chain: bool,
    /// The option that was chosen of them.
    pub option: Option<Symbol>,
    /// The option whose story is told.
    pub story: Option<Symbol>,
    /// The request that was chosen in the log; the newest where none was.
    pub request: Option<(Epoch, i64)>,
    /// Lines that are scrolled past.
    pub scroll: usize,
    /// Whether it is asked if the run is to be stopped.
    pub asks_stop: bool,
    /// Whether the keys are shown.
    pub helps: bool,
    /// A pace that was ordered and is not followed yet.
    pub pace_ms: Option<i64>,
    /// What became of the last order.
    pub note: Option<Note>,
}

/// Something said to the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// In words.
    pub words: String,
    /// Whether it is bad news.
    pub is_bad: bool,
    /// When.
    pub at: Moment,
}

impl Tab {
    /// All pages, in their order.
    pub const ALL: [Tab; 5] = [Tab::Overview, Tab::Requests, Tab::Coverage, Tab::Errors, Tab::Log];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Tab::Overview => "Overview",
            Tab::Requests => "Requests",
            Tab::Coverage => "Coverage",
            Tab::Errors => "Errors",
            Tab::Log => "Log",
        }
    }

    /// The page so many further, around the end.
    #[must_use]
    pub fn further(self, by: usize) -> Tab {
        let at = Tab::ALL.iter().position(|tab| *tab == self).unwrap_or(0);
        Tab::ALL[(at + by) % Tab::ALL.len()]
    }
}

impl Place {
    /// What a look should read.
    pub fn need(&self, seen: &Seen) -> Need {
        let currency = self.currency_in(seen);
        let expiry = self.expiry.or_else(|| self.expiries(seen).get(self.expiry_at(seen)).map(|cover| cover.expiry));
        let chain = currency.clone().zip(expiry).filter(|_| self.is_in_chain && self.tab == Tab::Coverage);
        Need { currency, chain, story: self.story.clone() }
    }

    /// The currency whose coverage is looked at.
    pub fn currency_in(&self, seen: &Seen) -> Option<Currency> {
        let tallies = &seen.page.as_ref()?.tallies;
        let chosen = self.currency.as_ref().filter(|wanted| tallies.iter().any(|one| one.currency == **wanted));
        let at_work = || {
            let progress = seen.page.as_ref()?.progress.as_ref().filter(|progress| progress.phase != Phase::Ended)?;
            let open = progress.currencies.iter().find(|one| one.done < one.todo)?;
            tallies.iter().find(|one| one.currency == open.currency)
        };
        chosen.cloned().or_else(|| at_work().or(tallies.first()).map(|one| one.currency.clone()))
    }

    /// The expiries of that currency, as far as they are read.
    pub fn expiries<'a>(&self, seen: &'a Seen) -> &'a [ExpiryCover] {
        match &seen.coverage {
            Some((currency, covers)) if Some(currency) == self.currency_in(seen).as_ref() => covers,
            _ => &[],
        }
    }

    /// Which of them is looked at.
    pub fn expiry_at(&self, seen: &Seen) -> usize {
        let covers = self.expiries(seen);
        let chosen = self.expiry.and_then(|wanted| covers.iter().position(|cover| cover.expiry == wanted));
        let is_open = |cover: &ExpiryCover| cover.count(OptionState::Pending) > 0;
        chosen.or_else(|| covers.iter().position(is_open)).unwrap_or(0)
    }

    /// Which option of the expiry is looked at.
    pub fn option_at(&self, seen: &Seen) -> usize {
        let Some((_, _, records)) = &seen.chain else { return 0 };
        let chosen = self.option.as_ref();
        chosen.and_then(|wanted| records.iter().position(|record| record.symbol == *wanted)).unwrap_or(0)
    }

    /// Which request of the log is looked at.
    pub fn request_at(&self, seen: &Seen) -> usize {
        let is_it = |line: &crate::domain::journal::JournalLine| Some((line.epoch, line.seq)) == self.request;
        // One that has left the tail was the oldest of it.
        match self.request {
            None => 0,
            Some(_) => seen.journal.iter().position(is_it).unwrap_or(seen.journal.len().saturating_sub(1)),
        }
    }
}

/// The part of a list that is shown in so many rows, with the chosen one near the middle.
pub fn window(length: usize, chosen: usize, rows: usize) -> Range<usize> {
    let from = chosen.saturating_sub(rows / 2).min(length.saturating_sub(rows));
    from..(from + rows).min(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_what_is_chosen_and_never_runs_past_an_end() {
        assert_eq!((window(100, 0, 10), window(100, 50, 10), window(100, 99, 10)), (0..10, 45..55, 90..100));
        assert_eq!((window(3, 2, 10), window(0, 0, 10), window(5, 4, 0)), (0..3, 0..0, 4..4));
        assert_eq!((Tab::Overview.further(4), Tab::Log.further(1)), (Tab::Log, Tab::Overview));
    }
}
