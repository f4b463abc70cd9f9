//! One commit after another, by hand: no loop and no vendor between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::*;
use crate::clock::Clock;
use crate::domain::ability::Ability;
use crate::domain::answer::{History, Next, Page, Pages, Query};
use crate::domain::candle::{Candle, Flaw};
use crate::domain::governor::{Decision, Pace};
use crate::domain::instrument::Symbol;
use crate::domain::listing::{self, ListingNews};
use crate::domain::order::{Order, Which};
use crate::domain::progress::{Progress, View};
use crate::domain::run::Identity;
use crate::engine::feed::Feed;
use crate::engine::queue::{Queue, Work};
use crate::engine::shutdown::Stop;
use crate::engine::{OnLimit, Ports, QueryMode, Settings};
use crate::http::Transport;
use crate::limits::HOUR_MS;
use crate::source::cryptodatadownload::CryptoDataDownload;
use crate::source::fault::Fault;
use crate::source::{Request, Response};
use crate::store::{Attempt, Claim, MemoryStore, OptionNews, Settled, Store};

const T0: Moment = Moment(1_795_435_200_000);

struct Hand(Arc<AtomicI64>);

impl Clock for Hand {
    fn now(&self) -> Moment {
        Moment(self.0.load(Ordering::Relaxed))
    }
}

struct Silent;

#[async_trait]
impl Transport for Silent {
    async fn send(&self, _request: &Request) -> Result<Response, Fault> {
        std::future::pending().await
    }
}

struct Notebook(Arc<Mutex<Vec<Event>>>);

impl View for Notebook {
    fn show(&mut self, _at: Moment, event: &Event, _progress: &Progress) {
        self.0.lock().unwrap().push(event.clone());
    }
}

struct Stage {
    run: Run,
    hand: Arc<AtomicI64>,
    told: Arc<Mutex<Vec<Event>>>,
}

fn name(strike: usize) -> Symbol {
    Symbol::new(&format!("BTC-17APR24-{}-C", 1_000 + strike))
}

/// A run that holds a store with so many options, in the middle of its work.
async fn stage(options: usize) -> Stage {
    let store = Arc::new(MemoryStore::new());
    let identity = Identity {
        pid: 1,
        host: "here".into(),
        boot_id: "boot".into(),
        machine: String::new(),
        pid_namespace: String::new(),
        pid_started: 1,
        started_at: T0,
        started_boot_ms: 0,
        command: "backfill".into(),
    };
    let settings = Settings {
        currencies: Vec::new(),
        named: false,
        query: QueryMode::Symbol,
        pace: Pace { spacing_ms: 200, concurrency: 2 },
        on_limit: OnLimit::Wait,
        max_wait_ms: None,
        limit: None,
        empty_days: 30,
        only_listing: false,
        store_bytes: 0,
        api: String::new(),
        identity: identity.clone(),
        seed: 1,
    };
    let epoch = store.begin(&Claim { identity, now: T0, alive: |_| Some(false) }).await.unwrap();
    let names: Vec<Symbol> = (0..options).map(name).collect();
    let listing = Some(listing::compare(&[], &names, T0, 1).into());
    store.commit(epoch, &Batch { at: T0, listing, ..Batch::default() }).await.unwrap();
    let (hand, told) = (Arc::new(AtomicI64::new(T0.0)), Arc::default());
    let ports = Ports {
        store,
        transport: Arc::new(Silent),
        source: Arc::new(CryptoDataDownload),
        clock: Arc::new(Hand(Arc::clone(&hand))),
    };
    let feed = Feed::new(vec![Box::new(Notebook(Arc::clone(&told)))]);
    let mut run = Run::load(ports, settings, epoch, feed).await.unwrap();
    run.batch = Batch::default();
    told.lock().unwrap().clear();
    Stage { run, hand, told }
}

impl Stage {
    fn now(&self) -> Moment {
        self.run.now()
    }

    fn later(&mut self, ms: i64) -> Moment {
        self.hand.fetch_add(ms, Ordering::Relaxed);
        self.now()
    }

    fn start(&mut self) {
        let now = self.now();
        self.run.start_commit(now);
    }

    /// The store's answer to the commit that is under way: where none is, the test would wait for ever.
    async fn answer(&mut self) -> (Batch, Result<Committed, StoreError>) {
        let under_way = self.run.committing.as_ref().is_some_and(|committing| committing.future.is_some());
        assert!(under_way, "no commit is under way");
        finished(&mut self.run.committing).await
    }

    /// What the commit that is under way wrote, taken in.
    async fn finish(&mut self) -> Batch {
        let (batch, result) = self.answer().await;
        self.run.committed((batch.clone(), result)).unwrap();
        batch
    }

    /// The store fails in this way.
    fn fail(&mut self, error: StoreError) -> Result<(), StoreError> {
        let batch = Batch { beat: true, ..Batch::default() };
        self.run.committed((batch, Err(error)))
    }

    fn told(&self) -> Vec<Event> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }
}

fn away() -> StoreError {
    StoreError::Away { place: "here".into(), what: "cut".into() }
}

fn full() -> StoreError {
    StoreError::Full { place: "here".into(), what: "full".into() }
}

fn bar(day: i8, close: i64) -> Candle {
    let date = jiff::civil::date(2024, 4, day);
    let close = Some(close.into());
    Candle { open_ms: Moment::opening_of(date).0, date, open: close, high: close, low: close, close, volume: None }
}

fn news(symbol: &Symbol, happening: Happening, candles: Vec<Candle>) -> OptionNews {
    let flaws = candles.iter().map(|bar| (bar.date, Flaw::Null)).collect();
    OptionNews { symbol: symbol.clone(), happening, candles, flaws, at: T0, data_source: "test" }
}

fn no_bars(symbol: &Symbol) -> Happening {
    let Next::Done(mut whole) = Pages::new(Query::Symbol(symbol.clone())).add(Page::default()).unwrap() else {
        panic!("a page that names no further one is the last")
    };
    let Some(History::Empty(empty)) = whole.history_of(symbol) else { panic!("an empty page is empty") };
    Happening::NoBars(empty)
}

/// A request that is announced.
fn announce(stage: &mut Stage, symbol: &Symbol) {
    let now = stage.later(1_000);
    let Decision::Go(permit) = stage.run.governor.poll(now) else { panic!("nothing hinders it") };
    stage.run.announce(Work::bars(Query::Symbol(symbol.clone())), permit, now);
}

#[test]
fn a_store_that_fails_is_tried_ever_more_seldom() {
    // F-B3
    assert_eq!([0, 1, 2, 5, 6, 10, 99].map(retry_pause_ms), [250, 500, 1_000, 8_000, 10_000, 10_000, 10_000]);
}

#[test]
fn a_batch_with_anything_in_it_is_written() {
    // F-I2
    let blank = Batch::default;
    let attempt = Attempt { seq: 1, kind: "symbol", query: String::new(), sent: T0 };
    let settled = Settled {
        seq: 1,
        done: T0,
        outcome: "data",
        status: 200,
        counted: true,
        bytes: 0,
        rows: 0,
        wait_s: None,
        note: None,
    };
    let given_up = news(&name(0), Happening::GivenUp("HTTP 500".into()), Vec::new());
    assert!(is_blank(&blank()));
    for batch in [
        Batch { sent: vec![attempt], ..blank() },
        Batch { settled: vec![settled], ..blank() },
        Batch { options: vec![given_up], ..blank() },
        Batch { listing: Some(Arc::default()), ..blank() },
        Batch { ability: Some(Ability::default()), ..blank() },
        Batch { beat: true, ..blank() },
        Batch { progress: Some(String::new()), ..blank() },
        Batch { action: Some(String::new()), ..blank() },
    ] {
        assert!(!is_blank(&batch), "{batch:?}");
    }
}

#[tokio::test]
async fn one_commit_is_under_way_at_a_time_and_what_comes_meanwhile_waits() {
    // F-I2
    let mut stage = stage(1).await;
    stage.start();
    assert!(stage.run.committing.is_none() && stage.run.all_committed(), "there is nothing to write");
    stage.run.batch.beat = true;
    assert!(!stage.run.all_committed());
    stage.later(5);
    stage.start();
    assert!(!stage.run.all_committed(), "it is not written yet");
    stage.run.batch.action = Some("pause".into());
    stage.start();
    let first = stage.finish().await;
    assert_eq!((first.at, first.beat, &first.action), (T0 + 5, true, &None));
    assert!(first.throttle.is_some(), "it is measured against this run's clock now");
    assert!(!stage.run.all_committed());
    stage.start();
    let second = stage.finish().await;
    assert_eq!(
        (second.beat, second.action.is_some(), second.throttle),
        (false, true, None),
        "the throttle is as it was"
    );
    assert!(stage.run.all_committed());
}

#[tokio::test]
async fn a_batch_holds_so_many_options_and_the_rest_goes_with_the_next() {
    let all = COMMIT_OPTIONS_MAX + 2;
    let mut stage = stage(all).await;
    let batch = || (0..all).map(|n| news(&name(n), Happening::Bars, vec![bar(1, 10)])).collect::<Vec<_>>();
    stage.run.batch = Batch { options: batch(), ..Batch::default() };
    stage.start();
    assert_eq!((stage.finish().await.options.len(), stage.run.batch.options.len()), (COMMIT_OPTIONS_MAX, 2));
    stage.start();
    assert_eq!((stage.finish().await.options.len(), stage.run.all_committed()), (2, true));
    // Options that a listing names for the first time are in the ledger with it, and not before.
    let listing = Some(ListingNews { fetched_at: T0, ..ListingNews::default() }.into());
    stage.run.batch = Batch { options: batch(), listing, ..Batch::default() };
    stage.start();
    let (batch, _) = stage.answer().await;
    assert_eq!((batch.options.len(), stage.run.batch.options.len()), (all, 0));
}

#[tokio::test]
async fn while_a_commit_lasts_only_so_many_rows_are_taken_in() {
    // F-I12
    let mut stage = stage(2).await;
    let rows = |count| news(&name(0), Happening::Bars, vec![bar(1, 10); count]);
    stage.run.batch.options = vec![rows(ROWS_WAITING_MAX)];
    assert!(!stage.run.is_laden(), "they are committed next");
    stage.start();
    assert!(!stage.run.is_laden());
    stage.run.batch.options = vec![rows(ROWS_WAITING_MAX - 1)];
    assert!(!stage.run.is_laden());
    stage.run.batch.options.push(rows(1));
    assert!(stage.run.is_laden());
    stage.finish().await;
    assert!(!stage.run.is_laden());
}

#[tokio::test]
async fn a_commit_waits_a_moment_for_answers_that_are_on_their_way() {
    let mut stage = stage(1).await;
    let now = stage.now();
    assert!(!stage.run.gathers(now), "nothing is on its way");
    stage.run.flights.push(std::future::pending().boxed());
    assert!(stage.run.gathers(now) && stage.run.gathers(now + GATHER_MS - 1));
    assert!(!stage.run.gathers(now + GATHER_MS));
    stage.run.batch.beat = true;
    stage.run.gather_until = None;
    stage.start();
    assert!(stage.run.committing.is_none());
    stage.later(GATHER_MS);
    stage.start();
    assert!(stage.run.committing.is_some() && stage.run.gather_until.is_none());
    stage.run.batch.listing = Some(Arc::default());
    assert!(!stage.run.gathers(now), "all waits for the listing");
    stage.run.batch.listing = None;
    stage.run.stop = Some(Stop::by_request("a test"));
    assert!(!stage.run.gathers(now), "the end is near");
    // What is announced and waits for room in flight is on its way, too.
    let mut stage = self::stage(1).await;
    announce(&mut stage, &name(0));
    stage.run.runway.extend(stage.run.departing.drain(..));
    let now = stage.now();
    assert!(stage.run.gathers(now));
}

#[tokio::test]
async fn a_request_leaves_when_its_attempt_is_written() {
    // F-I5
    let mut stage = stage(1).await;
    announce(&mut stage, &name(0));
    stage.start();
    assert_eq!((stage.run.departing.len(), stage.run.flights.len()), (0, 0));
    assert_eq!(stage.finish().await.sent.len(), 1);
    assert_eq!((stage.run.flights.len(), stage.told()), (1, vec![Event::Sent]));
}

#[tokio::test]
async fn what_was_announced_does_not_leave_once_the_lease_is_in_doubt() {
    // F-I6, F-P6: another host may have the store by then, and have met a cooldown
    let soon = LEASE_MS - LEASE_MARGIN_MS;
    for (slept_ms, leaves) in [(soon, true), (soon + 1, false), (9 * HOUR_MS, false)] {
        // The store has answered, and the machine sleeps before that is read.
        let mut stage = stage(2).await;
        announce(&mut stage, &name(0));
        stage.start();
        let (batch, result) = stage.answer().await;
        stage.later(slept_ms);
        stage.run.committed((batch, result)).unwrap();
        assert_eq!(stage.run.flights.len(), usize::from(leaves), "{slept_ms}");
        // It sleeps with requests on the runway, and an answer comes in.
        let mut stage = self::stage(2).await;
        announce(&mut stage, &name(0));
        stage.run.settings.pace.concurrency = 0;
        stage.start();
        stage.finish().await;
        assert_eq!((stage.run.flights.len(), stage.run.runway.len()), (0, 1));
        stage.run.settings.pace.concurrency = 1;
        stage.later(slept_ms);
        stage.run.send_next();
        assert_eq!((stage.run.flights.len(), stage.run.runway.len()), (usize::from(leaves), 0), "{slept_ms}");
        if leaves {
            continue;
        }
        // It goes out again when a commit has shown that nobody took the store.
        let settled: Vec<_> = stage.run.batch.settled.iter().map(|settled| settled.outcome).collect();
        assert_eq!((settled, stage.run.queue.len(), stage.run.governor.in_flight()), (vec!["unsent"], 2, 0));
        announce(&mut stage, &name(0));
        stage.start();
        stage.finish().await;
        assert_eq!(stage.run.flights.len(), 1);
    }
}

#[tokio::test]
async fn while_the_store_is_away_the_same_batch_is_tried_again_and_its_return_is_told_once() {
    // F-B3, F-I6
    let mut stage = stage(1).await;
    announce(&mut stage, &name(0));
    stage.start();
    let (batch, _) = stage.answer().await;
    assert!(!stage.run.store_is_away());
    assert_eq!(stage.run.retry_commit_at(), Moment(i64::MAX));
    for pause_ms in [250, 500, 1_000] {
        let now = stage.now();
        stage.run.committed((batch.clone(), Err(away()))).unwrap();
        assert!(stage.run.store_is_away() && !stage.run.all_committed());
        assert_eq!(stage.run.retry_commit_at(), now + pause_ms);
        let why = "the store here cannot be reached: cut".to_owned();
        assert_eq!(stage.told(), [Event::StoreAway { why, needs_bytes: None }]);
        stage.later(pause_ms - 1);
        stage.start();
        assert!(stage.run.committing.as_ref().is_some_and(|committing| committing.future.is_none()), "too soon");
        stage.later(1);
        stage.start();
        assert!(stage.run.committing.as_ref().is_some_and(|committing| committing.future.is_some()));
        assert_eq!(stage.run.retry_commit_at(), Moment(i64::MAX));
        assert!(stage.run.store_is_away(), "nothing leaves before it is known to be back");
    }
    assert_eq!(stage.finish().await.sent.len(), 1);
    assert!(!stage.run.store_is_away() && stage.run.all_committed());
    assert_eq!(stage.told(), [Event::StoreBack, Event::Sent]);
}

#[tokio::test]
async fn a_store_that_is_away_too_long_ends_the_run_and_so_does_one_that_is_away_when_the_run_ends() {
    // F-B3
    let mut stage = stage(1).await;
    stage.run.batch.beat = true;
    stage.start();
    stage.fail(away()).unwrap();
    for _ in 0..STORE_AWAY_MS_MAX / TRY_GAP_MS_MAX {
        stage.later(TRY_GAP_MS_MAX);
        stage.fail(away()).unwrap();
    }
    stage.later(1);
    assert!(matches!(stage.fail(away()), Err(StoreError::Away { .. })));
    // F-C1: it went away just before the machine was suspended for a night
    let mut stage = self::stage(1).await;
    stage.run.batch.beat = true;
    stage.start();
    for _ in 0..3 {
        stage.fail(away()).unwrap();
        stage.later(9 * HOUR_MS);
    }
    for error in [away(), full()] {
        let mut stage = self::stage(1).await;
        stage.run.batch.beat = true;
        stage.start();
        stage.run.stop = Some(Stop::by_request("a test"));
        assert!(stage.fail(error).is_err());
    }
    let mut stage = self::stage(1).await;
    stage.run.batch.beat = true;
    stage.start();
    assert!(matches!(stage.fail(StoreError::Fenced), Err(StoreError::Fenced)), "it is not tried again");
}

#[tokio::test]
async fn a_full_disk_is_told_with_the_room_that_the_rest_needs() {
    // F-B11
    let mut stage = stage(3).await;
    let words = |megabytes| {
        let needs = format!("what is left needs about {megabytes} MB; it goes on by itself when there is room");
        format!("the store here has no room left: full; {needs}")
    };
    let open = (0..1_000).map(|n| name(n + 10)).collect();
    stage.run.scope.take_in(open);
    let told = |stage: &mut Stage| {
        stage.run.committing = None;
        stage.run.batch.beat = true;
        stage.start();
        stage.fail(full()).unwrap();
        match &stage.told()[..] {
            [Event::StoreAway { why, needs_bytes: Some(1_000_000..) }] => why.clone(),
            other => panic!("{other:?}"),
        }
    };
    // Nothing is stored yet: 15 rows of 300 bytes an option, and 1,000 bytes for itself.
    assert_eq!(told(&mut stage), words(6));
    stage.run.records[0].row_count = 10;
    stage.run.records[1].row_count = 30;
    assert_eq!(told(&mut stage), words(7), "20 rows an option where there are any");
}

#[path = "commit_told_tests.rs"]
mod told;
