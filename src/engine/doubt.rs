//! A vendor that suddenly answers "nothing" to everything (S5): empty answers are held back until an answer with data
//! was asked for after they had come, be it that of a witness.

use std::collections::HashSet;

use super::Run;
use super::queue::Work;
use super::shutdown::Stop;
use super::witness::About;
use crate::domain::answer::Query;
use crate::domain::event::Event;
use crate::domain::instrument::Symbol;
use crate::domain::moment::Moment;
use crate::limits::{EMPTIES_DOUBTED, EMPTIES_HELD_MAX};
use crate::store::OptionNews;

/// Empty answers that are not believed yet.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    held: Vec<Held>,
    /// Whether a person was told of it.
    told: bool,
}

/// One of them: of an option, or of all the options of an expiry.
#[derive(Debug)]
struct Held {
    query: Query,
    came: Moment,
    news: Vec<OptionNews>,
}

impl Doubt {
    /// The options whose empty answers are held back.
    pub fn symbols(&self) -> HashSet<&Symbol> {
        self.held.iter().flat_map(|held| &held.news).map(|news| &news.symbol).collect()
    }

    /// Takes out what had come when an answer with data was asked for. What came later the vendor may have given after
    /// it had made that answer, slow as it was: it says nothing of them.
    fn take_before(&mut self, asked: Moment) -> Vec<Held> {
        self.held.extract_if(.., |held| held.came <= asked).collect()
    }
}

impl Run {
    /// Takes an empty answer in: it counts once something has shown that the vendor gives data at all.
    pub(super) fn doubt_empty(&mut self, news: Vec<OptionNews>, query: &Query, came: Moment) {
        if news.is_empty() {
            return;
        }
        self.doubt.held.push(Held { query: query.clone(), came, news });
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

    /// An answer held data: the few empty ones that had come when it was asked for can be believed.
    pub(super) fn believe(&mut self, asked: Moment) {
        if self.witnesses.asking() != Some(About::Empties) {
            let held = self.doubt.take_before(asked);
            self.batch.options.extend(held.into_iter().flat_map(|held| held.news));
        }
    }

    /// A witness holds data. Empty answers that came after it once held none are asked for again all the same.
    pub(super) fn settle_doubt(&mut self, believed: bool, asked: Moment) {
        if believed {
            let before = self.doubt.held.len();
            self.believe(asked);
            if std::mem::take(&mut self.doubt.told) {
                let empties = before - self.doubt.held.len();
                self.tell(Event::Settled { believed: true, empties });
            }
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
        for held in std::mem::take(&mut self.doubt.held).into_iter().rev() {
            self.queue.push_first(Work::bars(held.query));
        }
    }

    /// At the natural end of a run: no answer comes any more that could speak for the last empty ones, so somebody is
    /// asked. Where there is nobody else at all they are believed. Whether anything is left to do.
    pub(super) fn ask_for_the_last(&mut self, now: Moment) -> bool {
        if self.doubt.held.is_empty() {
            return false;
        }
        if self.ask_witness(About::Empties).is_none() {
            self.believe(now);
        }
        true
    }
}
