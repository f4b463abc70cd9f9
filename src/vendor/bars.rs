//! The bars that the simulated vendor holds for an option: made from the seed and the name, so that every test
//! can ask for the truth. Each value is kept as the text that goes over the wire.

use std::fmt::Write as _;

use fastrand::Rng;
use jiff::ToSpan as _;
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::seed::mixed;
use crate::domain::candle::Candle;
use crate::domain::instrument::Instrument;
use crate::domain::moment::Moment;

/// Share of the listed options that hold no bar.
pub const EMPTIES_SHARE_DEFAULT: f64 = 0.02;

/// Longest life of an option in days.
pub const LIFE_DAYS_MAX: i64 = 236;

/// One bar in the vendor's own texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// When it opens.
    pub unix_ms: i64,
    /// The UTC date of that.
    pub date: Date,
    /// First price, a string on the wire, as are all prices.
    pub open: String,
    /// Highest price.
    pub high: String,
    /// Lowest price.
    pub low: String,
    /// Last price.
    pub close: String,
    /// Volume, a JSON number.
    pub volume: String,
}

/// Whether the vendor holds no bar of an option, at that share of empty ones. A larger share holds all the
/// options of a smaller one, so that an archive can grow (S4).
pub fn is_empty(seed: u64, symbol: &str, share: f64) -> bool {
    Rng::with_seed(mixed(seed ^ 0xe3, symbol)).f64() < share
}

/// Every bar of an option's life, oldest first, the last one dated the day before its expiry; none where the
/// name says no expiry.
pub fn bars_of(seed: u64, symbol: &str) -> Vec<Bar> {
    let Ok(option) = Instrument::parse(symbol) else { return Vec::new() };
    let mut rng = Rng::with_seed(mixed(seed, symbol));
    let days = life_days(rng.f64());
    let mut price = Price::new(&mut rng);
    let mut date = option.expiry.saturating_sub(days.days());
    let mut bars = Vec::new();
    while date < option.expiry {
        bars.push(price.next_bar(&mut rng, date));
        date = date.saturating_add(1.day());
    }
    bars
}

/// First and last date of an option's bars, without making them.
pub(crate) fn life_of(seed: u64, symbol: &str, expiry: Date) -> (Date, Date) {
    let days = life_days(Rng::with_seed(mixed(seed, symbol)).f64());
    (expiry.saturating_sub(days.days()), expiry.saturating_sub(1.day()))
}

/// A life in days from a number in 0..1: median 4, 90th percentile 22, the longest 236, mean near 15.
fn life_days(quantile: f64) -> i64 {
    let between = |from: f64, to: f64, part: f64| from + (to - from) * part;
    let days = match quantile {
        q if q < 0.5 => between(1.0, 4.5, q / 0.5),
        q if q < 0.9 => between(4.5, 22.5, ((q - 0.5) / 0.4).powf(1.6)),
        q => between(22.5, 237.0, ((q - 0.9) / 0.1).powf(2.25)),
    };
    #[allow(clippy::cast_possible_truncation)] // 1 to 237
    let days = days as i64;
    days.min(LIFE_DAYS_MAX)
}

/// A price that wanders from bar to bar, counted in ticks of the option's own size.
struct Price {
    ticks: i64,
    digits: u32,
}

impl Price {
    fn new(rng: &mut Rng) -> Price {
        Price { ticks: rng.i64(2..900), digits: rng.u32(2..=5) }
    }

    fn next_bar(&mut self, rng: &mut Rng, date: Date) -> Bar {
        let unix_ms = Moment::opening_of(date).0;
        if rng.u8(..100) < 35 {
            // Nobody traded: a flat bar at the last price.
            let flat = self.text(rng, self.ticks);
            let volume = if rng.bool() { "0" } else { "0.0" }.to_owned();
            let (open, high, low) = (flat.clone(), flat.clone(), flat.clone());
            return Bar { unix_ms, date, open, high, low, close: flat, volume };
        }
        let step = (self.ticks / 8).max(2);
        let open = (self.ticks + rng.i64(-step..=step)).max(1);
        let close = (open + rng.i64(-step..=step)).max(1);
        let high = open.max(close) + rng.i64(0..=step);
        let low = (open.min(close) - rng.i64(0..=step)).max(1);
        self.ticks = close;
        let mut last = self.text(rng, close);
        if rng.u16(..500) == 0 && close < high {
            // A price between two ticks, with as many digits as a double prints and more: none may be lost (X2).
            last = format!("{}{}", self.full_text(close), rng.u64(1_000_000_000_000_000..10_000_000_000_000_000));
        }
        let volume = match rng.u8(..10) {
            0..=5 => rng.u32(1..5_000).to_string(),
            6..=8 => format!("{}.{}", rng.u32(0..900), rng.u8(0..10)),
            _ => format!("{}.{:04}", rng.u32(0..90), rng.u16(1..10_000)),
        };
        let (open, high, low) = (self.text(rng, open), self.text(rng, high), self.text(rng, low));
        Bar { unix_ms, date, open, high, low, close: last, volume }
    }

    /// The price with all digits of its tick, zeros at the end included.
    fn full_text(&self, ticks: i64) -> String {
        let unit = 10_i64.pow(self.digits);
        format!("{}.{:0width$}", ticks / unit, ticks % unit, width = self.digits as usize)
    }

    /// The price as the vendor might write it: mostly without the zeros at its end, at times with them.
    fn text(&self, rng: &mut Rng, ticks: i64) -> String {
        let full = self.full_text(ticks);
        if rng.u8(..8) == 0 {
            return full;
        }
        let short = full.trim_end_matches('0');
        if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
    }
}

impl Bar {
    /// Appends the bar as the vendor's documentation shows a row.
    pub fn write_row(&self, symbol: &str, out: &mut String) {
        let Bar { unix_ms, date, open, high, low, close, volume } = self;
        let _ = write!(out, r#"{{"unix":{unix_ms},"date":"{date}","symbol":"#);
        write_text(symbol, out);
        let _ = write!(out, r#","open":"{open}","high":"{high}","low":"{low}","close":"{close}","volume":{volume}}}"#);
    }

    /// The candle that a client must end up with; `None` never for a bar that the vendor made.
    pub fn candle(&self) -> Option<Candle> {
        let exact = |text: &str| Decimal::from_str_exact(text).ok();
        Some(Candle {
            open_ms: self.unix_ms,
            date: self.date,
            open: Some(exact(&self.open)?),
            high: Some(exact(&self.high)?),
            low: Some(exact(&self.low)?),
            close: Some(exact(&self.close)?),
            volume: Some(exact(&self.volume)?),
        })
    }
}

/// Appends a text as JSON; names from a file may hold anything.
pub(crate) fn write_text(text: &str, out: &mut String) {
    let plain = text.bytes().all(|b| (b' '..0x7f).contains(&b) && b != b'"' && b != b'\\');
    if plain {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        let _ = write!(out, "{}", serde_json::Value::from(text));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::vendor::listing;

    #[test]
    fn the_documented_row_is_written_to_the_letter() {
        let text = |text: &str| text.to_owned();
        let bar = Bar {
            unix_ms: 1_718_524_800_000,
            date: Date::constant(2024, 6, 16),
            open: text("0.018"),
            high: text("0.021"),
            low: text("0.017"),
            close: text("0.017"),
            volume: text("1009"),
        };
        let mut row = String::new();
        bar.write_row("ETH-19JUN24-3575-C", &mut row);
        assert_eq!(
            row,
            r#"{"unix":1718524800000,"date":"2024-06-16","symbol":"ETH-19JUN24-3575-C","open":"0.018","high":"0.021","low":"0.017","close":"0.017","volume":1009}"#
        );
    }

    #[test]
    fn every_bar_of_a_whole_listing_is_plausible_and_exact() {
        let counts = listing::COUNTS_DEFAULT.map(|(currency, count)| (currency.to_owned(), count));
        let names = listing::made(7, &counts);
        let (mut lives, mut rows, mut longest_text, mut zeros, mut flat) = (Vec::new(), 0, 0, 0, 0);
        let mut empties = 0;
        for name in &names {
            if is_empty(7, name, EMPTIES_SHARE_DEFAULT) {
                empties += 1;
                continue;
            }
            let bars = bars_of(7, name);
            let option = Instrument::parse(name).unwrap();
            let (first, last) = (bars.first().unwrap(), bars.last().unwrap());
            assert_eq!((first.date, last.date), life_of(7, name, option.expiry));
            assert_eq!(last.date.saturating_add(1.day()), option.expiry);
            for bar in &bars {
                assert_eq!(bar.candle().unwrap().flaws(Some(option.expiry)), [], "{name} {bar:?}");
                longest_text = longest_text.max(bar.close.trim_start_matches(['0', '.']).replace('.', "").len());
                zeros += usize::from(bar.open.ends_with('0'));
                flat += usize::from(bar.volume == "0" || bar.volume == "0.0");
            }
            rows += bars.len();
            lives.push(bars.len());
        }
        lives.sort_unstable();
        assert_eq!((lives[lives.len() / 2], lives[lives.len() * 9 / 10]), (4, 22), "median and 90th percentile");
        assert!((200..=236).contains(lives.last().unwrap()));
        assert!((240_000..=260_000).contains(&rows), "{rows} rows");
        assert!((300..=400).contains(&empties), "{empties} empty options");
        assert!((17..=22).contains(&longest_text), "{longest_text} digits");
        assert!(zeros > 1_000 && flat > rows / 4, "{zeros} {flat}");
    }

    #[test]
    fn bars_depend_on_seed_and_name_alone() {
        let name = "BTC-5APR24-60000-C";
        assert_eq!(bars_of(1, name), bars_of(1, name));
        assert_ne!(bars_of(1, name), bars_of(2, name));
        assert_ne!(bars_of(1, name), bars_of(1, "BTC-5APR24-60000-P"));
        assert_eq!(bars_of(1, "odd"), [], "a name without an expiry holds nothing");
        assert!(!is_empty(1, name, 0.0) && is_empty(1, name, 1.0));
    }
}
