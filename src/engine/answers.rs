//! What an answer says, and what follows from it.

use super::Run;
use super::flight::{Departure, Landing};
use super::queue::{Ask, Work};
use crate::domain::answer::{History, Next, Page, PageError, Pages, Query, Whole};
use crate::domain::event::Event;
use crate::domain::governor::Returned;
use crate::domain::instrument::Symbol;
use crate::domain::ledger::{Happening, OptionState};
use crate::domain::moment::Moment;
use crate::domain::plan::{self, Horizon};
use crate::source::fault::Fault;
use crate::source::{ListingAsk, Response};
use crate::store::{OptionNews, Settled};

/// A good answer.
enum Good {
    Names(ListingAsk, Vec<Symbol>),
    Page(Page),
}

impl Run {
    /// Takes an answer in: the governor first, then the journal, then what it says.
    pub(super) fn land(&mut self, landing: Landing) {
        let now = self.now();
        let Landing { departure, sent, result } = landing;
        let Departure { seq, work, permit } = departure;
        let (status, bytes) = result.as_ref().map_or((0, 0), |response| (response.status, response.body.len()));
        let read = result.and_then(|response| self.read(&work.ask, &response));
        let fault = read.as_ref().err();
        let returned = returned(fault);
        let lessons = self.governor.settle(permit, now, returned);
        let rows = if let Ok(Good::Page(page)) = &read { page.rows() } else { 0 };
        let outcome = match &read {
            Ok(Good::Names(..)) => "listing",
            Ok(Good::Page(page)) if page.rows() == 0 => "empty",
            Ok(Good::Page(_)) => "rows",
            Err(fault) => fault.class(),
        };
        self.batch.settled.push(Settled {
            seq,
            done: now,
            outcome,
            status,
            counted: returned == Returned::Counted,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            rows: u32::try_from(rows).unwrap_or(u32::MAX),
            wait_s: if let Some(Fault::Throttled { wait_s, .. }) = fault { *wait_s } else { None },
            note: fault.map(ToString::to_string),
        });
        let throttle = self.governor.explain(now);
        let of = throttle.quota.map(|quota| quota.requests);
        let (bytes, latency_ms) = (bytes as u64, sent.until_ms(now));
        let left = self.requests_left();
        self.tell(Event::Answered { bytes, latency_ms, outcome, used: throttle.used, of, left });
        for lesson in lessons {
            self.tell(Event::Learned(lesson));
        }
        match read {
            Ok(good) => {
                let vouches = self.failures.vouches();
                if self.failures.good() {
                    self.tell(Event::Up);
                }
                self.take_good(work, good, vouches, now);
            }
            Err(fault) => self.failed(work, &fault, now),
        }
        self.send_next();
    }

    fn read(&self, ask: &Ask, response: &Response) -> Result<Good, Fault> {
        let source = &self.ports.source;
        match ask {
            Ask::Listing(ask) => source.read_listing(response).map(|names| Good::Names(*ask, names)),
            Ask::Bars(pages, _) => source.read(pages.query(), response).map(Good::Page),
            Ask::Canary(symbol) => source.read(&Query::Symbol(symbol.clone()), response).map(Good::Page),
        }
    }

    fn take_good(&mut self, work: Work, good: Good, vouches: u32, now: Moment) {
        match (work.ask, good) {
            (Ask::Listing(_), Good::Names(ask, names)) => self.take_names(ask, names),
            (Ask::Canary(symbol), Good::Page(page)) => {
                self.witness_answered(&symbol, page.rows() > 0, vouches, now);
            }
            (Ask::Bars(pages, _), Good::Page(page)) => {
                self.spare_witness();
                self.take_page(pages, page, work.restarts, now);
            }
            // A listing answers with names and the others with pages: `read` pairs them.
            (Ask::Listing(_), Good::Page(_)) | (_, Good::Names(..)) => {}
        }
    }

    fn take_page(&mut self, pages: Pages, page: Page, restarts: u32, now: Moment) {
        let query = pages.query().clone();
        let rows = u32::try_from(page.rows()).unwrap_or(u32::MAX);
        let goes_on = matches!(page.more, crate::domain::answer::More::At(_));
        match pages.add(page) {
            Ok(Next::Ask(pages, offset)) => {
                // S17: the vendor's pages are smaller than asked; the next plan counts with that. One option is asked for
                // without a `limit`: the size of its page is no cap, and would make expiries look dear.
                let is_cap = goes_on && matches!(query, Query::Expiry(..)) && rows < crate::limits::PAGE_ROWS;
                if is_cap && self.ability.page_rows != Some(rows) {
                    self.ability.page_rows = Some(rows.max(1));
                    self.batch.ability = Some(self.ability.clone());
                }
                self.queue.push_first(Work { restarts, ..Work::new(Ask::Bars(pages, offset)) });
            }
            Ok(Next::Done(whole)) => self.take_whole(whole, now),
            Err(error) => {
                let what = format!("{}: {error}", query.label());
                let fault = match error {
                    PageError::Moved(_) => Fault::Moved { what },
                    PageError::Repeats(_) | PageError::Endless(_) => Fault::Pages { what },
                };
                // It counts: pages that never fit together would else be read for ever.
                self.failed(Work { restarts: restarts + 1, ..Work::bars(query) }, &fault, now);
            }
        }
    }

    fn take_whole(&mut self, whole: Whole, now: Moment) {
        match whole.query().clone() {
            Query::Symbol(symbol) => self.take_option(whole, &symbol, now),
            query @ Query::Expiry(..) => self.take_expiry(whole, &query, now),
        }
    }

    fn take_option(&mut self, mut whole: Whole, symbol: &Symbol, now: Moment) {
        let Some(history) = whole.history_of(symbol) else { return };
        let news = self.news(symbol, history, now);
        if matches!(news.happening, Happening::NoBars(_)) {
            self.doubt_empty(vec![news], &Query::Symbol(symbol.clone()));
        } else {
            self.believe();
            self.batch.options.push(news);
        }
    }

    fn take_expiry(&mut self, mut whole: Whole, query: &Query, now: Moment) {
        if self.is_probing() {
            // One option's rows may be the vendor's default option, and none may mean anything.
            let several = whole.symbols().take(2).count() == 2;
            if !several {
                self.probe_again(query);
                return;
            }
            self.face_found(true, format!("{} was answered with all its options", query.label()));
            self.apply_expiry(&mut whole, query, now);
            self.queue_all_but(query);
            return;
        }
        self.apply_expiry(&mut whole, query, now);
    }

    /// Takes from an expiry's answer what is asked for, and what came along and is not final.
    fn apply_expiry(&mut self, whole: &mut Whole, query: &Query, now: Moment) {
        let horizon = Horizon { now, empty_days: self.settings.empty_days };
        let empty = whole.is_empty();
        let mut symbols = self.scope.open_of(query);
        let along = whole.symbols().filter(|symbol| !self.scope.is_open(symbol)).filter(|symbol| {
            let record = self.index.get(*symbol).and_then(|at| self.records.get(*at));
            record.is_some_and(|record| plan::due(record, horizon).is_some() || record.state == OptionState::Attention)
        });
        let along: Vec<Symbol> = along.cloned().collect();
        symbols.extend(along);
        let mut found = Vec::with_capacity(symbols.len());
        for symbol in symbols {
            if let Some(history) = whole.history_of(&symbol) {
                found.push(self.news(&symbol, history, now));
            }
        }
        if empty {
            self.doubt_empty(found, query);
        } else {
            self.believe();
            self.batch.options.append(&mut found);
        }
    }

    /// After the first expiry was answered well, the others are queued.
    fn queue_all_but(&mut self, query: &Query) {
        let done = self.scope.open_of(query);
        let taken = self.scope.set_aside(&done);
        self.queue_all();
        self.scope.take_in(taken);
    }

    fn news(&self, symbol: &Symbol, history: History, at: Moment) -> OptionNews {
        let record = self.index.get(symbol).and_then(|at| self.records.get(*at));
        let expiry = record.and_then(|record| record.instrument.as_ref()).map(|instrument| instrument.expiry);
        let data_source = self.ports.source.name();
        let (happening, candles, mut flaws) = match history {
            History::Bars(candles, flaws) => (Happening::Bars, candles, flaws),
            History::Empty(empty) => (Happening::NoBars(empty), Vec::new(), Vec::new()),
        };
        for candle in &candles {
            flaws.extend(candle.flaws(expiry).into_iter().map(|flaw| (candle.date, flaw)));
        }
        OptionNews { symbol: symbol.clone(), happening, candles, flaws, at, data_source }
    }
}

/// What an answer means for the throttle. What may have been counted is taken as counted.
fn returned(fault: Option<&Fault>) -> Returned {
    match fault {
        Some(Fault::Throttled { status, wait_s, .. }) => {
            Returned::Throttled { wait_s: *wait_s, by_throttle: *status == 429 }
        }
        Some(Fault::KeyRefused { .. } | Fault::NoAnswer { may_count: false, .. }) => Returned::NotCounted,
        _ => Returned::Counted,
    }
}
