//! The waits that the vendor asked for, in true time, and whom they bind (I6).

use std::collections::HashMap;

use chainfill::domain::moment::Moment;
use chainfill::limits::HOUR_MS;
use chainfill::store::{Batch, Settled};

use super::oracle::Broken;

/// A wait that a run chose where the vendor named none is believed up to here.
const CHOSEN_MS_MAX: i64 = 25 * HOUR_MS;

/// What a run's times are measured against: its boot, and how far its wall clock is from the truth.
pub type Frame = (u32, i64);

/// Until when nothing may leave.
#[derive(Default)]
pub struct Waits {
    /// What each run heard binds it at once.
    heard: HashMap<usize, Moment>,
    /// Refusals that were heard and of which the store does not know yet: by run and query, status and end.
    unsettled: HashMap<(usize, String), Vec<(u16, Moment)>>,
    /// What is in the store binds every later run: the vendor's word, as the rig read it. Nothing lifts it, neither
    /// other limits nor a restart of the vendor's.
    settled: Option<Moment>,
    /// The same in the program's own words: waits that it chose are among them (T1, T13).
    stored: Option<Moment>,
    /// What the last word in the store is measured against.
    frame: Option<Frame>,
}

impl Waits {
    /// A run starts. After a reboot *and* a step of the wall clock nobody can know how much of a wait has passed.
    pub fn run_starts(&mut self, (boot, step_ms): Frame) {
        if self.frame.is_some_and(|(other, its_step_ms)| other != boot && its_step_ms != step_ms) {
            (self.settled, self.stored) = (None, None);
        }
    }

    /// A run hears a refusal that names a wait.
    pub fn heard(&mut self, run: usize, query: &str, status: u16, until: Moment) {
        let known = self.heard.entry(run).or_insert(until);
        *known = (*known).max(until);
        self.unsettled.entry((run, query.to_owned())).or_default().push((status, until));
    }

    /// An outcome is in the store.
    pub fn settled(&mut self, run: usize, query: &str, settled: &Settled, broken: &mut Broken) {
        let Some(open) = self.unsettled.get_mut(&(run, query.to_owned())) else { return };
        let Some(place) = open.iter().position(|(status, _)| *status == settled.status) else { return };
        let (status, until) = open.remove(place);
        if settled.outcome != "throttled" {
            broken
                .add("I6", format!("{query} was refused with {status} and a wait, and is called {}", settled.outcome));
        }
        self.settled = self.settled.max(Some(until));
    }

    /// A batch is in the store, its outcomes were taken in. `shift_ms` brings its run's times into true ones.
    pub fn written(&mut self, now: Moment, batch: &Batch, frame: Frame, shift_ms: i64, broken: &mut Broken) {
        if let Some(throttle) = &batch.throttle {
            self.frame = Some(frame);
            let until = throttle.cooldown_until.map(|until| until + shift_ms);
            self.stored = self.stored.max(until.filter(|until| now.until_ms(*until) <= CHOSEN_MS_MAX));
            if let Some(settled) = self.settled.filter(|settled| now < *settled && until < Some(*settled)) {
                let until = until.map(Moment::rfc3339);
                broken.add("I6", format!("the vendor's wait ends at {}, the store says {until:?}", settled.rfc3339()));
            }
        }
    }

    /// A request leaves. One that is not the newest run does not read what others wrote.
    pub fn leaves(&self, now: Moment, run: usize, is_newest: bool, query: &str, broken: &mut Broken) {
        let of_all = |until: Option<Moment>| until.filter(|_| is_newest);
        let mut check = |until: Option<Moment>, whose: &str| {
            if let Some(until) = until.filter(|until| now < *until) {
                broken.add("I6", format!("{query} left before {}, {whose}", until.rfc3339()));
            }
        };
        check(self.heard.get(&run).copied(), "which it heard itself");
        check(of_all(self.settled), "which an earlier run heard and wrote down");
        check(of_all(self.stored), "which is in the store");
    }
}
