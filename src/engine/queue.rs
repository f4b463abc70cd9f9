//! What is to be asked for: now, in order, or again later.

use std::collections::{BTreeMap, HashSet, VecDeque};

use jiff::civil::Date;

use crate::domain::answer::{Pages, Query};
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::moment::Moment;
use crate::source::ListingAsk;

/// One request to make.
#[derive(Debug)]
pub(super) struct Work {
    /// What for.
    pub ask: Ask,
    /// Tries that counted against it, since its last good page.
    pub tries: u32,
    /// How many of the newest of them the vendor refused, one after the other.
    pub refusals_in_a_row: u32,
    /// How often it began anew; those tries count for good, or a query of many pages would never end.
    pub restarts: u32,
    /// Pages that are expected after this one.
    pub further: u32,
}

/// What a request asks for.
#[derive(Debug)]
pub(super) enum Ask {
    /// The names of all options.
    Listing(ListingAsk),
    /// A page of bars; the pages before it are inside.
    Bars(Pages, u32),
    /// An option known to hold data, to see whether empty answers can be believed.
    Canary(Symbol),
}

/// Queries in order; those to be asked again wait for their time and then go first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    urgent: VecDeque<Work>,
    ready: VecDeque<Work>,
    later: BTreeMap<(Moment, u64), Work>,
    count: u64,
    /// Kept, not counted: there may be a million of them.
    requests: u64,
    /// While empty answers are in doubt only the canary may go.
    canary_only: bool,
}

impl Queue {
    /// Appends queries in their order. `pages`: how many requests one of them is expected to take.
    pub fn extend(&mut self, queries: Vec<Query>, pages: impl Fn(&Query) -> u32) {
        for query in queries {
            let further = pages(&query).saturating_sub(1);
            let work = Work { further, ..Work::bars(query) };
            self.requests += work.requests();
            self.ready.push_back(work);
        }
    }

    /// Requests that all of it takes, as far as can be known.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// Puts work before all others.
    pub fn push_first(&mut self, work: Work) {
        self.requests += work.requests();
        self.urgent.push_front(work);
    }

    /// Puts work off until then.
    pub fn push_later(&mut self, at: Moment, work: Work) {
        self.count += 1;
        self.requests += work.requests();
        self.later.insert((at, self.count), work);
    }

    /// Queries that wait with some of their pages read.
    pub fn begun(&self) -> usize {
        self.later.values().filter(|work| work.is_begun()).count()
    }

    /// When the next work may go; `None` where there is none.
    pub fn ready_at(&self) -> Option<Moment> {
        if self.canary_only {
            return if self.urgent.iter().any(Work::is_canary) {
                Some(Moment(i64::MIN))
            } else {
                self.later.iter().find(|(_, work)| work.is_canary()).map(|((at, _), _)| *at)
            };
        }
        if !self.urgent.is_empty() || !self.ready.is_empty() {
            return Some(Moment(i64::MIN));
        }
        self.later.keys().next().map(|(at, _)| *at)
    }

    /// The next work that may go now.
    pub fn take(&mut self, now: Moment) -> Option<Work> {
        let work = self.next(now)?;
        self.requests = self.requests.saturating_sub(work.requests());
        Some(work)
    }

    fn next(&mut self, now: Moment) -> Option<Work> {
        if self.canary_only {
            if let Some(at) = self.urgent.iter().position(Work::is_canary) {
                return self.urgent.remove(at);
            }
            let key = *self.later.iter().find(|((at, _), work)| *at <= now && work.is_canary())?.0;
            return self.later.remove(&key);
        }
        if let Some(work) = self.urgent.pop_front() {
            return Some(work);
        }
        if self.later.first_key_value().is_some_and(|((at, _), _)| *at <= now) {
            return self.later.pop_first().map(|(_, work)| work);
        }
        self.ready.pop_front()
    }

    /// The query that may go next, where it is one for bars.
    pub fn next_query(&self, now: Moment) -> Option<&Query> {
        if self.canary_only {
            return None;
        }
        let due = self.later.first_key_value().filter(|((at, _), _)| *at <= now).map(|(_, work)| work);
        match &self.urgent.front().or(due).or(self.ready.front())?.ask {
            Ask::Bars(pages, _) => Some(pages.query()),
            Ask::Listing(_) | Ask::Canary(_) => None,
        }
    }

    /// Takes the canary out. Whether it was there.
    pub fn drop_canary(&mut self) -> bool {
        let before = self.len();
        self.urgent.retain(|work| !work.is_canary());
        self.later.retain(|_, work| !work.is_canary());
        let dropped = before - self.len();
        // One request each: still counted, the run's finish would wait for what nobody sends.
        self.requests = self.requests.saturating_sub(u64::try_from(dropped).unwrap_or(u64::MAX));
        dropped > 0
    }

    /// Lets only the canary go, or everything again.
    pub fn canary_only(&mut self, only: bool) {
        self.canary_only = only;
    }

    /// Takes every expiry query out, those put off included.
    pub fn take_expiries(&mut self) -> Vec<Query> {
        let mut found = Vec::new();
        let mut keep = |work: Work| match &work.ask {
            Ask::Bars(pages, _) if matches!(pages.query(), Query::Expiry(..)) => {
                found.push(pages.query().clone());
                None
            }
            _ => Some(work),
        };
        self.urgent = std::mem::take(&mut self.urgent).into_iter().filter_map(&mut keep).collect();
        self.ready = std::mem::take(&mut self.ready).into_iter().filter_map(&mut keep).collect();
        self.later =
            std::mem::take(&mut self.later).into_iter().filter_map(|(at, work)| Some((at, keep(work)?))).collect();
        self.requests = self.urgent.iter().chain(&self.ready).chain(self.later.values()).map(Work::requests).sum();
        found
    }

    /// The expiries that are still to be asked for.
    pub fn expiries(&self) -> HashSet<(&Currency, Date)> {
        self.urgent.iter().chain(&self.ready).chain(self.later.values()).filter_map(Work::expiry).collect()
    }

    /// A name for what comes next.
    pub fn next_label(&self) -> Option<String> {
        let next = self.urgent.front().or(self.ready.front()).or(self.later.values().next());
        next.map(|work| work.ask.label())
    }

    /// Work that is left.
    pub fn len(&self) -> usize {
        self.urgent.len() + self.ready.len() + self.later.len()
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Work {
    /// What was not tried yet.
    pub fn new(ask: Ask) -> Work {
        Work { ask, tries: 0, refusals_in_a_row: 0, restarts: 0, further: 0 }
    }

    /// The first page of a query.
    pub fn bars(query: Query) -> Work {
        Work::new(Ask::Bars(Pages::new(query), 0))
    }

    /// Whether pages of it were read already.
    pub fn is_begun(&self) -> bool {
        matches!(self.ask, Ask::Bars(_, offset) if offset > 0)
    }

    fn expiry(&self) -> Option<(&Currency, Date)> {
        match &self.ask {
            Ask::Bars(pages, _) => match pages.query() {
                Query::Expiry(currency, expiry) => Some((currency, *expiry)),
                Query::Symbol(_) => None,
            },
            Ask::Listing(_) | Ask::Canary(_) => None,
        }
    }

    fn requests(&self) -> u64 {
        1 + u64::from(self.further)
    }

    fn is_canary(&self) -> bool {
        matches!(self.ask, Ask::Canary(_))
    }
}

impl Ask {
    /// `ETH-12APR24-3100-C`, `BTC 17APR24 +5000`, `the listing of 2024`.
    pub fn label(&self) -> String {
        match self {
            Ask::Listing(ListingAsk::All) => "the listing".to_owned(),
            Ask::Listing(ListingAsk::Year(year)) => format!("the listing of {year}"),
            Ask::Bars(pages, 0) => pages.query().label(),
            Ask::Bars(pages, offset) => format!("{} +{offset}", pages.query().label()),
            Ask::Canary(symbol) => symbol.to_string(),
        }
    }

    /// The journal's word for it.
    pub fn kind(&self) -> &'static str {
        match self {
            Ask::Listing(_) => "listing",
            Ask::Bars(pages, _) if matches!(pages.query(), Query::Symbol(_)) => "symbol",
            Ask::Bars(..) => "expiry",
            Ask::Canary(_) => "canary",
        }
    }

    /// Whether it asks for an expiry.
    pub fn is_expiry(&self) -> bool {
        self.kind() == "expiry"
    }
}
