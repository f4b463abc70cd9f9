//! The real program on a machine that sleeps, is rebooted, and whose wall clock is set, inside a cooldown.

use chainfill::domain::moment::Moment;
use chainfill::limits::{HOUR_MS, SECOND_MS};
use chainfill::vendor::settings::{Settings, parse_counts};
use chainfill::vendor::throttle::Rate;

use crate::rig::archive::{Archive, Loss};
use crate::rig::clocks::Clocks;
use crate::rig::postgres::Postgres;
use crate::rig::program::{Desk, Running};
use crate::rig::simulated::Simulated;

/// How late it may go on: a bar of this project.
const LATE_MS_MAX: i64 = 30 * SECOND_MS;

/// With a listing one more than a window holds, and what is left fits into the next with another listing.
const OPTIONS: usize = 4;

/// A vendor in the world of these clocks, a store, and a run that has met the limit.
struct Scene<'a> {
    clocks: Clocks,
    vendor: Simulated,
    desk: &'a Desk,
    archive: Archive<'a>,
}

impl<'a> Scene<'a> {
    fn new(clocks: Clocks, desk: &'a Desk, archive: Archive<'a>, rate: Rate) -> Scene<'a> {
        let settings = Settings {
            counts: parse_counts(&format!("BTC={OPTIONS}")).unwrap(),
            throttles: vec![rate],
            ..Settings::default()
        };
        let vendor = Simulated::start_at(settings, clocks.world());
        Scene { clocks, vendor, desk, archive }
    }

    /// Starts it.
    fn start(&self) -> Running<'a> {
        let args = ["backfill", "BTC", "--query", "symbol", "--max-rate", "none"];
        let program = self.desk.chainfill(&args).args(&["--api-url", &self.vendor.base_url]);
        self.clocks.over(program.args(&["--store", &self.archive.url()]).with_key()).spawn()
    }

    /// Starts it, and waits until the refusal is in its journal.
    fn refused(&self) -> Running<'a> {
        let mut running = self.start();
        running.until("the limit", || {
            self.vendor.vendor().log().throttled > 0
                && self.archive.attempts().iter().any(|attempt| attempt.outcome == "throttled")
        });
        running
    }

    /// How much of the wait `status` says is left on this machine; `None` where it is none.
    fn left_ms(&self) -> Option<i64> {
        let status = self.desk.chainfill(&["status", "--json", "--store", &self.archive.url()]);
        let said = self.clocks.over(status).run();
        let status: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        let at = |place: &str| Some(status.pointer(place)?.as_str()?.parse::<jiff::Timestamp>().unwrap());
        let left = at("/throttle/next_at")?.duration_since(at("/at").unwrap());
        Some(i64::try_from(left.as_millis()).unwrap())
    }

    fn requests(&self) -> usize {
        self.vendor.vendor().log().kept().len()
    }

    /// It ends complete; the first request behind those that were there left in time after that moment.
    fn goes_on(self, running: Running<'_>, requests: usize, due: Moment) {
        running.wait().expect_code(0);
        let log: Vec<Moment> = self.vendor.vendor().log().kept().iter().map(|access| access.at).collect();
        let late_ms = due.until_ms(log[requests]);
        assert!((0..LATE_MS_MAX).contains(&late_ms), "it went on {late_ms} ms after it was due");
        assert_eq!(self.vendor.vendor().log().throttled, 1, "each further refusal is a request that came too early");
        let loss = self.archive.compare(&self.vendor);
        assert_eq!(loss, Loss::default(), "{}", self.archive.last_words());
    }
}

/// On both stores, where clocks can be moved here.
fn on_both(test: impl Fn(Clocks, &Desk, Archive<'_>)) {
    let Some(clocks) = Clocks::new() else { return };
    let desk = Desk::new();
    test(clocks, &desk, Archive::Sqlite(desk.database()));
    let (pg, desk) = (Postgres::start(), Desk::new());
    test(Clocks::new().unwrap(), &desk, Archive::Postgres(&pg, pg.database()));
}

#[test]
fn a_machine_that_slept_through_a_wait_goes_on_when_it_wakes() {
    // F-C1, F-I6: timers stand still in a suspend; asleep within the wait, then beyond its end.
    on_both(|clocks, desk, archive| {
        let mut scene = Scene::new(clocks, desk, archive, Rate { requests: 4, window_ms: 4 * HOUR_MS });
        let mut running = scene.refused();
        let requests = scene.requests();
        scene.clocks.suspend(3 * HOUR_MS);
        running.until("the sleep to be known", || scene.left_ms().is_some_and(|left_ms| left_ms <= HOUR_MS));
        let left_ms = scene.left_ms().unwrap();
        assert!((HOUR_MS - 60 * SECOND_MS..=HOUR_MS).contains(&left_ms), "{left_ms} ms are left of an hour");
        assert_eq!(scene.requests(), requests, "asked within the wait");
        scene.clocks.suspend(2 * HOUR_MS);
        let woken = (scene.clocks.world())();
        scene.goes_on(running, requests, woken);
    });
}

#[test]
fn a_wall_clock_that_is_set_makes_no_wait_shorter_or_longer() {
    // F-C2, F-I6
    for step_ms in [HOUR_MS, -HOUR_MS] {
        on_both(|clocks, desk, archive| {
            let mut scene = Scene::new(clocks, desk, archive, Rate { requests: 4, window_ms: 6 * SECOND_MS });
            let running = scene.refused();
            let log = scene.vendor.vendor().log().kept().to_vec();
            scene.clocks.step(step_ms);
            // The vendor counts the last four that it let through.
            let due = log[log.len() - 5].at + 6 * SECOND_MS;
            scene.goes_on(running, log.len(), due);
        });
    }
}

#[test]
fn after_a_reboot_inside_a_wait_the_rest_of_it_is_waited() {
    // F-C3, F-T9, F-I6: the boot clock begins anew, and what was measured against it means nothing any more.
    on_both(|clocks, desk, archive| {
        let mut scene = Scene::new(clocks, desk, archive, Rate { requests: 4, window_ms: 4 * HOUR_MS });
        scene.refused().kill();
        let requests = scene.requests();
        scene.clocks.reboot(HOUR_MS);
        let mut running = scene.start();
        running.until_said("Must wait");
        running.until("its wait", || scene.left_ms().is_some());
        let left_ms = scene.left_ms().unwrap();
        assert!((2 * HOUR_MS..3 * HOUR_MS + 10 * SECOND_MS).contains(&left_ms), "{left_ms} ms are left of three hours");
        assert_eq!(scene.requests(), requests, "asked within the wait");
        scene.clocks.suspend(4 * HOUR_MS);
        let woken = (scene.clocks.world())();
        scene.goes_on(running, requests, woken);
    });
}
