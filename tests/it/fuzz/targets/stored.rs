//! What a store holds in words that another program may have written, or a flipped bit: it is read, shown in every view and used
//! by the next run's governor, or refused; nothing panics over it.

use std::sync::Arc;

use async_trait::async_trait;
use chainfill::domain::ability::Ability;
use chainfill::domain::candle::Candle;
use chainfill::domain::coverage::ExpiryCover;
use chainfill::domain::governor::quota::{Counted, Evidence, Quota};
use chainfill::domain::governor::{Decision, Governor, Memory, Pace, Returned};
use chainfill::domain::instrument::{Currency, Symbol};
use chainfill::domain::kept;
use chainfill::domain::ledger::OptionRecord;
use chainfill::domain::moment::Moment;
use chainfill::domain::order::Order;
use chainfill::domain::progress::{CurrencyProgress, Phase, Progress, Wait};
use chainfill::domain::run::{Frame, Identity};
use chainfill::domain::tally::Tally;
use chainfill::domain::vantage::{Beat, Vantage};
use chainfill::sight;
use chainfill::store::{Epoch, Glance, JournalLine, Left, Outside, RunRow, StoreError, Story};
use chainfill::view::forecasts::ForecastsPage;
use chainfill::view::screen::{Paint, Screen};
use chainfill::view::summary::Summary;
use chainfill::view::{drawing, metrics, status_page};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

pub const WORDS: &[&str] = &[
    "null",
    "true",
    "[]",
    "{}",
    "\n",
    "-1",
    "0",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "4294967295",
    "1761450000000",
    "253402300800000",
    "\"quota\":",
    "\"requests\":",
    "\"window_ms\":",
    "\"cooldown_until\":",
    "\"refusals\":",
    "\"started_at\":",
    "\"phase\":\"waiting\"",
    "\"phase\":\"fetching\"",
    "\"phase\":\"paused\"",
    "\"phase\":\"ended\"",
    "\"wait\":",
    "\"since\":",
    "\"until\":",
    "\"reason\":\"quota\"",
    "\"currencies\":[",
    "\"todo\":",
    "\"done\":",
    "\"answers\":",
    "\"requests_left\":",
    "\"cooldown_ms\":",
    "\"idle_ms\":",
    "\"away_ms\":",
    "\"latency_sum_ms\":",
    "\"bytes\":",
    "\"errors\":[[",
    "\"forecasts\":[[",
    "\"before\":",
    "\"pulse\":",
    "\"latencies\":[",
    "\"ending\":\"complete\"",
    "\"spacing_ms\":",
    "\"window_used\":",
    "\"offset_ms\":",
    "\u{1b}[2J",
    "\\u0000",
    "\\u202e",
];

const NOW: Moment = Moment(1_761_450_000_000);

/// A store in which these things stand.
struct Foreign {
    glance: std::sync::Mutex<Option<Glance>>,
}

#[async_trait]
impl Outside for Foreign {
    fn place(&self) -> &'static str {
        "sqlite:foreign.db"
    }
    async fn glance(&self, _now: Moment) -> Result<Glance, StoreError> {
        Ok(self.glance.lock().ok().and_then(|mut glance| glance.take()).unwrap_or_default())
    }
    async fn coverage(&self, _currency: &Currency) -> Result<Vec<ExpiryCover>, StoreError> {
        Ok(Vec::new())
    }
    async fn chain(&self, _currency: &Currency, _expiry: Option<Date>) -> Result<Vec<OptionRecord>, StoreError> {
        Ok(Vec::new())
    }
    async fn story(&self, _symbol: &Symbol) -> Result<Option<Story>, StoreError> {
        Ok(None)
    }
    async fn history(&self, _symbol: &Symbol) -> Result<Vec<Candle>, StoreError> {
        Ok(Vec::new())
    }
    async fn journal(&self, _newest: usize) -> Result<Vec<JournalLine>, StoreError> {
        Ok(Vec::new())
    }
    async fn runs(&self, _newest: usize) -> Result<Vec<RunRow>, StoreError> {
        Ok(Vec::new())
    }
    async fn leave_order(&self, _order: &Order, _now: Moment) -> Result<Option<Left>, StoreError> {
        Ok(None)
    }
    async fn order_taken(&self, _id: i64) -> Result<bool, StoreError> {
        Ok(false)
    }
}

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines: Vec<&str> = text.split('\n').collect();
    let line = |at: usize| lines.get(at).copied().unwrap_or_default();
    let throttle: Memory = kept::read(line(2)).unwrap_or_default();
    let numbers: Vec<i64> = line(5).split(' ').filter_map(|word| word.parse().ok()).collect();
    let counted: Vec<Counted> =
        numbers.windows(2).map(|pair| Counted { sent: Moment(pair[0]), done: Moment(pair[1]) }).collect();
    let _ = kept::read::<Order>(line(6)).map(|order| order.word());
    let run = kept::read::<Identity>(line(0)).ok().map(|identity| RunRow {
        epoch: Epoch(1),
        identity,
        beat: Beat::At(Moment(numbers.first().copied().unwrap_or(0))),
        ended: numbers.get(1).map(|at| (Moment(*at), line(7).to_owned())),
        progress: Some(line(1).to_owned()),
    });
    let glance = Glance {
        tallies: kept::read(line(4)).unwrap_or_default(),
        run: run.clone(),
        throttle: throttle.clone(),
        counted: counted.iter().map(|counted| (Epoch(1), *counted)).collect(),
        ability: kept::read::<Ability>(line(3)).unwrap_or_default(),
        ..Glance::default()
    };
    seen(glance, run.as_ref(), data.iter().map(|byte| usize::from(*byte)).sum());
    if let Some(run) = &run {
        let moved = throttle.moved_to(run.identity.frame(), throttle.frame.as_ref());
        governed(moved, counted.clone());
    }
    governed(throttle, counted);
}

/// Who looks: on the boot that most stored runs name.
fn viewer() -> Vantage {
    Vantage { now: NOW, frame: Frame { boot_id: "boot".to_owned(), offset_ms: NOW.0 - 1 }, alive: |_| None }
}

/// One of the views of it: all of them together take longer than reading it takes.
fn seen(glance: Glance, run: Option<&RunRow>, which: usize) {
    let tz = TimeZone::UTC;
    let store: Arc<dyn Outside> = Arc::new(Foreign { glance: std::sync::Mutex::new(Some(glance)) });
    let looked = futures_util::FutureExt::now_or_never(sight::page(&store, &viewer()));
    let Some(Ok(page)) = looked else { panic!("nothing here waits") };
    let drawn = match which % 6 {
        0 => page.json(NOW, &tz),
        1 => status_page::draw(&page, NOW, &tz, 80, None, false),
        2 => metrics::text(&page, NOW),
        3 => {
            let forecasts = ForecastsPage { runs: sight::forecasts(run.cloned().as_slice(), &viewer()) };
            forecasts.draw(NOW, &tz, 80) + &forecasts.json(NOW)
        }
        4 => page.progress.as_ref().map_or_else(String::new, |progress| {
            let lines = drawing::draw(progress, NOW, &tz, 60, false);
            [lines, Summary::of(progress, NOW).lines()].concat().join("\n")
        }),
        _ => {
            let mut screen = Screen::new(tz.clone(), Paint { color: false }, false);
            (screen.seen.page, screen.seen.at) = (Some(page.clone()), NOW);
            let area = Rect::new(0, 0, 80, 24);
            let mut buffer = Buffer::empty(area);
            screen.draw(NOW, area, &mut buffer);
            buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect()
        }
    };
    assert!(
        !drawn.contains('\u{1b}') && !drawn.contains('\u{202e}'),
        "view {} steers a terminal: {drawn:?}",
        which % 6
    );
    // Its sentence is text as it is; who shows it makes it harmless.
    let _ = page.verdict(NOW, &tz);
}

/// A governor that goes on with it: a cooldown that stands there is kept, and nothing panics.
fn governed(memory: Memory, counted: Vec<Counted>) {
    let cooldown = memory.cooldown_until;
    let mut governor = Governor::new(Pace { spacing_ms: 200, concurrency: 4 }, memory, counted);
    let mut now = NOW;
    for step in 0..4 {
        let _ = governor.explain(now);
        match governor.poll(now) {
            Decision::Go(permit) => {
                assert!(cooldown.is_none_or(|until| now >= until), "sent inside a cooldown");
                let returned = match step {
                    1 => Returned::Throttled { wait_s: Some(60), by_throttle: true },
                    2 => Returned::Throttled { wait_s: None, by_throttle: true },
                    _ => Returned::Counted,
                };
                let _ = governor.settle(permit, now + 100, returned);
                now = now + 300;
            }
            Decision::Wait(until, _) => {
                assert!(until > now, "a wait that is over");
                now = until;
            }
            Decision::Full => panic!("nothing is in flight"),
        }
        if cooldown.is_some_and(|until| now < until) {
            return;
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let eth = Currency::stored("ETH");
    let identity = Identity {
        pid: 4_194_305,
        host: "nas".to_owned(),
        boot_id: "b".to_owned(),
        machine: String::new(),
        pid_namespace: String::new(),
        pid_started: 1,
        started_at: NOW - 3_600_000,
        started_boot_ms: 5_000,
        command: "backfill".to_owned(),
    };
    let quota = Quota { requests: 800, window_ms: 3_600_000, evidence: Evidence::Matched, learned_at: NOW - 600_000 };
    let mut progress = Progress {
        phase: Phase::Fetching,
        started_at: NOW - 3_600_000,
        working_since: NOW - 60_000,
        currencies: vec![CurrencyProgress { done: 120, stored: 100, ..CurrencyProgress::planned(eth.clone(), 8_679) }],
        requests: 130,
        answers: 125,
        requests_left: 8_500,
        quota: Some(quota.clone()),
        window_used: 125,
        accepted_at: Some(NOW - 500),
        errors: vec![(NOW - 9_000, "HTTP 500".to_owned(), 3)],
        ..Progress::default()
    };
    progress.pulse.at(NOW - 1_000).answers = 5;
    chainfill::domain::expectation::say(&mut progress, NOW - 500);
    let memory = Memory {
        quota: Some(quota),
        cooldown_until: Some(NOW - 1_000),
        refusals: 1,
        probed_at: Some(NOW - 30_000),
        frame: Some(Frame { boot_id: "b".to_owned(), offset_ms: 7 }),
    };
    let tally =
        Tally { currency: eth, listed: 8_679, pending: 8_559, stored: 100, empty: 20, attention: 0, rows: 2_500 };
    let (identity, throttle, tallies) = (json(&identity), json(&memory), json(&vec![tally]));
    let ability = json(&Ability::default());
    let mut seeds = Vec::new();
    let wait = Wait {
        since: NOW - 5_000,
        until: NOW + 2_000_000,
        reason: chainfill::domain::governor::Reason::Cooldown,
        next: "ETH".into(),
    };
    for phase in [Phase::Fetching, Phase::Waiting, Phase::Paused, Phase::VendorDown, Phase::StoreAway, Phase::Ended] {
        progress.phase = phase;
        progress.wait = (phase == Phase::Waiting).then(|| wait.clone());
        let numbers = format!("5 {} {}", NOW.0 - 10_000, NOW.0 - 9_000);
        let ended = if phase == Phase::Ended { "complete" } else { "" };
        seeds.push(format!(
            "{identity}\n{}\n{throttle}\n{ability}\n{tallies}\n{numbers}\n{{\"order\":\"pause\"}}\n{ended}",
            json(&progress)
        ));
    }
    seeds.into_iter().map(String::into_bytes).collect()
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("it is JSON")
}
