//! From the ledger to the queue.

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;

use super::{QueryMode, Run};
use crate::domain::ability::Proven;
use crate::domain::answer::Query;
use crate::domain::event::{Before, Event};
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::ledger::OptionRecord;
use crate::domain::moment::Moment;
use crate::domain::plan::{self, Chains, Horizon, Wanted};
use crate::domain::tally::Tally;

/// What this run asks for, and how far it is, by currency.
#[derive(Debug, Default)]
pub(super) struct Scope {
    wanted: Vec<Wanted>,
    /// Which of `wanted` are of an expiry.
    expiries: HashMap<(Currency, Date), Vec<usize>>,
    open: HashSet<Symbol>,
    counts: HashMap<Currency, (u64, u64)>,
    chains: Chains,
    /// Whether the plan was made: before, options that are put back are left to it.
    pub is_planned: bool,
    probes: u32,
    /// Whether one of them is out. What fails after it was answered says nothing of how all are to be asked for.
    probing: bool,
}

impl Scope {
    /// Takes options in, those too that were asked for before. Returns where the news are: what is open already is
    /// neither counted nor asked for twice.
    fn extend(&mut self, options: Vec<Wanted>) -> Vec<usize> {
        let named: HashSet<&Symbol> = options.iter().map(|option| &option.symbol).collect();
        let known = self.wanted.iter().enumerate().filter(|(_, known)| named.contains(&known.symbol));
        let known: HashMap<Symbol, usize> = known.map(|(at, known)| (known.symbol.clone(), at)).collect();
        let mut news = Vec::new();
        for option in options {
            if !self.open.insert(option.symbol.clone()) {
                continue;
            }
            self.counts.entry(option.currency.clone()).or_default().1 += 1;
            if let Some(at) = known.get(&option.symbol) {
                news.push(*at);
                continue;
            }
            news.push(self.wanted.len());
            let chain = (option.currency.clone(), option.expiry);
            self.expiries.entry(chain).or_default().push(self.wanted.len());
            self.wanted.push(option);
        }
        news
    }

    /// Counts an option as done: its number within its currency, and their number. 0: it was not asked for.
    pub fn count(&mut self, record: &OptionRecord) -> (u64, u64) {
        let Some((done, todo)) = self.counts.get_mut(&record.currency) else { return (0, 0) };
        if !self.open.remove(&record.symbol) {
            return (0, *todo);
        }
        *done += 1;
        (*done, *todo)
    }

    /// Whether an option is asked for and not known yet.
    pub fn is_open(&self, symbol: &Symbol) -> bool {
        self.open.contains(symbol)
    }

    /// How many options are asked for in this run, by currency.
    fn todo(&self, currencies: &[Currency]) -> Vec<(Currency, u64)> {
        let todo = |currency: &Currency| self.counts.get(currency).map(|(_, todo)| (currency.clone(), *todo));
        currencies.iter().filter_map(todo).collect()
    }

    /// Options asked for and not known yet.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Takes options out of those to ask for, for a moment: they are on their way into the store.
    pub fn set_aside(&mut self, symbols: &[Symbol]) -> Vec<Symbol> {
        symbols.iter().filter_map(|symbol| self.open.take(symbol)).collect()
    }

    /// Takes them in again, to be counted when they are committed.
    pub fn take_in(&mut self, symbols: Vec<Symbol>) {
        self.open.extend(symbols);
    }

    /// Options asked for and not known yet, of one expiry, in order.
    pub fn open_of(&self, query: &Query) -> Vec<Symbol> {
        self.of(query).filter(|symbol| self.open.contains(*symbol)).cloned().collect()
    }

    fn has_open(&self, query: &Query) -> bool {
        self.of(query).any(|symbol| self.open.contains(symbol))
    }

    /// Options asked for, of one expiry.
    fn of(&self, query: &Query) -> impl Iterator<Item = &Symbol> {
        let places = match query {
            Query::Symbol(_) => None,
            Query::Expiry(currency, expiry) => self.expiries.get(&(currency.clone(), *expiry)),
        };
        places.into_iter().flatten().map(|at| &self.wanted[*at].symbol)
    }
}

impl Run {
    /// Makes the plan, and queues its first queries.
    pub(super) fn plan(&mut self) {
        let now = self.now();
        let currencies = self.currencies();
        if !currencies.iter().all(|currency| self.ability.asked_for.contains(currency)) {
            self.ability.asked_for.extend(currencies.iter().cloned());
            self.batch.ability = Some(self.ability.clone());
        }
        let horizon = Horizon { now, empty_days: self.settings.empty_days };
        let mut wanted = plan::wanted(&self.records, &currencies, horizon);
        wanted.truncate(self.settings.limit.unwrap_or(usize::MAX));
        let counts = currencies.iter().map(|currency| (currency.clone(), (0, 0))).collect();
        self.scope = Scope { chains: Chains::of(&self.records), counts, is_planned: true, ..Scope::default() };
        self.scope.extend(wanted);
        let todo = self.scope.todo(&currencies);
        self.witnesses.know_from(&self.records);
        let requests = self.queue_queries();
        let before = Before { tallies: Tally::of(&self.records), bytes: self.settings.store_bytes };
        self.tell(Event::Planned { before: Some(before), todo, requests });
    }

    /// Asks for more options, in the cheapest way that is known to work. Returns what the run asks for now, by
    /// currency, and the requests that these take. Those of other currencies are left to a run that asks for them.
    pub(super) fn ask_for(&mut self, symbols: &[Symbol]) -> (Vec<(Currency, u64)>, u64) {
        let records: Vec<OptionRecord> =
            symbols.iter().filter_map(|symbol| self.records.get(*self.index.get(symbol)?).cloned()).collect();
        let currencies = self.currencies();
        let horizon = Horizon { now: self.now(), empty_days: self.settings.empty_days };
        let news = self.scope.extend(plan::wanted(&records, &currencies, horizon));
        let mut wanted: Vec<Wanted> = news.into_iter().map(|at| self.scope.wanted[at].clone()).collect();
        let requests = if self.is_probing() {
            // They are queued with all others once it is known how, and counted from the dear end until then.
            u64::try_from(wanted.len()).unwrap_or(u64::MAX)
        } else {
            let queued = self.queue.expiries();
            wanted.retain(|option| !queued.contains(&(&option.currency, option.expiry))); // its answer will hold it
            let queries = self.cover(&wanted);
            self.enqueue(queries)
        };
        (self.scope.todo(&currencies), requests)
    }

    fn cover(&self, wanted: &[Wanted]) -> Vec<Query> {
        if self.ability.expiry_queries == Proven::Yes && self.settings.query != QueryMode::Symbol {
            plan::cheapest_cover(wanted, &self.scope.chains, self.ability.page_rows)
        } else {
            plan::by_symbol(wanted)
        }
    }

    /// Queues what is open, in the way that is known to work; or, to find out, one expiry. Returns the requests
    /// that it takes, as far as can be known.
    pub(super) fn queue_queries(&mut self) -> u64 {
        let open: Vec<Wanted> =
            self.scope.wanted.iter().filter(|wanted| self.scope.open.contains(&wanted.symbol)).cloned().collect();
        let probe = || match self.settings.query {
            QueryMode::Symbol => None,
            QueryMode::Expiry if self.ability.expiry_queries == Proven::Yes => None,
            QueryMode::Expiry => plan::probe(&open),
            QueryMode::Auto if self.ability.should_probe(self.ports.clock.now(), open.len()) => plan::probe(&open),
            QueryMode::Auto => None,
        };
        if self.scope.probes == 0
            && let Some(probe) = probe()
        {
            self.scope.probes = 1;
            self.scope.probing = true;
            self.enqueue(vec![probe]);
            // Until the answer is known, the range is taken from its dear end.
            return u64::try_from(open.len() + 1).unwrap_or(u64::MAX);
        }
        let queries = self.cover(&open);
        self.enqueue(queries)
    }

    /// Queues queries; returns the requests that they take, page by page, as far as can be known.
    pub(super) fn enqueue(&mut self, queries: Vec<Query>) -> u64 {
        let before = self.queue.requests();
        let (chains, page_rows) = (&self.scope.chains, self.ability.page_rows);
        self.queue.extend(queries, |query| match query {
            Query::Symbol(_) => 1,
            Query::Expiry(currency, expiry) => chains.pages(currency, *expiry, page_rows),
        });
        self.queue.requests() - before
    }

    /// Requests that are still to be sent, as far as can be known; those on their way are among them.
    pub(super) fn requests_left(&self) -> u64 {
        if self.is_probing() {
            // Until it is known whether expiries can be asked for, from the dear end.
            return u64::try_from(self.scope.open_count()).unwrap_or(u64::MAX);
        }
        let in_air = self.flights.len() + self.runway.len() + self.departing.len();
        self.queue.requests() + u64::try_from(in_air).unwrap_or(u64::MAX)
    }

    /// Whether the vendor's ability to answer expiries is being found out right now.
    pub(super) fn is_probing(&self) -> bool {
        self.scope.probing
    }

    /// Drops what is next and can bring nothing any more: the answer to another query held its options.
    pub(super) fn drop_moot(&mut self, now: Moment) {
        let scope = &self.scope;
        let is_moot = |query: &Query| match query {
            Query::Symbol(symbol) => !scope.is_open(symbol),
            Query::Expiry(..) => !scope.probing && !scope.has_open(query),
        };
        while self.queue.next_query(now).is_some_and(is_moot) {
            self.queue.take(now);
        }
    }

    /// An answer has shown whether expiries can be asked for.
    pub(super) fn face_found(&mut self, expiry_queries: bool, why: String) {
        let now = self.now();
        self.scope.probing = false;
        self.ability.expiry_queries = if expiry_queries { Proven::Yes } else { Proven::No };
        self.ability.probed_at = Some(now);
        self.batch.ability = Some(self.ability.clone());
        self.tell(Event::FaceFound { expiry_queries, why });
    }

    /// An expiry's answer proved nothing either way: another one is tried, then it is one by one.
    pub(super) fn probe_again(&mut self, tried: &Query) {
        self.scope.probes += 1;
        let others: Vec<Wanted> = self
            .scope
            .wanted
            .iter()
            .filter(|wanted| *tried != Query::Expiry(wanted.currency.clone(), wanted.expiry))
            .cloned()
            .collect();
        let next = plan::probe(&others).filter(|_| self.scope.probes <= crate::limits::PROBES_MAX);
        self.scope.probing = next.is_some();
        match next {
            Some(probe) => {
                self.enqueue(vec![probe]);
            }
            None if self.settings.query == QueryMode::Expiry => self.no_expiries(),
            None => {
                self.queue_all();
            }
        }
    }

    /// The currencies of this run: as told, or all that are listed.
    pub(super) fn currencies(&self) -> Vec<Currency> {
        if !self.settings.currencies.is_empty() {
            return self.settings.currencies.clone();
        }
        let mut found: Vec<_> = self.records.iter().map(|record| record.currency.clone()).collect();
        found.sort();
        found.dedup();
        found
    }

    /// Queues all that is open, after the way was found.
    pub(super) fn queue_all(&mut self) {
        let requests = self.queue_queries();
        self.tell(Event::Planned { before: None, todo: Vec::new(), requests });
    }
}
