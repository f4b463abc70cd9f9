//! Everything that can be chosen about the simulated vendor, and how it is written on a command line.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use jiff::civil::Date;
use secrecy::SecretString;

use super::bars::EMPTIES_SHARE_DEFAULT;
use super::faults::Faults;
use super::listing::COUNTS_DEFAULT;
use super::throttle::{Rate, RateError};
use crate::domain::instrument::Currency;
use crate::limits::{HOUR_MS, LISTING_NAMES_MAX, PAGE_ROWS};

/// The key that the simulated vendor takes unless told otherwise. It opens nothing else.
pub const KEY_DEFAULT: &str = "simulated-key";

/// How the vendor is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// Everything that is made up follows from this.
    pub seed: u64,
    /// How many options of each currency are made up.
    pub counts: Vec<(String, usize)>,
    /// Names to list instead of made ones, see [`super::listing::read_file`].
    pub names: Option<Vec<String>>,
    /// Which API it speaks.
    pub face: Face,
    /// What a listing that names no year holds.
    pub listing: ListingFace,
    /// Most rows of one page, whatever is asked for (S17).
    pub page_rows_max: u32,
    /// Whether a page says that there are more; otherwise only an empty page tells the end.
    pub says_more: bool,
    /// Which bars come first.
    pub order: Order,
    /// The limits before every view; none is no throttle.
    pub throttles: Vec<Rate>,
    /// Server processes that count each for itself, and take requests at random (T6).
    pub processes: u32,
    /// The only key that is taken.
    pub key: SecretString,
    /// How long an answer takes.
    pub latency_ms: u64,
    /// Share of the options that hold no bar.
    pub empties_share: f64,
    /// Date of the last bar that is published; `None` is all of them.
    pub archive_until: Option<Date>,
    /// When which faults come.
    pub faults: Faults,
    /// What a made-up 429 or 503 asks for.
    pub fault_wait_s: u32,
    /// How far the `Date` header is ahead of the truth (C4).
    pub clock_skew_ms: i64,
    /// Whether every request is kept for [`super::Vendor::log`].
    pub keeps_log: bool,
}

/// The two APIs that the vendor has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// One option a request, other parameters ignored.
    Symbol2025,
    /// Whole expiries in pages as well.
    Expiry2026,
}

/// What a listing that names no year answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListingFace {
    /// All names.
    Whole,
    /// 400: a year must be named.
    YearNeeded,
    /// The names of the newest year only.
    NewestYear,
}

/// Which bars of an answer come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The newest.
    NewestFirst,
    /// The oldest.
    OldestFirst,
}

/// Why a text is not a setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// Not one of the words.
    #[error("`{given}` is none of: {known}")]
    Word {
        /// What was given.
        given: String,
        /// What there is.
        known: &'static str,
    },
    /// Not a list of counts.
    #[error("`{0}` is not a count of options: write BTC=8850,ETH=8679, at most {LISTING_NAMES_MAX} in all")]
    Counts(String),
    /// Not a rate.
    #[error(transparent)]
    Rate(#[from] RateError),
}

impl Default for Settings {
    /// The vendor of October 2025, with 17,529 options and 800 requests an hour.
    fn default() -> Settings {
        Settings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8700)),
            seed: 7,
            counts: COUNTS_DEFAULT.map(|(currency, count)| (currency.to_owned(), count)).to_vec(),
            names: None,
            face: Face::Symbol2025,
            listing: ListingFace::Whole,
            page_rows_max: PAGE_ROWS,
            says_more: true,
            order: Order::NewestFirst,
            throttles: vec![Rate { requests: 800, window_ms: HOUR_MS }],
            processes: 1,
            key: SecretString::from(KEY_DEFAULT),
            latency_ms: 0,
            empties_share: EMPTIES_SHARE_DEFAULT,
            archive_until: None,
            faults: Faults::default(),
            fault_wait_s: 1,
            clock_skew_ms: 0,
            keeps_log: false,
        }
    }
}

/// Reads limits: `800/hour`, `2/min,5/hour`, `none`.
///
/// # Errors
/// The part that is not a rate.
pub fn parse_throttles(text: &str) -> Result<Vec<Rate>, SettingError> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty() && *part != "none");
    Ok(parts.map(str::parse).collect::<Result<_, RateError>>()?)
}

/// Reads counts of options: `BTC=8850,ETH=8679`.
///
/// # Errors
/// When a part is not a currency and a number, or it is more than a listing may hold.
pub fn parse_counts(text: &str) -> Result<Vec<(String, usize)>, SettingError> {
    let wrong = || SettingError::Counts(text.to_owned());
    let mut counts: Vec<(String, usize)> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (currency, count) = part.split_once('=').ok_or_else(wrong)?;
        let currency: Currency = currency.trim().parse().map_err(|_| wrong())?;
        let count = count.trim().parse().map_err(|_| wrong())?;
        if counts.iter().any(|(known, _)| known == currency.as_str()) {
            return Err(wrong());
        }
        counts.push((currency.to_string(), count));
    }
    let sum = counts.iter().fold(0_usize, |sum, (_, count)| sum.saturating_add(*count));
    if counts.is_empty() || sum > LISTING_NAMES_MAX { Err(wrong()) } else { Ok(counts) }
}

macro_rules! words {
    ($name:ident: $($word:literal = $variant:ident),+; $known:literal) => {
        impl FromStr for $name {
            type Err = SettingError;

            fn from_str(text: &str) -> Result<$name, SettingError> {
                match text {
                    $($word => Ok($name::$variant),)+
                    _ => Err(SettingError::Word { given: text.to_owned(), known: $known }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $($name::$variant => $word,)+
                })
            }
        }
    };
}
words!(Face: "symbol" = Symbol2025, "expiry" = Expiry2026; "symbol, expiry");
words!(ListingFace: "whole" = Whole, "year-needed" = YearNeeded, "newest-year" = NewestYear;
    "whole, year-needed, newest-year");
words!(Order: "newest-first" = NewestFirst, "oldest-first" = OldestFirst; "newest-first, oldest-first");

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn words_and_lists_are_read_and_refused_with_what_is_right() {
        // F-U1
        assert_eq!("expiry".parse(), Ok(Face::Expiry2026));
        assert_eq!("year-needed".parse(), Ok(ListingFace::YearNeeded));
        assert_eq!(Order::OldestFirst.to_string().parse(), Ok(Order::OldestFirst));
        assert_eq!("Symbol".parse::<Face>().unwrap_err().to_string(), "`Symbol` is none of: symbol, expiry");
        assert_eq!(parse_throttles("2/min, 5/hour").unwrap().len(), 2);
        assert_eq!(parse_throttles("none"), Ok(vec![]));
        assert!(parse_throttles("2/min,5").unwrap_err().to_string().contains("`5` is not a rate"));
        assert_eq!(parse_counts("BTC=3, XRP_USDC=2").unwrap(), [("BTC".into(), 3), ("XRP_USDC".into(), 2)]);
        for wrong in ["", "BTC", "BTC=x", "btc=1", "BTC=1,BTC=2", "BTC=1000001", "BTC=-1"] {
            assert!(parse_counts(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_settings_do_not_show_the_key() {
        // F-I9
        assert!(!format!("{:?}", Settings::default()).contains(KEY_DEFAULT));
    }
}
