//! Numbers as small columns, and parts as bars.

use crate::domain::moment::Moment;
use crate::domain::pulse::{Point, Pulse};

/// Eighths of a column, from the bottom.
const COLUMNS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Eighths of a bar, from the left.
const BARS: [char; 9] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// A run's course in `width` columns from its start until `until`, as one value a column: the mean of what `value`
/// reads from its points, per second where `per_s`.
pub fn course(pulse: &Pulse, until: Moment, width: usize, mean: bool, value: fn(&Point) -> u32) -> Vec<f64> {
    let step_ms = pulse.step_ms.max(1);
    let elapsed = usize::try_from(pulse.since.until_ms(until).max(0) / step_ms).unwrap_or(usize::MAX);
    // The last point is not over: its rate would always look like a fall.
    let steps = elapsed.max(pulse.points.len().saturating_sub(1));
    if pulse.points.is_empty() || steps == 0 || width == 0 {
        return Vec::new();
    }
    let columns = steps.min(width);
    let of = |column: usize| {
        let (from, to) = (column * steps / columns, ((column + 1) * steps / columns).max(column * steps / columns + 1));
        let points = pulse.points.get(from.min(pulse.points.len())..to.min(pulse.points.len())).unwrap_or_default();
        #[allow(clippy::cast_precision_loss)] // for the eye
        if mean {
            let sum: u64 = points.iter().map(|point| u64::from(value(point))).sum();
            sum as f64 * 1_000.0 / ((to - from) as f64 * step_ms as f64)
        } else {
            f64::from(points.iter().map(value).max().unwrap_or(0))
        }
    };
    (0..columns).map(of).collect()
}

/// Values as columns of `rows` lines, the top line first. What is not zero is seen.
pub fn columns(values: &[f64], most: f64, rows: usize) -> Vec<String> {
    let levels = rows * 8;
    let level = |value: f64| {
        if value <= 0.0 || most <= 0.0 {
            return 0;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // 1 to `levels`
        let level = (value / most * levels as f64).round() as usize;
        level.clamp(1, levels)
    };
    let levels: Vec<usize> = values.iter().map(|value| level(*value)).collect();
    (0..rows)
        .rev()
        .map(|row| levels.iter().map(|level| COLUMNS[level.saturating_sub(row * 8).min(8)]).collect())
        .collect()
}

/// `part` of `whole` as a bar of `width`, to an eighth of a cell; full only where it is the whole.
pub fn bar(part: u64, whole: u64, width: usize) -> String {
    let eighths = width as u128 * 8;
    let filled = if whole == 0 { 0 } else { u128::from(part.min(whole)) * eighths / u128::from(whole) };
    let filled = usize::try_from(filled).unwrap_or(0);
    let mut text = "█".repeat(filled / 8);
    if !filled.is_multiple_of(8) {
        text.push(BARS[filled % 8]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SECOND_MS;

    #[test]
    fn a_course_covers_the_run_with_its_wait() {
        let mut pulse = Pulse::default();
        for second in 0..10 {
            pulse.at(Moment(second * SECOND_MS)).answers += 5;
        }
        let values = course(&pulse, Moment(20 * SECOND_MS), 20, true, |point| point.answers);
        assert_eq!(values.len(), 20);
        assert_eq!((values[3], values[15]), (5.0, 0.0));
        let squeezed = course(&pulse, Moment(20 * SECOND_MS), 4, true, |point| point.answers);
        assert_eq!(squeezed, [5.0, 5.0, 0.0, 0.0]);
        assert_eq!(course(&Pulse::default(), Moment(5), 10, true, |point| point.answers), [0.0; 0]);
    }

    #[test]
    fn what_is_little_is_seen_and_what_is_most_is_full() {
        assert_eq!(columns(&[0.0, 0.01, 5.0, 10.0], 10.0, 1), [" ▁▄█"]);
        assert_eq!(columns(&[0.0, 5.0, 10.0], 10.0, 2), ["  █", " ██"]);
        assert_eq!(columns(&[1.0], 0.0, 1), [" "]);
    }

    #[test]
    fn a_bar_is_full_of_the_whole_only() {
        assert_eq!((bar(0, 9, 3), bar(1, 8, 1), bar(8, 8, 2)), (String::new(), "▏".into(), "██".into()));
        assert_eq!(bar(17_528, 17_529, 2), "█▉");
        assert_eq!(bar(1, 0, 2), "");
    }
}
