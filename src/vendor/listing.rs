//! The options that the simulated vendor lists: made from a seed, or read from a file.

use std::path::Path;

use fastrand::Rng;
use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};

use super::seed::mixed;
use crate::domain::instrument::expiry_code;
use crate::limits::{LISTING_BYTES_MAX, LISTING_NAMES_MAX};

/// Currencies and counts of the listing of October 2025: 17,529 options.
pub const COUNTS_DEFAULT: [(&str, usize); 2] = [("BTC", 8_850), ("ETH", 8_679)];

/// Options that one expiry holds on average.
pub const PER_EXPIRY_MEAN: usize = 49;

/// First and last day on which options of a made listing expire.
const EXPIRIES: (Date, Date) = (Date::constant(2023, 4, 1), Date::constant(2024, 12, 31));

/// Why a file is not a listing.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    /// It cannot be read.
    #[error("the listing {path} cannot be read: {why}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        why: std::io::Error,
    },
    /// It holds no name.
    #[error("the listing {path} holds no name")]
    NoName {
        /// The file.
        path: String,
    },
    /// More than the bounds in `limits.rs`.
    #[error("the listing {path} is longer than {LISTING_BYTES_MAX} bytes or {LISTING_NAMES_MAX} names")]
    TooLong {
        /// The file.
        path: String,
    },
}

/// The names of a made listing, by currency, expiry and strike: the same for the same seed.
pub fn made(seed: u64, counts: &[(String, usize)]) -> Vec<String> {
    let mut names = Vec::with_capacity(counts.iter().map(|(_, count)| count).sum());
    for (currency, count) in counts {
        let mut rng = Rng::with_seed(mixed(seed, currency));
        let expiries = expiries(&mut rng, *count);
        let weights: usize = expiries.iter().map(|(_, weight)| weight).sum();
        let (mut heavier, mut made) = (0, 0);
        for (expiry, weight) in expiries {
            heavier += weight;
            let until = count * heavier / weights;
            chain(&mut names, &mut rng, currency, expiry, until - made);
            made = until;
        }
    }
    names
}

/// Reads names from a plain text file: one a line, or a CSV with the name in its first column. Names that do
/// not parse are listed all the same (X6).
///
/// # Errors
/// When the file cannot be read, is too long or holds no name.
pub fn read_file(path: &Path) -> Result<Vec<String>, ListingError> {
    let shown = || path.display().to_string();
    let unreadable = |why| ListingError::Unreadable { path: shown(), why };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > LISTING_BYTES_MAX as u64 {
        return Err(ListingError::TooLong { path: shown() });
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let names = names_in(&text);
    match names.len() {
        0 => Err(ListingError::NoName { path: shown() }),
        1..=LISTING_NAMES_MAX => Ok(names),
        _ => Err(ListingError::TooLong { path: shown() }),
    }
}

/// The first column of each line, without the header and without quotes, every name once.
fn names_in(text: &str) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    text.trim_start_matches('\u{feff}')
        .lines()
        .map(|line| line.split(',').next().unwrap_or("").trim().trim_matches('"'))
        .filter(|name| !name.is_empty() && *name != "instrument_name" && seen.insert(*name))
        .map(str::to_owned)
        .collect()
}

/// Days on which options expire, with the weight of each: last Fridays of a month, Fridays, other days.
fn expiries(rng: &mut Rng, count: usize) -> Vec<(Date, usize)> {
    let (mut monthly, mut weekly, mut daily) = (Vec::new(), Vec::new(), Vec::new());
    let mut date = EXPIRIES.0;
    while date <= EXPIRIES.1 {
        match (date.weekday(), date.saturating_add(7.days()).month() == date.month()) {
            (Weekday::Friday, false) => monthly.push((date, 6)),
            (Weekday::Friday, true) => weekly.push((date, 3)),
            _ => daily.push((date, 1)),
        }
        date = date.saturating_add(1.day());
    }
    // One in eight a month's, three in eight a week's, as long as there are such days; single days fill up.
    let wanted = count.div_ceil(PER_EXPIRY_MEAN).max(1);
    let mut chosen = Vec::with_capacity(wanted);
    for (mut days, share) in [(monthly, wanted.div_ceil(8)), (weekly, wanted * 3 / 8), (daily, wanted)] {
        rng.shuffle(&mut days);
        days.truncate(share.min(wanted - chosen.len()));
        chosen.append(&mut days);
    }
    chosen.sort_unstable();
    chosen
}

/// Adds calls and puts of one expiry, strike by strike.
fn chain(names: &mut Vec<String>, rng: &mut Rng, currency: &str, expiry: Date, count: usize) {
    // Strikes in thousandths, so that a decimal strike needs no float: spot of April 2023 and a tick.
    let (spot, step) = match currency {
        "BTC" => (28_000_000, 500_000),
        "ETH" => (1_800_000, 25_000),
        "SOL" => (20_000, 1_000),
        _ => (600, 25),
    };
    let month = i64::from(expiry.year() - 2023) * 12 + i64::from(expiry.month());
    let spot: i64 = spot * (20 + month + rng.i64(-2..=2)) / 24;
    let strikes = i64::try_from(count.div_ceil(2)).unwrap_or(i64::MAX);
    let lowest = (spot / step - strikes / 2).max(1);
    for at in 0..count {
        let strike = (lowest + i64::try_from(at / 2).unwrap_or(0)) * step;
        let side = if at % 2 == 0 { 'C' } else { 'P' };
        names.push(format!("{currency}-{}-{}-{side}", expiry_code(expiry), strike_text(strike)));
    }
}

/// A strike in thousandths as the vendor writes it: `3100`, `0d625`.
fn strike_text(thousandths: i64) -> String {
    let (whole, rest) = (thousandths / 1_000, thousandths % 1_000);
    if rest == 0 { whole.to_string() } else { format!("{whole}d{rest:03}").trim_end_matches('0').to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use super::*;
    use crate::domain::instrument::Instrument;

    fn default_counts() -> Vec<(String, usize)> {
        COUNTS_DEFAULT.map(|(currency, count)| (currency.to_owned(), count)).to_vec()
    }

    #[test]
    fn the_made_listing_has_the_shape_of_the_real_one() {
        let names = made(7, &default_counts());
        assert_eq!(names.len(), 17_529);
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), 17_529, "no name twice");
        let mut chains: BTreeMap<(String, Date), usize> = BTreeMap::new();
        for name in &names {
            let option = Instrument::parse(name).unwrap();
            *chains.entry((option.currency.to_string(), option.expiry)).or_default() += 1;
        }
        assert!((340..=380).contains(&chains.len()), "{} expiries", chains.len());
        assert!(chains.values().all(|count| (10..=152).contains(count)), "{chains:?}");
        assert_eq!(chains.keys().map(|(_, expiry)| *expiry).min().unwrap().year(), 2023);
        assert!(chains.keys().all(|(_, expiry)| (EXPIRIES.0..=EXPIRIES.1).contains(expiry)));
        let one_digit = names.iter().filter(|name| name.as_bytes()[5].is_ascii_alphabetic()).count();
        assert!((2_000..=8_000).contains(&one_digit), "{one_digit} one-digit days");
        assert_eq!(names.iter().filter(|name| name.starts_with("ETH-")).count(), 8_679);
    }

    #[test]
    fn the_same_seed_makes_the_same_listing_and_another_seed_another() {
        assert_eq!(made(7, &default_counts()), made(7, &default_counts()));
        assert_ne!(made(7, &default_counts()), made(8, &default_counts()));
    }

    #[test]
    fn decimal_strikes_and_small_counts_parse() {
        let names = made(1, &[("XRP_USDC".into(), 120), ("ETH".into(), 1)]);
        assert_eq!(names.len(), 121);
        assert!(names.iter().all(|name| Instrument::parse(name).is_ok()));
        assert!(names.iter().any(|name| name.contains("-0d")), "{:?}", &names[..5]);
        assert_eq!(strike_text(625), "0d625");
        assert_eq!(strike_text(1_050), "1d05");
    }

    #[test]
    fn a_file_gives_its_first_column_and_keeps_what_does_not_parse() {
        // F-X6
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names.csv");
        std::fs::write(&path, "\u{feff}instrument_name,prefix\r\nBTC-1MAY20-8750-P,BTC\r\n\"odd\",x\n\nodd\n").unwrap();
        assert_eq!(read_file(&path).unwrap(), ["BTC-1MAY20-8750-P", "odd"]);
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(read_file(&path), Err(ListingError::NoName { .. })));
        assert!(read_file(&folder.path().join("none")).unwrap_err().to_string().contains("cannot be read"));
    }
}
