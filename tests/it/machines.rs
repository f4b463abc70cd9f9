//! What machines read: metrics, rules and the dashboard drawn from them, judged by Prometheus' own tool.

mod documented;
mod grafana;
mod metrics;
mod rules;

use std::collections::BTreeSet;
use std::time::Duration;

use chainfill::clock::Clock as _;
use chainfill::domain::health::LastRun;
use chainfill::domain::moment::Moment;
use chainfill::domain::run::Ending;
use chainfill::limits::HOUR_MS;
use chainfill::sight;
use chainfill::vendor::Settings;
use chainfill::vendor::throttle::Rate;
use chainfill::view::metrics::text;
use chainfill::view::status::StatusPage;

use crate::rig::world::{World, small};

/// A real run in simulated time, once in its first cooldown and once at its end: together they tell every metric.
async fn texts() -> [String; 2] {
    let throttles = vec![Rate { requests: 40, window_ms: HOUR_MS }];
    let world = World::new(Settings { throttles, ..small("BTC=60,ETH=20") });
    let epoch = world.begin().await.unwrap();
    let waits = tokio::time::timeout(Duration::from_secs(600), world.work(epoch)).await;
    assert!(waits.is_err(), "it waits for the hour");
    let (page, now) = page(&world, None).await;
    let waiting = text(&page, now);
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    let (page, now) = self::page(&world, Some(Ending::Complete)).await;
    [waiting, text(&page, now)]
}

async fn page(world: &World, ending: Option<Ending>) -> (StatusPage, Moment) {
    let now = world.clock.now();
    let glance = world.store.glance(now).await.unwrap();
    let run = LastRun {
        epoch: 1,
        pid: 1,
        host: "simulated".into(),
        started_at: world.settings.identity.started_at,
        beat_age_ms: 1_000,
        alive: Some(ending.is_none()),
        ended_at: ending.map(|_| now),
        ending,
    };
    let throttle = sight::explain(&glance, now);
    let progress = Some(world.progress.lock().unwrap().clone());
    let page = StatusPage {
        store: "memory".into(),
        tallies: glance.tallies,
        retriable: 0,
        open: glance.open,
        bytes: glance.bytes,
        room_bytes: None,
        requests: glance.requests,
        run: Some(run),
        progress,
        throttle,
    };
    (page, now)
}

/// Every name that a query may use.
async fn names() -> BTreeSet<String> {
    let texts = texts().await.concat();
    let samples = texts.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.split(['{', ' ']).next().unwrap().to_owned()).collect()
}

/// The metrics that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("chainfill_")).map(str::to_owned).collect()
}

/// A file of the repository.
fn file(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
