//! A store and its last run for Prometheus. Names begin with `chainfill_`; what begins with `chainfill_run_` is of the
//! last run alone and starts anew with the next one, as counters of a restarted process do.

use jiff::tz::TimeZone;

use super::exposition::Kind::{Counter, Gauge, Histogram};
use super::exposition::{Exposition, ratio, seconds};
use super::status::StatusPage;
use crate::domain::expectation::Expectation;
use crate::domain::governor::Reason;
use crate::domain::health::{Health, LastRun};
use crate::domain::moment::Moment;
use crate::domain::outlook::Outlook;
use crate::domain::progress::{Phase, Progress};
use crate::domain::run::Ending;

const HEALTHS: [Health; 4] = [Health::Fine, Health::Worry, Health::Done, Health::Idle];

const PHASES: [(Phase, &str); 9] = [
    (Phase::Starting, "starting"),
    (Phase::Listing, "listing"),
    (Phase::Fetching, "fetching"),
    (Phase::Waiting, "waiting"),
    (Phase::VendorDown, "vendor_down"),
    (Phase::StoreAway, "store_away"),
    (Phase::Paused, "paused"),
    (Phase::Stopping, "stopping"),
    (Phase::Ended, "ended"),
];

const EXPECTATIONS: [&str; 6] = ["none", "measuring", "ready", "due", "away", "paused"];

/// The text of a page, in the form of [`CONTENT_TYPE`](super::exposition::CONTENT_TYPE).
pub fn text(page: &StatusPage, now: Moment) -> String {
    let mut out = Exposition::default();
    head(&mut out, true);
    let (health, _) = page.verdict(now, &TimeZone::UTC);
    let mut family = out.family("chainfill_health", Gauge, "The verdict: 1 for the present one, 0 for the others.");
    for one in HEALTHS {
        family.state("health", &one.word().to_ascii_lowercase(), one == health);
    }
    archive(&mut out, page);
    throttle(&mut out, page, now);
    run(&mut out, page, now);
    if let Some(progress) = &page.progress {
        course(&mut out, page, progress, now);
        requests(&mut out, progress);
        if let Some(outlook) = page.outlook(now) {
            expected(&mut out, &outlook, now);
        }
    }
    out.text()
}

/// The text where the store cannot be read: that, and nothing that might be taken for its numbers.
pub fn away() -> String {
    let mut out = Exposition::default();
    head(&mut out, false);
    out.text()
}

fn head(out: &mut Exposition, is_up: bool) {
    out.family("chainfill_build_info", Gauge, "The program that tells this.")
        .sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    out.one("chainfill_up", Gauge, "Whether the store can be read; 0 stands alone.", u8::from(is_up));
}

fn archive(out: &mut Exposition, page: &StatusPage) {
    let mut listed = out.family("chainfill_listed_options", Gauge, "Options that were ever listed, by currency.");
    for one in &page.tallies {
        listed.sample(&[("currency", one.currency.as_str())], one.listed);
    }
    let mut options =
        out.family("chainfill_options", Gauge, "Listed options by state; together they are the listed ones.");
    for one in &page.tallies {
        for (state, count) in
            [("pending", one.pending), ("stored", one.stored), ("empty", one.empty), ("attention", one.attention)]
        {
            options.sample(&[("currency", one.currency.as_str()), ("state", state)], count);
        }
    }
    let mut records = out.family("chainfill_records", Gauge, "Bars in the table, by currency.");
    for one in &page.tallies {
        records.sample(&[("currency", one.currency.as_str())], one.rows);
    }
    let mut known = out.family("chainfill_known_ratio", Gauge, "Part of the listed options that is stored or empty.");
    for one in &page.tallies {
        known.sample(&[("currency", one.currency.as_str())], ratio(one.known(), one.listed));
    }
    out.one("chainfill_open_options", Gauge, "Options that a run would ask for now.", page.open);
    out.one("chainfill_store_bytes", Gauge, "Size of the table with its indexes.", page.bytes);
    out.one("chainfill_requests_total", Counter, "Requests that ever left, over all runs.", page.requests);
}

fn throttle(out: &mut Exposition, page: &StatusPage, now: Moment) {
    let throttle = &page.throttle;
    if let Some(quota) = &throttle.quota {
        out.one("chainfill_quota_requests", Gauge, "Requests that the vendor lets through per window.", quota.requests);
        out.one("chainfill_quota_window_seconds", Gauge, "The vendor's window.", seconds(quota.window_ms));
    }
    out.one("chainfill_window_used_requests", Gauge, "Requests that the vendor may still count.", throttle.used);
    let next = throttle.next_at.map_or(now, |next| next.max(now));
    out.one(
        "chainfill_next_slot_timestamp_seconds",
        Gauge,
        "When the next request may go; now where one may.",
        seconds(next.0),
    );
    let told = page.progress.as_ref().filter(|_| page.is_working()).and_then(|progress| progress.wait.as_ref());
    let kept = throttle.next_at.filter(|_| matches!(throttle.reason, Some(Reason::Cooldown | Reason::Quota)));
    let until = told.map(|wait| wait.until).or(kept).unwrap_or(now);
    out.one(
        "chainfill_cooldown_remaining_seconds",
        Gauge,
        "Time in which nothing may be sent yet.",
        seconds(now.until_ms(until).max(0)),
    );
}

fn run(out: &mut Exposition, page: &StatusPage, now: Moment) {
    let is_open = page.run.as_ref().is_some_and(LastRun::is_open);
    out.one("chainfill_run_open", Gauge, "Whether the last run did not end.", u8::from(is_open));
    out.one(
        "chainfill_run_alive",
        Gauge,
        "Whether it is at work: open, and its process lives or its lease does.",
        u8::from(page.is_working()),
    );
    let Some(run) = &page.run else { return };
    out.family("chainfill_run_info", Gauge, "Which process the last run is or was.")
        .sample(&[("epoch", &run.epoch.to_string()), ("pid", &run.pid.to_string()), ("host", &run.host)], 1);
    out.one("chainfill_run_started_timestamp_seconds", Gauge, "When it started.", seconds(run.started_at.0));
    out.one(
        "chainfill_run_beat_timestamp_seconds",
        Gauge,
        "Its last sign of life; at its end the end.",
        seconds(run.ended_at.unwrap_or(now - run.beat_age_ms).0),
    );
    if let Some(at) = run.ended_at {
        out.one("chainfill_run_ended_timestamp_seconds", Gauge, "When it ended.", seconds(at.0));
        let ending = run.ending.map_or("unknown", Ending::word);
        out.family("chainfill_run_ending", Gauge, "How it ended.").sample(&[("ending", ending)], 1);
    }
}

fn course(out: &mut Exposition, page: &StatusPage, progress: &Progress, now: Moment) {
    let mut phases = out.family("chainfill_run_phase", Gauge, "What the run does, or did last.");
    for (phase, word) in PHASES {
        phases.state("phase", word, phase == progress.phase);
    }
    out.one("chainfill_run_paused", Gauge, "Whether a person paused it.", u8::from(progress.paused));
    let mut todo = out.family("chainfill_run_asked_options", Gauge, "Options that the run asks for.");
    for one in &progress.currencies {
        todo.sample(&[("currency", one.currency.as_str())], one.todo);
    }
    let mut done = out.family("chainfill_run_options_total", Counter, "Options that the run is done with, by state.");
    for one in &progress.currencies {
        for (state, count) in [("stored", one.stored), ("empty", one.empty), ("attention", one.attention)] {
            done.sample(&[("currency", one.currency.as_str()), ("state", state)], count);
        }
    }
    let mut part =
        out.family("chainfill_run_done_ratio", Gauge, "Part of the asked options that the run is done with.");
    for one in &progress.currencies {
        part.sample(&[("currency", one.currency.as_str())], ratio(one.done, one.todo));
    }
    let mut rows = out.family("chainfill_run_rows_total", Counter, "Bars by what became of them.");
    for (what, count) in [
        ("inserted", progress.rows_inserted),
        ("unchanged", progress.rows_unchanged),
        ("revised", progress.rows_revised),
        ("flagged", progress.rows_flagged),
    ] {
        rows.sample(&[("what", what)], count);
    }
    out.one("chainfill_run_cooldowns_total", Counter, "Cooldowns begun.", progress.cooldowns);
    out.one(
        "chainfill_run_cooldown_seconds_total",
        Counter,
        "Time spent in cooldowns, the present one included.",
        seconds(page.cooldown_ms(now)),
    );
    if let Some(at) = progress.accepted_at {
        out.one(
            "chainfill_run_accepted_timestamp_seconds",
            Gauge,
            "When the last good answer was committed.",
            seconds(at.0),
        );
    }
}

fn requests(out: &mut Exposition, progress: &Progress) {
    out.one("chainfill_run_requests_total", Counter, "Requests that left in this run.", progress.requests);
    out.one(
        "chainfill_run_left_requests",
        Gauge,
        "Requests still to be sent, as far as can be known.",
        progress.requests_left,
    );
    let mut answers = out.family("chainfill_run_answers_total", Counter, "Answers by outcome: good ones, and faults.");
    for (outcome, count) in &progress.outcomes {
        answers.sample(&[("outcome", outcome)], count);
    }
    out.one("chainfill_run_refusals_total", Counter, "Answers that were a 429.", progress.refusals);
    out.one("chainfill_run_answer_bytes_total", Counter, "Decoded bytes of all answers.", progress.bytes);
    out.one(
        "chainfill_run_failures_in_row",
        Gauge,
        "Answers in a row that were neither good nor a 429.",
        progress.failures_in_row,
    );
    out.one(
        "chainfill_run_blocked_requests",
        Gauge,
        "429s in a row, where they are so many that the key looks blocked.",
        progress.blocked,
    );
    let buckets = progress.latencies.buckets().map(|(end_ms, count)| (seconds(end_ms.into()), count));
    out.family(
        "chainfill_run_answer_seconds",
        Histogram,
        "Time from sending a request to the last byte of its answer.",
    )
    .histogram(buckets, seconds(progress.latency_sum_ms));
}

fn expected(out: &mut Exposition, outlook: &Outlook, now: Moment) {
    let (word, range) = match outlook.expectation {
        Expectation::None => ("none", None),
        Expectation::Measuring { .. } => ("measuring", None),
        Expectation::Ready { low_at, high_at } => ("ready", Some((low_at, high_at))),
        Expectation::Due => ("due", Some((now, now))),
        Expectation::Away => ("away", None),
        Expectation::Paused { .. } => ("paused", None),
    };
    let mut states = out.family("chainfill_run_expectation", Gauge, "What can be said of the finish.");
    for state in EXPECTATIONS {
        states.state("state", state, state == word);
    }
    let mut finish = out.family(
        "chainfill_run_finish_timestamp_seconds",
        Gauge,
        "The finish at the soonest and at the latest, cooldowns to come included; absent while it cannot be told.",
    );
    for (bound, at) in range.into_iter().flat_map(|(low_at, high_at)| [("low", low_at), ("high", high_at)]) {
        finish.sample(&[("bound", bound)], seconds(at.0));
    }
    let mut reached = out.family(
        "chainfill_run_milestone_timestamp_seconds",
        Gauge,
        "When so many percent of a currency's options were done.",
    );
    for (one, at) in outlook.milestones.iter().filter_map(|one| Some((one, one.reached_at?))) {
        reached.sample(&[("currency", one.currency.as_str()), ("percent", &one.percent.to_string())], seconds(at.0));
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
