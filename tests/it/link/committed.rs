//! The link to PostgreSQL cut around COMMIT: nobody knows whether it was written, and nothing is lost or doubled.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chainfill::vendor::Face;
use chainfill::vendor::Settings;
use fastrand::Rng;

use crate::rig::archive::{Archive, Loss};
use crate::rig::bout::Bout;
use crate::rig::postgres::Postgres;
use crate::rig::program::Desk;
use crate::rig::proxy::Proxy;
use crate::rig::proxy_postgres::{At, Scissors};
use crate::rig::simulated::Simulated;
use crate::rig::world::small;

/// Cuts at a COMMIT in `./check`; `./trust` asks for more.
const CUTS: u64 = 50;

/// Cuts of one archive, and archives at once: a cut run mostly waits until it tries again.
const CUTS_AN_ARCHIVE: u64 = 10;
const ARCHIVES: u64 = 5;

/// Exit codes: some options need attention, the store cannot be used.
const ATTENTION: i32 = 3;
const STORE: i32 = 8;

#[test]
fn cut_around_commit_nothing_is_lost_or_doubled() {
    // F-B2, F-I2, F-I3, F-I7
    let mut bout = Bout::new("commit-cut", CUTS);
    let mut rng = bout.rng();
    let pg = Postgres::start();
    let mut by_place: BTreeMap<&str, u64> = BTreeMap::new();
    while bout.left() > 0 {
        let shares = (0..ARCHIVES).map(|at| (bout.left() + at) / ARCHIVES).map(|share| share.min(CUTS_AN_ARCHIVE));
        let shares: Vec<(u64, u64)> = shares.filter(|share| *share > 0).map(|share| (rng.u64(..), share)).collect();
        let ends = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for (seed, cuts) in shares {
                let (pg, ends) = (&pg, &ends);
                scope.spawn(move || {
                    let end = tell(pg, seed, cuts);
                    ends.lock().unwrap().push(end);
                });
            }
        });
        for (made, loss) in ends.into_inner().unwrap() {
            bout.done(made.iter().filter(|(at, _)| at.is_at_commit()).count() as u64);
            bout.lost(loss.sum());
            for (at, _) in made {
                *by_place.entry(word(at)).or_default() += 1;
            }
            assert_eq!(loss, Loss::default());
        }
    }
    println!("cuts by place: {by_place:?}");
}

/// One archive from nothing to complete, its store's link cut on the way: so often at a COMMIT, and elsewhere besides.
fn tell(pg: &Postgres, seed: u64, cuts: u64) -> (Vec<(At, bool)>, Loss) {
    let mut rng = Rng::with_seed(seed);
    let by_expiry = rng.bool();
    let vendor = Simulated::start(Settings {
        seed: rng.u64(..),
        face: if by_expiry { Face::Expiry2026 } else { Face::Symbol2025 },
        page_rows_max: if by_expiry { 200 } else { 5_000 },
        faults: "all=0.004".parse().unwrap(),
        ..small(if by_expiry { "BTC=1800,ETH=1200" } else { "BTC=110,ETH=90" })
    });
    let desk = Desk::new();
    let archive = Archive::Postgres(pg, pg.database());
    let scissors = Scissors::new(rng.u64(..), cuts);
    let course = scissors.clone();
    let proxy = Proxy::start(pg.port(), move |_| course.course());
    let store = proxy.through(&archive.url());
    let (mut ended_by_a_cut, mut torn) = (0, 0);
    loop {
        let args = ["backfill", "--max-rate", "none", "--api-url", &vendor.base_url, "--store", &store];
        let ended = desk.chainfill(&args).with_key().deadline_s(120).run();
        torn += archive.torn();
        match ended.code {
            Some(0) => break,
            Some(ATTENTION) => {
                desk.chainfill(&["retry", "--attention", "--store", &archive.url()]).ends_with(0);
            }
            Some(STORE) if ended.err.contains("cannot be reached") => {
                ended_by_a_cut += 1;
            }
            _ => panic!("{:?}\n{}\n{:?}\n{}", ended.code, ended.said(), scissors.made(), archive.last_words()),
        }
    }
    let made = scissors.made();
    // Between a run's first request and its last commit no cut ends it.
    let outside = made.iter().filter(|(_, is_batch)| !is_batch).count();
    assert!(ended_by_a_cut <= outside, "{ended_by_a_cut} runs ended by {made:?}");
    desk.chainfill(&["verify", "--store", &archive.url()]).ends_with(0);
    let mut loss = archive.compare(&vendor);
    loss.miscounted += usize::try_from(torn).unwrap();
    println!("seed {seed}: {} cuts, {ended_by_a_cut} outside of a batch ended a run; {loss:?}", made.len());
    (made, loss)
}

fn word(at: At) -> &'static str {
    match at {
        At::Before => "before COMMIT",
        At::Torn => "within COMMIT",
        At::Sent => "after COMMIT was sent",
        At::Answered => "after the server committed",
        At::Message(_) => "at any message",
    }
}
