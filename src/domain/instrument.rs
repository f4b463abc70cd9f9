//! What a vendor's name for an option says: `ETH-5APR24-3100-C`.

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::Arc;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::moment::Moment;
use crate::limits::{NAME_BYTES_MAX, NAME_HASH_BYTES, SYMBOL_BYTES_MAX};

/// The vendor's name for an option, as it was listed. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Symbol(Arc<str>);

/// What an option's premium is counted in: `BTC`, or `BTC_USDC`, which is not BTC. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Currency(Arc<str>);

/// Call or put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OptionType {
    /// The right to buy.
    Call,
    /// The right to sell.
    Put,
}

/// An option's terms, read from its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// The currency, with the quote where the name has one.
    pub currency: Currency,
    /// The day on which the option ends, at 08:00 UTC.
    pub expiry: Date,
    /// The strike, in units of the quote.
    pub strike: Decimal,
    /// Call or put.
    pub option_type: OptionType,
}

/// Why a name is not an option's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Longer than [`SYMBOL_BYTES_MAX`] or empty.
    #[error("it is empty or longer than {SYMBOL_BYTES_MAX} characters")]
    Length,
    /// Not four parts.
    #[error("it has not the four parts CURRENCY-EXPIRY-STRIKE-C|P")]
    Parts,
    /// The part before the first dash.
    #[error("its currency is not capital letters and digits, with _USDC or _USDT at the most")]
    Currency,
    /// The second part.
    #[error("its expiry is not a date like 5APR24")]
    Expiry,
    /// The third part.
    #[error("its strike is not a number like 3100 or 0d625")]
    Strike,
    /// The last part.
    #[error("it ends in neither C nor P")]
    OptionType,
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

impl Instrument {
    /// Reads a name. The grammar parses all of 33,918 real Deribit names, one-digit days and decimal
    /// strikes (`XRP_USDC-30JUN23-0d625-C`) included.
    ///
    /// # Errors
    /// Names the part that is not as it should be.
    pub fn parse(name: &str) -> Result<Instrument, NameError> {
        if name.is_empty() || name.len() > SYMBOL_BYTES_MAX {
            return Err(NameError::Length);
        }
        let mut parts = name.split('-');
        let (Some(currency), Some(expiry), Some(strike), Some(side), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NameError::Parts);
        };
        Ok(Instrument {
            currency: currency.parse()?,
            expiry: parse_expiry(expiry).ok_or(NameError::Expiry)?,
            strike: parse_strike(strike).ok_or(NameError::Strike)?,
            option_type: match side {
                "C" => OptionType::Call,
                "P" => OptionType::Put,
                _ => return Err(NameError::OptionType),
            },
        })
    }

    /// When the option ends.
    pub fn expires_at(&self) -> Moment {
        Moment::opening_of(self.expiry)
    }
}

/// An expiry as the vendor writes it: `17APR24`, `1JAN24`, no leading zero.
pub fn expiry_code(expiry: Date) -> String {
    let month = MONTHS[usize::from(expiry.month().unsigned_abs().clamp(1, 12)) - 1];
    format!("{}{}{:02}", expiry.day(), month, expiry.year().rem_euclid(100))
}

/// A name as it is kept: with U+0000 written out, which PostgreSQL cannot hold, and one that is longer than an index
/// takes as its beginning and its hash: one hostile name must not stop every run (X1). What is kept stays as it is.
pub fn kept_name(name: &str) -> Cow<'_, str> {
    let plain = if name.contains('\0') { Cow::Owned(name.replace('\0', "\\u{0}")) } else { Cow::Borrowed(name) };
    if plain.len() <= NAME_BYTES_MAX {
        return plain;
    }
    let hash = Sha256::digest(plain.as_bytes());
    let mut kept = plain[..plain.floor_char_boundary(NAME_BYTES_MAX - NAME_HASH_BYTES * 2 - '…'.len_utf8())].to_owned();
    kept.push('…');
    for byte in &hash[..NAME_HASH_BYTES] {
        let _ = write!(kept, "{byte:02x}"); // into a string: it cannot fail
    }
    Cow::Owned(kept)
}

fn parse_expiry(text: &str) -> Option<Date> {
    // Digits are counted from the front: a fixed offset loses every one-digit day.
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=2).contains(&digits) || text.len() != digits + 5 || !text.is_ascii() {
        return None;
    }
    let day: i8 = text[..digits].parse().ok()?;
    let month = MONTHS.iter().position(|m| *m == &text[digits..digits + 3])?;
    let year = &text[digits + 3..];
    if !year.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let year: i16 = year.parse().ok()?;
    Date::new(2000 + year, i8::try_from(month + 1).ok()?, day).ok()
}

fn parse_strike(text: &str) -> Option<Decimal> {
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    match text.find(['d', 'D']) {
        None if all_digits(text) => Decimal::from_str_exact(text).ok(),
        Some(at) if all_digits(&text[..at]) && all_digits(&text[at + 1..]) => {
            Decimal::from_str_exact(&format!("{}.{}", &text[..at], &text[at + 1..])).ok()
        }
        _ => None,
    }
}

impl OptionType {
    /// `C` or `P`, as in the name and in the table.
    pub fn letter(self) -> &'static str {
        match self {
            OptionType::Call => "C",
            OptionType::Put => "P",
        }
    }
}

impl Symbol {
    /// Takes a name as it was listed.
    pub fn new(name: &str) -> Symbol {
        Symbol(Arc::from(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The currency that a name seems to belong to, for names that do not parse: what stands before the
    /// first dash where that is a currency, else `?`.
    pub fn currency_guess(&self) -> Currency {
        let head = self.0.split('-').next().unwrap_or("");
        head.parse().unwrap_or_else(|_| Currency(Arc::from("?")))
    }
}

impl Currency {
    /// The currency's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A currency as it is stored, unchecked.
    pub fn stored(name: &str) -> Currency {
        Currency(Arc::from(name))
    }
}

impl FromStr for Currency {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Currency, NameError> {
        let base = text.strip_suffix("_USDC").or_else(|| text.strip_suffix("_USDT")).unwrap_or(text);
        let plain = base.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if base.is_empty() || !plain || text.len() > SYMBOL_BYTES_MAX {
            return Err(NameError::Currency);
        }
        Ok(Currency(Arc::from(text)))
    }
}

macro_rules! shown_as_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}
shown_as_text!(Symbol);
shown_as_text!(Currency);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_digit_days_decimal_strikes_and_quotes_are_read() {
        let short = Instrument::parse("ETH-5APR24-3100-C").unwrap();
        assert_eq!((short.expiry, short.currency.as_str()), (Date::constant(2024, 4, 5), "ETH"));
        let small = Instrument::parse("XRP_USDC-30JUN23-0d625-C").unwrap();
        assert_eq!((small.strike.to_string(), small.currency.as_str()), ("0.625".into(), "XRP_USDC"));
        assert_eq!(Instrument::parse("BTC-1JAN24-40000-P").unwrap().option_type, OptionType::Put);
        assert_eq!(expiry_code(Date::constant(2024, 1, 1)), "1JAN24");
        assert_eq!(expiry_code(Date::constant(2024, 4, 17)), "17APR24");
    }

    #[test]
    fn a_kept_name_stays_as_it_is_and_says_what_is_wrong_with_the_one_that_was_listed() {
        // F-X1
        assert!(matches!(kept_name("ETH-5APR24-3100-C"), Cow::Borrowed("ETH-5APR24-3100-C")));
        assert_eq!(kept_name("a\0b"), "a\\u{0}b");
        let (longest, longer) = ("ä".repeat(128), "ä".repeat(129));
        assert_eq!(kept_name(&longest), longest);
        for name in [longer.clone(), format!("a{longer}"), "\0".repeat(52), "BTC-".repeat(1_000)] {
            let kept = kept_name(&name);
            assert!(kept.len() <= NAME_BYTES_MAX && kept != kept_name(&format!("{name}x")), "{kept}");
            assert_eq!(kept_name(&kept), kept);
            assert_eq!(Instrument::parse(&kept), Err(NameError::Length));
        }
    }

    #[test]
    fn each_wrong_part_is_named() {
        // F-X6, F-X1
        for (name, why) in [
            ("", NameError::Length),
            ("ETH-PERPETUAL", NameError::Parts),
            ("eth-5APR24-3100-C", NameError::Currency),
            ("ETH_EUR-5APR24-3100-C", NameError::Currency),
            ("ETH-31FEB24-3100-C", NameError::Expiry),
            ("ETH-005APR24-3100-C", NameError::Expiry),
            ("ETH-5avr24-3100-C", NameError::Expiry),
            ("ETH-5APR24-3100.5-C", NameError::Strike),
            ("ETH-5APR24-d5-C", NameError::Strike),
            ("ETH-5APR24-3100-X", NameError::OptionType),
            ("ETH-5APR24-3100-C-1", NameError::Parts),
            ("ETH-5APR24-99999999999999999999999999999999999-C", NameError::Strike),
            ("ETH-5ÄPR24-3100-C", NameError::Expiry),
            ("'; DROP TABLE--", NameError::Parts),
        ] {
            assert_eq!(Instrument::parse(name), Err(why), "{name}");
        }
    }
}
