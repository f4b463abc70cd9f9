//! A vendor, a store and a clock in simulated time: whole runs in milliseconds, the same each time (I11).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chainfill::clock::Clock;
use chainfill::domain::candle::Candle;
use chainfill::domain::event::Event;
use chainfill::domain::governor::quota::{Evidence, Quota};
use chainfill::domain::governor::{Memory, Pace};
use chainfill::domain::instrument::{Currency, Symbol};
use chainfill::domain::ledger::OptionState;
use chainfill::domain::moment::Moment;
use chainfill::domain::progress::{Progress, View};
use chainfill::domain::run::{Ending, Identity};
use chainfill::engine::feed::Feed;
use chainfill::engine::{OnLimit, Ports, QueryMode, Report, Settings, run};
use chainfill::http::Transport;
use chainfill::limits::SERIAL_SUCCESSES;
use chainfill::source::cryptodatadownload::CryptoDataDownload;
use chainfill::source::fault::Fault;
use chainfill::source::{Request, Response};
use chainfill::store::{Batch, Claim, Epoch, MemoryStore, RunEnd, Store, StoreError};
use chainfill::vendor::transport::VendorTransport;
use chainfill::vendor::{self, Vendor};
use tokio::sync::watch;

/// When every simulated story begins: 2026-11-23T12:00:00Z.
pub const BEGIN: Moment = Moment(1_795_435_200_000);

#[derive(Clone)]
pub struct SimulatedClock {
    start: tokio::time::Instant,
    /// How far the wall clock was stepped, between two runs.
    pub step_ms: Arc<AtomicI64>,
}

impl Clock for SimulatedClock {
    fn now(&self) -> Moment {
        self.true_now() + self.step_ms.load(Ordering::Relaxed)
    }
}

impl SimulatedClock {
    /// What the rest of the world's clocks say.
    pub fn true_now(&self) -> Moment {
        BEGIN + i64::try_from(self.start.elapsed().as_millis()).unwrap()
    }
}

/// Everything outside of a run.
pub struct World {
    pub vendor: Arc<Mutex<Vendor>>,
    pub store: Arc<dyn Store>,
    pub memory: Option<Arc<MemoryStore>>,
    pub clock: SimulatedClock,
    pub events: Arc<Mutex<Vec<(Moment, String)>>>,
    pub progress: Arc<Mutex<Progress>>,
    pub latency_ms: u64,
    pub settings: Settings,
    pub stop: watch::Sender<bool>,
    /// What is answered instead of the vendor's own word, and every path that was asked for.
    pub script: Option<Script>,
    /// How much later than others the answer to a path comes, though it was made like them.
    pub late: Option<Late>,
    pub asked: Arc<Mutex<Vec<String>>>,
}

/// An answer to a path, or `None` for the vendor's own; the number is how often the path was asked for before.
pub type Script = Arc<dyn Fn(&str, usize) -> Option<Response> + Send + Sync>;

/// A path, and how often it was asked for before.
pub type Late = Arc<dyn Fn(&str, usize) -> u64 + Send + Sync>;

struct Scripted<T> {
    inner: T,
    script: Option<Script>,
    late: Option<Late>,
    asked: Arc<Mutex<Vec<String>>>,
    latency_ms: u64,
}

#[async_trait]
impl<T: Transport> Transport for Scripted<T> {
    async fn send(&self, request: &Request) -> Result<Response, Fault> {
        let before = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(request.path.clone());
            asked.iter().filter(|path| **path == request.path).count() - 1
        };
        let answer = match self.script.as_ref().and_then(|script| script(&request.path, before)) {
            Some(response) => {
                tokio::time::sleep(Duration::from_millis(self.latency_ms)).await;
                Ok(response)
            }
            None => self.inner.send(request).await,
        };
        let late_ms = self.late.as_ref().map_or(0, |late| late(&request.path, before));
        if late_ms > 0 {
            tokio::time::sleep(Duration::from_millis(late_ms)).await;
        }
        answer
    }
}

/// An answer of that status, as a script gives it.
#[allow(clippy::unnecessary_wraps)] // each script gives an `Option`
pub fn answer(status: u16, body: &str) -> Option<Response> {
    Some(Response { status, body: Bytes::copy_from_slice(body.as_bytes()), ..Response::default() })
}

struct Notebook(Arc<Mutex<Vec<(Moment, String)>>>, Arc<Mutex<Progress>>);

impl View for Notebook {
    fn show(&mut self, at: Moment, event: &Event, progress: &Progress) {
        self.0.lock().unwrap().push((at, format!("{event:?}")));
        *self.1.lock().unwrap() = progress.clone();
    }
}

/// A small vendor of the old face without a throttle.
pub fn small(counts: &str) -> vendor::Settings {
    vendor::Settings {
        counts: vendor::settings::parse_counts(counts).unwrap(),
        throttles: Vec::new(),
        keeps_log: true,
        ..vendor::Settings::default()
    }
}

/// A world whose vendor has answered so many requests, one option each, that a run has several in flight at once.
pub async fn trusted(vendor: vendor::Settings) -> World {
    let mut world = World::new(vendor);
    world.settings.query = QueryMode::Symbol;
    world.settings.limit = Some(SERIAL_SUCCESSES + 10);
    let report = world.backfill().await.unwrap();
    assert_eq!(report.ending, Ending::Complete, "{}", report.words);
    world.settings.query = QueryMode::Auto;
    world.settings.limit = None;
    world.asked.lock().unwrap().clear();
    world.events.lock().unwrap().clear();
    world
}

impl World {
    pub fn new(vendor: vendor::Settings) -> World {
        let memory = Arc::new(MemoryStore::new());
        World { memory: Some(memory.clone()), ..World::on(vendor, memory) }
    }

    /// The same on another store.
    pub fn on(vendor: vendor::Settings, store: Arc<dyn Store>) -> World {
        let clock = SimulatedClock { start: tokio::time::Instant::now(), step_ms: Arc::default() };
        World {
            vendor: Arc::new(Mutex::new(Vendor::new(vendor))),
            store,
            memory: None,
            events: Arc::default(),
            progress: Arc::default(),
            latency_ms: 20,
            settings: settings(),
            stop: watch::channel(false).0,
            script: None,
            late: None,
            asked: Arc::default(),
            clock,
        }
    }

    /// One run from start to end.
    pub async fn backfill(&self) -> Result<Report, StoreError> {
        let epoch = self.begin().await?;
        self.work(epoch).await
    }

    pub async fn begin(&self) -> Result<Epoch, StoreError> {
        let identity = self.identity();
        self.store.begin(&Claim { identity, now: self.clock.now(), alive: |_| Some(false) }).await
    }

    /// The work of a run that holds the store.
    pub async fn work(&self, epoch: Epoch) -> Result<Report, StoreError> {
        let clock = self.clock.clone();
        let ports = Ports {
            store: self.store.clone(),
            transport: Arc::new(Scripted {
                inner: VendorTransport::new(self.vendor.clone(), move || clock.true_now(), self.latency_ms),
                script: self.script.clone(),
                late: self.late.clone(),
                asked: self.asked.clone(),
                latency_ms: self.latency_ms,
            }),
            source: Arc::new(CryptoDataDownload),
            clock: Arc::new(self.clock.clone()),
        };
        let feed = Feed::new(vec![Box::new(Notebook(self.events.clone(), self.progress.clone()))]);
        let settings = Settings { identity: self.identity(), ..self.settings.clone() };
        run(ports, settings, epoch, feed, self.stop.subscribe()).await
    }

    /// The quota is known from earlier runs.
    pub async fn know_quota(&self, requests: u32, window_ms: i64) {
        let learned_at = self.clock.now();
        let quota = Quota { requests, window_ms, evidence: Evidence::Matched, learned_at };
        self.remember(Memory { quota: Some(quota), ..Memory::default() }).await;
    }

    /// An earlier run left this in the store.
    pub async fn remember(&self, throttle: Memory) {
        let epoch = self.begin().await.unwrap();
        let at = self.clock.now();
        self.store.commit(epoch, &Batch { at, throttle: Some(throttle), ..Batch::default() }).await.unwrap();
        self.store.end(epoch, &RunEnd { at, ending: Ending::Complete, progress: None }).await.unwrap();
    }

    fn identity(&self) -> Identity {
        let started_boot_ms = BEGIN.until_ms(self.clock.true_now());
        Identity { started_at: self.clock.now(), started_boot_ms, ..self.settings.identity.clone() }
    }

    /// Requests that the vendor saw.
    pub fn requests(&self) -> u64 {
        self.vendor.lock().unwrap().log().requests
    }

    pub fn asked_twice(&self) -> Vec<(String, usize)> {
        self.vendor.lock().unwrap().log().asked_twice()
    }

    /// The options in that state, by name.
    pub async fn in_state(&self, state: OptionState) -> Vec<String> {
        let records = self.store.load(BEGIN).await.unwrap().records;
        records.iter().filter(|record| record.state == state).map(|record| record.symbol.to_string()).collect()
    }

    /// How often such a request was made.
    pub fn asked_for(&self, part: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|path| path.contains(part)).count()
    }

    /// How often an event of that name was told.
    pub fn told(&self, name: &str) -> usize {
        self.events.lock().unwrap().iter().filter(|(_, event)| event.starts_with(name)).count()
    }

    /// The store against the vendor's own truth: every row to the last digit, none doubled, no false empty, and
    /// the counts kept are the counts counted (I4).
    pub async fn assert_complete(&self) {
        let mut rows: BTreeMap<Symbol, Vec<Candle>> = BTreeMap::new();
        let mut take = |symbol: &Symbol, row: Result<&Candle, &str>| {
            rows.entry(symbol.clone()).or_default().push(row.unwrap().clone());
        };
        self.store.audit(&mut take).await.unwrap();
        let loaded = self.store.load(BEGIN).await.unwrap();
        let vendor = self.vendor.lock().unwrap();
        assert_eq!(loaded.records.len(), vendor.names().len());
        for record in &loaded.records {
            let truth: Vec<Candle> =
                vendor.truth(record.symbol.as_str()).iter().map(|bar| bar.candle().unwrap()).collect();
            let stored = rows.remove(&record.symbol).unwrap_or_default();
            assert_eq!(stored, truth, "{}", record.symbol);
            let state = if truth.is_empty() { OptionState::Empty } else { OptionState::Stored };
            assert_eq!((record.state, record.row_count as usize), (state, truth.len()), "{}", record.symbol);
        }
        assert!(rows.is_empty(), "rows that the vendor never had: {:?}", rows.keys());
    }
}

pub fn settings() -> Settings {
    Settings {
        currencies: ["BTC", "ETH"].map(Currency::stored).to_vec(),
        named: false,
        query: QueryMode::Auto,
        pace: Pace { spacing_ms: 0, concurrency: 4 },
        on_limit: OnLimit::Wait,
        max_wait_ms: None,
        limit: None,
        empty_days: 30,
        only_listing: false,
        store_bytes: 0,
        api: "http://simulated/v1/".into(),
        identity: Identity {
            pid: 1,
            host: "simulated".into(),
            boot_id: "boot".into(),
            machine: String::new(),
            pid_namespace: String::new(),
            pid_started: 1,
            started_at: BEGIN,
            started_boot_ms: 0,
            command: "backfill".into(),
        },
        seed: 1,
    }
}
