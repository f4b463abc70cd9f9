//! For the tests: a run as it could be seen, in every state that matters.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use super::seen::Trouble;
use super::{Paint, Screen};
use crate::domain::candle::Candle;
use crate::domain::coverage::ExpiryCover;
use crate::domain::event::{Before, Event};
use crate::domain::governor::quota::{Evidence, Quota};
use crate::domain::governor::{Explanation, Lesson, Reason};
use crate::domain::health::LastRun;
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::journal::{JournalLine, Story};
use crate::domain::ledger::{OptionRecord, OptionState};
use crate::domain::milestone::{Passed, Reached};
use crate::domain::moment::Moment;
use crate::domain::progress::{CurrencyProgress, Phase, Progress, Wait};
use crate::domain::run::{Ending, Epoch};
use crate::domain::tally::Tally;
use crate::limits::{HOUR_MS, SECOND_MS};
pub use crate::view::sample::START;
use crate::view::sample::{bare, run, zone};
use crate::view::status::StatusPage;

pub const NOW: Moment = Moment(START.0 + 4_000 * SECOND_MS);

pub const HOSTILE: &str = "x\u{1b}]0;owned\u{7}\u{202e}\n<b>\0";

fn eth() -> Currency {
    Currency::stored("ETH")
}

fn tally(currency: &str, listed: u64, stored: u64, rows: u64) -> Tally {
    let (empty, attention) = (stored / 50, u64::from(stored > 0) * 3);
    let pending = listed - stored - empty - attention;
    Tally { currency: Currency::stored(currency), listed, pending, stored, empty, attention, rows }
}

fn progress() -> Progress {
    let reached = Reached([Some(START + 2_000 * SECOND_MS), None, None, None]);
    let of =
        |name: &str, done, todo| CurrencyProgress { done, ..CurrencyProgress::planned(Currency::stored(name), todo) };
    let before = [tally("BTC", 8_850, 660, 3_095), tally("ETH", 8_679, 1_941, 26_078)];
    let mut progress = Progress {
        phase: Phase::Fetching,
        started_at: START,
        phase_since: START + 3_900 * SECOND_MS,
        working_since: START + 3_900 * SECOND_MS,
        before: Some(Before { tallies: before.to_vec(), bytes: 9_000_000 }),
        currencies: vec![CurrencyProgress { reached, ..of("ETH", 2_399, 6_738) }, of("BTC", 0, 8_190)],
        spacing_ms: 200,
        requests: 2_402,
        answers: 2_402,
        requests_left: 12_529,
        outcomes: [("rows", 2_351), ("empty", 41), ("throttled", 3), ("unavailable", 6), ("listing", 1)]
            .map(|(word, count)| (word.to_owned(), count))
            .into(),
        bytes: 5_300_000,
        rows_inserted: 33_000,
        cooldowns: 3,
        cooldown_ms: 2_100 * SECOND_MS,
        refusals: 3,
        quota: Some(Quota {
            requests: 800,
            window_ms: HOUR_MS,
            evidence: Evidence::Matched,
            learned_at: START + 260 * SECOND_MS,
        }),
        window_used: 435,
        accepted_at: Some(NOW - SECOND_MS),
        errors: vec![
            (START + 900 * SECOND_MS, "the vendor is in trouble (HTTP 503)".into(), 4),
            (START + 1_900 * SECOND_MS, "the connection was reset".into(), 2),
        ],
        ..Progress::default()
    };
    for second in (0..300).chain(2_400..2_500).chain(3_900..4_000) {
        let point = progress.pulse.at(START + second * SECOND_MS);
        (point.answers, point.done, point.rows, point.used) = (5, 5, 40, u32::try_from(second * 5 % 800).unwrap_or(0));
        progress.latencies.add(80 + second % 60);
    }
    let quota = progress.quota.clone().map(Lesson::Learned).map(Event::Learned);
    let cooldown = Event::Cooldown {
        wait_ms: 2_815 * SECOND_MS,
        until: START + 3_900 * SECOND_MS,
        reason: Reason::Cooldown,
        next: "ETH-12APR24-3100-C".into(),
    };
    progress.tail.note(START, &Event::Listed { names: 17_529, unparsed: 0, new: 12, vanished: vec![], requests: 1 });
    progress.tail.note(START + 260 * SECOND_MS, &quota.unwrap_or(Event::Up));
    progress.tail.note(START + 1_085 * SECOND_MS, &cooldown);
    progress
        .tail
        .reached(START + 2_000 * SECOND_MS, &Passed { currency: eth(), percent: 25, options: 1_685, of: 6_738 });
    progress.tail.note(START + 3_950 * SECOND_MS, &Event::Unread { text: HOSTILE.into() });
    progress
}

fn line(seq: i64, query: &str, outcome: &str) -> JournalLine {
    let is_refused = outcome == "throttled";
    JournalLine {
        epoch: Epoch(3),
        seq,
        kind: "symbol".into(),
        query: query.into(),
        sent_at: NOW - (2_402 - seq) * 200,
        done_at: Some(NOW - (2_402 - seq) * 200 + 85),
        outcome: Some(outcome.into()),
        status: Some(if is_refused { 429 } else { 200 }),
        bytes: Some(1_700),
        rows: Some(if outcome == "rows" { 12 } else { 0 }),
        wait_s: is_refused.then_some(2_815),
        note: None,
    }
}

fn option(name: &str, state: OptionState) -> OptionRecord {
    let mut record = OptionRecord::listed(Symbol::new(name));
    record.state = state;
    if state == OptionState::Stored {
        record.row_count = 11;
        (record.first_bar, record.last_bar) = (Some(Date::constant(2024, 4, 1)), Some(Date::constant(2024, 4, 11)));
        record.fetched_at = Some(START + 60 * SECOND_MS);
    }
    if state == OptionState::Attention {
        record.reason = Some("8 tries failed, the last: HTTP 500; `chainfill retry` asks again".into());
    }
    record
}

pub fn records() -> Vec<OptionRecord> {
    vec![
        option("ETH-12APR24-3100-C", OptionState::Stored),
        option("ETH-12APR24-3100-P", OptionState::Empty),
        option("ETH-12APR24-3200-C", OptionState::Attention),
        option("ETH-12APR24-3200-P", OptionState::Pending),
    ]
}

pub fn story() -> Story {
    let bars = (1..=11).map(|day| {
        let price = |tick: i64| Some(Decimal::new(18 + i64::from(day) % 5 + tick, 3));
        let date = Date::constant(2024, 4, day);
        Candle {
            open_ms: Moment::opening_of(date).0,
            date,
            open: price(0),
            high: price(3),
            low: price(-1),
            close: price(1),
            volume: Some(Decimal::from(1_009)),
        }
    });
    let attempts = vec![line(2_300, "ETH-12APR24-3100-C", "rows"), line(2_200, "ETH-12APR24-3100-C", "throttled")];
    Story { record: option("ETH-12APR24-3100-C", OptionState::Stored), attempts, bars: bars.collect() }
}

fn covers() -> Vec<ExpiryCover> {
    let mut found: Vec<ExpiryCover> = (0..120)
        .map(|n: i8| {
            let expiry = Date::constant(2023, 4, 1).saturating_add(jiff::Span::new().days(i64::from(n) * 3));
            let cells = match n {
                ..40 => "sssssesss",
                40 => "sssssappp",
                _ => "ppppppppp",
            };
            let times = 1 + usize::from(n.unsigned_abs()) * 7 % 15;
            ExpiryCover { expiry: Some(expiry), cells: cells.repeat(times), rows: 99 }
        })
        .collect();
    found[3].cells = "eeee".into();
    found.push(ExpiryCover { expiry: None, cells: "a".into(), rows: 0 });
    found
}

/// A run that downloads.
pub fn downloading() -> Screen {
    let progress = progress();
    let page = StatusPage {
        tallies: vec![tally("BTC", 8_850, 660, 3_095), tally("ETH", 8_679, 4_290, 59_078)],
        open: 12_529,
        bytes: 20_000_000,
        room_bytes: None,
        requests: 4_123,
        run: Some(LastRun { beat_age_ms: 1_000, ..run() }),
        throttle: Explanation { quota: progress.quota.clone(), used: 435, next_at: None, reason: None },
        progress: Some(progress),
        ..bare()
    };
    let mut screen = Screen::new(zone(), Paint { color: false }, false);
    screen.seen.page = Some(page);
    screen.seen.at = NOW;
    screen.seen.coverage = Some((eth(), covers()));
    screen.seen.chain = Some((eth(), Some(Date::constant(2024, 4, 12)), records()));
    screen.seen.journal = (0..60)
        .map(|n| {
            line(2_402 - n, &format!("ETH-12APR24-{}-C", 3_100 + n * 25), if n == 7 { "throttled" } else { "rows" })
        })
        .collect();
    screen
}

fn with(change: impl FnOnce(&mut StatusPage)) -> Screen {
    let mut screen = downloading();
    if let Some(page) = &mut screen.seen.page {
        change(page);
    }
    screen
}

fn progress_of(page: &mut StatusPage) -> &mut Progress {
    page.progress.get_or_insert_with(Progress::default)
}

/// Every state, with its name.
pub fn states() -> Vec<(&'static str, Screen)> {
    let cooldown = with(|page| {
        let until = NOW + 1_872 * SECOND_MS;
        page.throttle =
            Explanation { used: 800, next_at: Some(until), reason: Some(Reason::Cooldown), ..page.throttle.clone() };
        let progress = progress_of(page);
        progress.phase = Phase::Waiting;
        progress.wait = Some(Wait {
            since: NOW - 943 * SECOND_MS,
            until,
            reason: Reason::Cooldown,
            next: "ETH-12APR24-3100-C".into(),
        });
    });
    let paused = with(|page| (progress_of(page).phase, progress_of(page).paused) = (Phase::Paused, true));
    let dead = with(|page| {
        page.run = page.run.take().map(|run| LastRun { alive: Some(false), beat_age_ms: 600_000, ..run });
    });
    let done = with(|page| {
        let whole =
            |name: &str, listed, rows| Tally { stored: listed, rows, listed, ..Tally::nothing(Currency::stored(name)) };
        page.tallies = vec![whole("BTC", 8_850, 118_204), whole("ETH", 8_679, 121_733)];
        page.open = 0;
        page.run = page.run.take().map(|run| LastRun {
            ended_at: Some(NOW),
            ending: Some(Ending::Complete),
            alive: Some(false),
            ..run
        });
        let progress = progress_of(page);
        (progress.phase, progress.ending, progress.requests_left) = (Phase::Ended, Some(Ending::Complete), 0);
        for one in &mut progress.currencies {
            (one.done, one.reached) = (one.todo, Reached([Some(NOW - HOUR_MS); 4]));
        }
    });
    let mut nothing = Screen::new(TimeZone::UTC, Paint { color: false }, false);
    nothing.seen.trouble =
        Some(Trouble { since: NOW, words: "there is no archive at sqlite:chainfill.db yet".into(), is_nothing: true });
    let mut away = downloading();
    away.seen.trouble = Some(Trouble {
        since: NOW - 60_000,
        words: "the store postgres://db/crypto_data cannot be reached: connection refused".into(),
        is_nothing: false,
    });
    away.seen.at = NOW - 61_000;
    vec![
        ("downloading", downloading()),
        ("cooldown", cooldown),
        ("paused", paused),
        ("dead", dead),
        ("done", done),
        ("nothing yet", nothing),
        ("away", away),
        ("hostile names", hostile()),
    ]
}

/// Everything that others name is hostile.
fn hostile() -> Screen {
    let mut screen = with(|page| {
        page.store = HOSTILE.into();
        page.tallies[0].currency = Currency::stored(HOSTILE);
        page.run = page.run.take().map(|run| LastRun { host: HOSTILE.into(), ..run });
        let progress = progress_of(page);
        progress.currencies[1].currency = Currency::stored(HOSTILE);
        progress.outcomes.insert(HOSTILE.into(), 9);
        progress.errors.push((NOW, HOSTILE.repeat(30), 1));
        progress.failures_in_row = 99;
    });
    let seen = &mut screen.seen;
    seen.journal.insert(
        0,
        JournalLine { note: Some(HOSTILE.into()), outcome: Some(HOSTILE.into()), ..line(9_999, HOSTILE, "rows") },
    );
    let record = OptionRecord { reason: Some(HOSTILE.into()), ..option(HOSTILE, OptionState::Attention) };
    seen.story = Some(Story { record: record.clone(), attempts: seen.journal.clone(), bars: Vec::new() });
    seen.chain = Some((eth(), None, vec![record]));
    seen.coverage = Some((eth(), covers().into_iter().filter(|cover| cover.expiry.is_none()).collect()));
    screen
}
