//! SIGKILL at random moments, on both stores.

use std::time::Duration;

use chainfill::vendor::Face;
use chainfill::vendor::Settings;
use fastrand::Rng;

use crate::rig::archive::{Archive, Loss};
use crate::rig::bout::Bout;
use crate::rig::postgres::Postgres;
use crate::rig::program::{Desk, Program};
use crate::rig::simulated::Simulated;
use crate::rig::world::small;

/// Kills in `./check`; `./trust` asks for more.
const KILLS_SQLITE: u64 = 300;
const KILLS_POSTGRES: u64 = 30;

/// Kills of one archive: then it may end, so that many archives meet many kills.
const KILLS_AN_ARCHIVE: u64 = 50;

/// A kill comes at the latest so long after the start: most archives are far from complete by then.
const ALIVE_MS_MAX: u64 = 500;

/// The last run of an archive may take so long: a refusal by chance can teach it a pace of some requests a second.
const ALONE_S_MAX: u64 = 600;

/// Exit code: some options need attention.
const ATTENTION: i32 = 3;

/// What one archive went through.
#[derive(Default)]
struct Story {
    kills: u64,
    runs: u64,
    rows: usize,
    /// What was torn when it was killed.
    torn: u64,
}

#[test]
fn killed_at_random_on_sqlite_nothing_is_lost() {
    // F-P3, F-B1, I2, I3, I4, I5
    let mut bout = Bout::new("sigkill-sqlite", KILLS_SQLITE);
    let mut rng = bout.rng();
    for number in 0.. {
        if bout.left() == 0 {
            break;
        }
        let desk = Desk::new();
        tell(number, &Archive::Sqlite(desk.database()), &desk, &mut rng, &mut bout);
    }
}

#[test]
fn killed_at_random_on_postgres_nothing_is_lost() {
    // F-P3, F-B1, I2, I3, I4, I5
    let mut bout = Bout::new("sigkill-postgres", KILLS_POSTGRES);
    let mut rng = bout.rng();
    let pg = Postgres::start();
    for number in 0.. {
        if bout.left() == 0 {
            break;
        }
        let desk = Desk::new();
        tell(number, &Archive::Postgres(&pg, pg.database()), &desk, &mut rng, &mut bout);
    }
}

/// One archive from nothing to complete, killed on the way; the faces of the vendor take turns.
fn tell(number: u64, archive: &Archive<'_>, desk: &Desk, rng: &mut Rng, bout: &mut Bout) {
    let by_expiry = number % 2 == 1;
    let vendor = Simulated::start(Settings {
        seed: rng.u64(..),
        face: if by_expiry { Face::Expiry2026 } else { Face::Symbol2025 },
        page_rows_max: if by_expiry { 200 } else { 5_000 },
        faults: "all=0.05".parse().unwrap(),
        latency_ms: 3,
        ..small(if by_expiry { "BTC=1200,ETH=1200" } else { "BTC=110,ETH=90" })
    });
    let story = fill(archive, desk, &vendor, rng, bout.left().min(KILLS_AN_ARCHIVE));
    desk.chainfill(&["verify", "--store", &archive.url()]).ends_with(0);
    let mut loss = archive.compare(&vendor);
    loss.miscounted += usize::try_from(story.torn).unwrap();
    let face = if by_expiry { "expiry" } else { "symbol" };
    let Story { kills, runs, rows, .. } = story;
    println!("archive {number} by {face}: {kills} kills, {runs} runs, {rows} rows; {loss:?}");
    bout.done(kills);
    bout.lost(loss.sum());
    assert_eq!(loss, Loss::default());
}

/// Starts, kills, starts again, until all is there.
fn fill(archive: &Archive<'_>, desk: &Desk, vendor: &Simulated, rng: &mut Rng, kills_max: u64) -> Story {
    let mut story = Story::default();
    loop {
        story.runs += 1;
        let mut running = backfill(archive, desk, vendor).spawn();
        if story.kills < kills_max {
            // Every other kill falls into the start: the tables, the lease, the listing.
            let most_ms = if rng.bool() { ALIVE_MS_MAX } else { ALIVE_MS_MAX / 5 };
            let alive_ms = rng.u64(..most_ms);
            if running.lives_for(Duration::from_millis(alive_ms)) {
                story.kills += u64::from(running.kill());
                story.torn += archive.torn();
                continue;
            }
        }
        let ended = running.wait();
        match ended.code {
            Some(0) => break,
            Some(ATTENTION) => {
                desk.chainfill(&["retry", "--attention", "--store", &archive.url()]).ends_with(0);
            }
            _ => panic!("{:?}\n{}\n{}", ended.code, ended.said(), archive.last_words()),
        }
    }
    story.rows = vendor.truth().values().map(Vec::len).sum();
    story
}

fn backfill<'a>(archive: &Archive<'_>, desk: &'a Desk, vendor: &Simulated) -> Program<'a> {
    let args = ["backfill", "--max-rate", "none", "--api-url", &vendor.base_url, "--store", &archive.url()];
    desk.chainfill(&args).with_key().deadline_s(ALONE_S_MAX)
}
