//! A long run on PostgreSQL holds no more in its late hours than in its early ones.

use chainfill::vendor::Face;

use crate::rig::postgres::Postgres;
use crate::rig::program::{Desk, Running};
use crate::rig::simulated::Simulated;
use crate::rig::world::small;

/// How much memory and how many descriptors a run may gain between a third of it and its end.
const GAINED_KIB_MAX: u64 = 8 << 10;
const GAINED_FILES_MAX: usize = 4;

#[test]
fn on_postgres_memory_and_descriptors_stay_flat_however_long_it_runs() {
    // F-P11: not in hours, but in requests: half a day's under the throttle of the field
    let pg = Postgres::start();
    let vendor = Simulated::start(chainfill::vendor::Settings { face: Face::Symbol2025, ..small("BTC=2000,ETH=2000") });
    let (desk, store) = (Desk::new(), pg.database());
    let args =
        ["backfill", "--max-rate", "none", "--query", "symbol", "--api-url", &vendor.base_url, "--store", &store];
    let mut running = desk.chainfill(&args).with_key().deadline_s(170).spawn();
    let held = |running: &Running<'_>| (running.memory_kib("VmRSS"), running.descriptors());
    running.until("a third of it", || vendor.requests() > 1_350);
    let early = held(&running);
    running.until("the end of it", || vendor.requests() > 3_900);
    let late = held(&running);
    assert_eq!(running.wait().code, Some(0));
    assert!(early.0 > 0 && early.1 > 0, "it was looked at: {early:?}");
    assert!(late.0 <= early.0 + GAINED_KIB_MAX, "{early:?}, then {late:?}");
    assert!(late.1 <= early.1 + GAINED_FILES_MAX, "{early:?}, then {late:?}");
}
