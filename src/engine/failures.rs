//! What a fault does to its query, and to the run.

use super::queue::{Ask, Work};
use super::shutdown::Stop;
use super::witness::About;
use super::{QueryMode, Run};
use crate::domain::ability::Proven;
use crate::domain::answer::Query;
use crate::domain::event::Event;
use crate::domain::ledger::Happening;
use crate::domain::moment::Moment;
use crate::domain::outage::Outage;
use crate::domain::verdict::{Asks, Circumstance, Failure, Verdict, backoff_ms, judge};
use crate::limits::{
    ALIKE_DOUBLED_MAX, ALIKE_MAX, BEGUN_QUERIES_MAX, FAILURES_DOWN, FIRST_ANSWER_GAP_MS_MAX, FIRST_ANSWER_MS_MAX,
    OUTAGE_MS_MAX, SILENT_TRIES, TRY_GAP_MS_MAX,
};
use crate::source::ListingAsk;
use crate::source::fault::Fault;
use crate::store::OptionNews;

/// Failures since the last good answer.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// Troubles in a row, over all queries.
    in_a_row: u32,
    /// Failures of one kind in a row.
    alike: Option<Alike>,
    /// Times that a witness spoke for the vendor since another answer was good.
    vouched: u32,
    /// How long nothing good came; and since when the vendor counts as down.
    outage: Outage,
    down_since: Option<Moment>,
    hold_until: Option<Moment>,
    /// Whether the vendor said anything at all in this run.
    spoke: bool,
}

/// Failures of one kind with no good answer between.
#[derive(Debug)]
struct Alike {
    failure: Failure,
    times: u32,
    /// The queries that failed so, each once.
    queries: Vec<String>,
}

impl Failures {
    /// A good answer came. Whether the vendor was down before it.
    pub fn good(&mut self) -> bool {
        self.in_a_row = 0;
        self.alike = None;
        self.vouched = 0;
        self.outage = Outage::default();
        self.hold_until = None;
        self.spoke = true;
        self.down_since.take().is_some()
    }

    /// A witness spoke for the vendor: what fails from now on is to blame itself, and it takes more to doubt that.
    pub fn vouched(&mut self, before: u32) {
        self.vouched = before + 1;
    }

    /// How often that was since another answer was good.
    pub fn vouches(&self) -> u32 {
        self.vouched
    }

    /// The vendor's throttle spoke: the vendor is there, and the wait that it asks for is no outage.
    pub fn throttled(&mut self) {
        self.spoke = true;
        self.outage = Outage::default();
    }

    /// Whether so many failed in a row that the vendor seems to be down.
    pub fn is_many(&self) -> bool {
        self.in_a_row >= FAILURES_DOWN
    }

    /// Whether the vendor counts as down.
    pub fn is_down(&self) -> bool {
        self.down_since.is_some()
    }

    /// Failures of one kind in a row.
    pub fn times_alike(&self) -> u32 {
        self.alike.as_ref().map_or(0, |alike| alike.times)
    }

    /// The queries that failed so.
    pub fn suspects(&self) -> &[String] {
        self.alike.as_ref().map_or(&[], |alike| &alike.queries)
    }

    /// How long a vendor in trouble is left alone.
    pub fn pause_ms(&self, jitter: f64) -> i64 {
        let tries = self.in_a_row.saturating_sub(FAILURES_DOWN) + 3;
        backoff_ms(if self.spoke { tries } else { tries.min(SILENT_TRIES) }, jitter)
    }

    /// So many queries that fail alike mean all of them.
    fn alike_max(&self) -> u32 {
        ALIKE_MAX << self.vouched.min(ALIKE_DOUBLED_MAX)
    }

    /// Until when nothing may be sent because the vendor is down; then one request at a time may.
    pub fn hold_until(&self, now: Moment, in_flight: u32) -> Option<Moment> {
        self.down_since?;
        let until = self.hold_until?;
        if now < until {
            return Some(until);
        }
        (in_flight > 0).then(|| now + crate::limits::WAIT_SLICE_MS)
    }

    fn add(&mut self, failure: Failure, query: &str, now: Moment) {
        self.outage.failed(now, if self.spoke { TRY_GAP_MS_MAX } else { FIRST_ANSWER_GAP_MS_MAX });
        if failure == Failure::Trouble {
            self.in_a_row += 1;
        } else {
            self.spoke = true;
        }
        let alike_max = self.alike_max() as usize;
        if self.alike.as_ref().is_none_or(|alike| alike.failure != failure) {
            self.alike = Some(Alike { failure, times: 0, queries: Vec::new() });
        }
        let Some(alike) = &mut self.alike else { return };
        alike.times += 1;
        if alike.queries.len() < alike_max && !alike.queries.iter().any(|known| known == query) {
            alike.queries.push(query.to_owned());
        }
    }

    /// Whether the vendor has been silent for longer than it may be.
    fn too_long(&self) -> bool {
        self.outage.tried_ms() > if self.spoke { OUTAGE_MS_MAX } else { FIRST_ANSWER_MS_MAX }
    }
}

impl Run {
    /// A request failed: the verdict says what becomes of its query.
    pub(super) fn failed(&mut self, mut work: Work, fault: &Fault, now: Moment) {
        if let Ask::Listing(ask) = work.ask
            && self.listing_refused(ask, fault)
        {
            return;
        }
        let failure = kind(fault);
        if failure == Failure::Throttled {
            self.failures.throttled();
            self.queue.push_first(work);
            return;
        }
        let label = work.ask.label();
        let is_year_refused = matches!(work.ask, Ask::Listing(ListingAsk::Year(_))) && failure == Failure::Refused;
        // A vendor may refuse years that it has no options for: that says nothing of the next one.
        if !is_year_refused {
            self.failures.add(failure, &label, now);
        }
        if failure == Failure::Trouble && self.failures.too_long() {
            self.stop(Stop::at_vendor(format!("the vendor cannot be reached: {fault}")));
            return;
        }
        if let Ask::Canary(symbol) = work.ask {
            self.witness_failed(symbol, failure, fault, now);
            return;
        }
        let down = failure == Failure::Trouble && self.is_in_doubt(fault, now);
        work.tries += 1;
        work.refusals_in_a_row = if failure == Failure::Refused { work.refusals_in_a_row + 1 } else { 0 };
        let asks = match (work.ask.is_expiry(), self.is_probing()) {
            (false, _) => Asks::One,
            (true, true) => Asks::Probe,
            (true, false) => Asks::Expiry,
        };
        // A vendor that has not said a word yet is asked often, and given up soon: most likely a slip of the pen.
        // That it began anew says something of its pages, and nothing of the key or of a refusal.
        let of_pages = matches!(
            failure,
            Failure::Trouble | Failure::Endless | Failure::Moved | Failure::BadValue | Failure::OtherOption
        );
        // And only refusals say that there is no such year: two other failures and one accident do not (T11).
        let tries = if is_year_refused { work.refusals_in_a_row } else { work.tries };
        let tries = tries + if of_pages { work.restarts } else { 0 };
        let tries = if self.failures.spoke { tries } else { tries.min(SILENT_TRIES) };
        let alike = u32::try_from(self.failures.suspects().len()).unwrap_or(u32::MAX);
        let circumstance = Circumstance {
            tries,
            alike: if failure == Failure::Key { self.failures.times_alike() } else { alike },
            alike_max: self.failures.alike_max(),
            vouched: self.failures.vouched > 0,
            down,
            asks,
            jitter: self.random.f64(),
        };
        let mut verdict = judge(failure, now, circumstance);
        if let Verdict::AskWitness { or } = verdict {
            // In vain, or to no purpose where somebody is asked already: the answer will come to this query too.
            let asked = self.ask_witness(if failure == Failure::Trouble { About::Trouble } else { About::Refusals });
            verdict = if asked.is_some() {
                Verdict::Again { at: now + backoff_ms(tries, circumstance.jitter), counts: failure != Failure::Trouble }
            } else {
                or.into()
            };
        }
        match verdict {
            Verdict::Again { at, counts } => {
                work.tries -= u32::from(!counts);
                if !down {
                    self.tell(Event::Failed {
                        query: label,
                        why: fault.to_string(),
                        class: fault.class(),
                        again_at: at,
                    });
                }
                // The pages that were read are kept, or a query of many pages would begin anew for ever (rows that moved
                // meanwhile show as bars that come again). Too many of them would not fit into memory (I12).
                let work = if self.queue.begun() < BEGUN_QUERIES_MAX { work } else { work.afresh(counts) };
                self.queue.push_later(at, work);
            }
            Verdict::BySymbol { for_all } => self.fall_back(work, for_all, fault),
            Verdict::GiveUp => self.give_up(work, fault, now),
            Verdict::StopKey => self.stop(Stop::at_key(fault.to_string())),
            Verdict::StopVendor => self.stop_alike(&label, fault),
            Verdict::AskWitness { .. } => {}
        }
    }

    /// Ends a run in which everything fails alike.
    pub(super) fn stop_alike(&mut self, label: &str, fault: &Fault) {
        let alike = self.failures.suspects().len();
        self.stop(Stop::at_vendor(format!("{alike} queries in a row failed alike, the last one {label}: {fault}")));
    }

    /// Whether so much failed that it says nothing of a single query. It may still be those queries alone: somebody
    /// else is asked before the vendor counts as down.
    fn is_in_doubt(&mut self, fault: &Fault, now: Moment) -> bool {
        if !self.failures.is_many() {
            return false;
        }
        if self.failures.is_down() || self.ask_witness(About::Trouble).is_none() {
            self.vendor_down(fault, now);
        }
        true
    }

    /// Ends a run that was told to ask for expiries only, of a vendor that does not answer them.
    pub(super) fn no_expiries(&mut self) {
        let words =
            "the vendor does not answer whole expiries; use --query auto, which asks for options one by one then";
        self.stop(Stop::at_vendor(words.to_owned()));
    }

    pub(super) fn vendor_down(&mut self, fault: &Fault, now: Moment) {
        self.failures.hold_until = Some(now + self.failures.pause_ms(self.random.f64()));
        if self.failures.down_since.is_none() {
            self.failures.down_since = Some(now);
            self.clear_runway(now);
            self.tell(Event::Down { why: fault.to_string() });
        }
    }

    /// Asks for the options of an expiry one by one; where the vendor cannot answer any, all of them (S19).
    fn fall_back(&mut self, work: Work, for_all: bool, fault: &Fault) {
        let Ask::Bars(pages, _) = work.ask else { return };
        let mut expiries = vec![pages.query().clone()];
        let probing = self.is_probing();
        if probing && !for_all {
            self.probe_again(pages.query()); // this one proves nothing about the others
            return;
        }
        if for_all {
            if probing || self.ability.expiry_queries != Proven::No {
                self.face_found(false, fault.to_string()); // those still in flight find nothing new
            }
            if self.settings.query == QueryMode::Expiry {
                self.no_expiries();
                return;
            }
            expiries.extend(self.queue.take_expiries());
            if probing {
                self.queue_all();
                return;
            }
        }
        for expiry in expiries {
            let open = self.scope.open_of(&expiry);
            self.enqueue(open.into_iter().map(Query::Symbol).collect());
        }
    }

    fn give_up(&mut self, work: Work, fault: &Fault, now: Moment) {
        let (tries, work_is_probe) = (work.tries + work.restarts, work.ask.is_expiry() && self.is_probing());
        match work.ask {
            Ask::Listing(ask @ ListingAsk::Year(_)) if matches!(fault, Fault::Refused { .. }) => {
                self.year_refused(ask, fault);
            }
            Ask::Listing(_) => self.stop(Stop::at_vendor(format!("the listing cannot be had: {fault}"))),
            Ask::Canary(_) => {} // its failures are judged elsewhere
            // It has shown nothing of the expiries that were not asked for yet.
            Ask::Bars(pages, _) if work_is_probe => self.probe_again(pages.query()),
            Ask::Bars(pages, _) => {
                let symbols = match pages.query() {
                    Query::Symbol(symbol) => vec![symbol.clone()],
                    // An expiry that fails for good may still be had one by one.
                    expiry @ Query::Expiry(..) => {
                        let open = self.scope.open_of(expiry);
                        self.enqueue(open.into_iter().map(Query::Symbol).collect());
                        return;
                    }
                };
                for symbol in symbols {
                    let reason = format!("{fault} ({tries} tries); to ask again: chainfill retry {symbol}");
                    self.batch.options.push(OptionNews {
                        happening: Happening::GivenUp(reason),
                        symbol,
                        candles: Vec::new(),
                        flaws: Vec::new(),
                        at: now,
                        data_source: self.ports.source.name(),
                    });
                }
            }
        }
    }
}

impl Work {
    /// The same from its first page.
    fn afresh(self, counts: bool) -> Work {
        let restarts = self.restarts + u32::from(counts && self.is_begun());
        match self.ask {
            Ask::Bars(pages, _) => {
                Work { tries: self.tries, restarts, further: self.further, ..Work::bars(pages.query().clone()) }
            }
            ask => Work { ask, restarts, ..self },
        }
    }
}

fn kind(fault: &Fault) -> Failure {
    match fault {
        Fault::Throttled { .. } => Failure::Throttled,
        Fault::KeyRefused { .. } => Failure::Key,
        Fault::NoSuchPath { .. } | Fault::Refused { .. } | Fault::Redirected { .. } => Failure::Refused,
        Fault::OtherFields { .. } => Failure::OtherLanguage,
        Fault::OtherOption { .. } => Failure::OtherOption,
        Fault::TooLong { .. } | Fault::Pages { .. } => Failure::Endless,
        Fault::Moved { .. } => Failure::Moved,
        Fault::BadValue { .. } => Failure::BadValue,
        Fault::Unavailable { .. } | Fault::Malformed { .. } | Fault::NoAnswer { .. } => Failure::Trouble,
    }
}
