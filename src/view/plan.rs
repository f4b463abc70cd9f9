//! `plan`: what there is, what there will be, and what it takes.

use std::fmt::Write;

use jiff::tz::TimeZone;
use serde::Serialize;

use super::escape::safe;
use super::json;
use super::numbers::{counted, grouped, percent};
use super::status_page::tallies;
use super::table::{Table, wrap};
use crate::domain::forecast::Range;
use crate::domain::governor::quota::Quota;
use crate::domain::instrument::Currency;
use crate::domain::moment::Moment;
use crate::domain::tally::Tally;

/// Bars of an average option (FIELD: 120,000 records for 8,679 options, and a mean lifetime of 15.5 days).
const BARS_MEAN: u64 = 14;

/// What the page is drawn from.
#[derive(Clone, Debug)]
pub struct PlanPage {
    /// The counts now, by currency.
    pub tallies: Vec<Tally>,
    /// What is to be asked for, by currency, in the order in which it is.
    pub work: Vec<Work>,
    /// The quota, once it is known.
    pub quota: Option<Quota>,
    /// Whether one query can fetch an expiry; `None` while nobody knows.
    pub expiry_queries: Option<bool>,
    /// When the listing was fetched that this stands on.
    pub listed_at: Option<Moment>,
}

/// What one currency takes.
#[derive(Clone, Debug, Serialize)]
pub struct Work {
    /// The currency.
    pub currency: Currency,
    /// Options of which nothing is known.
    pub pending: u64,
    /// Options that still traded when they were fetched, with a new bar since.
    pub grown: u64,
    /// Options that were empty long ago.
    pub old_empty: u64,
    /// Requests that this takes.
    pub requests: u64,
    /// The time that these take, cooldowns included.
    #[serde(serialize_with = "range_ms")]
    pub time: Range,
    /// When they are done, counted from the start of the first currency.
    #[serde(serialize_with = "range_ms")]
    pub done_after: Range,
}

#[derive(Serialize)]
struct PlanJson<'a> {
    currencies: &'a [Tally],
    work: &'a [Work],
    options: u64,
    requests: u64,
    low_ms: i64,
    high_ms: i64,
    quota: Option<&'a Quota>,
    expiry_queries: Option<bool>,
    listed_at: Option<Moment>,
}

/// serde hands over a reference.
fn range_ms<S: serde::Serializer>(range: &Range, to: S) -> Result<S::Ok, S::Error> {
    [range.low_ms, range.high_ms].serialize(to)
}

impl Work {
    /// Options to ask for.
    pub fn options(&self) -> u64 {
        self.pending + self.grown + self.old_empty
    }
}

impl PlanPage {
    /// The page as text.
    pub fn draw(&self, now: Moment, tz: &TimeZone, width: usize) -> String {
        let mut page = String::new();
        let mut say = |text: &str| {
            let _ = writeln!(page, "{text}"); // into a string: it cannot fail
        };
        say("Now");
        tallies(&self.tallies).draw(width).iter().for_each(|line| say(line));
        say("");
        say("After");
        self.target().draw(width).iter().for_each(|line| say(line));
        say("");
        if self.work.iter().any(|work| work.options() > 0) {
            say("To do");
            self.to_do().draw(width).iter().for_each(|line| say(line));
            say("");
        }
        for sentence in self.sentences(now, tz) {
            for line in wrap(&sentence, width) {
                say(&line);
            }
        }
        page
    }

    /// The page as one line of JSON.
    pub fn json(&self, now: Moment) -> String {
        let time = self.time();
        let page = PlanJson {
            currencies: &self.tallies,
            work: &self.work,
            options: self.work.iter().map(Work::options).sum(),
            requests: self.work.iter().map(|work| work.requests).sum(),
            low_ms: time.low_ms,
            high_ms: time.high_ms,
            quota: self.quota.as_ref(),
            expiry_queries: self.expiry_queries,
            listed_at: self.listed_at,
        };
        json::line(Some(now), &page)
    }

    fn time(&self) -> Range {
        self.work.last().map_or(Range { low_ms: 0, high_ms: 0 }, |last| last.done_after)
    }

    /// Records are told as about, options as at most: an option may turn out empty.
    fn target(&self) -> Table {
        let mut table =
            Table::new().words("Currency").numbers("Records").numbers("Options").numbers("Missing").numbers("%");
        for one in &self.tallies {
            let pending = self.work.iter().find(|work| work.currency == one.currency).map_or(0, |work| work.pending);
            let missing = one.pending.saturating_sub(pending);
            let records = one.rows + pending * BARS_MEAN;
            let about = if pending > 0 { "~" } else { "" };
            let most = if pending > 0 { "<=" } else { "" };
            table.row([
                safe(one.currency.as_str()).into_owned(),
                format!("{about}{}", grouped(if pending > 0 { records / 1000 * 1000 } else { records })),
                format!("{most}{}", grouped(one.stored + pending)),
                grouped(missing),
                percent(one.known() + pending, one.listed),
            ]);
        }
        table
    }

    fn to_do(&self) -> Table {
        let mut table = Table::new()
            .words("Currency")
            .numbers("New")
            .extra_numbers("Grown")
            .extra_numbers("Old empty")
            .numbers("Requests")
            .numbers("Time, cooldowns included");
        for work in &self.work {
            let name = safe(work.currency.as_str()).into_owned();
            let numbers = [work.pending, work.grown, work.old_empty, work.requests].map(grouped);
            table.row(std::iter::once(name).chain(numbers).chain([work.time.words()]));
        }
        if self.work.len() > 1 {
            let sum = |of: fn(&Work) -> u64| self.work.iter().map(of).sum::<u64>();
            let numbers = [sum(|w| w.pending), sum(|w| w.grown), sum(|w| w.old_empty), sum(|w| w.requests)];
            let row = std::iter::once("all".to_owned()).chain(numbers.map(grouped));
            table.row(row.chain([self.time().words()]));
        }
        table
    }

    fn sentences(&self, now: Moment, tz: &TimeZone) -> Vec<String> {
        let options: u64 = self.work.iter().map(Work::options).sum();
        let requests: u64 = self.work.iter().map(|work| work.requests).sum();
        let mut sentences = Vec::new();
        if options == 0 {
            sentences.push("Nothing is to be fetched: a backfill sends the listing only.".to_owned());
        } else {
            let time = self.time();
            let finish = (now + time.high_ms).time_of_day(tz, now);
            sentences.push(format!(
                "{} take {} and {}; started now, it ends by {finish} ({}).",
                counted(options, "option"),
                counted(requests, "request"),
                time.words(),
                now.offset(tz)
            ));
        }
        sentences.push(match &self.quota {
            Some(quota) => format!("The throttle is known: {}.", quota.words()),
            None => "The throttle is not known yet, so the time is a range: the first 429 tells.".to_owned(),
        });
        sentences.push(match self.expiry_queries {
            Some(true) => "The vendor answers whole expiries with one query.".to_owned(),
            Some(false) => "The vendor answers one option a request.".to_owned(),
            None => {
                "Whether one query can fetch a whole expiry is found out at the start: it may take far fewer requests."
                    .to_owned()
            }
        });
        if let Some(at) = self.listed_at {
            sentences.push(format!("The listing is of {}; --refresh fetches a new one.", at.time_of_day(tz, now)));
        }
        sentences
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
