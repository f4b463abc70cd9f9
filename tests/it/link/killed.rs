//! PostgreSQL goes away under a run: its server killed or stopped, or one backend; and nothing is sent meanwhile.

use std::process::Command;
use std::time::{Duration, Instant};

use chainfill::vendor::settings::{Settings, parse_counts};
use fastrand::Rng;

use crate::rig::archive::{Archive, Loss};
use crate::rig::bout::Bout;
use crate::rig::postgres::Postgres;
use crate::rig::program::{Desk, Running};
use crate::rig::simulated::Simulated;

/// Kills in `./check`; `./trust` asks for more.
const KILLS: u64 = 5;

/// Kills of one archive.
const KILLS_AN_ARCHIVE: u64 = 10;

/// How long a killed server stays away: more than a first try again takes.
const AWAY: Duration = Duration::from_millis(400);

/// Exit code: the store cannot be used.
const STORE: i32 = 8;

#[test]
fn whatever_is_killed_of_postgres_nothing_is_lost_and_nothing_sent_meanwhile() {
    // F-B3, F-I6, F-I2, F-I5
    let mut bout = Bout::new("postgres-killed", KILLS);
    let mut rng = bout.rng();
    // Killed by SIGKILL, what it wrote is in the system's cache; the log has everything in its order.
    let mut pg = Postgres::start();
    while bout.left() > 0 {
        let kills = bout.left().min(KILLS_AN_ARCHIVE);
        let (made, loss) = tell(&mut pg, &mut rng, kills);
        bout.done(made);
        bout.lost(loss.sum());
        assert_eq!(loss, Loss::default());
    }
}

/// One archive from nothing to complete, its server killed on the way.
fn tell(pg: &mut Postgres, rng: &mut Rng, kills: u64) -> (u64, Loss) {
    let vendor = Simulated::start(Settings {
        seed: rng.u64(..),
        counts: parse_counts("BTC=300,ETH=200").unwrap(),
        throttles: Vec::new(),
        latency_ms: 4,
        ..Settings::default()
    });
    let url = pg.database();
    let desk = Desk::new();
    // An operator's stop is met besides, and counts as no kill.
    let (mut made, mut torn, ways) = (0, 0, rng.u64(0..4)..);
    let start = || {
        let args = ["backfill", "--max-rate", "none", "--api-url", &vendor.base_url, "--store", &url];
        desk.chainfill(&args).with_key().deadline_s(120).spawn()
    };
    let mut running = start();
    for how in ways.map(|way| way % 4) {
        if made == kills || ends(&mut running, Duration::from_millis(rng.u64(50..500))) {
            break;
        }
        let is_killed = match how {
            0 => {
                pg.kill_server();
                true
            }
            1 => {
                pg.stop_fast();
                false
            }
            // The server takes itself down and up again, for the sake of the memory that they share.
            2 => kill_a_backend(pg, &url),
            _ => pg.kill_backends(&url) > 0,
        };
        made += u64::from(is_killed);
        if how >= 2 {
            torn += Archive::Postgres(pg, url.clone()).torn();
        } else {
            let at_death = vendor.requests();
            let lives = !ends(&mut running, AWAY);
            // Those in flight, and the one whose attempt was just committed.
            let sent = vendor.requests() - at_death;
            println!("{} {sent} requests after its end", if how == 0 { "killed:" } else { "stopped:" });
            assert!(sent <= 2, "{sent} requests left while the store was down");
            let seen = vendor.requests();
            pg.start_again();
            // Right after, before the run is back: what left had been written before it left.
            let sql = "SELECT count(*) FROM chainfill_attempt WHERE outcome IS DISTINCT FROM 'unsent'";
            // It may have come before the tables.
            let has_journal = pg.psql(&url, "SELECT to_regclass('chainfill_attempt') IS NOT NULL") == "t";
            let journaled: u64 = if has_journal { pg.psql(&url, sql).parse().expect("a count") } else { 0 };
            torn += Archive::Postgres(pg, url.clone()).torn();
            assert!(seen <= journaled, "{seen} requests reached the vendor, {journaled} were written before");
            if !lives {
                break;
            }
        }
    }
    // A run that was about to start or to end may be ended by it; the next one goes on.
    loop {
        let ended = running.wait();
        match ended.code {
            Some(0) => break,
            Some(STORE) if ended.err.contains("cannot be reached") => running = start(),
            _ => panic!("{:?}\n{}\n{}", ended.code, ended.said(), pg.log()),
        }
    }
    desk.chainfill(&["verify", "--store", &url]).ends_with(0);
    let mut loss = Archive::Postgres(pg, url).compare(&vendor);
    loss.miscounted += usize::try_from(torn).unwrap();
    (made, loss)
}

/// Whether it ends within so long.
fn ends(running: &mut Running<'_>, span: Duration) -> bool {
    !running.lives_for(span)
}

/// SIGKILL to one of its backends, and waits until the server is back by itself. Whether there was one.
fn kill_a_backend(pg: &Postgres, url: &str) -> bool {
    let name = url.rsplit('/').next().unwrap_or_default();
    let sql = format!("SELECT pid FROM pg_stat_activity WHERE datname = '{name}' LIMIT 1");
    let pid = pg.psql("postgres", &sql);
    if pid.is_empty() {
        return false;
    }
    let status = Command::new("kill").args(["-KILL", &pid]).status().expect("kill starts");
    assert!(status.success(), "backend {pid} is gone");
    let from = Instant::now();
    while !pg.takes_connections() {
        assert!(from.elapsed() < Duration::from_secs(30), "the server does not come back:\n{}", pg.log());
    }
    true
}
