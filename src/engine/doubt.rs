//! A vendor that suddenly answers "nothing" to everything (S5): empty answers are held back until an answer with data
//! has come after them, be it that of a witness.

use super::Run;
use super::queue::Work;
use super::shutdown::Stop;
use super::witness::About;
use crate::domain::answer::Query;
use crate::domain::event::Event;
use crate::domain::instrument::Symbol;
use crate::limits::{EMPTIES_DOUBTED, EMPTIES_HELD_MAX};
use crate::store::OptionNews;

/// Empty answers that are not believed yet.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    held: Vec<(OptionNews, Query)>,
    /// Whether a person was told of it.
    told: bool,
}

impl Doubt {
    /// Whether an option's empty answer is held back.
    pub fn holds(&self, symbol: &Symbol) -> bool {
        self.held.iter().any(|(news, _)| news.symbol == *symbol)
    }
}

impl Run {
    /// Takes empty answers in: they count once something has shown that the vendor gives data at all.
    pub(super) fn doubt_empty(&mut self, news: Vec<OptionNews>, query: &Query) {
        self.doubt.held.extend(news.into_iter().map(|news| (news, query.clone())));
        let empties = self.doubt.held.len();
        // Where none is known to hold data the answers to come may well show one.
        let enough = if self.witnesses.has_known() { EMPTIES_DOUBTED } else { EMPTIES_HELD_MAX };
        if empties < enough || self.witnesses.asking() == Some(About::Empties) {
            return;
        }
        if let Some(known) = self.ask_witness(About::Empties) {
            self.doubt.told = true;
            self.tell(Event::Doubted { empties, known: known.to_string() });
        } else {
            let words = format!(
                "the vendor answered {empties} queries with an empty list and none with data; nothing was recorded"
            );
            self.stop(Stop::at_vendor(words));
        }
    }

    /// An answer held data: the few empty ones before it can be believed.
    pub(super) fn believe(&mut self) {
        if self.witnesses.asking() != Some(About::Empties) {
            let held = std::mem::take(&mut self.doubt.held);
            self.batch.options.extend(held.into_iter().map(|(news, _)| news));
        }
    }

    /// A witness holds data. Empty answers that came after it once held none are asked for again all the same.
    pub(super) fn settle_doubt(&mut self, believed: bool) {
        if believed {
            if std::mem::take(&mut self.doubt.told) {
                let empties = self.doubt.held.len();
                self.tell(Event::Settled { believed: true, empties });
            }
            self.believe();
        } else {
            self.disbelieve(false);
            self.doubt.told = false;
        }
    }

    /// A witness holds nothing: nothing that was empty since is believed, those options are asked for again.
    pub(super) fn disbelieve(&mut self, first: bool) {
        if first && self.doubt.told {
            let empties = self.doubt.held.len();
            self.tell(Event::Settled { believed: false, empties });
        }
        let mut queries: Vec<Query> =
            std::mem::take(&mut self.doubt.held).into_iter().map(|(_, query)| query).collect();
        queries.dedup();
        for query in queries.into_iter().rev() {
            self.queue.push_first(Work::bars(query));
        }
    }

    /// At the natural end of a run: no answer comes any more that could speak for the last empty ones, so somebody is
    /// asked. Where there is nobody else at all they are believed. Whether anything is left to do.
    pub(super) fn ask_for_the_last(&mut self) -> bool {
        if self.doubt.held.is_empty() {
            return false;
        }
        if self.ask_witness(About::Empties).is_none() {
            self.believe();
        }
        true
    }
}
