//! A full disk under the log: the run goes on, and says once that its log does not.

use std::fs;

use chainfill::vendor::Settings;

use crate::rig::archive::{Archive, Loss};
use crate::rig::program::{Desk, Program};
use crate::rig::simulated::Simulated;
use crate::rig::volume::Volume;
use crate::rig::world::small;

/// The store is elsewhere: only the log is on the small disk.
fn backfill<'a>(desk: &'a Desk, vendor: &Simulated, volume: &Volume, log: &str) -> Program<'a> {
    let log = volume.path().join(log).display().to_string();
    let args = ["backfill", "--max-rate", "none", "--api-url", &vendor.base_url, "--log-file", &log];
    desk.chainfill(&args).with_key().under(&volume.inside(desk.path()))
}

#[test]
fn a_full_disk_under_the_log_is_said_once_and_the_run_and_later_the_log_go_on() {
    // F-B12
    let Some(volume) = Volume::of(1 << 20) else { return };
    let vendor = Simulated::start(Settings { latency_ms: 5, ..small("BTC=110,ETH=90") });
    let desk = Desk::new();
    volume.leave_free(8_192);
    let mut running = backfill(&desk, &vendor, &volume, "run.log").spawn();
    running.until_said("cannot be written: No space left on device");
    let heard = vendor.requests();
    running.until("more requests", || vendor.requests() > heard + 10);
    volume.free();
    let ended = running.wait().expect_code(0);
    assert_eq!(ended.err.matches("cannot be written").count(), 1, "{}", ended.err);
    let loss = Archive::Sqlite(desk.database()).compare(&vendor);
    assert_eq!(loss, Loss::default());
    let log = fs::read_to_string(volume.seen("run.log")).expect("a log");
    assert!(log.contains("BACKFILL COMPLETE"), "{log}");
    // The line that was cut stands alone.
    let glued = |line: &&str| line.matches("+00:00 ").count() > 1;
    assert_eq!(log.lines().find(glued), None);
    assert!(log.lines().count() < ended.out.lines().count(), "nothing was lost: the disk was not full");
}

#[test]
fn where_no_log_can_be_made_for_want_of_room_the_run_goes_on_without_one() {
    // F-B12
    let Some(volume) = Volume::of(1 << 20) else { return };
    volume.take_names();
    let vendor = Simulated::start(small("BTC=20,ETH=10"));
    let desk = Desk::new();
    let ended = backfill(&desk, &vendor, &volume, "logs/run.log").ends_with(0);
    assert!(ended.err.contains("cannot be made: No space left on device"), "{}", ended.err);
    let loss = Archive::Sqlite(desk.database()).compare(&vendor);
    assert_eq!(loss, Loss::default());
}
