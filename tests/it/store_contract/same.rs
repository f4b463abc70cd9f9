//! The same batches make the same of every store.

use chainfill::domain::candle::{Candle, Flaw};
use chainfill::domain::ledger::Happening;
use chainfill::domain::moment::Moment;
use chainfill::domain::{ability::Ability, listing};
use chainfill::store::{Batch, Epoch, OptionNews, Store};
use rust_decimal::Decimal;

use super::facts::{T0, attempt, begun, loaded, news, no_bars, settled, symbol};
use super::home::Home;
use super::{is_true, shown};

const NAMES: [&str; 8] = [
    "ETH-12APR24-3100-C",
    "ETH-12APR24-3100-P",
    "BTC-5APR24-60000-C",
    "BTC_USDC-5APR24-60000-C",
    "XRP_USDC-30JUN23-0d625-C",
    "nonsense",
    "a\0b",
    "",
];

fn number(random: &mut fastrand::Rng) -> Option<Decimal> {
    let scale = random.u32(0..=28);
    // Trailing zeros are no digits: stores may drop them.
    let number = match random.u8(0..6) {
        0 => None,
        1 => Some(Decimal::from_parts(random.u32(..), random.u32(..), random.u32(..), random.bool(), scale)),
        2 => Some(Decimal::from_parts(random.u32(..), random.u32(..), 0, random.bool(), scale)),
        _ => Some(Decimal::new(random.i64(0..40_000), random.u32(0..6))),
    };
    number.map(|number| number.normalize())
}

fn candles(random: &mut fastrand::Rng) -> Vec<Candle> {
    let mut bars = Vec::new();
    for day in 1..=9 {
        if random.bool() {
            let date = jiff::civil::Date::constant(2024, 4, day);
            let [open, high, low, close, volume] = std::array::from_fn(|_| number(random));
            bars.push(Candle { open_ms: Moment::opening_of(date).0, date, open, high, low, close, volume });
        }
    }
    bars
}

fn one(random: &mut fastrand::Rng, at: Moment) -> OptionNews {
    let name = NAMES[random.usize(..NAMES.len())];
    // An expiry's answer proves the absence of names that parse; a proof is a proof here.
    let happening = match random.u8(0..6) {
        0 => no_bars(name),
        1 => Happening::GivenUp("eight tries\0".to_owned()),
        2 => Happening::PutBack,
        _ => Happening::Bars,
    };
    let bars = if happening == Happening::Bars { candles(random) } else { Vec::new() };
    let mut news = news(name, happening, bars, at);
    news.flaws = news.candles.iter().filter(|_| random.bool()).map(|bar| (bar.date, Flaw::Range)).collect();
    news
}

async fn batch(random: &mut fastrand::Rng, round: i64, store: &dyn Store) -> Batch {
    let at = T0 + round * 1_000;
    let mut batch = Batch { at, ..Batch::default() };
    for seq in round * 3..round * 3 + 3 {
        batch.sent.push(attempt(seq, at + random.i64(0..900)));
        if random.bool() {
            let outcome = ["rows", "unsent", "throttled"][random.usize(0..3)];
            batch.settled.push(settled(seq - random.i64(0..4), outcome, outcome == "rows", at + 950));
        }
    }
    // A batch says one thing of a request.
    batch.settled.sort_by_key(|settled| settled.seq);
    batch.settled.dedup_by_key(|settled| settled.seq);
    batch.options = (0..random.usize(0..6)).map(|_| one(random, at)).collect();
    if random.u8(0..3) == 0 {
        let names: Vec<_> = NAMES.iter().filter(|_| random.bool()).map(|name| symbol(name)).collect();
        batch.listing = Some(listing::compare(&loaded(store).await.records, &names, at, 1).into());
    }
    if random.bool() {
        batch.throttle = Some(chainfill::domain::governor::Memory { refusals: random.u32(0..9), ..Default::default() });
        batch.ability = Some(Ability { page_rows: Some(random.u32(1..9)), ..Ability::default() });
        batch.progress = Some(format!("{{\"round\":{round}}}"));
        batch.action = Some(format!("retry {round}"));
    }
    batch
}

#[tokio::test]
async fn the_same_batches_make_the_same_of_every_store() {
    // I3, I4: whatever comes in whatever order, and twice where an answer was lost.
    let homes = [Home::memory(), Home::sqlite(), Home::postgres()];
    for seed in 0..3 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut stores = Vec::new();
        for home in &homes {
            let store = home.store().await;
            let epoch = begun(&*store).await;
            stores.push((store, epoch));
        }
        for round in 1..=40 {
            let batch = batch(&mut random, seed.cast_signed() * 100 + round, &*stores[0].0).await;
            let twice = random.u8(0..4) == 0;
            let mut told = Vec::new();
            for (store, epoch) in &stores {
                told.push(format!("{:?}", store.commit(*epoch, &batch).await.unwrap()));
                if twice {
                    store.commit(*epoch, &batch).await.unwrap();
                }
            }
            assert_eq!(told[0], told[1], "seed {seed} round {round}");
            assert_eq!(told[0], told[2], "seed {seed} round {round}");
        }
        let first = shown(&*stores[0].0).await;
        for (store, epoch) in &stores {
            is_true(&**store).await;
            assert_eq!(shown(&**store).await, first, "seed {seed}, {}", store.place());
            assert!(*epoch > Epoch(0));
        }
    }
    for table in
        ["chainfill_revision", "chainfill_flag", "chainfill_action", "chainfill_listing_change", "chainfill_attempt"]
    {
        let sql = format!("SELECT count(*) AS c FROM {table}");
        assert_eq!(homes[1].ask(&sql).await, homes[2].ask(&sql).await, "{table}");
    }
}
