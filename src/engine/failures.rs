//! What a fault does to its query, and to the run.

use super::queue::{Ask, Work};
use super::shutdown::Stop;
use super::{QueryMode, Run};
use crate::domain::answer::Query;
use crate::domain::event::Event;
use crate::domain::ledger::Happening;
use crate::domain::moment::Moment;
use crate::domain::verdict::{Asks, Circumstance, Failure, Verdict, backoff_ms, judge};
use crate::limits::{FAILURES_DOWN, FIRST_ANSWER_MS_MAX, OUTAGE_MS_MAX, SILENT_TRIES};
use crate::source::ListingAsk;
use crate::source::fault::Fault;
use crate::store::OptionNews;

/// Failures since the last good answer.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// Troubles in a row, over all queries.
    in_a_row: u32,
    /// The kind of the last failure, the queries that failed so in a row, and the last of them.
    alike: Option<(Failure, u32, String)>,
    /// Since when nothing good came; and since when the vendor counts as down.
    since: Option<Moment>,
    down_since: Option<Moment>,
    hold_until: Option<Moment>,
    /// Whether the vendor said anything at all in this run.
    spoke: bool,
}

impl Failures {
    /// A good answer came. Whether the vendor was down before it.
    pub fn good(&mut self, _now: Moment) -> bool {
        self.in_a_row = 0;
        self.alike = None;
        self.since = None;
        self.hold_until = None;
        self.spoke = true;
        self.down_since.take().is_some()
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

    fn add(&mut self, failure: Failure, query: &str, now: Moment) -> u32 {
        self.since.get_or_insert(now);
        if failure == Failure::Trouble {
            self.in_a_row += 1;
        } else {
            self.spoke = true;
        }
        let count = match self.alike.take() {
            Some((kind, count, last)) if kind == failure => count + u32::from(last != query || failure == Failure::Key),
            _ => 1,
        };
        self.alike = Some((failure, count, query.to_owned()));
        count
    }

    /// Whether the vendor has been silent for longer than it may be.
    fn too_long(&self, now: Moment) -> bool {
        let silent_ms = self.since.map_or(0, |since| since.until_ms(now));
        silent_ms > if self.spoke { OUTAGE_MS_MAX } else { FIRST_ANSWER_MS_MAX }
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
            self.queue.push_first(work);
            return;
        }
        let label = work.ask.label();
        let alike = match work.ask {
            // A vendor may refuse years that it has no options for: that says nothing of the next one.
            Ask::Listing(ListingAsk::Year(_)) if failure == Failure::Refused => 1,
            _ => self.failures.add(failure, &label, now),
        };
        let down = self.failures.in_a_row >= FAILURES_DOWN;
        if failure == Failure::Trouble && self.failures.too_long(now) {
            self.stop(Stop::at_vendor(format!("the vendor cannot be reached: {fault}")));
            return;
        }
        if down && failure == Failure::Trouble {
            self.vendor_down(fault, now);
        }
        work.tries += 1;
        let asks = match (work.ask.is_expiry(), self.is_probing()) {
            (false, _) => Asks::One,
            (true, true) => Asks::Probe,
            (true, false) => Asks::Expiry,
        };
        // A vendor that has not said a word yet is asked often, and given up soon: most likely a slip of the pen.
        let tries = if self.failures.spoke { work.tries } else { work.tries.min(SILENT_TRIES) };
        let circumstance = Circumstance { tries, alike, down, asks, jitter: self.random.f64() };
        match judge(failure, now, circumstance) {
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
                // A query starts over: its pages may have moved between two tries.
                self.queue.push_later(at, work.afresh());
            }
            Verdict::BySymbol { for_all } => self.fall_back(work, for_all, fault),
            Verdict::GiveUp => self.give_up(work, fault, now),
            Verdict::StopKey => self.stop(Stop::at_key(fault.to_string())),
            Verdict::StopVendor => {
                let words = format!("{alike} queries in a row failed alike, the last one {label}: {fault}");
                self.stop(Stop::at_vendor(words));
            }
        }
    }

    /// Ends a run that was told to ask for expiries only, of a vendor that does not answer them.
    pub(super) fn no_expiries(&mut self) {
        let words =
            "the vendor does not answer whole expiries; use --query auto, which asks for options one by one then";
        self.stop(Stop::at_vendor(words.to_owned()));
    }

    fn vendor_down(&mut self, fault: &Fault, now: Moment) {
        let tries = self.failures.in_a_row - FAILURES_DOWN + 3;
        let tries = if self.failures.spoke { tries } else { tries.min(SILENT_TRIES) };
        self.failures.hold_until = Some(now + backoff_ms(tries, self.random.f64()));
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
            self.face_found(false, fault.to_string());
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
            self.queue.extend(open.into_iter().map(Query::Symbol).collect());
        }
    }

    fn give_up(&mut self, work: Work, fault: &Fault, now: Moment) {
        let tries = work.tries;
        match work.ask {
            // Refused time and again: the vendor has no such year.
            Ask::Listing(ask @ ListingAsk::Year(_)) if matches!(fault, Fault::Refused { .. }) => {
                self.take_names(ask, Vec::new());
            }
            Ask::Listing(_) => self.stop(Stop::at_vendor(format!("the listing cannot be had: {fault}"))),
            Ask::Canary(symbol) => self.canary_failed(symbol, now),
            Ask::Bars(pages, _) => {
                let symbols = match pages.query() {
                    Query::Symbol(symbol) => vec![symbol.clone()],
                    // An expiry that fails for good may still be had one by one.
                    expiry @ Query::Expiry(..) => {
                        let open = self.scope.open_of(expiry);
                        self.queue.extend(open.into_iter().map(Query::Symbol).collect());
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
    fn afresh(self) -> Work {
        match self.ask {
            Ask::Bars(pages, _) => Work { tries: self.tries, ..Work::bars(pages.query().clone()) },
            ask => Work { ask, tries: self.tries },
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
        Fault::BadValue { .. } => Failure::BadValue,
        Fault::Unavailable { .. } | Fault::Malformed { .. } | Fault::NoAnswer { .. } => Failure::Trouble,
    }
}
