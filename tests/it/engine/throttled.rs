//! Under the vendor's throttle, in simulated time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chainfill::domain::governor::Pace;
use chainfill::domain::health::{Health, LastRun, Sight, verdict};
use chainfill::domain::run::Ending;
use chainfill::domain::tally::Tally;
use chainfill::engine::{OnLimit, QueryMode};
use chainfill::limits::{DAY_MS, HOUR_MS};
use chainfill::store::RunEnd;
use chainfill::vendor::throttle::Rate;
use chainfill::vendor::{Face, ListingFace, Settings};

use crate::rig::world::{BEGIN, World, answer, small};
use chainfill::clock::Clock;

fn hourly(requests: u32, counts: &str) -> Settings {
    Settings { throttles: vec![Rate { requests, window_ms: HOUR_MS }], ..small(counts) }
}

#[tokio::test(start_paused = true)]
async fn the_least_time_one_refusal_a_window_and_no_request_inside_a_cooldown() {
    // F-T3, F-I6: 302 requests at 60 an hour are five full windows and a burst.
    let world = World::new(hourly(60, "BTC=150,ETH=150"));
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
    let took_ms = BEGIN.until_ms(world.clock.now());
    assert!(took_ms <= 5 * HOUR_MS * 102 / 100 + 60_000, "{took_ms} ms");
    let vendor = world.vendor.lock().unwrap();
    let refused: Vec<_> = vendor.log().kept().iter().filter(|access| access.status == 429).map(|a| a.at).collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(vendor.log().requests, 302 + 1);
    assert!(world.told("Cooldown") >= 5 && world.told("Resumed") == world.told("Cooldown"));
}

#[tokio::test(start_paused = true)]
async fn of_answers_that_are_there_at_once_the_first_sends_nothing_past_a_refusal_behind_it() {
    // F-I6: the first answer lets the next request go, the second one forbids it. Whichever comes when, what leaves left
    // before the refusal was heard.
    for refused_at in 50..60 {
        let faults = format!("s1@{refused_at}").parse().unwrap();
        let mut world = World::new(Settings { faults, fault_wait_s: 600, ..hourly(40, "BTC=100") });
        world.settings.query = QueryMode::Symbol;
        world.settings.pace = Pace { spacing_ms: 0, concurrency: 4 };
        let events = world.events.clone();
        let early = Arc::new(AtomicUsize::new(0));
        let count = early.clone();
        world.script = Some(Arc::new(move |_, _| {
            let events = events.lock().unwrap();
            let last = |name: &str| events.iter().rposition(|(_, event)| event.contains(name));
            if last("throttled") > last("Resumed") {
                count.fetch_add(1, Ordering::Relaxed);
            }
            None
        }));
        assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
        assert_eq!(early.load(Ordering::Relaxed), 0, "request {refused_at} is refused");
        assert!(world.told("Resumed") >= 2, "it waits for the refusal and for the quota");
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_by_accident_that_look_like_a_quota_of_some_seconds_are_doubted_soon() {
    // F-T7, F-S1: read as five requests in two seconds they would make an hour of these minutes
    let faults = "s1@20,s1@26,s1@32,s1@38".parse().unwrap();
    let mut world = World::new(Settings { faults, fault_wait_s: 2, ..small("BTC=3000") });
    world.settings.query = QueryMode::Symbol;
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    let quotas = world.events.lock().unwrap().iter().filter(|(_, event)| event.contains("window_ms: 2000")).count();
    let took_ms = BEGIN.until_ms(world.clock.now());
    println!("{took_ms} ms, {quotas} times");
    assert!(quotas > 0, "it was not misread: this shows nothing");
    assert!(took_ms < 5 * 60_000, "{took_ms} ms");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_dies_in_a_cooldown_is_followed_by_one_that_waits_the_rest() {
    // F-T9, F-P3
    let world = World::new(hourly(40, "BTC=100"));
    let epoch = world.begin().await.unwrap();
    let died = tokio::time::timeout(std::time::Duration::from_secs(600), world.work(epoch)).await;
    assert!(died.is_err(), "it waits for the hour");
    let before = world.requests();
    assert_eq!(before, 41);
    tokio::time::advance(std::time::Duration::from_secs(60)).await;
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    {
        let vendor = world.vendor.lock().unwrap();
        let after: Vec<_> = vendor.log().kept()[usize::try_from(before).unwrap()..].iter().collect();
        assert!(BEGIN.until_ms(after[0].at) >= HOUR_MS, "the first request after the restart waited");
        assert!(after.iter().all(|access| access.status == 200));
        assert_eq!(vendor.log().requests, 102 + 1 + 1, "listing twice, one probe, one refusal");
    }
    world.assert_complete().await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_stepped_inside_a_cooldown_lets_no_later_run_send_early() {
    // F-C2, F-I6: whatever runs come between, a `retry` too, and however far the clock goes
    for step_ms in [2 * HOUR_MS, -2 * HOUR_MS, 30 * HOUR_MS] {
        let world = World::new(hourly(40, "BTC=100"));
        let soon = std::time::Duration::from_secs(600);
        let epoch = world.begin().await.unwrap();
        assert!(tokio::time::timeout(soon, world.work(epoch)).await.is_err(), "it waits for the hour");
        world.clock.step_ms.store(step_ms, std::sync::atomic::Ordering::Relaxed);
        for _ in 0..2 {
            let epoch = world.begin().await.unwrap();
            let end = RunEnd { at: world.clock.now(), ending: Ending::Complete, progress: None };
            world.store.end(epoch, &end).await.unwrap();
            let epoch = world.begin().await.unwrap();
            assert!(tokio::time::timeout(soon, world.work(epoch)).await.is_err(), "it waits for the rest of the hour");
            assert_eq!(world.requests(), 41);
        }
        assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
        let vendor = world.vendor.lock().unwrap();
        assert!(BEGIN.until_ms(vendor.log().kept()[41].at) >= HOUR_MS);
        assert!(BEGIN.until_ms(vendor.log().kept()[41].at) < HOUR_MS + 60_000, "nor is it waited for too long");
        assert_eq!(vendor.log().throttled, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_clock_far_ahead_left_behind_holds_the_next_run_up_for_a_day_at_the_most() {
    // F-I10, F-C3: a cooldown begins under a clock that is three years ahead; the machine is rebooted, the clock is right
    let mut world = World::new(hourly(40, "BTC=100"));
    world.settings.query = QueryMode::Symbol;
    world.clock.step_ms.store(3 * 365 * DAY_MS, std::sync::atomic::Ordering::Relaxed);
    let epoch = world.begin().await.unwrap();
    let soon = std::time::Duration::from_secs(600);
    assert!(tokio::time::timeout(soon, world.work(epoch)).await.is_err(), "it waits for the hour");
    world.clock.step_ms.store(0, std::sync::atomic::Ordering::Relaxed);
    world.settings.identity.boot_id = "another".into();
    let a_week = std::time::Duration::from_millis(7 * DAY_MS as u64);
    let report =
        tokio::time::timeout(a_week, world.backfill()).await.expect("it does not wait for three years").unwrap();
    assert_eq!(report.ending, Ending::Complete, "{}", report.words);
    world.assert_complete().await;
    assert!(BEGIN.until_ms(world.clock.now()) < 2 * DAY_MS);
}

#[tokio::test(start_paused = true)]
async fn at_the_limit_a_run_can_end_and_say_when_to_go_on() {
    // F-T14
    for max_wait_ms in [None, Some(60_000)] {
        let mut world = World::new(hourly(40, "BTC=100"));
        world.settings.max_wait_ms = max_wait_ms;
        world.settings.on_limit = if max_wait_ms.is_some() { OnLimit::Wait } else { OnLimit::Exit };
        let report = world.backfill().await.unwrap();
        assert_eq!(report.ending, Ending::Limit);
        let resume = report.resume_after.unwrap();
        assert!((BEGIN.until_ms(resume) - HOUR_MS).abs() < 60_000, "{}", resume.rfc3339());
        assert!(report.words.contains("resume_after"), "{}", report.words);
    }
}

#[tokio::test(start_paused = true)]
async fn slots_that_open_one_by_one_are_told_and_bounded() {
    // F-I10, F-T14: spent two minutes apart, they open so
    let quota = Rate { requests: 20, window_ms: HOUR_MS };
    for max_wait_ms in [None, Some(60_000)] {
        let mut world = World::new(Settings { throttles: vec![quota], ..small("BTC=40") });
        world.settings.query = QueryMode::Symbol;
        world.settings.pace.spacing_ms = 120_000;
        world.settings.limit = Some(22);
        assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
        world.settings.pace.spacing_ms = 0;
        world.settings.limit = None;
        world.settings.max_wait_ms = max_wait_ms;
        world.events.lock().unwrap().clear();
        let report = world.backfill().await.unwrap();
        if max_wait_ms.is_some() {
            assert_eq!(report.ending, Ending::Limit, "{}", report.words);
            continue;
        }
        assert_eq!(report.ending, Ending::Complete, "{}", report.words);
        assert!(world.told("Cooldown") >= 10);
        let events = world.events.lock().unwrap();
        let mut waits = false;
        for pair in events.windows(2) {
            let (at, event) = &pair[0];
            waits = event.starts_with("Cooldown") || (waits && !event.starts_with("Resumed"));
            assert!(waits || at.until_ms(pair[1].0) < 60_000, "a silent wait after {event}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn throttled_while_listing_waits_and_plans_from_the_whole_list() {
    // F-T11: before its first word, and with half of a list in hand that comes year by year.
    for (listing, faults) in [
        (ListingFace::Whole, "t2@1,s1@2"),
        (ListingFace::YearNeeded, "t2@2,s1@3"),
        (ListingFace::YearNeeded, "s1@4"),
        (ListingFace::NewestYear, "t1@2,s1@3"),
    ] {
        let (face, faults) = (Face::Expiry2026, faults.parse().unwrap());
        let world = World::new(Settings { face, faults, listing, fault_wait_s: 600, ..small("BTC=150,ETH=150") });
        let report = world.backfill().await.unwrap();
        assert_eq!(report.ending, Ending::Complete, "{listing:?}: {}", report.words);
        world.assert_complete().await;
        let events = world.events.lock().unwrap();
        let at = |name: &str| events.iter().position(|(_, event)| event.starts_with(name)).unwrap();
        assert!(at("Cooldown") < at("Planned"), "it met the limit while it listed");
        let years = world.asked_for("available/");
        assert!(listing == ListingFace::Whole || years > 4, "{years} requests for the listing");
    }
}

#[tokio::test(start_paused = true)]
async fn refused_for_ever_without_a_time_it_asks_once_an_hour_and_says_so() {
    // F-T13
    let world = World::new(Settings { faults: "t1@20+".parse().unwrap(), ..small("BTC=200") });
    let epoch = world.begin().await.unwrap();
    let day = tokio::time::timeout(std::time::Duration::from_secs(24 * 3600), world.work(epoch)).await;
    assert!(day.is_err(), "a key that looks blocked is no reason to end");
    {
        let vendor = world.vendor.lock().unwrap();
        let refused: Vec<_> =
            vendor.log().kept().iter().filter(|access| access.status == 429).map(|access| access.at).collect();
        // The waits double up to an hour: after that it is one in any hour.
        let late: Vec<_> = refused.iter().filter(|at| BEGIN.until_ms(**at) > 2 * HOUR_MS).collect();
        assert!((18..=22).contains(&late.len()), "{late:?}");
        assert!(late.windows(2).all(|pair| pair[0].until_ms(*pair[1]) >= HOUR_MS), "{late:?}");
        assert!(refused.len() - late.len() <= 8, "{refused:?}");
        assert_eq!(vendor.log().kept().iter().filter(|access| access.status == 200).count(), 19);
    }
    assert!(world.told("Learned(Blocked") >= 1, "{:?}", world.events.lock().unwrap());
    let progress = world.progress.lock().unwrap().clone();
    assert!(progress.blocked > 20, "{}", progress.blocked);
    let run = LastRun {
        epoch: 1,
        pid: 1,
        host: "simulated".into(),
        started_at: BEGIN,
        beat_age_ms: 0,
        alive: Some(true),
        ended_at: None,
        ending: None,
    };
    let (progress, total) = (Some(&progress), &Tally::total(&[]));
    let sight = Sight { run: Some(&run), progress, total, open: 1, room_bytes: None };
    let (health, words) = verdict(sight, world.clock.now(), &jiff::tz::TimeZone::UTC);
    assert!(health == Health::Worry && words.contains("the key looks blocked"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn stacked_limits_are_all_kept() {
    // F-T4
    let throttles = vec![Rate { requests: 10, window_ms: 60_000 }, Rate { requests: 100, window_ms: HOUR_MS }];
    let mut world = World::new(Settings { throttles, ..small("BTC=250") });
    world.settings.query = QueryMode::Symbol;
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
    let vendor = world.vendor.lock().unwrap();
    let (requests, refused) = (vendor.log().requests, vendor.log().throttled);
    assert!(refused <= 8, "{refused} of {requests}");
}

#[tokio::test(start_paused = true)]
async fn another_window_is_learned_anew() {
    // F-T7: an hour's quota that is a minute's now, and the reverse
    let hourly = Rate { requests: 60, window_ms: HOUR_MS };
    let by_minute = Rate { requests: 10, window_ms: 60_000 };
    for (before, after, took_ms_max) in [(hourly, by_minute, 25 * 60_000), (by_minute, hourly, 4 * HOUR_MS)] {
        let mut world = World::new(Settings { throttles: vec![before], ..small("BTC=300") });
        world.settings.query = QueryMode::Symbol;
        world.settings.limit = Some(130);
        assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
        tokio::time::advance(std::time::Duration::from_millis(2 * HOUR_MS as u64)).await;
        world.vendor.lock().unwrap().set_throttles(&[after]);
        let refused = world.vendor.lock().unwrap().log().throttled;
        let from = world.clock.now();
        world.settings.limit = None;
        assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
        world.assert_complete().await;
        let took_ms = from.until_ms(world.clock.now());
        assert!(took_ms < took_ms_max, "{took_ms} ms");
        let refused = world.vendor.lock().unwrap().log().throttled - refused;
        assert!(refused <= 4, "{refused} refusals");
    }
}

#[tokio::test(start_paused = true)]
async fn processes_that_count_for_themselves_cost_no_option() {
    // F-T6
    let world = World::new(Settings { processes: 3, face: Face::Symbol2025, ..hourly(40, "BTC=200") });
    assert_eq!(world.backfill().await.unwrap().ending, Ending::Complete);
    world.assert_complete().await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_vendor_asked_for_is_no_outage() {
    // F-S9, F-T1: trouble, then a wait of ten minutes, then trouble again: the vendor was never silent
    let mut world = World::new(small("BTC=30"));
    world.script = Some(Arc::new(|path, before| match before {
        0 | 2 if path.contains("available") => answer(502, "<html></html>"),
        1 if path.contains("available") => answer(429, r#"{"detail":"Expected available in 600 seconds."}"#),
        _ => None,
    }));
    let report = world.backfill().await.unwrap();
    assert_eq!(report.ending, Ending::Complete, "{}", report.words);
}
