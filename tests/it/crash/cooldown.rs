//! Ended and started again inside a cooldown, at random moments: nothing is sent before its end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chainfill::clock::{Clock as _, SystemClock};
use chainfill::domain::moment::Moment;
use chainfill::limits::SECOND_MS;
use chainfill::vendor::access::Access;
use chainfill::vendor::settings::{Settings, parse_counts};
use chainfill::vendor::throttle::Rate;
use fastrand::Rng;
use rustix::process::Signal;

use crate::rig::archive::{Archive, Loss};
use crate::rig::bout::Bout;
use crate::rig::lock;
use crate::rig::postgres::Postgres;
use crate::rig::program::{Desk, Running};
use crate::rig::simulated::Simulated;

/// Restarts within a limit in `./check`; `./trust` asks for more. One that begins when it is over counts for nothing.
const RESTARTS: u64 = 20;

/// Stories at once: nearly all of their time is waiting. One of them is on PostgreSQL.
const AT_ONCE: u64 = 4;

/// The vendor's throttle: an hour's quota in seconds, so that a story meets it twice.
const QUOTA: Rate = Rate { requests: 10, window_ms: 3_000 };

/// One listing and so many options are two full windows and a bit of a third.
const OPTIONS: usize = 22;

/// Restarts in each of a story's two cooldowns, and how long each run lives.
const RESTARTS_IN_ONE: std::ops::RangeInclusive<u64> = 3..=6;
const ALIVE_MS_MAX: u64 = 700;

/// Exit code: stopped by request.
const STOPPED: i32 = 6;

#[test]
fn restarted_in_a_cooldown_nothing_is_sent_before_its_end() {
    // F-T9, F-I6, F-P3, F-P4
    let bout = Mutex::new(Bout::new("restart-in-cooldown", RESTARTS));
    let seed = bout.lock().unwrap().rng().u64(..);
    let pg = Postgres::start();
    let under_way = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for lane in 0..AT_ONCE {
            let (bout, pg, under_way) = (&bout, &pg, &under_way);
            scope.spawn(move || {
                let mut rng = Rng::with_seed(seed ^ lane);
                while claim(bout, under_way) {
                    let desk = Desk::new();
                    let archive = match lane {
                        0 => Archive::Postgres(pg, pg.database()),
                        _ => Archive::Sqlite(desk.database()),
                    };
                    let (restarts, lost) = tell(&archive, &desk, &mut rng);
                    let mut bout = lock(bout);
                    bout.done(restarts);
                    bout.lost(lost);
                    under_way.fetch_sub(1, Ordering::Relaxed);
                    assert_eq!(lost, 0, "see above");
                }
            });
        }
    });
}

/// Whether one more story is to be told, beside those that are being told.
fn claim(bout: &Mutex<Bout>, under_way: &AtomicU64) -> bool {
    let bout = lock(bout);
    let coming = under_way.load(Ordering::Relaxed) * 2 * RESTARTS_IN_ONE.start();
    let more = bout.left() > coming;
    under_way.fetch_add(u64::from(more), Ordering::Relaxed);
    more
}

/// One archive that meets the limit twice, the second time by its own reckoning. Restarts, and what was sent early
/// or lost.
fn tell(archive: &Archive<'_>, desk: &Desk, rng: &mut Rng) -> (u64, u64) {
    let vendor = Simulated::start(Settings {
        seed: rng.u64(..),
        counts: parse_counts(&format!("BTC={OPTIONS}")).unwrap(),
        throttles: vec![QUOTA],
        ..Settings::default()
    });
    let start = || -> Running<'_> {
        let args = ["backfill", "BTC", "--query", "symbol", "--max-rate", "none"];
        let running = desk.chainfill(&args).args(&["--api-url", &vendor.base_url, "--store", &archive.url()]);
        running.with_key().spawn()
    };
    let quota = u64::from(QUOTA.requests);
    let (mut restarts, mut torn) = (0, 0);
    let mut running = start();
    for burst in 1..=2 {
        // The first time the vendor says it; only what the journal holds can outlive a kill.
        running.until("the limit", || match burst {
            1 => {
                vendor.vendor().log().throttled > 0
                    && archive.attempts().iter().any(|attempt| attempt.outcome == "throttled")
            }
            _ => vendor.requests() - vendor.vendor().log().throttled >= burst * quota,
        });
        for _ in 0..rng.u64(RESTARTS_IN_ONE) {
            let alive = Duration::from_millis(rng.u64(..ALIVE_MS_MAX));
            if !running.lives_for(alive) {
                break;
            }
            if rng.bool() {
                running.kill();
            } else {
                running.signal(Signal::TERM);
                // One that is asked before it listens to signals ends as any other program does.
                let ended = running.wait();
                assert!([Some(STOPPED), Some(0), None].contains(&ended.code), "{:?}\n{}", ended.code, ended.said());
            }
            torn += archive.torn();
            running = start();
            // It has started, and the limit is still on: it met it.
            let now = SystemClock::start().now();
            restarts += u64::from(limited_until(vendor.vendor().log().kept()).is_some_and(|until| now < until));
        }
    }
    running.wait().expect_code(0);
    let early = early(vendor.vendor().log().kept());
    let mut loss = archive.compare(&vendor);
    loss.miscounted += usize::try_from(torn).unwrap();
    println!("{restarts} restarts, {early} requests too early; {loss:?}");
    assert_eq!(loss, Loss::default(), "{}", archive.last_words());
    (restarts, early)
}

/// Until when the vendor is not to be asked: it has told a wait, or has let through all that it lets through in a window.
fn limited_until(accesses: &[Access]) -> Option<Moment> {
    let told = accesses.iter().filter_map(|access| {
        let wait_s: i64 = access.retry_after.as_ref()?.parse().ok()?;
        Some(access.at + wait_s * SECOND_MS)
    });
    let passed: Vec<Moment> = accesses.iter().filter(|access| access.status != 429).map(|access| access.at).collect();
    let full = passed.len().checked_sub(QUOTA.requests as usize).map(|oldest| passed[oldest] + QUOTA.window_ms);
    told.chain(full).max()
}

/// Requests inside a cooldown. After a refusal it lasts as long as `Retry-After` said; what was learned from that
/// one lets no second one happen, so each further refusal is a request that was sent too early.
fn early(accesses: &[Access]) -> u64 {
    let mut early = 0;
    let refused: Vec<usize> = (0..accesses.len()).filter(|at| accesses[*at].status == 429).collect();
    if let Some(&at) = refused.first() {
        let (before, after) = (&accesses[..at], &accesses[at + 1..]);
        // What Django counts: the last N that it let through.
        let oldest = &before[before.len() - QUOTA.requests as usize];
        let left_ms = QUOTA.window_ms - oldest.at.until_ms(accesses[at].at);
        let until = accesses[at].at + (left_ms + 999) / 1_000 * 1_000;
        for access in after.iter().filter(|access| access.at < until) {
            println!("{access:?} came {} ms before the end of the cooldown", access.at.until_ms(until));
            early += 1;
        }
    }
    for at in refused.iter().skip(1) {
        println!("refused again: {:?}", accesses[*at]);
    }
    early + refused.len().saturating_sub(1) as u64
}
