//! How a run went over time, in a bounded number of points: what sparklines and charts are drawn from.

use serde::{Deserialize, Serialize};

use super::moment::Moment;
use crate::limits::{PULSE_POINTS_MAX, PULSE_STEP_MS};

/// The whole of a run, point by point. When the points are used up, two become one and each spans twice the time,
/// so that a run of any length fits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pulse {
    /// When the first point begins.
    pub since: Moment,
    /// How long a point is.
    pub step_ms: i64,
    /// The points, oldest first; the last one is not over.
    pub points: Vec<Point>,
}

/// What happened in one step. It is kept as `[answers, done, rows, refused, used]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u32; 5]", into = "[u32; 5]")]
pub struct Point {
    /// Answers that came, good or bad.
    pub answers: u32,
    /// Options that were done with.
    pub done: u32,
    /// Bars that are new.
    pub rows: u32,
    /// 429s.
    pub refused: u32,
    /// The most requests of the throttle's window that were used.
    pub used: u32,
}

impl Default for Pulse {
    fn default() -> Pulse {
        Pulse { since: Moment::default(), step_ms: PULSE_STEP_MS, points: Vec::new() }
    }
}

impl Pulse {
    /// The point of this moment, made where there is none yet.
    pub fn at(&mut self, now: Moment) -> &mut Point {
        if self.points.is_empty() {
            self.since = now;
            self.points.push(Point::default());
        }
        // A clock that went back counts for the first point; one that leapt, for what can be reached by doubling.
        let mut place = self.place(now);
        while place >= PULSE_POINTS_MAX {
            self.points = self.points.chunks(2).map(Point::sum).collect();
            self.step_ms = self.step_ms.saturating_mul(2);
            place = self.place(now);
        }
        if place >= self.points.len() {
            self.points.resize(place + 1, Point::default());
        }
        &mut self.points[place]
    }

    /// The sum over about the last `span_ms`, whole points only, and the time that they cover.
    pub fn lately(&self, now: Moment, span_ms: i64) -> (Point, i64) {
        let steps = usize::try_from(span_ms.div_euclid(self.step_ms.max(1))).unwrap_or(0).max(1);
        let end = self.place(now);
        let from = end.saturating_sub(steps);
        let sum = Point::sum(self.points.get(from..end.min(self.points.len())).unwrap_or_default());
        let covered = i64::try_from(end - from).unwrap_or(0) * self.step_ms;
        (sum, covered)
    }

    fn place(&self, now: Moment) -> usize {
        usize::try_from(self.since.until_ms(now).max(0) / self.step_ms.max(1)).unwrap_or(usize::MAX)
    }
}

impl Point {
    fn sum(points: &[Point]) -> Point {
        points.iter().fold(Point::default(), |sum, one| Point {
            answers: sum.answers.saturating_add(one.answers),
            done: sum.done.saturating_add(one.done),
            rows: sum.rows.saturating_add(one.rows),
            refused: sum.refused.saturating_add(one.refused),
            used: sum.used.max(one.used),
        })
    }
}

impl From<[u32; 5]> for Point {
    fn from([answers, done, rows, refused, used]: [u32; 5]) -> Point {
        Point { answers, done, rows, refused, used }
    }
}

impl From<Point> for [u32; 5] {
    fn from(point: Point) -> [u32; 5] {
        [point.answers, point.done, point.rows, point.refused, point.used]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{DAY_MS, SECOND_MS};

    #[test]
    fn a_run_of_any_length_fits_and_nothing_is_lost_from_the_sum() {
        let mut pulse = Pulse::default();
        for second in 0..100_000 {
            let point = pulse.at(Moment(5_000 + second * SECOND_MS));
            point.answers += 1;
            point.used = 800;
        }
        assert!(pulse.points.len() <= PULSE_POINTS_MAX && pulse.points.len() > PULSE_POINTS_MAX / 4);
        assert_eq!(Point::sum(&pulse.points), Point { answers: 100_000, used: 800, ..Point::default() });
        pulse.at(Moment(5_000 + 400 * DAY_MS)).answers += 1;
        assert!(pulse.points.len() <= PULSE_POINTS_MAX);
        assert_eq!(Point::sum(&pulse.points).answers, 100_001);
    }

    #[test]
    fn what_happened_lately_is_counted_over_whole_points() {
        let mut pulse = Pulse::default();
        for second in 0..90 {
            pulse.at(Moment(second * SECOND_MS)).done += 3;
        }
        let (sum, covered_ms) = pulse.lately(Moment(89 * SECOND_MS), 60 * SECOND_MS);
        assert_eq!(i64::from(sum.done), 3 * covered_ms / SECOND_MS);
        assert!((30 * SECOND_MS..=60 * SECOND_MS).contains(&covered_ms));
        assert_eq!(pulse.lately(Moment(-4), 60_000).0, Point::default());
    }
}
