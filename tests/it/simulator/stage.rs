//! Plays a story: one thread, paused time, real engine, simulated vendor, store in memory.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chainfill::clock::Clock as _;
use chainfill::domain::event::Event;
use chainfill::domain::instrument::Symbol;
use chainfill::domain::ledger::Happening;
use chainfill::domain::moment::Moment;
use chainfill::domain::order::{Order, Which};
use chainfill::domain::progress::{Progress, View};
use chainfill::domain::run::{Ending, Identity};
use chainfill::engine::feed::Feed;
use chainfill::engine::{OnLimit, Ports, Report, Settings, run};
use chainfill::limits::{HOUR_MS, SECOND_MS};
use chainfill::source::cryptodatadownload::CryptoDataDownload;
use chainfill::store::{Batch, Claim, MemoryStore, OptionNews, Outside as _, RunEnd, Store as _, StoreError};
use chainfill::vendor::Vendor;
use fastrand::Rng;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;

use super::oracle::{Oracle, PERSON};
use super::rough_store::{RoughStore, Trouble};
use super::rough_wire::{RoughWire, Weather};
use super::story::{Blow, Story};
use super::world_clock::{RunClock, WorldClock};
use crate::rig::simulated::served;
use crate::rig::world;

/// How often somebody looks.
const LOOK_MS: i64 = 20 * SECOND_MS;

/// After the last blow a story ends by itself within so many runs, and within so long.
const RUNS_MAX: usize = 200;
const HEALED_MS_MAX: i64 = 40 * 24 * HOUR_MS;

/// What came of a story.
pub struct Told {
    pub broken: Vec<String>,
    pub log: Vec<String>,
    /// Simulated time, without what the machine slept through.
    pub awake_ms: i64,
    pub runs: usize,
    pub requests: u64,
}

type Ended = Result<Report, StoreError>;
type Running = Pin<Box<dyn Future<Output = Ended>>>;
type Ghost = Pin<Box<dyn Future<Output = (usize, Ended)>>>;

struct Stage<'a> {
    story: &'a Story,
    clock: WorldClock,
    vendor: Arc<Mutex<Vendor>>,
    memory: Arc<MemoryStore>,
    oracle: Arc<Mutex<Oracle>>,
    trouble: Arc<Trouble>,
    weather: Arc<Weather>,
    rng: Rng,
    /// How far the wall clock is from the truth, and how far it was when the newest run started.
    step_ms: i64,
    run_step_ms: i64,
    boot: u32,
    boot_began: Moment,
    runs: usize,
    stop: watch::Sender<bool>,
    running: Option<Running>,
    /// When the next run starts, by the runtime's clock.
    start_at_ms: i64,
    resume_at_ms: Option<i64>,
    ghosts: FuturesUnordered<Ghost>,
    /// When all went well from then on, and how many runs there were by then.
    healed_at: Option<(Moment, usize)>,
}

/// Plays it to its end.
pub fn tell(story: &Story) -> Told {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::new(story);
        stage.play().await;
        stage.told()
    })
}

struct Notebook {
    run: usize,
    shift_ms: i64,
    oracle: Arc<Mutex<Oracle>>,
}

impl View for Notebook {
    fn show(&mut self, at: Moment, event: &Event, progress: &Progress) {
        self.oracle.lock().unwrap().told(at + self.shift_ms, self.run, event, progress);
    }
}

impl<'a> Stage<'a> {
    fn new(story: &'a Story) -> Stage<'a> {
        let clock = WorldClock::new();
        let vendor = Vendor::new(story.vendor.clone());
        let bars = |name: &str| vendor.truth(name).iter().map(|bar| bar.candle().unwrap()).collect();
        let truth: BTreeMap<Symbol, Vec<_>> =
            vendor.names().iter().map(|name| (Symbol::new(name.as_ref()), bars(name))).collect();
        let mut rng = Rng::with_seed(story.seed ^ 0x5eed);
        let now = clock.true_now();
        Stage {
            story,
            vendor: Arc::new(Mutex::new(vendor)),
            memory: Arc::new(MemoryStore::new()),
            oracle: Arc::new(Mutex::new(Oracle::new(truth, now))),
            trouble: Arc::new(Trouble {
                rng: Mutex::new(rng.fork()),
                uncommitted: story.uncommitted,
                away_until: 0.into(),
                full_until: 0.into(),
                over: false.into(),
            }),
            weather: Arc::new(Weather {
                rng: Mutex::new(rng.fork()),
                latency_ms: story.latency_ms,
                lost: story.lost,
                down_until: 0.into(),
                over: false.into(),
            }),
            rng,
            step_ms: 0,
            run_step_ms: 0,
            boot: 1,
            boot_began: now - HOUR_MS,
            runs: 0,
            stop: watch::channel(false).0,
            running: None,
            start_at_ms: 0,
            resume_at_ms: None,
            ghosts: FuturesUnordered::new(),
            healed_at: None,
            clock,
        }
    }

    fn now(&self) -> Moment {
        self.clock.true_now()
    }

    fn told(&mut self) -> Told {
        let mut oracle = self.oracle.lock().unwrap();
        Told {
            broken: std::mem::take(&mut oracle.broken),
            log: std::mem::take(&mut oracle.log),
            awake_ms: self.clock.awake_ms(),
            runs: self.runs,
            requests: oracle.sent,
        }
    }

    async fn play(&mut self) {
        let mut blows = self.story.blows.iter();
        let mut next = blows.next();
        let mut due_ms = next.map_or(0, |(gap_ms, _)| *gap_ms);
        let mut look_ms = LOOK_MS;
        loop {
            let now_ms = self.clock.awake_ms();
            if next.is_none() && self.healed_at.is_none() {
                self.heal();
            }
            if let Some((_, blow)) = next.filter(|_| due_ms <= now_ms) {
                self.strike(blow).await;
                next = blows.next();
                due_ms = self.clock.awake_ms() + next.map_or(0, |(gap_ms, _)| *gap_ms);
                continue;
            }
            if self.resume_at_ms.take_if(|at| *at <= now_ms).is_some() {
                self.order(&Order::Resume).await;
            }
            if look_ms <= now_ms {
                look_ms = now_ms + LOOK_MS;
                if self.running.is_some() {
                    self.oracle.lock().unwrap().looked_at(self.now(), -self.run_step_ms);
                }
            }
            if self.running.is_none() && self.start_at_ms <= now_ms {
                if self.gave_up() {
                    return;
                }
                self.start(|_| Some(false));
            }
            let mut wake_ms = look_ms.min(self.resume_at_ms.unwrap_or(i64::MAX));
            if next.is_some() {
                wake_ms = wake_ms.min(due_ms);
            }
            if self.running.is_none() {
                wake_ms = wake_ms.min(self.start_at_ms);
            }
            let sleep_ms = u64::try_from((wake_ms - now_ms).max(1)).unwrap();
            tokio::select! {
                biased;
                ended = run_of(&mut self.running) => {
                    self.running = None;
                    if self.ended(ended).await {
                        return;
                    }
                }
                Some((run, ended)) = self.ghosts.next(), if !self.ghosts.is_empty() => self.ghost_ended(run, &ended),
                () = tokio::time::sleep(Duration::from_millis(sleep_ms)) => {}
            }
        }
    }

    fn gave_up(&mut self) -> bool {
        let too_late = self.healed_at.is_some_and(|(at, _)| at.until_ms(self.now()) > HEALED_MS_MAX);
        let too_often = self.healed_at.is_some_and(|(_, runs)| self.runs > runs + RUNS_MAX);
        if !too_often && !too_late {
            return false;
        }
        let what = format!("it does not end: {} runs, {:?}", self.runs, self.healed_at);
        self.oracle.lock().unwrap().broken.push(what);
        true
    }

    fn start(&mut self, alive: fn(&Identity) -> Option<bool>) {
        self.runs += 1;
        let (run_number, step_ms) = (self.runs, self.step_ms);
        self.run_step_ms = step_ms;
        self.oracle.lock().unwrap().run_starts(self.now(), run_number, (self.boot, step_ms));
        let store = Arc::new(RoughStore {
            memory: self.memory.clone(),
            trouble: self.trouble.clone(),
            oracle: self.oracle.clone(),
            clock: self.clock.clone(),
            run: run_number,
            shift_ms: -step_ms,
        });
        let transport = Arc::new(RoughWire {
            vendor: self.vendor.clone(),
            weather: self.weather.clone(),
            oracle: self.oracle.clone(),
            clock: self.clock.clone(),
            run: run_number,
        });
        let clock = Arc::new(RunClock { world: self.clock.clone(), step_ms });
        let identity = self.identity(&clock);
        let settings = Settings {
            query: self.story.query,
            pace: self.story.pace,
            // In the end somebody waits: where a window holds no more than a listing takes, nothing else is ever had.
            on_limit: if self.healed_at.is_some() { OnLimit::Wait } else { self.story.on_limit },
            identity: identity.clone(),
            seed: self.rng.u64(..),
            ..world::settings()
        };
        let notebook = Notebook { run: run_number, shift_ms: -step_ms, oracle: self.oracle.clone() };
        self.stop = watch::channel(false).0;
        let stopped = self.stop.subscribe();
        self.running = Some(Box::pin(async move {
            let epoch = store.begin(&Claim { identity, now: clock.now(), alive }).await?;
            let ports = Ports { store, transport, source: Arc::new(CryptoDataDownload), clock };
            run(ports, settings, epoch, Feed::new(vec![Box::new(notebook)]), stopped).await
        }));
    }

    fn identity(&self, clock: &RunClock) -> Identity {
        Identity {
            pid: u32::try_from(self.runs).unwrap(),
            boot_id: format!("boot {}", self.boot),
            machine: String::new(),
            pid_namespace: String::new(),
            started_at: clock.now(),
            started_boot_ms: self.boot_began.until_ms(self.now()),
            ..world::settings().identity
        }
    }

    /// What a person does when a run has ended. `true`: the story is over.
    async fn ended(&mut self, ended: Ended) -> bool {
        let words = format!("{:?}", ended.as_ref().map(|report| report.ending));
        self.oracle.lock().unwrap().note(self.now(), &format!("run {} ended: {words}", self.runs));
        let mut pause_ms = self.rng.i64(SECOND_MS..20 * 60 * SECOND_MS);
        match &ended {
            Ok(report) => match report.ending {
                Ending::Complete | Ending::Attention => {
                    self.compare(report.ending);
                    if report.ending == Ending::Attention {
                        self.retry_attention().await;
                    } else if self.healed_at.is_some() {
                        return true;
                    }
                }
                Ending::Limit => {
                    let after = report.resume_after.map_or(0, |at| self.now().until_ms(at - self.run_step_ms));
                    pause_ms = after.max(0) + SECOND_MS;
                }
                _ => {}
            },
            Err(StoreError::Away { .. } | StoreError::Full { .. }) => {}
            Err(error) => self.oracle.lock().unwrap().broken.push(format!("I7: the only run ended: {error}")),
        }
        self.start_at_ms = self.clock.awake_ms() + pause_ms;
        false
    }

    /// What was done against what is there, whenever a run says that it has done it all.
    fn compare(&self, ending: Ending) {
        let served = served(&self.vendor.lock().unwrap());
        let may_need_attention = ending == Ending::Attention;
        self.oracle.lock().unwrap().ends(self.now(), may_need_attention, &self.memory, &served);
    }

    fn ghost_ended(&mut self, run: usize, ended: &Ended) {
        // It finds out at its next commit; where the store was away for both, its patience may end first. One that was about
        // to end, and whose end was not answered, ends as it would have: that it writes nothing is watched elsewhere.
        let has_lost = self.oracle.lock().unwrap().has_lost(run);
        if let (true, Err(error)) = (has_lost, ended)
            && !matches!(error, StoreError::Fenced | StoreError::Away { .. } | StoreError::Full { .. })
        {
            self.oracle.lock().unwrap().broken.push(format!("I7: a run that lost the store ended: {error}"));
        }
        if let (false, Ok(Report { ending: ending @ (Ending::Complete | Ending::Attention), .. })) = (has_lost, ended) {
            self.compare(*ending);
        }
    }

    /// Everybody wishes it well from now on.
    fn heal(&mut self) {
        self.healed_at = Some((self.now(), self.runs));
        self.oracle.lock().unwrap().note(self.now(), "all goes well from now on");
        self.trouble.over.store(true, Ordering::Relaxed);
        self.weather.over.store(true, Ordering::Relaxed);
        self.vendor.lock().unwrap().set_faults("none".parse().unwrap());
    }

    async fn strike(&mut self, blow: &Blow) {
        let now = self.now();
        self.oracle.lock().unwrap().note(now, &format!("{blow:?}"));
        match blow {
            Blow::Killed { back_ms } => self.kill(*back_ms),
            Blow::Rebooted { back_ms } => {
                self.kill(*back_ms);
                self.ghosts.clear();
                self.boot += 1;
                self.boot_began = now;
                // What the wall clock did meanwhile nobody could know: the boot clock begins anew. So it did nothing.
                self.step_ms = self.run_step_ms;
            }
            Blow::Stopped { back_ms } => {
                let _ = self.stop.send(true);
                self.start_at_ms = self.clock.awake_ms() + back_ms;
            }
            Blow::Suspended { ms } => {
                self.clock.sleep(*ms);
                self.oracle.lock().unwrap().woke(self.now(), -self.run_step_ms);
            }
            Blow::Stepped { ms } => self.step_ms = *ms,
            Blow::Paused { ms } => {
                self.order(&Order::Pause).await;
                self.resume_at_ms = Some(self.clock.awake_ms() + ms);
            }
            Blow::Paced { spacing_ms } => self.order(&Order::Pace { spacing_ms: *spacing_ms }).await,
            Blow::Retried => self.order(&Order::Retry(Which { attention: true, ..Which::default() })).await,
            Blow::SecondStart => self.start_second().await,
            // One that has not begun would find the store held; this stage's machine calls every other run dead.
            Blow::TakenOver if !self.oracle.lock().unwrap().has_held(self.runs) => {}
            Blow::TakenOver => {
                if let Some(ghost) = self.running.take() {
                    let run = self.runs;
                    self.ghosts.push(Box::pin(async move { (run, ghost.await) }));
                    self.start(|_| Some(false));
                }
            }
            Blow::StoreAway { ms } => self.trouble.away_until.store((now + *ms).0, Ordering::Relaxed),
            Blow::DiskFull { ms } => self.trouble.full_until.store((now + *ms).0, Ordering::Relaxed),
            Blow::LinkDown { ms } => self.weather.down_until.store((now + *ms).0, Ordering::Relaxed),
            Blow::Limits(rates) => self.vendor.lock().unwrap().set_throttles(rates),
            Blow::VendorRestarted => self.vendor.lock().unwrap().forget_throttles(),
            Blow::KeyShared { requests } => self.vendor.lock().unwrap().spend_elsewhere(now, *requests),
            Blow::Faults(text) => self.vendor.lock().unwrap().set_faults(text.parse().unwrap()),
        }
    }

    fn kill(&mut self, back_ms: i64) {
        self.running = None;
        self.start_at_ms = self.clock.awake_ms() + back_ms;
    }

    async fn order(&self, order: &Order) {
        let now = self.now() + self.run_step_ms;
        self.memory.leave_order(order, now).await.unwrap();
    }

    /// Somebody starts it again while it works: refused, and nothing of it is left (P8).
    async fn start_second(&mut self) {
        if self.running.is_none() {
            return;
        }
        let clock = RunClock { world: self.clock.clone(), step_ms: self.step_ms };
        let identity = Identity { pid: 9_999, ..self.identity(&clock) };
        let claim = Claim { identity, now: clock.now(), alive: |_| Some(true) };
        let holder = self.memory.runs(1).await.unwrap().pop().filter(|run| run.ended.is_none());
        match (self.memory.begin(&claim).await, holder) {
            (Err(StoreError::Held(_)), Some(_)) => {}
            (Ok(epoch), None) => {
                // The first one has not begun yet: this one is gone at once.
                let end = RunEnd { at: clock.now(), ending: Ending::Stopped, progress: None };
                self.memory.end(epoch, &end).await.unwrap();
            }
            (other, holder) => {
                self.oracle.lock().unwrap().broken.push(format!("I7: a second start: {other:?} beside {holder:?}"));
            }
        }
    }

    /// `chainfill retry --attention` with no run at work.
    async fn retry_attention(&mut self) {
        let clock = RunClock { world: self.clock.clone(), step_ms: self.step_ms };
        let now = clock.now();
        let claim = Claim { identity: self.identity(&clock), now, alive: |_| Some(false) };
        let epoch = self.memory.begin(&claim).await.unwrap();
        self.oracle.lock().unwrap().holds(self.now(), PERSON, epoch);
        let records = self.memory.load(now).await.unwrap().records;
        let news = Which { attention: true, ..Which::default() }.of(&records).into_iter().map(|symbol| OptionNews {
            symbol,
            happening: Happening::PutBack,
            candles: Vec::new(),
            flaws: Vec::new(),
            at: now,
            data_source: "cryptodatadownload",
        });
        let batch = Batch { at: now, options: news.collect(), action: Some("retry".into()), ..Batch::default() };
        let committed = self.memory.commit(epoch, &batch).await.unwrap();
        let (at, by) = (self.now(), (PERSON, epoch));
        self.oracle.lock().unwrap().written(at, by, &batch, &committed, -self.step_ms, &self.memory);
        let end = RunEnd { at: now, ending: Ending::Complete, progress: None };
        self.memory.end(epoch, &end).await.unwrap();
    }
}

async fn run_of(running: &mut Option<Running>) -> Ended {
    match running {
        Some(running) => running.await,
        None => std::future::pending().await,
    }
}
