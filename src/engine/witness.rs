//! Before anything is concluded about the vendor from thin evidence, an option that is known to hold data is asked:
//! is it really everything that is empty (S5), refused (S8), or out of reach (P1)?

use std::collections::BTreeMap;

use super::Run;
use super::queue::{Ask, Work};
use super::shutdown::Stop;
use crate::domain::instrument::Symbol;
use crate::domain::ledger::{OptionRecord, OptionState};
use crate::domain::moment::Moment;
use crate::domain::verdict::{Failure, backoff_ms};
use crate::limits::{BACKOFF_MS_FIRST, SCOUTS_MAX, WITNESS_EMPTIES_MAX, WITNESS_REFUSALS_MAX, WITNESSES_MAX};
use crate::source::fault::Fault;

/// What is in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    /// Whether the vendor answers at all.
    Trouble,
    /// Whether it refuses everything.
    Refusals,
    /// Whether its empty answers mean anything.
    Empties,
}

/// Who can be asked, and how far that is.
#[derive(Debug, Default)]
pub(super) struct Witnesses {
    /// Options whose last answer held bars, the newest last.
    known: Vec<Symbol>,
    /// Those that were asked since one of them last vouched, and how many of them were strangers.
    asked: Vec<Symbol>,
    scouts: usize,
    asking: Option<About>,
    /// Answers with nothing, and refusals, in a row.
    empties: u32,
    refusals: u32,
    /// All that are known were asked in vain, so many times.
    rounds: u32,
}

/// Where in the order of expiries a stranger is looked for: an archive may lack its beginning or its end.
const PLACES: [(usize, usize); SCOUTS_MAX] = [(1, 1), (1, 2), (3, 4), (1, 4), (7, 8), (5, 8), (3, 8), (1, 8)];

impl Witnesses {
    /// Remembers an option that was answered with bars.
    pub fn knows(&mut self, symbol: &Symbol) {
        self.known.retain(|known| known != symbol);
        self.known.push(symbol.clone());
        if self.known.len() > WITNESSES_MAX {
            self.known.remove(0);
        }
    }

    /// An option of which the last answer held nothing vouches for nobody.
    pub fn forget(&mut self, symbol: &Symbol) {
        self.known.retain(|known| known != symbol);
    }

    /// Finds options that hold data in the ledger: best those whose last bar is there, for their last answer held it.
    pub fn know_from(&mut self, records: &[OptionRecord]) {
        let rank = |record: &OptionRecord| {
            let expiry = record.instrument.as_ref()?.expiry;
            let whole = record.last_bar.is_some_and(|last| last >= expiry.yesterday().unwrap_or(expiry));
            Some((whole, record.fetched_at, record.symbol.clone()))
        };
        let holds = records.iter().filter(|record| record.row_count > 0 && record.listed);
        let mut best: Vec<_> = holds.filter_map(rank).collect();
        let from = best.len().saturating_sub(WITNESSES_MAX);
        if from > 0 {
            best.select_nth_unstable(from);
        }
        best[from..].sort();
        for (_, _, symbol) in best.drain(from..) {
            self.knows(&symbol);
        }
    }

    /// Whether any option is known to hold data.
    pub fn has_known(&self) -> bool {
        !self.known.is_empty()
    }

    /// Whether one is asked now, and why.
    pub fn asking(&self) -> Option<About> {
        self.asking
    }
}

impl Run {
    /// Asks an option that is known to hold data, or, where none is, one from elsewhere. Until it has answered nothing
    /// else leaves. Returns who is asked; `None` where there is nobody.
    pub(super) fn ask_witness(&mut self, about: About) -> Option<Symbol> {
        if self.witnesses.asking.is_some() {
            if self.witnesses.asking < Some(about) {
                self.witnesses.asking = Some(about);
                self.queue.canary_only(true);
            }
            return self.witnesses.asked.last().cloned();
        }
        let symbol = self.next_witness()?;
        self.witnesses.asking = Some(about);
        self.queue.canary_only(true);
        self.clear_runway(self.ports.clock.now());
        self.queue.push_first(Work::new(Ask::Canary(symbol.clone())));
        Some(symbol)
    }

    /// The vendor gave a whole answer for the witness. `data`: when it was asked for, where it holds data.
    pub(super) fn witness_answered(&mut self, symbol: &Symbol, data: Option<Moment>, before: u32, now: Moment) {
        let about = self.witnesses.asking.unwrap_or(About::Trouble);
        if data.is_none() && about == About::Empties {
            self.witness_is_empty(now);
            return;
        }
        let believed = self.witnesses.empties == 0;
        for other in std::mem::take(&mut self.witnesses.asked) {
            if other != *symbol {
                self.witnesses.forget(&other); // it was asked before this one, and did not vouch
            }
        }
        if data.is_some() {
            self.witnesses.knows(symbol);
        } else {
            self.witnesses.forget(symbol);
        }
        self.end_asking();
        self.failures.vouched(before);
        if let Some(asked) = data {
            self.settle_doubt(believed, asked);
        }
    }

    /// An option that held data holds none: nothing that was empty since is believed, and others are asked.
    fn witness_is_empty(&mut self, now: Moment) {
        self.witnesses.empties += 1;
        self.disbelieve(self.witnesses.empties == 1);
        if self.witnesses.empties >= WITNESS_EMPTIES_MAX {
            let words = "the vendor answers with empty lists, also for options that it gave data for; nothing of it was recorded";
            self.stop(Stop::at_vendor(words.to_owned()));
        } else if !self.ask_another(now) {
            let asked = self.witnesses.asked.len();
            let words = format!(
                "the vendor answered with empty lists only, also for {asked} options of other expiries; nothing was recorded"
            );
            self.stop(Stop::at_vendor(words));
        }
    }

    /// The request for the witness failed, though not at the throttle.
    pub(super) fn witness_failed(&mut self, symbol: Symbol, failure: Failure, fault: &Fault, now: Moment) {
        let canary = |symbol| Work::new(Ask::Canary(symbol));
        match failure {
            Failure::Key if self.failures.times_alike() >= 2 => self.stop(Stop::at_key(fault.to_string())),
            Failure::Throttled | Failure::Key => self.queue.push_later(now + BACKOFF_MS_FIRST, canary(symbol)),
            Failure::Trouble => {
                let only_trouble = self.witnesses.asking == Some(About::Trouble);
                if only_trouble || self.failures.is_many() {
                    self.vendor_down(fault, now);
                }
                if only_trouble {
                    self.queue.canary_only(false); // it may be this one: any other good answer will do
                }
                let next = self.next_witness().unwrap_or(symbol);
                self.queue.push_later(now + self.failures.pause_ms(self.random.f64()), canary(next));
            }
            Failure::Refused
            | Failure::OtherLanguage
            | Failure::OtherOption
            | Failure::Endless
            | Failure::Moved
            | Failure::BadValue => {
                self.witnesses.refusals += 1;
                if self.witnesses.refusals >= WITNESS_REFUSALS_MAX || !self.ask_another(now) {
                    self.stop_alike(symbol.as_str(), fault);
                }
            }
        }
    }

    /// Another good answer has shown that the vendor is there: the witness need not say so.
    pub(super) fn spare_witness(&mut self) {
        if self.witnesses.asking == Some(About::Trouble) && self.queue.drop_canary() {
            self.end_asking();
        }
    }

    fn end_asking(&mut self) {
        let known = std::mem::take(&mut self.witnesses.known);
        self.witnesses = Witnesses { known, ..Witnesses::default() };
        self.queue.canary_only(false);
    }

    /// The next one at once; when all were asked, from the first one on after a pause. Whether there is one.
    fn ask_another(&mut self, now: Moment) -> bool {
        if let Some(next) = self.next_witness() {
            self.queue.push_first(Work::new(Ask::Canary(next)));
            return true;
        }
        if self.witnesses.known.is_empty() {
            return false;
        }
        self.witnesses.rounds += 1;
        self.witnesses.asked.clear();
        let pause_ms = backoff_ms(self.witnesses.rounds + 4, 1.0);
        let Some(next) = self.next_witness() else { return false };
        self.queue.push_later(now + pause_ms, Work::new(Ask::Canary(next)));
        true
    }

    /// One that was not asked yet: the newest that is known, else a stranger.
    fn next_witness(&mut self) -> Option<Symbol> {
        let witnesses = &self.witnesses;
        let known = witnesses.known.iter().rev().find(|known| !witnesses.asked.contains(known)).cloned();
        let next = known.or_else(|| self.scout())?;
        self.witnesses.asked.push(next.clone());
        Some(next)
    }

    /// An option of another expiry that nobody knows anything of.
    fn scout(&mut self) -> Option<Symbol> {
        if self.witnesses.rounds > 0 {
            return None;
        }
        let currencies = self.currencies();
        let suspects = self.failures.suspects();
        let held = self.doubt.symbols();
        let mut chains: BTreeMap<_, Vec<&Symbol>> = BTreeMap::new();
        for record in &self.records {
            if let Some(terms) = &record.instrument
                && record.listed
                && record.state != OptionState::Attention
                && currencies.contains(&record.currency)
                && !self.witnesses.asked.contains(&record.symbol)
                && !suspects.iter().any(|suspect| suspect == record.symbol.as_str())
                && !held.contains(&record.symbol)
            {
                chains.entry((terms.expiry, &record.currency)).or_default().push(&record.symbol);
            }
        }
        let chains: Vec<_> = chains.into_values().collect();
        let (part, of) = PLACES.get(self.witnesses.scouts)?;
        let found = chains.get(chains.len().checked_sub(1)? * part / of)?.first().map(|symbol| (*symbol).clone());
        self.witnesses.scouts += 1;
        found
    }
}
