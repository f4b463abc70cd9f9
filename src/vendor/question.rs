//! What a path and its parameters ask for, on either face of the API.

use jiff::civil::Date;

use super::settings::Face;

/// The path of the listing.
pub const LISTING_PATH: &str = "/v1/data/ohlc/deribit/options/available/";

/// The path of the bars.
pub const BARS_PATH: &str = "/v1/data/ohlc/deribit/options/";

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// The names, of one year where it says so.
    Listing(Option<i16>),
    /// One option.
    Symbol(String),
    /// One currency's expiry, by its code.
    Expiry(String, String),
    /// One currency's options on one date.
    Date(String, Date),
    /// Nothing was named: the vendor answers with its default option.
    Default,
    /// Parameters that the vendor refuses.
    Refused,
}

/// The part of an answer that is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) limit: Option<u32>,
    pub(crate) offset: u32,
}

/// Reads the parameters for a path that is known.
pub(crate) fn question(face: Face, path: &str, parameters: Option<&str>) -> (Question, Part) {
    let mut given: Vec<(String, String)> = Vec::new();
    for pair in parameters.unwrap_or("").split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        given.push((decoded(name), decoded(value)));
    }
    let of = |name: &str| given.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let number = |name: &str| of(name).and_then(|value| value.parse().ok());
    let part = Part { limit: number("limit"), offset: number("offset").unwrap_or(0) };
    let question = match (path, face) {
        (LISTING_PATH, Face::Symbol2025) => Question::Listing(None),
        (LISTING_PATH, Face::Expiry2026) => match of("year").map(|year| year.parse()) {
            None => Question::Listing(None),
            Some(Ok(year)) => Question::Listing(Some(year)),
            Some(Err(_)) => Question::Refused,
        },
        (_, Face::Symbol2025) => of("symbol").map_or(Question::Default, Question::Symbol),
        (_, Face::Expiry2026) => match (of("symbol"), of("currency"), of("expiry"), of("date")) {
            (Some(symbol), ..) => Question::Symbol(symbol),
            (None, Some(currency), Some(code), _) => Question::Expiry(currency, code),
            (None, Some(currency), None, Some(date)) => {
                date.parse().map_or(Question::Refused, |date| Question::Date(currency, date))
            }
            (None, None, None, None) => Question::Default,
            (None, ..) => Question::Refused,
        },
    };
    (question, part)
}

/// A parameter's text without its percent signs.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |at: usize| tail.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let (byte, used) = match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => (u8::try_from(high * 16 + low).unwrap_or(b'?'), 2),
            (b'+', ..) => (b' ', 0),
            (other, ..) => (*other, 0),
        };
        bytes.push(byte);
        rest = &tail[used..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_face_of_2025_knows_the_symbol_alone() {
        let ask = |parameters| question(Face::Symbol2025, BARS_PATH, parameters).0;
        assert_eq!(ask(Some("symbol=BTC-1JAN24-1-C")), Question::Symbol("BTC-1JAN24-1-C".into()));
        assert_eq!(ask(Some("currency=BTC&expiry=17APR24&limit=5000")), Question::Default);
        assert_eq!(question(Face::Symbol2025, LISTING_PATH, Some("year=2024")).0, Question::Listing(None));
    }

    #[test]
    fn the_face_of_2026_knows_expiries_dates_and_pages() {
        let ask = |parameters| question(Face::Expiry2026, BARS_PATH, Some(parameters));
        let expiry = Question::Expiry("BTC".into(), "17APR24".into());
        let part = Part { limit: Some(5000), offset: 10 };
        assert_eq!(ask("currency=BTC&expiry=17APR24&limit=5000&offset=10"), (expiry, part));
        let date = Question::Date("BTC".into(), Date::constant(2024, 4, 10));
        assert_eq!(ask("currency=BTC&date=2024-04-10").0, date);
        assert_eq!(ask("currency=BTC").0, Question::Refused);
        assert_eq!(ask("currency=BTC&date=x").0, Question::Refused);
        assert_eq!(ask("").0, Question::Default);
        assert_eq!(ask("symbol=%41%2B+b%zz").0, Question::Symbol("A+ b%zz".into()));
        assert_eq!(question(Face::Expiry2026, LISTING_PATH, Some("year=2024")).0, Question::Listing(Some(2024)));
    }
}
