//! The link to the vendor cut, slow, lost, or out of step: every answer is whole and its own, or it is asked for again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chainfill::vendor::Face;
use chainfill::vendor::Settings;
use fastrand::Rng;

use crate::peer_drf::assert_rows;
use crate::rig::archive::{Archive, Loss};
use crate::rig::bout::{Bout, seed};
use crate::rig::drf::Drf;
use crate::rig::program::Desk;
use crate::rig::proxy::{Act, Course, Plain, Proxy, Side};
use crate::rig::proxy_http::{MISCHIEFS, Meddler};
use crate::rig::simulated::Simulated;
use crate::rig::world::small;

/// Mischiefs in `./check`; `./trust` asks for more.
const MISCHIEFS_IN_CHECK: u64 = 40;

/// Mischiefs of one archive, and archives at once: such a run mostly waits until it tries again.
const MISCHIEFS_AN_ARCHIVE: u64 = 8;
const ARCHIVES: u64 = 5;

/// A black hole takes a minute to be given up: it has a test of its own, and the bout does without.
const QUICK: &[&str] = MISCHIEFS.split_at(MISCHIEFS.len() - 1).0;
const BLACK_HOLE: &[&str] = MISCHIEFS.split_at(MISCHIEFS.len() - 1).1;

/// What a line that loses packets does to an exchange in the end.
const LOSSES: &[&str] = &["request cut", "answer cut", "answer reset"];

/// Exit code: some options need attention.
const ATTENTION: i32 = 3;

/// Exit code: the vendor cannot be reached.
const VENDOR: i32 = 4;

fn port_of(url: &str) -> u16 {
    let (_, port) = url.trim_end_matches("/v1").rsplit_once(':').unwrap();
    port.parse().unwrap()
}

#[test]
fn whatever_happens_to_answers_on_their_way_nothing_is_lost_or_made_up() {
    // F-P1, F-S13, F-S15, F-S16, F-I1, F-I5
    let mut bout = Bout::new("vendor-link", MISCHIEFS_IN_CHECK);
    let mut rng = bout.rng();
    let mut by_kind: BTreeMap<&str, u64> = BTreeMap::new();
    while bout.left() > 0 {
        let shares = (0..ARCHIVES).map(|at| (bout.left() + at) / ARCHIVES).filter(|share| *share > 0);
        let shares: Vec<(u64, u64)> = shares.map(|share| (rng.u64(..), share.min(MISCHIEFS_AN_ARCHIVE))).collect();
        let ends = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for (seed, times) in shares {
                let ends = &ends;
                scope.spawn(move || {
                    let end = tell(seed, times);
                    ends.lock().unwrap().push(end);
                });
            }
        });
        for (made, loss) in ends.into_inner().unwrap() {
            bout.done(made.values().sum());
            bout.lost(loss.sum());
            for (kind, times) in made {
                *by_kind.entry(kind).or_default() += times;
            }
            assert_eq!(loss, Loss::default());
        }
    }
    println!("mischiefs: {by_kind:?}");
}

fn tell(seed: u64, times: u64) -> (BTreeMap<&'static str, u64>, Loss) {
    let mut rng = Rng::with_seed(seed);
    let by_expiry = rng.bool();
    let vendor = Simulated::start(Settings {
        seed: rng.u64(..),
        face: if by_expiry { Face::Expiry2026 } else { Face::Symbol2025 },
        page_rows_max: if by_expiry { 200 } else { 5_000 },
        ..small(if by_expiry { "BTC=1200,ETH=1200" } else { "BTC=60,ETH=60" })
    });
    let meddler = Meddler::new(rng.u64(..), times, 8, QUICK);
    let course = meddler.clone();
    let proxy = Proxy::start(port_of(&vendor.base_url), move |_| course.course());
    let desk = Desk::new();
    let archive = Archive::Sqlite(desk.database());
    loop {
        let args = ["backfill", "--max-rate", "none", "--api-url", &proxy.through(&vendor.base_url)];
        let ended = desk.chainfill(&args).with_key().deadline_s(120).run();
        match ended.code {
            Some(0) => break,
            Some(ATTENTION) => {
                desk.chainfill(&["retry", "--attention"]).ends_with(0);
            }
            _ => panic!("{:?} {:?}\n{}\n{}", ended.code, meddler.made(), ended.said(), archive.last_words()),
        }
    }
    desk.chainfill(&["verify"]).ends_with(0);
    let loss = archive.compare(&vendor);
    println!("seed {seed}: {:?}; {loss:?}", meddler.made());
    (meddler.made(), loss)
}

#[test]
fn a_real_vendor_behind_a_bad_link_is_brought_home_whole() {
    // F-P1, F-S13, F-S15, F-S16
    let drf = Drf::start(&["--threads", "4", "--options", "40"]);
    let meddler = Meddler::new(seed("a bad link to a real vendor"), 8, 4, QUICK);
    let course = meddler.clone();
    let proxy = Proxy::start(port_of(&drf.base_url), move |_| course.course());
    let desk = Desk::new();
    let url = proxy.through(&drf.base_url);
    desk.chainfill(&["backfill", "--max-rate", "none", "--api-url", &url]).with_key().deadline_s(120).ends_with(0);
    println!("{:?}", meddler.made());
    assert!(meddler.made().values().sum::<u64>() > 3, "{:?}", meddler.made());
    assert_rows(&desk, &drf);
    // Each request that the server saw is in the journal; one that was cut on its way is there alone.
    let sent = Archive::Sqlite(desk.database()).sent();
    let unanswered = sent.iter().filter(|attempt| attempt.outcome == "no_answer").count();
    let seen = drf.accesses().len();
    assert!((sent.len() - unanswered..=sent.len()).contains(&seen), "{seen} seen, {} sent: {sent:#?}", sent.len());
}

#[test]
fn with_three_exchanges_in_ten_lost_every_row_comes_home() {
    // F-P1, F-I1, F-I5: for as long as the run lasts, and not for a while.
    let vendor = Simulated::start(small("BTC=40,ETH=40"));
    let meddler = Meddler::losing(seed("three in ten lost"), (3, 10), LOSSES);
    let course = meddler.clone();
    let proxy = Proxy::start(port_of(&vendor.base_url), move |_| course.course());
    let desk = Desk::new();
    let args = ["backfill", "--max-rate", "none", "--api-url", &proxy.through(&vendor.base_url)];
    loop {
        let ended = desk.chainfill(&args).with_key().deadline_s(170).run();
        match ended.code {
            Some(0) => break,
            // Lost eight times in a row: one option in 15,000 is, and then somebody asks for it again.
            Some(ATTENTION) => {
                desk.chainfill(&["retry", "--attention"]).ends_with(0);
            }
            // The first word, too, may be lost until it is given up.
            Some(VENDOR) => {}
            _ => panic!("{:?} {:?}\n{}", ended.code, meddler.made(), ended.said()),
        }
    }
    let lost = meddler.made().values().sum::<u64>();
    let archive = Archive::Sqlite(desk.database());
    let sent = archive.sent();
    let unanswered = sent.iter().filter(|attempt| attempt.outcome == "no_answer").count();
    println!("{:?} of {} exchanges", meddler.made(), sent.len());
    assert!(lost * 10 >= sent.len() as u64 * 2, "{lost} of {}", sent.len());
    assert_eq!(unanswered as u64, lost, "{sent:?}");
    assert_eq!(archive.compare(&vendor), Loss::default());
    desk.chainfill(&["verify"]).ends_with(0);
}

/// Passes everything, but cuts the first connections: in turn, as soon as a request after the first has reached the
/// vendor, and right behind the first answer, so that the next request meets a connection that is already closed.
struct CutWhereItIsUsedAgain {
    asked: u64,
    behind_answer: bool,
    is_on: bool,
    cut: Arc<AtomicU64>,
}

impl Course for CutWhereItIsUsedAgain {
    fn next(&mut self, from: Side, bytes: &[u8]) -> Vec<Act> {
        let pass = Act::Pass(bytes.to_vec());
        if from == Side::Program {
            self.asked += 1;
            return vec![pass];
        }
        match (self.is_on, self.behind_answer, self.asked) {
            (true, true, _) => vec![pass, Act::Cut],
            // The vendor has answered, so it has counted; the program hears nothing of it.
            (true, false, 2..) => {
                self.cut.fetch_add(1, Ordering::SeqCst);
                vec![Act::Cut]
            }
            _ => vec![pass],
        }
    }
}

#[test]
fn a_connection_that_is_used_again_and_hangs_up_is_asked_once_and_announced() {
    // F-T12, F-I5: only there does an HTTP library try again by itself.
    let vendor = Simulated::start(Settings { latency_ms: 2, ..small("BTC=120") });
    let cut = Arc::new(AtomicU64::new(0));
    let counted = cut.clone();
    let proxy = Proxy::start(port_of(&vendor.base_url), move |number| {
        let (behind_answer, is_on) = (number % 2 == 1, number < 16);
        Box::new(CutWhereItIsUsedAgain { asked: 0, behind_answer, is_on, cut: counted.clone() })
    });
    let desk = Desk::new();
    let args = ["backfill", "--max-rate", "none", "--api-url", &proxy.through(&vendor.base_url)];
    desk.chainfill(&args).with_key().deadline_s(120).ends_with(0);
    let archive = Archive::Sqlite(desk.database());
    let sent = archive.sent();
    let cut = cut.load(Ordering::SeqCst);
    assert!(cut >= 4, "{cut} connections hung up at a second request");
    let unanswered = sent.iter().filter(|attempt| attempt.outcome == "no_answer").count() as u64;
    assert!(unanswered >= cut, "{unanswered} of {cut} were told to the run");
    assert!(vendor.requests() <= sent.len() as u64, "{} came, {} were announced", vendor.requests(), sent.len());
    assert_eq!(archive.compare(&vendor), Loss::default());
}

#[test]
fn an_answer_that_a_black_hole_took_is_given_up_and_asked_for_again() {
    // F-P1, F-S13: half an answer and then nothing, no end and no reset.
    let vendor = Simulated::start(Settings { latency_ms: 5, ..small("BTC=80") });
    let meddler = Meddler::new(1, 1, 4, BLACK_HOLE);
    let course = meddler.clone();
    let proxy = Proxy::start(port_of(&vendor.base_url), move |_| course.course());
    let desk = Desk::new();
    let args = ["backfill", "--max-rate", "none", "--api-url", &proxy.through(&vendor.base_url)];
    desk.chainfill(&args).with_key().deadline_s(170).ends_with(0);
    assert_eq!(meddler.made().values().sum::<u64>(), 1);
    let archive = Archive::Sqlite(desk.database());
    assert_eq!(archive.compare(&vendor), Loss::default());
    let unanswered = archive.sent().iter().filter(|attempt| attempt.outcome == "no_answer").count();
    assert_eq!(unanswered, 1, "{:?}", archive.sent());
}

#[test]
fn a_link_that_is_down_for_a_while_costs_nothing_but_time() {
    // F-P1, F-I1
    let vendor = Simulated::start(Settings { latency_ms: 5, ..small("BTC=120") });
    let proxy = Proxy::start(port_of(&vendor.base_url), |_| Box::new(Plain));
    let desk = Desk::new();
    let args = ["backfill", "--max-rate", "none", "--api-url", &proxy.through(&vendor.base_url)];
    let mut running = desk.chainfill(&args).with_key().deadline_s(120).spawn();
    running.until("some options", || vendor.requests() > 30);
    proxy.down();
    let seen = vendor.requests();
    assert!(running.lives_for(Duration::from_secs(4)), "it gave up:\n{}", running.said());
    assert!(vendor.requests() <= seen + 1, "a request came through a link that is down");
    proxy.up();
    let taken = proxy.accepted();
    running.wait().expect_code(0);
    // A vendor that is down is tried by one at a time, ever more seldom: not by a crowd.
    assert!(taken < 40, "{taken} connections were tried in four seconds");
    let archive = Archive::Sqlite(desk.database());
    assert_eq!(archive.compare(&vendor), Loss::default());
}
