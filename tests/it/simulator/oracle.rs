//! What must hold at every moment, checked from outside: by what left, what was committed and what was told.

use std::collections::{BTreeMap, HashMap};

use chainfill::domain::candle::Candle;
use chainfill::domain::event::Event;
use chainfill::domain::instrument::Symbol;
use chainfill::domain::ledger::OptionState;
use chainfill::domain::moment::Moment;
use chainfill::domain::progress::{Phase, Progress};
use chainfill::limits::{HOUR_MS, SECOND_MS};
use chainfill::store::{Batch, MemoryStore, Outside};
use futures_util::FutureExt as _;

/// A request may be under way, or its answer on the way into the store, for so long before somebody wonders (I10).
const QUIET_MS_MAX: i64 = 180 * SECOND_MS;

/// A wait may be over for so long before the next request leaves: also after the machine slept (C1).
const WAKE_MS_MAX: i64 = 30 * SECOND_MS;

/// A run that lost the store finds out at its next commit, and commits at least as often.
const FENCED_MS_MAX: i64 = 20 * SECOND_MS;

/// Longest log of a story that is kept, in lines.
const LOG_LINES_MAX: usize = 200_000;

/// Everything that is watched of one story. Times are true times.
pub struct Oracle {
    pub truth: BTreeMap<Symbol, Vec<Candle>>,
    /// What happened, a line each: two tellings of one seed are compared by it.
    pub log: Vec<String>,
    pub broken: Vec<String>,
    /// Requests that are in the journal and have not left, by run and query.
    journaled: HashMap<(usize, String), u32>,
    /// Until when nothing may leave, by the run that heard it; and as it stands in the store.
    cooldown: Option<(usize, Moment)>,
    cooldown_stored: Option<Moment>,
    /// Since when the store does not take what a run hands it.
    store_away: HashMap<usize, Moment>,
    /// The run that holds the store, and when each one before it lost it.
    run: usize,
    held: Vec<usize>,
    lost_at: HashMap<usize, Moment>,
    /// The machine woke in a wait that was over: by then something must have happened (C1).
    wake_by: Option<Moment>,
    /// When something last left, came, or was committed.
    active_at: Moment,
    pub progress: Progress,
    pub sent: u64,
    /// Says each line at once: for a story that never ends.
    aloud: bool,
}

impl Oracle {
    pub fn new(truth: BTreeMap<Symbol, Vec<Candle>>, now: Moment) -> Oracle {
        Oracle {
            truth,
            log: Vec::new(),
            broken: Vec::new(),
            journaled: HashMap::new(),
            cooldown: None,
            cooldown_stored: None,
            store_away: HashMap::new(),
            run: 0,
            held: Vec::new(),
            lost_at: HashMap::new(),
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

    /// A run starts. What a run that is gone heard and did not write is lost with it.
    pub fn run_starts(&mut self, now: Moment, run: usize) {
        self.note(now, &format!("run {run} starts"));
        self.run = run;
        self.wake_by = None;
        self.active_at = now;
        self.progress = Progress::default();
    }

    /// A run holds the store from now on: every one before it has lost it.
    pub fn holds(&mut self, now: Moment, run: usize) {
        for earlier in self.held.drain(..) {
            self.lost_at.insert(earlier, now);
        }
        self.held.push(run);
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
        match self.journaled.get_mut(&(run, query.to_owned())).filter(|count| **count > 0) {
            Some(count) => *count -= 1,
            None => self.broke(now, "I5", &format!("{query} left and is not in the journal")),
        }
        if let Some((of, until)) = self.cooldown
            && of == run
            && now < until
        {
            self.broke(now, "I6", &format!("{query} left before {}", until.rfc3339()));
        }
        // One that was fenced does not read what the next one wrote: it has some requests announced, and no more.
        if let Some(lost_at) = self.lost_at.get(&run)
            && lost_at.until_ms(now) > FENCED_MS_MAX
        {
            self.broke(now, "I7", &format!("run {run} asks for {query} and lost the store at {}", lost_at.rfc3339()));
        }
        if let Some(until) = self.cooldown_stored.filter(|until| run == self.run && now < *until) {
            self.broke(now, "I6", &format!("{query} left before {}, which is in the store", until.rfc3339()));
        }
        if self.store_away.get(&run).is_some_and(|since| *since < now) {
            self.broke(now, "I6", &format!("{query} left while the store was away"));
        }
    }

    /// An answer is handed over; `answered_at` is when the vendor gave it.
    pub fn comes(&mut self, now: Moment, run: usize, answered_at: Moment, status: u16, wait_s: Option<i64>) {
        self.note(now, &format!("run {run} hears {status} {wait_s:?}"));
        self.active_at = now;
        if let (429, Some(wait_s)) = (status, wait_s.filter(|wait_s| (1..=86_400).contains(wait_s))) {
            let until = answered_at + wait_s * SECOND_MS;
            let known = self.cooldown.filter(|(of, _)| *of == run).map(|(_, until)| until);
            self.cooldown = Some((run, known.map_or(until, |known| known.max(until))));
        }
    }

    /// A batch is in the store. `shift_ms`: what brings its run's times into true ones.
    pub fn written(&mut self, now: Moment, run: usize, batch: &Batch, shift_ms: i64) {
        self.active_at = now;
        for attempt in &batch.sent {
            *self.journaled.entry((run, attempt.query.clone())).or_default() += 1;
        }
        if let Some(throttle) = &batch.throttle {
            let until = throttle.cooldown_until.map(|until| until + shift_ms);
            // A stored wait is as long as the vendor said, from when its word came; a short one may end a little late.
            self.cooldown_stored = until.filter(|until| now.until_ms(*until) <= 25 * HOUR_MS);
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

    /// An event is told (I1, I2, I4).
    pub fn told(&mut self, now: Moment, run: usize, event: &Event, progress: &Progress, store: &MemoryStore) {
        self.note(now, &format!("{event:?}"));
        if run == self.run {
            self.progress.clone_from(progress);
            self.wake_by = None;
        }
        if let Event::Stored(done) = event {
            let bars = store.history(&done.symbol).now_or_never().expect("memory").expect("memory");
            if bars.len() != done.rows as usize {
                let what = format!("{} is told with {} rows, the store holds {}", done.symbol, done.rows, bars.len());
                self.broke(now, "I2", &what);
            }
            if done.state == OptionState::Empty && self.truth.get(&done.symbol).is_some_and(|bars| !bars.is_empty()) {
                self.broke(now, "I1", &format!("{} is called empty", done.symbol));
            }
            self.check_counts(now, store);
        }
    }

    /// listed = stored + empty + attention + pending (I4).
    pub fn check_counts(&mut self, now: Moment, store: &MemoryStore) {
        let glance = store.glance(now).now_or_never().expect("memory").expect("memory");
        for tally in &glance.tallies {
            let parts = tally.stored + tally.empty + tally.attention + tally.pending;
            if tally.listed != parts {
                self.broke(now, "I4", &format!("{tally:?}"));
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

    /// The end: the store against the truth, option by option (I1 to I4).
    pub fn ends(&mut self, now: Moment, store: &MemoryStore) {
        use chainfill::store::Store as _;
        let loaded = store.load(now).now_or_never().expect("memory").expect("memory");
        if loaded.records.len() != self.truth.len() {
            self.broke(now, "I4", &format!("{} options of {}", loaded.records.len(), self.truth.len()));
        }
        for record in &loaded.records {
            let bars = store.history(&record.symbol).now_or_never().expect("memory").expect("memory");
            let Some(truth) = self.truth.get(&record.symbol).cloned() else {
                self.broke(now, "I4", &format!("{} is not listed", record.symbol));
                continue;
            };
            if bars != truth {
                self.broke(now, "lost or made up", &format!("{}: {} of {}", record.symbol, bars.len(), truth.len()));
            }
            let state = if truth.is_empty() { OptionState::Empty } else { OptionState::Stored };
            if (record.state, record.row_count as usize) != (state, truth.len()) {
                let what = format!("{} is {:?} with {}", record.symbol, record.state, record.row_count);
                self.broke(now, "I4", &what);
            }
        }
        self.check_counts(now, store);
    }
}
