//! Somebody else holds the file: a user's shell in a transaction, a backup.

use std::time::Duration;

use chainfill::limits::SQLITE_BUSY_MS;
use chainfill::vendor::Settings;
use rusqlite::Connection;

use super::start;
use crate::rig::archive::{Archive, Loss, reader};
use crate::rig::program::{Desk, Running};
use crate::rig::simulated::Simulated;
use crate::rig::world::small;

fn vendor() -> Settings {
    Settings { latency_ms: 5, ..small("BTC=250") }
}

/// A run at work, and somebody else's transaction that keeps it from writing.
fn locked_out<'a>(desk: &'a Desk, vendor: &Simulated) -> (Running<'a>, Connection) {
    let args = ["backfill", "--max-rate", "50", "--query", "symbol", "--api-url", &vendor.base_url];
    let mut running = desk.chainfill(&args).with_key().deadline_s(150).spawn();
    running.until("some options", || vendor.requests() > 20);
    let other = Connection::open(desk.database()).unwrap();
    other.busy_timeout(Duration::from_secs(20)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    (running, other)
}

/// Requests in the journal. None is added while the file is locked, so none more may leave (I5).
fn announced(desk: &Desk) -> u64 {
    let count = "SELECT count(*) FROM chainfill_attempt";
    reader(&desk.database()).query_row(count, [], |row| row.get::<_, i64>(0)).unwrap().unsigned_abs()
}

fn goes_on(running: Running<'_>, other: Connection, desk: &Desk, vendor: &Simulated) {
    other.execute_batch("ROLLBACK").unwrap();
    running.wait().expect_code(0);
    desk.chainfill(&["verify"]).ends_with(0);
    assert_eq!(Archive::Sqlite(desk.database()).compare(vendor), Loss::default());
}

#[test]
fn a_lock_of_some_seconds_is_waited_out_and_nothing_is_sent_meanwhile() {
    // F-B8, F-I5
    let (desk, vendor) = start(vendor());
    let (mut running, other) = locked_out(&desk, &vendor);
    let announced = announced(&desk);
    assert!(running.lives_for(Duration::from_secs(3)), "{}", running.said());
    assert!(vendor.requests() <= announced, "{} requests, {announced} announced", vendor.requests());
    assert!(!running.said().contains("locked"), "three seconds are nothing to speak of: {}", running.said());
    goes_on(running, other, &desk, &vendor);
}

#[test]
fn a_lock_that_is_held_for_long_is_told_and_the_run_goes_on_by_itself() {
    // F-B8, F-I6, F-I10: for longer than SQLite itself would wait
    let (desk, vendor) = start(vendor());
    let (mut running, other) = locked_out(&desk, &vendor);
    let announced = announced(&desk);
    let longer = Duration::from_millis(u64::from(SQLITE_BUSY_MS)) + Duration::from_secs(15);
    let mut waited = false;
    while running.lives_for(Duration::from_millis(100)) && !waited {
        waited = running.said().contains("another program keeps it locked");
        running.look(&format!("a word on the lock within {longer:?}"));
    }
    assert!(waited, "it ended:\n{}", running.said());
    assert!(vendor.requests() <= announced, "{} requests, {announced} announced", vendor.requests());
    goes_on(running, other, &desk, &vendor);
    let log = std::fs::read_to_string(desk.path().join("logs/full-backfill.log")).unwrap();
    assert!(log.contains("another program keeps it locked"), "{log}");
}
