//! A vendor that suddenly answers "nothing" to everything (S5): many empty answers in a row are held back until
//! an option that is known to hold data has answered.

use super::Run;
use super::queue::{Ask, Work};
use super::shutdown::Stop;
use crate::domain::answer::Query;
use crate::domain::event::Event;
use crate::domain::instrument::Symbol;
use crate::domain::ledger::OptionRecord;
use crate::domain::moment::Moment;
use crate::domain::verdict::backoff_ms;
use crate::limits::{EMPTIES_DOUBTED, EMPTIES_HELD_MAX};
use crate::store::OptionNews;

/// Empty answers that are not believed yet.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    held: Vec<(OptionNews, Query)>,
    /// An option that is known to hold data.
    known: Option<Symbol>,
    /// Times in a row that it answered with nothing.
    refuted: u32,
    asking: bool,
}

impl Doubt {
    /// Remembers an option that holds data.
    pub fn knows(&mut self, symbol: &Symbol) {
        self.known = Some(symbol.clone());
    }

    /// Finds an option that holds data in the ledger.
    pub fn know_from(&mut self, records: &[OptionRecord]) {
        if self.known.is_none() {
            let holds =
                records.iter().filter(|record| record.row_count > 0 && record.instrument.is_some() && record.listed);
            self.known =
                holds.max_by_key(|record| (record.fetched_at, &record.symbol)).map(|record| record.symbol.clone());
        }
    }

    /// Whether empty answers are held back.
    pub fn is_open(&self) -> bool {
        !self.held.is_empty()
    }
}

impl Run {
    /// Takes empty answers in: they count once something has shown that the vendor gives data at all.
    pub(super) fn doubt_empty(&mut self, news: Vec<OptionNews>, query: Query) {
        self.doubt.held.extend(news.into_iter().map(|news| (news, query.clone())));
        let empties = self.doubt.held.len();
        if empties < EMPTIES_DOUBTED || self.doubt.asking {
            return;
        }
        match self.doubt.known.clone() {
            Some(known) => {
                self.doubt.asking = true;
                self.queue.canary_only(true);
                let now = self.ports.clock.now();
                self.clear_runway(now);
                self.tell(Event::Doubted { empties, known: known.to_string() });
                self.queue.push_first(Work { ask: Ask::Canary(known), tries: 0 });
            }
            None if empties >= EMPTIES_HELD_MAX => {
                let words = format!(
                    "the vendor answered {empties} queries with an empty list and none with data; nothing was recorded"
                );
                self.stop(Stop::at_vendor(words));
            }
            None => {}
        }
    }

    /// An answer held data: the few empty ones before it can be believed.
    pub(super) fn believe(&mut self) {
        if !self.doubt.asking {
            let held = std::mem::take(&mut self.doubt.held);
            self.batch.options.extend(held.into_iter().map(|(news, _)| news));
        }
    }

    /// The option that is known to hold data has answered.
    pub(super) fn canary_answered(&mut self, symbol: Symbol, with_data: bool, now: Moment) {
        let empties = self.doubt.held.len();
        if with_data {
            self.doubt.asking = false;
            self.doubt.refuted = 0;
            self.queue.canary_only(false);
            self.tell(Event::Settled { believed: true, empties });
            self.believe();
            return;
        }
        if self.doubt.refuted == 0 {
            self.tell(Event::Settled { believed: false, empties });
        }
        // Nothing that came since it last answered is believed: those options are asked for again.
        let mut queries: Vec<Query> =
            std::mem::take(&mut self.doubt.held).into_iter().map(|(_, query)| query).collect();
        queries.dedup();
        for query in queries.into_iter().rev() {
            self.queue.push_first(Work::bars(query));
        }
        self.doubt.refuted += 1;
        self.canary_failed(symbol, now);
    }

    /// Asks for it again, ever more seldom.
    pub(super) fn canary_failed(&mut self, symbol: Symbol, now: Moment) {
        let pause_ms = backoff_ms(self.doubt.refuted.max(3) + 2, 1.0);
        self.queue.push_later(now + pause_ms, Work { ask: Ask::Canary(symbol), tries: 0 });
    }

    /// At the natural end of a run: what is held back were too few to be doubted, or all that there was.
    pub(super) fn believe_rest(&mut self) -> bool {
        let held = self.doubt.is_open();
        self.believe();
        held
    }
}
