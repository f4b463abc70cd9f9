//! `status --forecasts`: what was said of the finish of earlier runs, and how good that was.

use std::fmt::Write;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::json;
use super::numbers::counted;
use super::table::{Table, fit};
use crate::domain::expectation::{Said, Score, score};
use crate::domain::forecast::span_words;
use crate::domain::moment::Moment;

/// One run with its forecasts.
#[derive(Clone, Debug, Serialize)]
pub struct RunForecasts {
    /// The run's number.
    pub epoch: i64,
    /// When it was done; `None` where it was not, so that nothing can be scored.
    pub finished_at: Option<Moment>,
    /// What was said, oldest first.
    pub forecasts: Vec<Forecast>,
}

/// One word on a finish.
#[derive(Clone, Debug, Serialize)]
pub struct Forecast {
    /// When it was said.
    pub said_at: Moment,
    /// The finish at the soonest.
    pub low_at: Moment,
    /// The finish at the latest.
    pub high_at: Moment,
    /// How far off it was: late positive, early negative, within the range zero.
    pub off_ms: Option<i64>,
    /// The same in parts of a thousand of the time that was left then.
    pub off_permille: Option<i64>,
}

/// The page.
#[derive(Clone, Debug, Serialize)]
pub struct ForecastsPage {
    /// The newest run first.
    pub runs: Vec<RunForecasts>,
}

impl RunForecasts {
    /// A run's forecasts, scored where it did all that it was asked for.
    pub fn of(epoch: i64, said: &[Said], finished_at: Option<Moment>) -> RunForecasts {
        let one = |said: &Said| {
            let scored: Option<Score> = finished_at.map(|at| score(*said, at));
            Forecast {
                said_at: said.at,
                low_at: said.low_at,
                high_at: said.high_at,
                off_ms: scored.map(|score| score.off_ms),
                off_permille: scored.map(|score| score.off_permille),
            }
        };
        RunForecasts { epoch, finished_at, forecasts: said.iter().map(one).collect() }
    }
}

impl ForecastsPage {
    /// The page as text.
    pub fn draw(&self, now: Moment, tz: &TimeZone, width: usize) -> String {
        let mut page = String::new();
        let clock = |at: Moment| at.minute_of_day(tz, now);
        for run in self.runs.iter().filter(|run| !run.forecasts.is_empty()) {
            let within = run.forecasts.iter().filter(|one| one.off_ms == Some(0)).count();
            let head = match run.finished_at {
                Some(at) => {
                    let count = u64::try_from(run.forecasts.len()).unwrap_or(u64::MAX);
                    format!(
                        "Run {}: done at {}; {within} of {} held it",
                        run.epoch,
                        clock(at),
                        counted(count, "forecast")
                    )
                }
                None => format!("Run {}: not done, so nothing can be scored yet", run.epoch),
            };
            let _ = writeln!(page, "{}", fit(&head, width)); // into a string: it cannot fail, here and below
            let mut table = Table::new().words("Said at").words("Between").words("And").words("It was");
            for one in &run.forecasts {
                let off = one.off_ms.map_or("open".to_owned(), off_words);
                table.row([clock(one.said_at), clock(one.low_at), clock(one.high_at), off]);
            }
            for line in table.draw(width) {
                let _ = writeln!(page, "{line}");
            }
            page.push('\n');
        }
        if page.is_empty() {
            page.push_str("No run has said yet when it will be done: that takes some answers, and a minute.\n");
        }
        page.truncate(page.trim_end().len());
        page.push('\n');
        page
    }

    /// The page as one line of JSON.
    pub fn json(&self, now: Moment) -> String {
        json::line(Some(now), self)
    }
}

fn off_words(off_ms: i64) -> String {
    match off_ms {
        0 => "within".to_owned(),
        late if late > 0 => format!("{} later", span_words(late)),
        early => format!("{} sooner", span_words(early.saturating_neg())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::HOUR_MS;

    #[test]
    fn no_stored_number_is_too_far_off_for_words() {
        // F-B13: what somebody else wrote into the store is shown, whatever it is.
        for off_ms in [i64::MIN, -1, i64::MAX] {
            assert!(!off_words(off_ms).is_empty());
        }
    }

    #[test]
    fn forecasts_are_shown_with_how_good_they_were() {
        let said = |at: i64, low: i64, high: i64| Said {
            at: Moment(at * HOUR_MS),
            low_at: Moment(low * HOUR_MS),
            high_at: Moment(high * HOUR_MS),
        };
        let done =
            RunForecasts::of(4, &[said(0, 14, 16), said(4, 17, 19), said(9, 19, 20)], Some(Moment(18 * HOUR_MS)));
        let open = RunForecasts::of(5, &[said(20, 22, 24)], None);
        let page = ForecastsPage { runs: vec![open, done] };
        let text = page.draw(Moment(21 * HOUR_MS), &TimeZone::UTC, 80);
        let none = ForecastsPage { runs: Vec::new() };
        let nothing = none.draw(Moment(0), &TimeZone::UTC, 80);
        insta::assert_snapshot!(format!("{text}---\n{nothing}---\n{}", page.json(Moment(0))));
    }
}
