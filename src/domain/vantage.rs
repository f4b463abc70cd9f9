//! Where one looks from: a viewer's time, and how the times of a run are brought into it.

use super::moment::Moment;
use super::run::{Epoch, Frame, Identity};
use crate::limits::CLOCK_STEP_MS_MIN;

/// A viewer. A run's times are the wall clock at its start, moved on by the boot clock: where the wall clock was
/// stepped since, they are not the viewer's, and a person reads the viewer's (C2).
#[derive(Clone, Debug)]
pub struct Vantage {
    /// What the viewer's wall clock says.
    pub now: Moment,
    /// What that is measured against.
    pub frame: Frame,
    /// Whether a process lives, where that can be known from here: see [`super::run::claim`].
    pub alive: fn(&Identity) -> Option<bool>,
}

/// How a viewer that stays learns, at each look, where it looks from.
pub type Viewpoint = fn() -> Vantage;

/// The last sign of life of a run's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// So long ago, in milliseconds, by the clock of the store itself.
    Ago(i64),
    /// Then, in the time of the run: the store has no clock of its own.
    At(Moment),
}

/// By how much the times of each run are moved to be a viewer's, newest run first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shifts(pub Vec<(Epoch, i64)>);

impl Vantage {
    /// What brings times of a run into this viewer's. Two readings of two clocks always differ by a little: that is no
    /// step, and must not make times tremble from look to look.
    pub fn shift_ms(&self, of: &Frame) -> i64 {
        let shift_ms = self.frame.shift_ms(of);
        if shift_ms.abs() < CLOCK_STEP_MS_MIN { 0 } else { shift_ms }
    }
}

impl Beat {
    /// How old it is; never less than nothing.
    pub fn age_ms(self, of: &Identity, from: &Vantage) -> i64 {
        let age_ms = match self {
            Beat::Ago(ms) => ms,
            Beat::At(at) => (at + from.shift_ms(&of.frame())).until_ms(from.now),
        };
        age_ms.max(0)
    }

    /// Whether it is another one than an earlier look at the same run saw.
    pub fn is_newer_than(self, seen: Beat) -> bool {
        match (seen, self) {
            (Beat::Ago(seen_ms), Beat::Ago(ms)) => ms < seen_ms,
            (Beat::At(seen), Beat::At(at)) => at > seen,
            _ => true,
        }
    }
}

impl Shifts {
    /// That of a run; one that is older than all of these is taken for the oldest of them.
    pub fn of(&self, epoch: Epoch) -> i64 {
        self.0.iter().find(|(known, _)| *known == epoch).or(self.0.last()).map_or(0, |(_, shift_ms)| *shift_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(boot_id: &str, offset_ms: i64) -> Frame {
        Frame { boot_id: boot_id.to_owned(), offset_ms }
    }

    fn from(offset_ms: i64) -> Vantage {
        Vantage { now: Moment(10_000_000), frame: frame("this boot", offset_ms), alive: |_| None }
    }

    #[test]
    fn only_a_step_on_the_same_boot_moves_times() {
        // F-C2
        assert_eq!(from(3_600_500).shift_ms(&frame("this boot", 500)), 3_600_000);
        assert_eq!(from(500).shift_ms(&frame("this boot", 3_600_500)), -3_600_000);
        assert_eq!(from(503).shift_ms(&frame("this boot", 500)), 0, "clocks that are read one after the other");
        assert_eq!(from(3_600_500).shift_ms(&frame("another boot", 500)), 0);
    }

    #[test]
    fn a_beat_is_new_where_it_is_not_the_one_that_was_seen_grown_older() {
        // F-P8
        let [earlier, later] = [Beat::At(Moment(1)), Beat::At(Moment(2))];
        assert!(later.is_newer_than(earlier) && !earlier.is_newer_than(earlier));
        assert!(Beat::Ago(10).is_newer_than(Beat::Ago(4_000)) && !Beat::Ago(5_000).is_newer_than(Beat::Ago(4_000)));
    }

    #[test]
    fn a_run_without_a_line_is_taken_for_the_oldest_that_has_one() {
        let shifts = Shifts(vec![(Epoch(9), 0), (Epoch(8), 3_600_000)]);
        assert_eq!([9, 8, 3].map(|epoch| shifts.of(Epoch(epoch))), [0, 3_600_000, 3_600_000]);
        assert_eq!(Shifts::default().of(Epoch(1)), 0);
    }
}
