//! Names of options and expiries: any text is read or refused, and what is read says the same again.

use chainfill::domain::answer::Query;
use chainfill::domain::instrument::{Currency, Instrument, Symbol, expiry_code};
use chainfill::domain::ledger::{OptionRecord, OptionState};
use chainfill::domain::order::{Order, Which};
use chainfill::limits::SYMBOL_BYTES_MAX;
use chainfill::source::percent_encoded;
use chainfill::view::escape::{safe, safe_json};

use super::vendor;

pub const WORDS: &[&str] = &[
    "BTC",
    "ETH",
    "_USDC",
    "_USDT",
    "XRP_USDC-30JUN23-0d625-C",
    "-",
    "-C",
    "-P",
    "1JAN24",
    "29FEB24",
    "31FEB24",
    "5APR24",
    "005APR24",
    "DEC",
    "99",
    "0d",
    "d5",
    "D",
    "3100",
    "99999999999999999999999999999",
    "\u{0}",
    "\u{202e}",
    "\u{1b}[2J",
    "'; DROP TABLE",
    "<script>",
    "Ä",
    "\u{feff}",
    "%2F",
    "\"",
];

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let symbol = Symbol::new(&text);
    assert_eq!(symbol.as_str(), text);
    let record = OptionRecord::listed(symbol.clone());
    match Instrument::parse(&text) {
        Ok(option) => {
            assert!(text.len() <= SYMBOL_BYTES_MAX && text.is_ascii());
            assert_eq!((record.state, &record.currency), (OptionState::Pending, &option.currency));
            let year = text.split('-').nth(1).and_then(|code| code.get(code.len() - 2..)?.parse().ok());
            assert_eq!(year.map(|year: i16| 2_000 + year), Some(option.expiry.year()), "{text}");
            let strike = option.strike.to_string().replace('.', "d");
            let again =
                format!("{}-{}-{strike}-{}", option.currency, expiry_code(option.expiry), option.option_type.letter());
            assert_eq!(Instrument::parse(&again).as_ref(), Ok(&option), "{again}");
            let query = Query::Expiry(option.currency.clone(), option.expiry);
            assert!(query.covers(&symbol) && query.covers(&Symbol::new(&again)));
            assert!(percent_encoded(&text) == text, "{text} needs no escape");
        }
        Err(why) => {
            assert_eq!(record.state, OptionState::Attention, "what does not parse is never asked for");
            assert!(record.instrument.is_none() && record.reason.is_some() && !why.to_string().is_empty());
        }
    }
    if let Ok(currency) = text.parse::<Currency>() {
        assert_eq!(currency.as_str(), text);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    }
    assert!(Query::Symbol(symbol.clone()).covers(&symbol));
    shown(&text);
}

/// On its way to a screen, a URL, a log and a store.
fn shown(text: &str) {
    let plain = safe(text);
    assert!(!plain.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{plain:?}");
    assert_eq!(safe(&plain), plain, "what is safe stays as it is");
    let encoded = percent_encoded(text);
    assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"%-_.~".contains(&byte)), "{encoded}");
    assert_eq!(decoded(&encoded), text.as_bytes());
    let json = serde_json::to_string(text).expect("text is JSON");
    let safe_text: String = serde_json::from_str(&safe_json(&json)).expect("it stays JSON");
    assert_eq!(safe_text, text, "JSON may be escaped, and says the same");
    let order = Order::Retry(Which { symbols: vec![text.to_owned()], ..Which::default() });
    let line = serde_json::to_string(&order).expect("an order is JSON");
    assert!(!line.contains('\n'));
    assert_eq!(serde_json::from_str::<Order>(&line).ok(), Some(order));
}

fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digits = [rest.next().unwrap_or(b'x'), rest.next().unwrap_or(b'x')];
            u8::from_str_radix(&String::from_utf8_lossy(&digits), 16).expect("two digits")
        } else {
            byte
        });
    }
    bytes
}

pub fn seeds() -> Vec<Vec<u8>> {
    let odd = ["XRP_USDC-30JUN23-0d625-C", "ETH-5APR24-3100-C", "BTC-1JAN24-40000-P", "BTC-PERPETUAL", "SOL_USDT", ""];
    vendor::listed().into_iter().take(40).chain(odd.map(str::to_owned)).map(String::into_bytes).collect()
}
