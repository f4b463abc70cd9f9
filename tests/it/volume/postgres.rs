//! A full disk under PostgreSQL: its tables' disk, and the one of its log, without which it does not run at all.

use std::time::Instant;

use chainfill::vendor::Settings;

use super::{GOING_ON, goes_on, until_said};
use crate::rig::archive::{Archive, Loss};
use crate::rig::postgres::Postgres;
use crate::rig::program::{Desk, Program};
use crate::rig::simulated::Simulated;
use crate::rig::volume::Volume;
use crate::rig::world::small;

/// Exit codes: incomplete, the store cannot be used.
const INCOMPLETE: i32 = 3;
const NO_STORE: i32 = 8;

/// What a run says that waits for room, and for a server.
const WAITS: &str = "Waiting for room: the store postgres://";
const AWAY: &str = "The store cannot be reached: ";

fn backfill<'a>(desk: &'a Desk, vendor: &Simulated, url: &str) -> Program<'a> {
    let args = ["backfill", "--max-rate", "none", "--api-url", &vendor.base_url, "--store", url];
    desk.chainfill(&args).with_key().deadline_s(120)
}

#[test]
fn a_full_disk_under_the_tables_is_waited_for_and_a_freed_one_is_gone_on_with() {
    // F-B11, F-I6, F-I10, F-U6
    let Some(volume) = Volume::of(64 << 20) else { return };
    let pg = Postgres::start_on(&volume, &["fsync=off"], false);
    let url = pg.database_on(&volume);
    let vendor = Simulated::start(Settings { latency_ms: 2, ..small("BTC=300,ETH=200") });
    let desk = Desk::new();
    volume.leave_free(1_500_000);
    let mut running = backfill(&desk, &vendor, &url).spawn();
    until_said(&mut running, &[WAITS], 3);
    let heard = vendor.requests();
    assert!(heard > 3, "it was full before it began: {heard}");
    until_said(&mut running, &[WAITS], 5);
    assert_eq!(vendor.requests(), heard, "something was sent while there was no room");
    assert!(running.said().contains("needs about "), "{}", running.said());
    // The word for it takes the place of what it said before, and does not wait until the server cleans up.
    let asked = Instant::now();
    let beside = Desk::new();
    let mut is_taken = true;
    running.until("its worry", || {
        let status = beside.chainfill(&["status", "--json", "--store", &url]).run();
        is_taken = status.code == Some(0);
        if !is_taken {
            // A server on a full disk may take nobody new.
            return status.expect_code(NO_STORE).err.contains("make room");
        }
        let page: serde_json::Value = serde_json::from_str(&status.out).expect("JSON");
        page["verdict"]["sentence"].as_str().expect("a sentence").starts_with("Worry: the store's disk is full")
    });
    assert!(asked.elapsed() < GOING_ON, "it called itself well for {:?}", asked.elapsed());
    if is_taken {
        beside.chainfill(&["missing", "--store", &url]).ends_with(0);
        beside.chainfill(&["verify", "--store", &url]).ends_with(INCOMPLETE);
    }
    volume.free();
    let freed = Instant::now();
    goes_on(&mut running, &vendor, heard, freed);
    running.wait().expect_code(0);
    desk.chainfill(&["verify", "--store", &url]).ends_with(0);
    assert!(pg.log().contains("could not extend file"), "{}", pg.log());
    let loss = Archive::Postgres(&pg, url).compare(&vendor);
    assert_eq!(loss, Loss::default());
}

#[test]
fn a_full_disk_under_the_servers_log_ends_the_server_and_the_run_goes_on_with_the_next_one() {
    // F-B11, F-B3, F-I6
    let Some(volume) = Volume::of(64 << 20) else { return };
    // Nothing of the log is used again or removed, so that it comes to the end of its disk whatever the machine's pace.
    let settings = ["fsync=off", "wal_recycle=off", "max_wal_size=1GB", "checkpoint_timeout=1h"];
    let mut pg = Postgres::start_on(&volume, &settings, true);
    let url = pg.database();
    pg.psql("postgres", "CHECKPOINT");
    let vendor = Simulated::start(Settings { latency_ms: 2, ..small("BTC=800,ETH=700") });
    let desk = Desk::new();
    volume.leave_free(2 << 20);
    let mut running = backfill(&desk, &vendor, &url).spawn();
    until_said(&mut running, &[WAITS, AWAY], 3);
    let heard = vendor.requests();
    until_said(&mut running, &[WAITS, AWAY], 4);
    assert_eq!(vendor.requests(), heard, "something was sent while the store was away");
    volume.free();
    let freed = Instant::now();
    pg.recover();
    goes_on(&mut running, &vendor, heard, freed);
    running.wait().expect_code(0);
    desk.chainfill(&["verify", "--store", &url]).ends_with(0);
    assert!(pg.log().contains("No space left on device"), "{}", pg.log());
    println!(
        "{}",
        pg.log().lines().filter(|line| line.contains("PANIC") || line.contains("FATAL")).collect::<Vec<_>>().join("\n")
    );
    let loss = Archive::Postgres(&pg, url).compare(&vendor);
    assert_eq!(loss, Loss::default());
}
