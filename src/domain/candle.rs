//! One daily bar of an option, exact to the last digit.

use jiff::civil::Date;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use super::digits::{push_date, push_decimal, push_integer};
use super::instrument::Symbol;
use super::moment::{BAR_OPENS_MS, Moment};

/// Bytes of a row's canonical text, seldom more.
const CANONICAL_BYTES: usize = 96;

/// A daily OHLCV bar. Bar D covers D 08:00 UTC to D+1 08:00 UTC. A value that the vendor gave as `null` is
/// `None`; one that cannot be held exactly never becomes a candle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candle {
    /// When the bar opens, milliseconds since the epoch, as the vendor gave it.
    pub open_ms: i64,
    /// The UTC date of that opening.
    pub date: Date,
    /// First price of the bar, in the option's currency.
    pub open: Option<Decimal>,
    /// Highest price.
    pub high: Option<Decimal>,
    /// Lowest price.
    pub low: Option<Decimal>,
    /// Last price.
    pub close: Option<Decimal>,
    /// Traded volume, in the vendor's units (not documented).
    pub volume: Option<Decimal>,
}

/// What is odd about a bar. It is stored as the vendor gave it all the same (X4, X5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flaw {
    /// A value is missing.
    Null,
    /// High is below low, or open or close lies outside them.
    Range,
    /// A price or the volume is below zero.
    Negative,
    /// The bar is dated after the option's expiry.
    AfterExpiry,
    /// The bar does not open at 08:00 UTC.
    OpeningTime,
    /// The answer held two different bars for this date; the later one was kept.
    TwoValues,
}

/// A fingerprint of one row: the first 64 bits of SHA-256 over its canonical text. An option's rows add up,
/// modulo 2^64, so that a change needs only the rows that changed, and anyone can recompute it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Print(pub u64);

impl Candle {
    /// What is odd about this bar, for an option of that expiry.
    pub fn flaws(&self, expiry: Option<Date>) -> Vec<Flaw> {
        let mut found = Vec::new();
        let prices = [self.open, self.high, self.low, self.close];
        if prices.iter().any(Option::is_none) || self.volume.is_none() {
            found.push(Flaw::Null);
        }
        if let (Some(high), Some(low)) = (self.high, self.low) {
            let outside = |price: Option<Decimal>| price.is_some_and(|p| p > high || p < low);
            if high < low || outside(self.open) || outside(self.close) {
                found.push(Flaw::Range);
            }
        }
        if prices.iter().chain([&self.volume]).any(|v| v.is_some_and(|v| v.is_sign_negative() && !v.is_zero())) {
            found.push(Flaw::Negative);
        }
        if expiry.is_some_and(|expiry| self.date > expiry) {
            found.push(Flaw::AfterExpiry);
        }
        if self.open_ms.rem_euclid(crate::limits::DAY_MS) != BAR_OPENS_MS {
            found.push(Flaw::OpeningTime);
        }
        found
    }

    /// The five values, in the table's order.
    pub fn values(&self) -> [Option<Decimal>; 5] {
        [self.open, self.high, self.low, self.close, self.volume]
    }

    /// The row's canonical text: `symbol|date|unix_ms|open|high|low|close|volume`, numbers without
    /// trailing zeros, a null as nothing.
    pub fn canonical(&self, symbol: &Symbol) -> String {
        let mut text = Vec::with_capacity(CANONICAL_BYTES);
        self.push_canonical(symbol, &mut text);
        String::from_utf8(text).unwrap_or_default() // a name and digits: it cannot fail
    }

    /// The row's fingerprint.
    pub fn print(&self, symbol: &Symbol) -> Print {
        Print::of(symbol, [self])
    }

    fn push_canonical(&self, symbol: &Symbol, text: &mut Vec<u8>) {
        text.extend_from_slice(symbol.as_str().as_bytes());
        text.push(b'|');
        push_date(text, self.date);
        text.push(b'|');
        push_integer(text, self.open_ms);
        for value in self.values() {
            text.push(b'|');
            if let Some(value) = value {
                push_decimal(text, value);
            }
        }
    }

    /// When the bar closes.
    pub fn closes_at(&self) -> Moment {
        Moment::opening_of(self.date) + crate::limits::DAY_MS
    }
}

impl Print {
    /// The sum of the prints of an option's rows.
    pub fn of<'a>(symbol: &Symbol, rows: impl IntoIterator<Item = &'a Candle>) -> Print {
        let mut text = Vec::with_capacity(CANONICAL_BYTES);
        rows.into_iter().fold(Print::default(), |sum, row| {
            text.clear();
            row.push_canonical(symbol, &mut text);
            let hash = Sha256::digest(&text);
            let mut first = [0; 8];
            first.copy_from_slice(&hash[..8]);
            sum.plus(Print(u64::from_be_bytes(first)))
        })
    }

    /// The sum with a row's print, modulo 2^64.
    #[must_use]
    pub fn plus(self, row: Print) -> Print {
        Print(self.0.wrapping_add(row.0))
    }

    /// The sum without a row's print.
    #[must_use]
    pub fn minus(self, row: Print) -> Print {
        Print(self.0.wrapping_sub(row.0))
    }
}

impl Flaw {
    /// The word that is stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Flaw::Null => "null",
            Flaw::Range => "range",
            Flaw::Negative => "negative",
            Flaw::AfterExpiry => "after_expiry",
            Flaw::OpeningTime => "opening_time",
            Flaw::TwoValues => "two_values",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn bar() -> Candle {
        let d = |text: &str| Some(Decimal::from_str_exact(text).unwrap());
        Candle {
            open_ms: 1_718_524_800_000,
            date: Date::constant(2024, 6, 16),
            open: d("0.018"),
            high: d("0.021"),
            low: d("0.017"),
            close: d("0.017"),
            volume: d("1009"),
        }
    }

    #[test]
    fn the_canonical_text_does_not_depend_on_trailing_zeros() {
        let symbol = Symbol::new("ETH-19JUN24-3575-C");
        let mut padded = bar();
        padded.open = Some(Decimal::from_str_exact("0.01800").unwrap());
        let text = "ETH-19JUN24-3575-C|2024-06-16|1718524800000|0.018|0.021|0.017|0.017|1009";
        assert_eq!(padded.canonical(&symbol), text);
        assert_eq!(padded.print(&symbol), bar().print(&symbol));
        // printf '%s' "$text" | sha256sum | cut -c1-16. Stored archives depend on it.
        assert_eq!(bar().print(&symbol), Print(0xca7c_ebfa_5dba_a9ca));
        assert_eq!(Print::default().plus(bar().print(&symbol)).minus(bar().print(&symbol)), Print(0));
    }

    #[test]
    fn odd_bars_are_flagged_and_good_ones_are_not() {
        // F-X4, F-X5
        let expiry = Some(Date::constant(2024, 6, 19));
        assert_eq!(bar().flaws(expiry), []);
        let mut odd = bar();
        (odd.high, odd.low) = (odd.low, odd.high);
        assert_eq!(odd.flaws(expiry), [Flaw::Range]);
        let mut odd = bar();
        odd.volume = Some(Decimal::NEGATIVE_ONE);
        odd.close = None;
        assert_eq!(odd.flaws(Some(Date::constant(2024, 6, 15))), [Flaw::Null, Flaw::Negative, Flaw::AfterExpiry]);
    }
}
