//! A request from its permit to its answer.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::Run;
use super::queue::{Ask, Work};
use crate::domain::answer::Query;
use crate::domain::event::Event;
use crate::domain::governor::{Permit, Returned};
use crate::domain::moment::Moment;
use crate::source::fault::Fault;
use crate::source::{Request, Response};
use crate::store::{Attempt, Settled};

/// A request that leaves as soon as its attempt is in the journal.
#[derive(Debug)]
pub(super) struct Departure {
    pub seq: i64,
    pub work: Work,
    pub permit: Permit,
}

/// A request that came back.
#[derive(Debug)]
pub(super) struct Landing {
    pub departure: Departure,
    pub sent: Moment,
    pub result: Result<Response, Fault>,
}

/// Waits for a future that may not be there; without one, for ever.
pub(super) async fn pending<T>(slot: &mut Option<BoxFuture<'static, T>>) -> T {
    match slot {
        Some(future) => {
            let done = future.await;
            *slot = None;
            done
        }
        None => std::future::pending().await,
    }
}

impl Run {
    /// Writes the attempt into the next batch; it leaves when that is committed (I5).
    pub(super) fn announce(&mut self, work: Work, permit: Permit, now: Moment) {
        self.seq += 1;
        let attempt = Attempt { seq: self.seq, kind: work.ask.kind(), query: work.ask.label(), sent: now };
        self.batch.sent.push(attempt);
        self.departing.push(Departure { seq: self.seq, work, permit });
    }

    /// Takes in what was committed, and sends what may be in flight.
    pub(super) fn take_off(&mut self, departures: Vec<Departure>) {
        self.runway.extend(departures);
        let now = self.now();
        let in_flight = u32::try_from(self.flights.len()).unwrap_or(u32::MAX);
        if self.failures.hold_until(now, in_flight).is_some() {
            self.clear_runway(now); // the vendor went down while these were written
        }
        self.send_next();
    }

    /// Sends from the runway while there is room in flight and the store is there. Once a cooldown has begun, the run is
    /// to end, or its lease is in doubt, what is left on it never leaves (I6).
    pub(super) fn send_next(&mut self) {
        let now = self.now();
        while let Some(next) = self.runway.front() {
            let is_barred = self.stop.is_some() || self.paused || self.lease_is_old(now);
            if is_barred || !self.governor.still_holds(&next.permit, now) {
                self.clear_runway(now);
                return;
            }
            if self.flights.len() >= self.settings.pace.concurrency as usize || self.store_is_away() {
                return;
            }
            let Some(departure) = self.runway.pop_front() else { return };
            self.tell(Event::Sent);
            let request = self.request_of(&departure.work.ask);
            let (transport, sent) = (self.ports.transport.clone(), now);
            let mut flight = async move {
                let result = transport.send(&request).await;
                Landing { departure, sent, result }
            }
            .boxed();
            // It leaves now. Left to be polled with the others, it would leave after an answer that was there first, and
            // that may be the refusal that forbids it (I6).
            let landed = (&mut flight).now_or_never();
            self.flights.push(landed.map_or(flight, |landing| std::future::ready(landing).boxed()));
        }
    }

    /// Takes back all that is announced and has not left; in the queue it keeps its order.
    pub(super) fn clear_runway(&mut self, now: Moment) {
        while let Some(departure) = self.runway.pop_back() {
            self.ground(departure, now);
        }
    }

    /// Takes an announced request back: it never left.
    fn ground(&mut self, departure: Departure, now: Moment) {
        let Departure { seq, work, permit } = departure;
        let _ = self.governor.settle(permit, now, Returned::Unsent);
        self.batch.settled.push(Settled {
            seq,
            done: now,
            outcome: "unsent",
            status: 0,
            counted: false,
            bytes: 0,
            rows: 0,
            wait_s: None,
            note: None,
        });
        self.queue.push_first(work);
    }

    fn request_of(&self, ask: &Ask) -> Request {
        let source = &self.ports.source;
        match ask {
            Ask::Listing(ask) => source.listing_request(*ask),
            Ask::Bars(pages, offset) => source.request(pages.query(), *offset),
            Ask::Canary(symbol) => source.request(&Query::Symbol(symbol.clone()), 0),
        }
    }
}
