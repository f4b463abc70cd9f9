//! The whole of it in simulated time, by seeds: engine, vendor and store on one thread, hit by everything that
//! FAULTS.md knows, and each law checked at each event. A seed that fails prints what tells its story again.

mod books;
mod oracle;
mod requests;
pub mod retry_after;
mod rough_store;
mod rough_wire;
mod stage;
mod story;
mod waits;
mod world_clock;

use std::time::Instant;

use chainfill::limits::HOUR_MS;

use self::story::{Blow, Story};
use crate::rig::bout::Bout;

/// Simulated hours in `./check`.
const HOURS: u64 = 2_000;

#[test]
fn every_law_holds_in_every_story() {
    // F-I1, F-I2, F-I3, F-I4, F-I5, F-I6, F-I7, F-I8, F-I10, F-C1, F-C2, F-C3, F-C4, F-T6, F-T7, F-T8, F-T9, F-T10, F-P3,
    // F-P6, F-P8, F-B2; F-P1: requests and answers are lost, and the link is down for up to twenty minutes.
    let mut bout = Bout::new("simulated-hours", HOURS);
    let mut rng = bout.rng();
    let (mut stories, mut runs, mut requests, mut rest_ms) = (0_u64, 0, 0, 0);
    let began = Instant::now();
    while bout.left() > 0 {
        let seed = rng.u64(..);
        println!("story {seed}"); // one that hangs has no other way to be named
        let told = stage::tell(&Story::of(seed));
        stories += 1;
        runs += told.runs;
        requests += told.requests;
        rest_ms += told.awake_ms;
        bout.done(u64::try_from(rest_ms / HOUR_MS).unwrap());
        rest_ms %= HOUR_MS;
        bout.lost(told.broken.len() as u64);
        assert!(
            told.broken.is_empty(),
            "{:?}\n{}\nthe whole story: CHAINFILL_STORY={seed} cargo test --test it simulator::replay -- --nocapture",
            told.broken,
            told.log[told.log.len().saturating_sub(60)..].join("\n")
        );
    }
    println!("{stories} stories, {runs} runs, {requests} requests in {:.1} s", began.elapsed().as_secs_f64());
}

#[test]
fn the_same_seed_tells_the_same_story() {
    // F-I11
    let mut rng = fastrand::Rng::with_seed(11);
    for _ in 0..10 {
        let story = Story::of(rng.u64(..));
        let (first, second) = (stage::tell(&story), stage::tell(&story));
        for (a, b) in first.log.iter().zip(&second.log) {
            assert_eq!(a, b, "seed {}", story.seed);
        }
        assert_eq!(first.log.len(), second.log.len(), "seed {}", story.seed);
    }
}

#[test]
fn a_full_disk_says_how_much_room_it_needs_and_the_run_goes_on_by_itself() {
    // F-B11, F-I6
    let mut story = Story::of(1);
    story.vendor.counts = vec![("BTC".to_owned(), 100), ("ETH".to_owned(), 100)];
    story.vendor.throttles = Vec::new();
    story.vendor.faults = "none".parse().unwrap();
    (story.lost, story.uncommitted) = (0.0, 0.0);
    story.pace.spacing_ms = 200;
    story.blows = vec![(5_000, Blow::DiskFull { ms: 600_000 })];
    let told = stage::tell(&story);
    assert!(told.broken.is_empty(), "{:?}", told.broken);
    let at = |what: &str| told.log.iter().position(|line| line.contains(what)).unwrap_or_else(|| panic!("no {what}"));
    let away = &told.log[at("StoreAway")];
    assert!(away.contains("what is left needs about 2 MB; it goes on by itself when there is room"), "{away}");
    let time = |line: &str| line.split(' ').next().unwrap().parse::<jiff::Timestamp>().unwrap();
    let full = time(&told.log[at("DiskFull")]);
    let back_s = time(&told.log[at("StoreBack")]).duration_since(full).as_secs();
    assert!((600..=630).contains(&back_s), "it went on {back_s} s after the disk was full for 600 s");
}

#[test]
fn replay() {
    let Some(seed) = std::env::var("CHAINFILL_STORY").ok().and_then(|text| text.parse().ok()) else {
        println!("skipped: CHAINFILL_STORY names the seed of a story to tell again");
        return;
    };
    let story = Story::of(seed);
    println!("{story:#?}");
    let told = stage::tell(&story);
    assert!(told.broken.is_empty(), "{:?}", told.broken);
}
