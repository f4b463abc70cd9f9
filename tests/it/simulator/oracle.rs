//! What must hold at every moment, checked from outside: by what left, what was committed and what was told.

use std::collections::{BTreeMap, HashMap};

use chainfill::domain::candle::Candle;
use chainfill::domain::event::Event;
use chainfill::domain::instrument::Symbol;
use chainfill::domain::ledger::OptionState;
use chainfill::domain::moment::Moment;
use chainfill::domain::progress::{Phase, Progress};
use chainfill::limits::SECOND_MS;
use chainfill::source::Response;
use chainfill::store::{Batch, Committed, Epoch, JournalLine, MemoryStore, Outside};
use futures_util::FutureExt as _;

use super::books::{Books, Tables};
use super::requests::Requests;
use super::retry_after::wait_ms;
use super::waits::{Frame, Waits};

/// A request may be under way, or its answer on the way into the store, for so long before somebody wonders (I10).
const QUIET_MS_MAX: i64 = 180 * SECOND_MS;

/// A wait may be over for so long before the next request leaves: also after the machine slept (C1).
const WAKE_MS_MAX: i64 = 30 * SECOND_MS;

/// A run that lost the store finds out at its next commit, and commits at least as often.
const FENCED_MS_MAX: i64 = 20 * SECOND_MS;

/// Longest log of a story that is kept, in lines.
const LOG_LINES_MAX: usize = 200_000;

/// A batch is applied once more after so many, and must change nothing (I3).
const AGAIN_COMMITS: u64 = 128;

/// The number of who works on the store by hand, again and again. Runs are counted from 1.
pub const PERSON: usize = 0;

/// Everything that is watched of one story. Times are true times.
pub struct Oracle {
    /// What happened, a line each: two tellings of one seed are compared by it.
    pub log: Vec<String>,
    pub broken: Vec<String>,
    books: Books,
    requests: Requests,
    waits: Waits,
    /// Since when the store does not take what a run hands it.
    store_away: HashMap<usize, Moment>,
    /// The newest run, the ones that hold the store, and when each one before them lost it.
    run: usize,
    held: Vec<usize>,
    lost_at: HashMap<usize, Moment>,
    /// What each run's times are measured against.
    frames: HashMap<usize, Frame>,
    commits: u64,
    /// The machine woke in a wait that was over: by then something must have happened (C1).
    wake_by: Option<Moment>,
    /// When something last left, came, or was committed.
    active_at: Moment,
    pub progress: Progress,
    pub sent: u64,
    /// Says each line at once: for a story that never ends.
    aloud: bool,
}

/// Laws that a look found broken, with what was seen.
#[derive(Default)]
pub struct Broken(Vec<(&'static str, String)>);

impl Broken {
    pub fn add(&mut self, law: &'static str, what: String) {
        self.0.push((law, what));
    }
}

impl Oracle {
    pub fn new(truth: BTreeMap<Symbol, Vec<Candle>>, now: Moment) -> Oracle {
        Oracle {
            log: Vec::new(),
            broken: Vec::new(),
            books: Books::new(truth),
            requests: Requests::default(),
            waits: Waits::default(),
            store_away: HashMap::new(),
            run: 0,
            held: Vec::new(),
            lost_at: HashMap::new(),
            frames: HashMap::new(),
            commits: 0,
            wake_by: None,
            active_at: now,
            progress: Progress::default(),
            sent: 0,
            aloud: std::env::var_os("CHAINFILL_STORY").is_some(),
        }
    }

    pub fn note(&mut self, now: Moment, what: &str) {
        let line = format!("{} {what}", now.rfc3339());
        if self.aloud {
            println!("{line}");
        }
        if self.log.len() < LOG_LINES_MAX {
            self.log.push(line);
        }
    }

    fn broke(&mut self, now: Moment, law: &str, what: &str) {
        self.note(now, &format!("BROKEN {law}: {what}"));
        self.broken.push(format!("{law}: {what}"));
    }

    fn judge(&mut self, now: Moment, broken: Broken) {
        for (law, what) in broken.0 {
            self.broke(now, law, &what);
        }
    }

    /// A run starts. What a run that is gone heard and did not write is lost with it.
    pub fn run_starts(&mut self, now: Moment, run: usize, frame: Frame) {
        self.note(now, &format!("run {run} starts"));
        self.run = run;
        self.frames.insert(run, frame);
        self.waits.run_starts(frame);
        self.wake_by = None;
        self.active_at = now;
        self.progress = Progress::default();
    }

    /// A run holds the store from now on: every one before it has lost it.
    pub fn holds(&mut self, now: Moment, run: usize, epoch: Epoch) {
        for earlier in self.held.drain(..) {
            self.lost_at.insert(earlier, now);
        }
        self.lost_at.remove(&run);
        self.held.push(run);
        self.requests.holds(run, epoch.0);
    }

    pub fn has_held(&self, run: usize) -> bool {
        self.held.contains(&run)
    }

    pub fn has_lost(&self, run: usize) -> bool {
        self.lost_at.contains_key(&run)
    }

    /// A request leaves (I5, I6).
    pub fn leaves(&mut self, now: Moment, run: usize, query: &str) {
        self.note(now, &format!("run {run} asks for {query}"));
        self.active_at = now;
        self.sent += 1;
        let mut broken = Broken::default();
        self.requests.leaves(run, query, &mut broken);
        self.waits.leaves(now, run, run == self.run, query, &mut broken);
        // One that was fenced does not read what the next one wrote: it has some requests announced, and no more.
        if let Some(lost_at) = self.lost_at.get(&run)
            && lost_at.until_ms(now) > FENCED_MS_MAX
        {
            broken.add("I7", format!("run {run} asks for {query} and lost the store at {}", lost_at.rfc3339()));
        }
        if self.store_away.get(&run).is_some_and(|since| *since < now) {
            broken.add("I6", format!("{query} left while the store was away"));
        }
        self.judge(now, broken);
    }

    /// An answer is handed over; `answered_at` is when the vendor gave it.
    pub fn comes(&mut self, now: Moment, run: usize, query: &str, answered_at: Moment, answer: Option<&Response>) {
        let wait_ms = answer.and_then(wait_ms);
        let status = answer.map_or(0, |answer| answer.status);
        self.note(now, &format!("run {run} hears {status} {wait_ms:?}"));
        self.active_at = now;
        if let Some(wait_ms) = wait_ms {
            self.waits.heard(run, query, status, answered_at + wait_ms);
        }
    }

    /// A batch is in the store, perhaps for the second time. `shift_ms`: what brings its run's times into true ones.
    pub fn written(
        &mut self,
        now: Moment,
        (run, epoch): (usize, Epoch),
        batch: &Batch,
        committed: &Committed,
        shift_ms: i64,
        store: &MemoryStore,
    ) {
        self.active_at = now;
        self.commits += 1;
        let mut broken = Broken::default();
        if self.has_lost(run) || !self.requests.is_of(run, epoch.0) {
            broken.add("I7", format!("run {run} writes by epoch {}, which it has lost or never had", epoch.0));
        }
        for (query, settled) in self.requests.written(run, batch, &mut broken) {
            self.waits.settled(run, &query, settled, &mut broken);
        }
        let frame = self.frames.get(&run).copied().unwrap_or_default();
        self.waits.written(now, batch, frame, shift_ms, &mut broken);
        self.books.written(batch, committed, store, &mut broken);
        self.judge(now, broken);
    }

    /// Whether the batch that comes now is to be applied once more: then the tables as they are before that.
    pub fn before_again(&self, store: &MemoryStore) -> Option<Tables> {
        self.commits.is_multiple_of(AGAIN_COMMITS).then(|| Tables::of(store))
    }

    /// A batch was applied once more (I3).
    pub fn applied_again(&mut self, now: Moment, before: &Tables, store: &MemoryStore) {
        if *before != Tables::of(store) {
            self.broke(now, "I3", "a batch that was applied once more changed the tables");
        }
    }

    /// The store's answer to a commit reaches the run.
    pub fn store_said(&mut self, now: Moment, run: usize, ok: bool) {
        self.active_at = now;
        if ok {
            self.store_away.remove(&run);
        } else {
            self.store_away.entry(run).or_insert(now);
            self.wake_by = None;
            self.note(now, "the store is away");
        }
    }

    /// The machine slept. `shift_ms` as for a look.
    pub fn woke(&mut self, now: Moment, shift_ms: i64) {
        self.note(now, "the machine wakes");
        self.active_at = now;
        let is_over = self.progress.wait.as_ref().is_some_and(|wait| wait.until + shift_ms <= now);
        self.wake_by = is_over.then(|| now + WAKE_MS_MAX);
    }

    /// An event is told (I1, I2).
    pub fn told(&mut self, now: Moment, run: usize, event: &Event, progress: &Progress) {
        self.note(now, &format!("{event:?}"));
        if run == self.run {
            self.progress.clone_from(progress);
            self.wake_by = None;
        }
        if let Event::Stored(done) = event {
            let rows = self.books.rows(&done.symbol);
            if rows != done.rows as usize {
                let what = format!("{} is told with {} rows, the store holds {rows}", done.symbol, done.rows);
                self.broke(now, "I2", &what);
            }
            let truth = self.books.truth.get(&done.symbol);
            if done.state == OptionState::Empty && truth.is_some_and(|bars| !bars.is_empty()) {
                self.broke(now, "I1", &format!("{} is called empty", done.symbol));
            }
        }
    }

    /// A look from outside while a run works (I10). `shift_ms` brings the run's times into true ones.
    pub fn looked_at(&mut self, now: Moment, shift_ms: i64) {
        let quiet_ms = self.active_at.until_ms(now);
        let phase = self.progress.phase;
        let wait = self.progress.wait.as_ref().map(|wait| wait.until + shift_ms);
        let has_reason = match phase {
            Phase::Paused | Phase::Ended | Phase::Stopping => true,
            _ => wait.is_some_and(|until| until.until_ms(now) <= WAKE_MS_MAX),
        };
        if self.wake_by.is_some_and(|by| now > by) {
            self.wake_by = None;
            self.broke(now, "C1", "the wait was over when the machine woke, and nothing happens");
        }
        if quiet_ms > QUIET_MS_MAX && !has_reason {
            let what = format!("nothing for {quiet_ms} ms, phase {phase:?}, wait until {wait:?}");
            self.broke(now, "I10", &what);
        }
    }

    /// A run says that all is there (I1 to I5), or all but what needs attention. Within a story the truth never changes.
    pub fn ends(&mut self, now: Moment, may_need_attention: bool, store: &MemoryStore, served: &BTreeMap<String, u64>) {
        let mut broken = Broken::default();
        self.books.end(may_need_attention, store, &mut broken);
        let journal: Vec<JournalLine> = store.journal(usize::MAX).now_or_never().expect("memory").expect("memory");
        self.requests.compare(&journal, served, &mut broken);
        self.judge(now, broken);
    }
}
