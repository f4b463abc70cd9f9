//! The run: one loop that lets requests go, takes answers in, and commits what they say.
//!
//! All state is in `Run`, owned by the loop; nothing is shared, nothing is locked. What leaves was committed
//! to the journal before (I5); what is told was committed before (I2).

mod answers;
mod commit;
mod doubt;
mod failures;
pub mod feed;
mod flight;
mod listing;
mod orders;
mod planning;
mod queue;
mod shutdown;
mod witness;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::domain::ability::Ability;
use crate::domain::event::Event;
use crate::domain::governor::quota::Counted;
use crate::domain::governor::{Decision, Governor, Memory, Pace, Reason};
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::ledger::OptionRecord;
use crate::domain::moment::Moment;
use crate::domain::run::{Ending, Identity};
use crate::http::Transport;
use crate::limits::{
    ANNOUNCED_AHEAD, BEAT_MS, CONTROL_MS, COOLDOWN_TOLD_MS, COOLDOWN_TOLD_PARTS, PROGRESS_MS, QUOTA_WAIT_TOLD_MS,
    RETRY_AFTER_S_MAX, RUNS_SHIFTED_MAX, SECOND_MS, UNKNOWN_DELAY_MS, WAIT_SLICE_MS,
};
use crate::source::Source;
use crate::store::{Batch, Epoch, RunRow, Store, StoreError};
use commit::Committing;
use doubt::Doubt;
use failures::Failures;
use feed::Feed;
use flight::{Departure, Landing};
use listing::Listing;
use planning::Scope;
use queue::Queue;
use shutdown::Stop;
use witness::Witnesses;

/// The outside of a run. Tests put simulated parts here, and nowhere else.
#[derive(Clone)]
pub struct Ports {
    /// Candles, ledger, journal.
    pub store: Arc<dyn Store>,
    /// The way to the vendor.
    pub transport: Arc<dyn Transport>,
    /// The vendor's language.
    pub source: Arc<dyn Source>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// What a run is to do.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Currencies in their order; empty: whatever is listed.
    pub currencies: Vec<Currency>,
    /// Whether a person named them: then one of which nothing is listed is a slip of the pen.
    pub named: bool,
    /// How to ask.
    pub query: QueryMode,
    /// How fast, at the most.
    pub pace: Pace,
    /// What to do at the vendor's limit.
    pub on_limit: OnLimit,
    /// The longest wait that is waited out.
    pub max_wait_ms: Option<i64>,
    /// Only the first so many options.
    pub limit: Option<usize>,
    /// Age at which an `empty` is looked at again.
    pub empty_days: u32,
    /// End once the listing is in the store.
    pub only_listing: bool,
    /// Size of the store's table before the run, to be told.
    pub store_bytes: u64,
    /// The vendor's base URL, to be told.
    pub api: String,
    /// Who runs.
    pub identity: Identity,
    /// Seed of the back-off's jitter.
    pub seed: u64,
}

/// How to ask for bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryMode {
    /// Find out what the vendor can do.
    Auto,
    /// One option a request.
    Symbol,
    /// One expiry a request; end the run if the vendor cannot.
    Expiry,
}

/// What to do at the vendor's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLimit {
    /// Wait.
    Wait,
    /// End the run (exit 5).
    Exit,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How.
    pub ending: Ending,
    /// In words, with what to do next.
    pub words: String,
    /// When it makes sense to go on.
    pub resume_after: Option<Moment>,
}

/// Works until everything that was asked for is known, or something ends the run. The lease must be held:
/// `epoch` comes from [`Store::begin`]. `stop` turns true when the process is asked to end.
///
/// # Errors
/// Where the store can no longer be used, or another run has taken it over.
pub async fn run(
    ports: Ports,
    settings: Settings,
    epoch: Epoch,
    feed: Feed,
    stop: watch::Receiver<bool>,
) -> Result<Report, StoreError> {
    let mut run = Run::load(ports, settings, epoch, feed).await?;
    let ended = match run.work(stop).await {
        Ok(()) => run.close().await,
        Err(error) => Err(error),
    };
    if let Err(error) = &ended {
        run.tell_lost(error);
    }
    ended
}

/// Without a pace to keep, more permits are taken than may be in flight: their attempts go into the journal together,
/// and their answers into the store. A commit costs as much for one as for sixteen.
fn with_ahead(pace: Pace) -> Pace {
    let ahead = if pace.spacing_ms == 0 { ANNOUNCED_AHEAD } else { 1 };
    Pace { concurrency: pace.concurrency.saturating_mul(ahead), ..pace }
}

struct Run {
    ports: Ports,
    settings: Settings,
    epoch: Epoch,
    feed: Feed,
    governor: Governor,
    ability: Ability,
    records: Vec<OptionRecord>,
    index: HashMap<Symbol, usize>,
    scope: Scope,
    listing: Option<Listing>,
    /// Years whose list the vendor refused although options of them are known.
    missed_years: Vec<String>,
    queue: Queue,
    /// Requests that are in the journal and leave when one of those in flight is back.
    runway: VecDeque<Departure>,
    /// What the next commit writes, and the requests that it lets go.
    batch: Batch,
    departing: Vec<Departure>,
    committing: Option<Committing>,
    /// Until when the next commit waits for answers that can go with it.
    gather_until: Option<Moment>,
    throttle_written: Option<Memory>,
    /// When the last commit that succeeded began: the lease was this run's then.
    asserted_at: Moment,
    flights: FuturesUnordered<BoxFuture<'static, Landing>>,
    orders: Option<BoxFuture<'static, orders::Heard>>,
    /// Orders that were followed, and of which the store is not known to know that.
    followed: Vec<i64>,
    doubt: Doubt,
    witnesses: Witnesses,
    failures: Failures,
    stop: Option<Stop>,
    /// A person wants nothing sent until told otherwise.
    paused: bool,
    /// Options of which the ledger says that a person wants them asked for again, and that are not asked for yet.
    to_ask_again: Vec<Symbol>,
    told_wait: Option<Moment>,
    seq: i64,
    beat_at: Moment,
    control_at: Moment,
    random: fastrand::Rng,
}

impl Run {
    async fn load(ports: Ports, settings: Settings, epoch: Epoch, feed: Feed) -> Result<Run, StoreError> {
        let now = ports.clock.now();
        // Times of earlier runs are brought into this run's time, in case the wall clock was stepped since (C2). They
        // stay as they were written: each run's own line says what its times are measured against.
        let frame = settings.identity.frame();
        let runs = ports.store.runs(RUNS_SHIFTED_MAX).await?;
        let shift_of = |run: &RunRow| frame.shift_ms(&run.identity.frame());
        let oldest_ms = runs.iter().map(shift_of).fold(0, i64::max);
        let loaded = ports.store.load(now - RETRY_AFTER_S_MAX * SECOND_MS - oldest_ms).await?;
        let counted = loaded.counted.iter().map(|(of, counted)| {
            let run = runs.iter().find(|run| run.epoch == *of).or(runs.last());
            let shift_ms = run.map_or(0, shift_of);
            let delay_ms = if counted.done == counted.sent { UNKNOWN_DELAY_MS } else { 0 };
            let counted = Counted { sent: counted.sent + shift_ms, done: counted.done + shift_ms }.by(now);
            Counted { done: counted.done + delay_ms, ..counted }
        });
        let newest = runs.iter().find(|run| run.epoch != epoch).map(|run| run.identity.frame());
        let throttle = loaded.throttle.moved_to(frame.clone(), newest.as_ref()).by(now);
        let governor = Governor::new(with_ahead(settings.pace), throttle, counted);
        let index = loaded.records.iter().enumerate().map(|(at, record)| (record.symbol.clone(), at)).collect();
        let mut run = Run {
            listing: Some(Listing::start(&loaded.ability, now)),
            missed_years: Vec::new(),
            random: fastrand::Rng::with_seed(settings.seed),
            governor,
            ability: loaded.ability,
            records: loaded.records,
            index,
            scope: Scope::default(),
            queue: Queue::default(),
            batch: Batch::default(),
            runway: VecDeque::new(),
            departing: Vec::new(),
            committing: None,
            gather_until: None,
            throttle_written: Some(loaded.throttle),
            asserted_at: now,
            flights: FuturesUnordered::new(),
            orders: None,
            followed: Vec::new(),
            doubt: Doubt::default(),
            witnesses: Witnesses::default(),
            failures: Failures::default(),
            stop: None,
            paused: false,
            to_ask_again: Vec::new(),
            told_wait: None,
            seq: 0,
            beat_at: now,
            control_at: now + CONTROL_MS,
            ports,
            settings,
            epoch,
            feed,
        };
        let started = Event::Started {
            epoch: epoch.0,
            store: run.ports.store.place().to_owned(),
            api: run.settings.api.clone(),
            pid: run.settings.identity.pid,
            quota: run.governor.memory().quota.clone(),
            spacing_ms: run.settings.pace.spacing_ms,
        };
        run.tell(started);
        run.ask_listing();
        Ok(run)
    }

    fn now(&self) -> Moment {
        self.ports.clock.now()
    }

    /// The loop. Each turn: let go what may go, commit what is known, then take in whatever comes first.
    async fn work(&mut self, mut stop: watch::Receiver<bool>) -> Result<(), StoreError> {
        loop {
            let now = self.now();
            let wake = self.depart(now);
            self.beat(now);
            self.start_commit(now);
            self.poll_orders(now);
            if self.is_done(now) {
                return Ok(());
            }
            let sleep_ms = now.until_ms(wake.min(self.next_errand(now))).clamp(1, WAIT_SLICE_MS);
            tokio::select! {
                biased;
                landing = self.flights.next(), if !self.flights.is_empty() && !self.is_laden() => {
                    if let Some(landing) = landing { self.land(landing) }
                }
                done = commit::finished(&mut self.committing) => self.committed(done)?,
                orders = flight::pending(&mut self.orders) => self.obey(orders),
                // Where nobody is left who could ask, nobody does: an error here, taken in, would come again at once, for ever.
                Ok(()) = stop.changed(), if self.stop.is_none() => {
                    if *stop.borrow() { self.stop(Stop::by_request("a signal")) }
                }
                () = tokio::time::sleep(Duration::from_millis(sleep_ms.unsigned_abs())) => {}
            }
        }
    }

    /// Hands permits to queries that are ready; returns when to look again.
    fn depart(&mut self, now: Moment) -> Moment {
        let later = now + WAIT_SLICE_MS;
        if self.stop.is_some() || self.paused || self.store_is_away() {
            return later;
        }
        loop {
            if let Some(until) = self.failures.hold_until(now, self.governor.in_flight()) {
                return until;
            }
            self.drop_moot(now);
            let Some(ready_at) = self.queue.ready_at() else { return later };
            if ready_at > now {
                return ready_at;
            }
            match self.governor.poll(now) {
                Decision::Go(permit) => {
                    let Some(work) = self.queue.take(now) else { return later };
                    if self.told_wait.take().is_some() {
                        self.tell(Event::Resumed);
                    }
                    self.announce(work, permit, now);
                }
                Decision::Wait(until, reason) => {
                    self.tell_wait(now, until, reason);
                    return until;
                }
                Decision::Full => return later,
            }
        }
    }

    /// Tells a wait once, and ends the run where it was told not to wait so long.
    fn tell_wait(&mut self, now: Moment, until: Moment, reason: Reason) {
        let wait_ms = now.until_ms(until);
        if reason == Reason::Pace || wait_ms < COOLDOWN_TOLD_MS || self.told_wait == Some(until) {
            return;
        }
        let exit = self.settings.on_limit == OnLimit::Exit;
        if exit || self.settings.max_wait_ms.is_some_and(|max| wait_ms > max) {
            // What has its permit is fetched first: ended now, a run with few slots would spend one on the listing, and
            // never another.
            if self.governor.in_flight() == 0 {
                let slots = u32::try_from(self.requests_left()).unwrap_or(u32::MAX);
                self.stop(Stop::at_limit(until.max(self.governor.roomy_at(now, slots.saturating_add(1)))));
            }
            return;
        }
        // Slots open one by one where they were spent so: each of those short waits would be a line.
        if let (Reason::Quota, Some(quota)) = (reason, &self.governor.memory().quota)
            && wait_ms < QUOTA_WAIT_TOLD_MS.min(quota.window_ms / COOLDOWN_TOLD_PARTS)
        {
            return;
        }
        if self.told_wait.replace(until).is_some() {
            self.tell(Event::Resumed); // the wait grew: the old one ends where the new one starts
        }
        let next = self.queue.next_label().unwrap_or_default();
        self.tell(Event::Cooldown { wait_ms, until, reason, next });
    }

    fn tell(&mut self, event: Event) {
        let now = self.now();
        // What changes the verdict of `status` is written with the next commit, at once.
        if matches!(
            event,
            Event::Planned { .. }
                | Event::Cooldown { .. }
                | Event::Resumed
                | Event::Down { .. }
                | Event::Up
                | Event::StoreBack
                | Event::Paused
                | Event::Unpaused
                | Event::Paced { .. }
                | Event::PutBack { .. }
        ) {
            self.beat_at = now;
        }
        self.feed.tell(now, event);
    }

    fn next_errand(&self, now: Moment) -> Moment {
        let stop = self.stop.as_ref().and_then(|stop| stop.deadline).unwrap_or(now + WAIT_SLICE_MS);
        let gather = self.gather_until.unwrap_or(stop);
        self.beat_at.min(self.control_at).min(stop).min(gather).min(self.retry_commit_at())
    }

    /// The run's sign of life, and what is new of its progress for `status`; more often where something is written anyway.
    fn beat(&mut self, now: Moment) {
        let written_anyway = !self.batch.settled.is_empty() && now + BEAT_MS - PROGRESS_MS >= self.beat_at;
        if now >= self.beat_at || written_anyway {
            self.beat_at = now + BEAT_MS;
            self.batch.beat = true;
            if let Some(news) = self.feed.news_json() {
                self.batch.progress = Some(news);
            }
        }
    }
}
