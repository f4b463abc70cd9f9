//! How long something was tried in vain.

use super::moment::Moment;

/// A row of failures with no success between, and how long it was tried: the sum of the gaps between two of them, each
/// counted up to a bound. A quota's wait, a pause or a machine's sleep lies in one gap and is no outage: counted in full,
/// one failure before it and one after it would end a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outage {
    last: Option<Moment>,
    tried_ms: i64,
}

impl Outage {
    /// One that begins at that moment, before anything failed.
    pub fn since(at: Moment) -> Outage {
        Outage { last: Some(at), tried_ms: 0 }
    }

    /// It failed again. `gap_ms_max`: what the time since the last failure counts at the most.
    pub fn failed(&mut self, at: Moment, gap_ms_max: i64) {
        let gap_ms = self.last.replace(at).map_or(0, |last| last.until_ms(at).clamp(0, gap_ms_max));
        self.tried_ms = self.tried_ms.saturating_add(gap_ms);
    }

    /// How long it was tried.
    pub fn tried_ms(&self) -> i64 {
        self.tried_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::HOUR_MS;

    #[test]
    fn what_was_tried_counts_and_what_was_waited_or_slept_does_not() {
        // F-C1, F-P1
        let tried_ms = |begin: Outage, at_s: &[i64]| {
            let mut outage = begin;
            for s in at_s {
                outage.failed(Moment(s * 1_000), 60_000);
            }
            outage.tried_ms()
        };
        assert_eq!(tried_ms(Outage::default(), &[100]), 0, "one failure is no outage");
        assert_eq!(tried_ms(Outage::default(), &[100, 130, 190]), 90_000);
        assert_eq!(tried_ms(Outage::default(), &[100, 130, 130 + 8 * 3_600, 140 + 8 * 3_600]), 100_000, "it slept");
        assert_eq!(tried_ms(Outage::default(), &[100, 90, 100]), 10_000, "no clock takes anything away");
        assert_eq!(tried_ms(Outage::since(Moment(70_000)), &[100]), 30_000);
        let long: Vec<i64> = (0..=360).map(|minutes| minutes * 60).collect();
        assert_eq!(tried_ms(Outage::default(), &long), 6 * HOUR_MS, "a real outage counts in full");
    }
}
