//! A refusal within a burst: what is announced by then, and has not left, does not leave.

use chainfill::vendor::settings::Settings;
use chainfill::vendor::throttle::Rate;

use crate::rig::archive::{Archive, Loss};
use crate::rig::postgres::Postgres;
use crate::rig::program::Desk;
use crate::rig::simulated::Simulated;
use crate::rig::world::small;

/// Known after it was met twice. From then on requests leave several at a time, and more are announced ahead of them.
const QUOTA: Rate = Rate { requests: 30, window_ms: 1_000 };

/// A refusal within the third burst, by the number of the request that is not refused for the quota's sake.
const REFUSED: &str = "s1@66";

#[test]
fn what_is_announced_when_a_refusal_comes_does_not_leave() {
    // F-I6, F-T8
    let desk = Desk::new();
    refused_in_a_burst(&desk, &Archive::Sqlite(desk.database()));
    let (pg, desk) = (Postgres::start(), Desk::new());
    refused_in_a_burst(&desk, &Archive::Postgres(&pg, pg.database()));
}

fn refused_in_a_burst(desk: &Desk, archive: &Archive<'_>) {
    // Slow enough that some are under way when the refusal is heard.
    let faults = REFUSED.parse().unwrap();
    let settings = Settings { throttles: vec![QUOTA], latency_ms: 5, fault_wait_s: 2, faults, ..small("BTC=90") };
    let vendor = Simulated::start(settings);
    let args = ["backfill", "--max-rate", "none", "--query", "symbol", "--api-url", &vendor.base_url];
    desk.chainfill(&args).args(&["--store", &archive.url()]).with_key().ends_with(0);
    assert_eq!(archive.compare(&vendor), Loss::default(), "{}", archive.last_words());
    let unsent = archive.attempts().iter().filter(|attempt| attempt.outcome == "unsent").count();
    assert!(unsent > 3, "nothing was announced ahead when the refusal came: {unsent}");
}
