//! A full disk under the store in a file: the run waits for room, says how much, and goes on by itself.

use std::time::{Duration, Instant};

use chainfill::vendor::Settings;
use rustix::process::Signal;

use super::{times_said, until_said};
use crate::rig::archive::{Archive, Loss};
use crate::rig::bout::Bout;
use crate::rig::program::{Desk, Ended, Program, Running};
use crate::rig::simulated::Simulated;
use crate::rig::volume::Volume;
use crate::rig::world::small;

/// Times that a disk is filled and freed in `./check`; `./trust` asks for more.
const FILLS: u64 = 6;

/// Fills of one archive.
const FILLS_AN_ARCHIVE: u64 = 6;

/// Exit codes: incomplete, stopped by request, the store cannot be used.
const INCOMPLETE: i32 = 3;
const STOPPED: i32 = 6;
const STORE: i32 = 8;

/// How long a run may take to end once it is asked to (P4).
const END: Duration = Duration::from_secs(5);

/// What a run says that waits for room.
const WAITS: &str = "Waiting for room: the store sqlite:chainfill.db has no room left";

/// A vendor, and a folder on a small disk in which everything is: the store, what is beside it, the log.
struct Scene {
    vendor: Simulated,
    desk: Desk,
    volume: Volume,
}

impl Scene {
    fn of(bytes: u64, settings: Settings) -> Option<Scene> {
        Some(Scene::on(Volume::of(bytes)?, settings))
    }

    fn on(volume: Volume, settings: Settings) -> Scene {
        Scene { vendor: Simulated::start(settings), desk: Desk::new(), volume }
    }

    /// The program in that folder.
    fn program(&self, args: &[&str]) -> Program<'_> {
        let program = self.desk.chainfill(args).with_key().deadline_s(120);
        program.under(&self.volume.inside(self.volume.path()))
    }

    fn backfill(&self) -> Program<'_> {
        self.program(&["backfill", "--max-rate", "none", "--api-url", &self.vendor.base_url])
    }

    /// Waits until a run was refused room three times more, the last two without a request between them (I6).
    fn waits_for_room(&self, running: &mut Running<'_>) -> u64 {
        let first = tries(running);
        // What was in flight when the disk was full comes home meanwhile.
        until_said(running, &[WAITS], first + 2);
        let heard = self.vendor.requests();
        until_said(running, &[WAITS], first + 3);
        assert_eq!(self.vendor.requests(), heard, "something was sent while there was no room");
        heard
    }

    /// Waits until the vendor is asked again, and not for long.
    fn goes_on(&self, running: &mut Running<'_>, heard: u64) {
        super::goes_on(running, &self.vendor, heard, Instant::now());
    }

    /// What is torn in the store as a killed run left it on the disk.
    fn torn(&self) -> usize {
        usize::try_from(Archive::Sqlite(self.volume.seen("chainfill.db")).torn()).unwrap()
    }

    /// All is there, as somebody else reads it.
    fn is_complete(&self, ended: &Ended) -> Loss {
        assert!(ended.out.contains("BACKFILL COMPLETE"), "{}", ended.said());
        self.volume.free();
        self.program(&["verify"]).ends_with(0);
        let brought = self.desk.path().join("brought");
        self.volume.bring(&brought);
        Archive::Sqlite(brought.join("chainfill.db")).compare(&self.vendor)
    }
}

fn tries(running: &Running<'_>) -> usize {
    times_said(running, &[WAITS])
}

/// The megabytes of `what is left needs about 2 MB`.
fn asked_for_bytes(said: &str) -> u64 {
    let (_, rest) = said.rsplit_once("needs about ").expect("it says how much it needs");
    rest.split(' ').next().expect("a number").parse::<u64>().expect("a number") * 1_000_000
}

#[test]
fn a_full_disk_is_waited_for_and_said_and_a_freed_one_is_gone_on_with() {
    // F-B11, F-I6, F-I10, F-U6
    for volume in [Volume::of(16 << 20), Volume::ext4(16 << 20)].into_iter().flatten() {
        tell_of_a_full_disk(volume);
    }
}

fn tell_of_a_full_disk(volume: Volume) {
    let scene = Scene::on(volume, Settings { latency_ms: 2, ..small("BTC=110,ETH=90") });
    scene.volume.leave_free(800_000);
    let mut running = scene.backfill().spawn();
    let heard = scene.waits_for_room(&mut running);
    assert!(heard > 3, "it was full before it began: {heard}");
    let status = scene.program(&["status", "--json"]).ends_with(0);
    let page: serde_json::Value = serde_json::from_str(&status.out).expect("JSON");
    let words = "Worry: the store's disk is full, and nothing is sent meanwhile; what is left needs about 1 MB; it goes on \
                 by itself when there is room.";
    assert_eq!(page["verdict"]["sentence"], words);
    scene.program(&["missing"]).ends_with(0);
    scene.program(&["verify"]).ends_with(INCOMPLETE);
    scene.volume.free();
    scene.goes_on(&mut running, heard);
    let ended = running.wait().expect_code(0);
    assert!(ended.out.contains("The store can be reached again"), "{}", ended.out);
    assert_eq!(scene.is_complete(&ended), Loss::default());
}

#[test]
fn the_room_that_a_run_asks_for_is_enough() {
    // F-B11: the log beside the file takes many times what an answer takes in it, and must not take the room.
    for free_bytes in [600_000, 2_000_000] {
        let settings = Settings { latency_ms: 1, ..small("BTC=800,ETH=700") };
        let Some(scene) = Scene::of(32 << 20, settings) else { return };
        scene.volume.leave_free(free_bytes);
        let mut running = scene.backfill().spawn();
        scene.waits_for_room(&mut running);
        let bytes = asked_for_bytes(&running.said());
        let file = scene.volume.seen("chainfill.db").metadata().expect("a file").len();
        println!("{free_bytes} bytes free: {} requests, file {file}; {bytes} asked for", scene.vendor.requests());
        scene.volume.leave_free(bytes);
        let ended = running.wait().expect_code(0);
        println!("{} bytes are left", scene.volume.free_bytes());
        assert_eq!(scene.is_complete(&ended), Loss::default());
    }
}

#[test]
fn a_disk_that_is_full_at_the_start_is_said_and_nothing_is_asked() {
    // F-B11: no room for the tables, the log beside them, the lease, the listing.
    let Some(scene) = Scene::of(16 << 20, Settings { latency_ms: 2, ..small("BTC=60,ETH=40") }) else { return };
    let mut refused = 0;
    for pages in (0..).step_by(4) {
        scene.volume.leave_free(pages * 4_096);
        let mut running = scene.backfill().spawn();
        while tries(&running) == 0 && !running.has_ended() {
            running.look("a word");
        }
        if running.has_ended() {
            let ended = running.wait().expect_code(STORE);
            assert!(ended.err.contains("has no room left"), "{pages} pages: {}", ended.said());
            assert!(ended.err.contains("make room, then run the same command again"), "{}", ended.err);
            assert_eq!(scene.vendor.requests(), 0, "{pages} pages");
            refused += 1;
            continue;
        }
        // The first one that found room to begin: it waits, and ends when it is asked to.
        running.signal(Signal::TERM);
        let asked = Instant::now();
        let ended = running.wait();
        assert!(asked.elapsed() < END, "{:?}", asked.elapsed());
        assert!(matches!(ended.code, Some(STOPPED | STORE)), "{:?} {}", ended.code, ended.said());
        println!("{refused} were refused; with {pages} pages one began");
        break;
    }
    assert!(refused > 3, "{refused}");
    scene.volume.free();
    let ended = scene.backfill().ends_with(0);
    assert_eq!(scene.is_complete(&ended), Loss::default());
}

#[test]
fn a_run_that_waits_for_room_ends_when_it_is_asked_to_and_the_next_one_goes_on() {
    // F-B11, F-P4: `stop` leaves an order where there is room for one, and says so where there is none.
    let Some(scene) = Scene::of(16 << 20, Settings { latency_ms: 2, ..small("BTC=60,ETH=40") }) else { return };
    scene.volume.leave_free(500_000);
    let mut running = scene.backfill().spawn();
    scene.waits_for_room(&mut running);
    let stop = scene.program(&["stop"]).run();
    if stop.code != Some(0) {
        assert!(stop.code == Some(STORE) && stop.err.contains("has no room left"), "{}", stop.said());
        running.signal(Signal::TERM);
    }
    let asked = Instant::now();
    let ended = running.wait();
    assert!(asked.elapsed() < END, "{:?}", asked.elapsed());
    // The end itself may find room or not; a reason is heard either way.
    let said = ["make room, then run the same command again", "the same command goes on from here"];
    assert!(said.iter().any(|words| ended.said().contains(words)), "{:?} {}", ended.code, ended.said());
    scene.volume.free();
    let ended = scene.backfill().ends_with(0);
    assert_eq!(scene.is_complete(&ended), Loss::default());
}

#[test]
fn filled_and_freed_at_random_and_killed_between_nothing_is_lost() {
    // F-B11, F-P3, F-I2, F-I5, F-I6
    let mut bout = Bout::new("disk-full", FILLS);
    let mut rng = bout.rng();
    while bout.left() > 0 {
        let settings = Settings { seed: rng.u64(..), latency_ms: 3, ..small("BTC=300,ETH=200") };
        let Some(scene) = Scene::of(16 << 20, settings) else { return };
        let (mut fills, fills_max) = (0, bout.left().min(FILLS_AN_ARCHIVE));
        let mut torn = 0;
        let mut running = scene.backfill().spawn();
        let ended = loop {
            let target = scene.vendor.requests() + rng.u64(1..100);
            while fills < fills_max && scene.vendor.requests() < target && !running.has_ended() {
                running.look("some requests");
            }
            if fills == fills_max || running.has_ended() {
                break running.wait().expect_code(0);
            }
            // At its start, at a commit, while the log is folded: wherever it is now.
            let before = tries(&running);
            scene.volume.leave_free(rng.u64(..80_000));
            while tries(&running) <= before && !running.has_ended() {
                running.look("a wait for room");
            }
            if running.has_ended() {
                break running.wait().expect_code(0);
            }
            fills += 1;
            let heard = scene.waits_for_room(&mut running);
            if rng.u8(..3) == 0 {
                running.kill();
                torn += scene.torn();
                // What is started on the full disk says so, and ends or waits.
                running = scene.backfill().spawn();
                while tries(&running) == 0 && !running.has_ended() {
                    running.look("a word");
                }
                if running.has_ended() {
                    running.wait().expect_code(STORE);
                    scene.volume.free();
                    running = scene.backfill().spawn();
                    continue;
                }
                scene.volume.free();
                continue;
            }
            scene.volume.free();
            scene.goes_on(&mut running, heard);
        };
        let mut loss = scene.is_complete(&ended);
        loss.miscounted += torn;
        println!("{fills} fills, {} requests; {loss:?}", scene.vendor.requests());
        bout.done(fills);
        bout.lost(loss.sum());
        assert_eq!(loss, Loss::default());
    }
}
