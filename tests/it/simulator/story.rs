//! What a seed says: the vendor, the machine, the people, and what befalls them.

use chainfill::domain::governor::Pace;
use chainfill::domain::instrument::Instrument;
use chainfill::engine::{OnLimit, QueryMode};
use chainfill::limits::{HOUR_MS, SECOND_MS};
use chainfill::vendor::settings::Order as RowOrder;
use chainfill::vendor::throttle::Rate;
use chainfill::vendor::{Face, ListingFace, Settings as VendorSettings, Vendor};
use fastrand::Rng;

const MINUTE_MS: i64 = 60 * SECOND_MS;

/// One story. The same seed is the same story, to the last event (I11).
#[derive(Clone, Debug)]
pub struct Story {
    pub seed: u64,
    pub vendor: VendorSettings,
    pub query: QueryMode,
    pub pace: Pace,
    pub on_limit: OnLimit,
    pub latency_ms: (u64, u64),
    /// Share of the requests that are lost on their way, there or back.
    pub lost: f64,
    /// Share of the commits that fail; half of them were written all the same.
    pub uncommitted: f64,
    /// What befalls it, each after the last.
    pub blows: Vec<(i64, Blow)>,
}

/// Something that happens to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Blow {
    /// SIGKILL, and a start so much later.
    Killed { back_ms: i64 },
    /// The machine goes down, and is up again so much later with another boot.
    Rebooted { back_ms: i64 },
    /// SIGTERM, and a start so much later.
    Stopped { back_ms: i64 },
    /// The machine sleeps: timers stand, the world goes on.
    Suspended { ms: i64 },
    /// The wall clock is stepped: seen by runs that start later.
    Stepped { ms: i64 },
    /// A person pauses it for so long.
    Paused { ms: i64 },
    /// A person sets another pace.
    Paced { spacing_ms: i64 },
    /// A person asks again for what needs attention.
    Retried,
    /// Another start on the same store, while the first one works.
    SecondStart,
    /// The run stands still for longer than its lease, and another one takes over.
    TakenOver,
    /// The store cannot be reached for so long.
    StoreAway { ms: i64 },
    /// Its disk is full for so long.
    DiskFull { ms: i64 },
    /// Nothing reaches the vendor for so long.
    LinkDown { ms: i64 },
    /// The operator sets other limits.
    Limits(Vec<Rate>),
    /// The vendor's servers are restarted: what was counted is forgotten.
    VendorRestarted,
    /// Somebody else uses the key for so many requests.
    KeyShared { requests: u32 },
    /// From now on these faults.
    Faults(&'static str),
}

/// Faults that a retry mends, and that may come to any request.
const WEATHER: [&str; 9] = [
    "none",
    "none",
    "all=0.03",
    "all=0.15",
    "s9=0.3",
    "s13=0.2,s2=0.1",
    "t1=0.01,t2=0.02,t8=0.02",
    "x2=0.05,x3=0.05,b6=0.2",
    "s16=0.1,s3=0.1,p1=0.1",
];

impl Story {
    pub fn of(seed: u64) -> Story {
        let mut rng = Rng::with_seed(seed);
        let mut vendor = vendor(&mut rng, seed);
        if has_gaps(&vendor) {
            // One year before the named ones is looked at. One without any option, and years before it, the field never had.
            vendor.listing = ListingFace::Whole;
        }
        let latency_ms = if rng.u8(..4) == 0 { (50, 9_000) } else { (5, 400) };
        let spacing_ms = *pick(&mut rng, &[0, 0, 200, 1_000, 15_000]);
        let is_hard = rng.u8(..4) > 0;
        let rare = |rng: &mut Rng, most: f64| if is_hard && rng.bool() { rng.f64() * most } else { 0.0 };
        Story {
            seed,
            query: *pick(&mut rng, &[QueryMode::Auto, QueryMode::Auto, QueryMode::Symbol]),
            pace: Pace { spacing_ms, concurrency: *pick(&mut rng, &[1, 2, 4, 4, 16]) },
            on_limit: if rng.u8(..8) == 0 { OnLimit::Exit } else { OnLimit::Wait },
            latency_ms,
            lost: rare(&mut rng, 0.2),
            uncommitted: rare(&mut rng, 0.2),
            blows: if is_hard { blows(&mut rng) } else { Vec::new() },
            vendor,
        }
    }
}

fn vendor(rng: &mut Rng, seed: u64) -> VendorSettings {
    let throttles = match rng.u8(..6) {
        0 => Vec::new(),
        1 => vec![rate(rng), rate(rng)],
        _ => vec![rate(rng)],
    };
    let counts = vec![("BTC".to_owned(), rng.usize(0..120)), ("ETH".to_owned(), rng.usize(1..120))];
    let is_new = rng.bool();
    let listings = [ListingFace::Whole, ListingFace::Whole, ListingFace::YearNeeded, ListingFace::NewestYear];
    VendorSettings {
        seed,
        counts,
        face: if is_new { Face::Expiry2026 } else { Face::Symbol2025 },
        // The older face knows neither years nor pages. The newer one says where a page ends: what one option's answer hides
        // without a word nobody could find (TRUST.md).
        listing: if is_new { *pick(rng, &listings) } else { ListingFace::Whole },
        page_rows_max: *pick(rng, &[5_000, 500, 60]),
        says_more: true,
        order: if rng.bool() { RowOrder::NewestFirst } else { RowOrder::OldestFirst },
        throttles,
        processes: if rng.u8(..5) == 0 { 2 } else { 1 },
        empties_share: *pick(rng, &[0.02, 0.0, 0.3]),
        faults: pick(rng, &WEATHER).parse().expect("faults"),
        fault_wait_s: rng.u32(1..120),
        clock_skew_ms: *pick(rng, &[0, 0, -90 * SECOND_MS, 3 * HOUR_MS]),
        keeps_log: true,
        ..VendorSettings::default()
    }
}

/// Whether a year between the first and the last one has no option.
fn has_gaps(settings: &VendorSettings) -> bool {
    let vendor = Vendor::new(settings.clone());
    let year = |name: &std::sync::Arc<str>| Instrument::parse(name).ok().map(|option| option.expiry.year());
    let years: std::collections::BTreeSet<i16> = vendor.names().iter().filter_map(year).collect();
    years.iter().zip(years.iter().skip(1)).any(|(one, next)| one + 1 != *next)
}

/// Windows of a minute to a day, with room for some requests to more than a story has.
fn rate(rng: &mut Rng) -> Rate {
    let window_ms = *pick(rng, &[MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS]);
    let least = u32::try_from(window_ms / HOUR_MS * 4).unwrap_or(0) + 3;
    Rate { requests: rng.u32(least..least + 200), window_ms }
}

fn blows(rng: &mut Rng) -> Vec<(i64, Blow)> {
    let number = rng.usize(1..14);
    (0..number).map(|_| (gap_ms(rng), blow(rng))).collect()
}

/// Mostly soon, at times in the middle of the longest wait.
fn gap_ms(rng: &mut Rng) -> i64 {
    match rng.u8(..4) {
        0 => rng.i64(0..2_000),
        1 => rng.i64(0..MINUTE_MS),
        2 => rng.i64(0..HOUR_MS),
        _ => rng.i64(0..4 * HOUR_MS),
    }
}

fn blow(rng: &mut Rng) -> Blow {
    let soon_ms = rng.i64(0..20 * MINUTE_MS);
    match rng.u8(..20) {
        0..=4 => Blow::Killed { back_ms: soon_ms },
        5 => Blow::Rebooted { back_ms: soon_ms + MINUTE_MS },
        6 => Blow::Stopped { back_ms: soon_ms },
        7 => Blow::Suspended { ms: rng.i64(MINUTE_MS..5 * HOUR_MS) },
        8 => Blow::Stepped { ms: rng.i64(-2 * HOUR_MS..2 * HOUR_MS) },
        9 => Blow::Paused { ms: soon_ms },
        10 => Blow::Paced { spacing_ms: *pick(rng, &[0, 500, 20_000]) },
        11 => Blow::Retried,
        12 => Blow::SecondStart,
        13 => Blow::TakenOver,
        14 => Blow::StoreAway { ms: soon_ms },
        15 => Blow::DiskFull { ms: soon_ms },
        16 => Blow::LinkDown { ms: soon_ms },
        17 => Blow::Limits(vec![rate(rng)]),
        18 if rng.bool() => Blow::VendorRestarted,
        18 => Blow::KeyShared { requests: rng.u32(1..60) },
        _ => Blow::Faults(pick::<&str>(rng, &WEATHER)),
    }
}

fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}
