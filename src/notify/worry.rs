//! When there is a reason to worry, looked at while nothing happens as well: each worry is told once, and once when it
//! is over. Pure: a look comes in.

use jiff::tz::TimeZone;

use super::notice::{Kind, Notice};
use crate::domain::health::{Health, working};
use crate::domain::moment::Moment;
use crate::domain::progress::{Phase, Progress};
use crate::limits::NOTICE_FINE_LOOKS;

/// What was seen so far.
#[derive(Debug)]
pub struct Worries {
    tz: TimeZone,
    is_told: bool,
    /// Looks in a row without a reason, since it was told.
    fine: u32,
}

impl Worries {
    /// None yet. `tz`: the zone of the times that are told.
    pub fn new(tz: TimeZone) -> Worries {
        Worries { tz, is_told: false, fine: 0 }
    }

    /// Looks, and says what there is to tell.
    pub fn look(&mut self, progress: &Progress, now: Moment) -> Option<Notice> {
        if progress.phase == Phase::Ended {
            return None; // the end has a notice of its own
        }
        let (health, why) = working(progress, now, &self.tz);
        let is_worry = health == Health::Worry;
        self.fine = if is_worry { 0 } else { self.fine.saturating_add(1) };
        let (kind, title) = match (self.is_told, is_worry) {
            (false, true) => (Kind::Worry, "please look"),
            // A vendor that is asked once between two worries would otherwise be told as fine each time.
            (true, false) if self.fine >= NOTICE_FINE_LOOKS => (Kind::Fine, "fine again"),
            _ => return None,
        };
        self.is_told = is_worry;
        let text = format!("{}: {why} `chainfill status` shows more.", health.word());
        Some(Notice::new(kind, now, (title, &text), (health, &why), progress))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{AWAY_WORRY_MS, STALLED_MS_MAX};

    fn kinds(worries: &mut Worries, progress: &Progress, at: impl IntoIterator<Item = i64>) -> Vec<(i64, Kind)> {
        at.into_iter().filter_map(|ms| Some((ms, worries.look(progress, Moment(ms))?.kind))).collect()
    }

    #[test]
    fn a_run_that_stalls_while_nothing_happens_is_told_once_and_once_when_it_is_fine() {
        let mut worries = Worries::new(TimeZone::UTC);
        let stalled = Progress { phase: Phase::Fetching, ..Progress::default() };
        let looks = (0..STALLED_MS_MAX * 2).step_by(30_000);
        assert_eq!(kinds(&mut worries, &stalled, looks), [(STALLED_MS_MAX, Kind::Worry)]);
        let at = STALLED_MS_MAX * 2;
        let fine = Progress { accepted_at: Some(Moment(at)), ..stalled };
        assert_eq!(kinds(&mut worries, &fine, [at, at + 30_000, at + 60_000]), [(at + 30_000, Kind::Fine)]);
    }

    #[test]
    fn a_worry_that_comes_and_goes_is_one_worry() {
        // F-P1
        let mut worries = Worries::new(TimeZone::UTC);
        let down = Progress { phase: Phase::VendorDown, ..Progress::default() };
        let up = Progress { phase: Phase::Fetching, accepted_at: Some(Moment(AWAY_WORRY_MS)), ..Progress::default() };
        let mut told = Vec::new();
        for turn in 0..20 {
            let progress = if turn % 2 == 0 { &down } else { &up };
            told.extend(kinds(&mut worries, progress, [AWAY_WORRY_MS + turn]));
        }
        assert_eq!(told, [(AWAY_WORRY_MS, Kind::Worry)]);
        let ended = Progress { phase: Phase::Ended, ..Progress::default() };
        assert_eq!(kinds(&mut worries, &ended, [0, 1, 2]), []);
    }
}
