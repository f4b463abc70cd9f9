//! Answers of both faces of the API: what is taken in is what stands there, to the last digit, and "no data" is believed
//! only where a whole valid answer says so.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chainfill::domain::answer::{History, Next, Page, Pages, Query};
use chainfill::domain::instrument::{Currency, Instrument, Symbol};
use chainfill::source::cryptodatadownload::CryptoDataDownload;
use chainfill::source::{ListingAsk, Response, Source as _};
use chainfill::vendor::Face;
use jiff::civil::Date;

use super::plain::{self, Row};
use super::vendor;

const SYMBOL: &str = "ETH-19JUN24-3575-C";
const ABSENT: &str = "ETH-19JUN24-1-P";
/// Between the pages of one input.
const BREAK: &str = "\n~~\n";

pub const WORDS: &[&str] = &[
    "{\"result\":[",
    "]}",
    "\"unix\":",
    "\"date\":",
    "\"symbol\":",
    "\"open\":",
    "\"high\":",
    "\"low\":",
    "\"close\":",
    "\"volume\":",
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "[[],null,null]",
    ",\"pagination\":{\"has_more\":true,\"next_offset\":4}",
    ",\"pagination\":{\"has_more\":false}",
    ",\"pagination\":null",
    "\"has_more\":",
    "\"next_offset\":",
    "\"detail\":",
    "1718524800000",
    "1718524800",
    "\"2024-06-16\"",
    "\"2024-02-30\"",
    "ETH-19JUN24-3575-C",
    "ETH-19JUN24-3575-P",
    "1e400",
    "1e-7",
    "-0",
    "\"NaN\"",
    "\"\"",
    "0.1234567890123456789012345678",
    "79228162514264337593543950335",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    BREAK,
    "e",
    "s",
    "l",
    "<html>",
    "\"result\":null",
    "\"result\":{}",
    "\"result\":\"\"",
];

pub fn run(data: &[u8]) {
    let Some((face, rest)) = data.split_first() else { return };
    match face {
        b'l' => listing(rest),
        b's' => history(Query::Symbol(Symbol::new(SYMBOL)), rest),
        _ => history(Query::Expiry(Currency::stored("ETH"), Date::constant(2024, 6, 19)), rest),
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let listing = CryptoDataDownload.listing_request(ListingAsk::All).path;
    let names = vendor::listed();
    let options: Vec<Instrument> = names.iter().filter_map(|name| Instrument::parse(name).ok()).collect();
    // What the vendor holds goes by other names and dates than the one that is asked for here.
    let own = |body: &Bytes, name: &str| String::from_utf8_lossy(body).replace(name, SYMBOL);
    for faults in
        ["", "s2=1", "s3=1", "s5=1", "s11=1", "s12=1", "s13=1", "s16=1", "s20=1", "s21=1", "x2=1", "x3=1", "b6=1"]
    {
        let paths: Vec<String> = names.iter().take(20).map(|name| by_symbol(name)).collect();
        for (reply, name) in vendor::replies(Face::Symbol2025, faults, &paths).iter().zip(&names) {
            seeds.push(format!("s{}", own(&reply.body, name)).into_bytes());
        }
        for reply in vendor::replies(Face::Symbol2025, faults, std::slice::from_ref(&listing)) {
            seeds.push([b"l", &*reply.body].concat());
        }
        for option in options.iter().take(6) {
            let query = Query::Expiry(option.currency.clone(), option.expiry);
            let paths: Vec<String> = (0..4).map(|page| CryptoDataDownload.request(&query, page * 4).path).collect();
            let code = chainfill::domain::instrument::expiry_code(option.expiry);
            let replies = vendor::replies(Face::Expiry2026, faults, &paths);
            let pages: Vec<String> = replies
                .iter()
                .map(|reply| String::from_utf8_lossy(&reply.body).replace(&format!("-{code}-"), "-19JUN24-"))
                .collect();
            seeds.push(format!("e{}", pages.join(BREAK)).into_bytes());
        }
    }
    let row = |symbol: &str, day: u32| {
        let unix = 1_718_524_800_000 + i64::from(day - 16) * 86_400_000;
        format!(
            r#"{{"unix":{unix},"date":"2024-06-{day}","symbol":"{symbol}","open":"0.018","high":0.021,"low":"1.7e-2","close":null,"volume":1009}}"#
        )
    };
    let pages = [
        format!(
            r#"{{"result":[{},{}],"pagination":{{"has_more":true,"next_offset":2}}}}"#,
            row(SYMBOL, 16),
            row(SYMBOL, 17)
        ),
        format!(
            r#"{{"result":[{}],"pagination":{{"has_more":false,"next_offset":null}}}}"#,
            row("ETH-19JUN24-3575-P", 17)
        ),
    ];
    seeds.push(format!("e{}", pages.join(BREAK)).into_bytes());
    seeds.push(format!("e{{\"result\":[{}]}}{BREAK}{{\"result\":[]}}", row(SYMBOL, 18)).into_bytes());
    seeds.extend(["s{\"result\":[]}", "e{\"result\":[]}", "l{\"result\":[]}"].map(|seed| seed.as_bytes().to_vec()));
    vendor::short(seeds)
}

fn by_symbol(name: &str) -> String {
    CryptoDataDownload.request(&Query::Symbol(Symbol::new(name)), 0).path
}

fn response(body: &[u8]) -> Response {
    Response { status: 200, body: Bytes::copy_from_slice(body), ..Response::default() }
}

fn listing(body: &[u8]) {
    let Ok(names) = CryptoDataDownload.read_listing(&response(body)) else { return };
    let told = plain::listing(body).expect("a listing was taken that is no documented one");
    assert_eq!(names.len(), told.len(), "other names than those listed");
    for (name, told) in names.iter().zip(told) {
        match told {
            Some(told) => assert_eq!(name.as_str(), told),
            None => assert!(Instrument::parse(name.as_str()).is_err(), "{name} is kept for a name that it is not"),
        }
    }
}

/// Reads the pages of one query as the engine does, and beside it in the plain way.
fn history(query: Query, data: &[u8]) {
    let mut pages = Pages::new(query.clone());
    let mut told: BTreeMap<String, BTreeMap<String, Row>> = BTreeMap::new();
    for body in split(data) {
        let Ok(page) = CryptoDataDownload.read(&query, &response(body)) else { return };
        let plain = plain::page(body).expect("an answer was taken that is no documented one");
        same(&page, &plain.rows);
        let is_end = match plain.pagination {
            Some((has_more, _)) => !has_more,
            None => matches!(query, Query::Symbol(_)) || plain.rows.is_empty(),
        };
        for row in plain.rows {
            told.entry(row.symbol.clone()).or_default().insert(row.date.clone(), row);
        }
        match pages.add(page) {
            Err(_) => return,
            Ok(Next::Ask(next, _)) => {
                assert!(!is_end, "more was asked for than there is");
                pages = next;
            }
            Ok(Next::Done(mut whole)) => {
                assert!(is_end, "a part was taken for the whole");
                let options: BTreeSet<&str> = told.keys().map(String::as_str).chain([SYMBOL, ABSENT]).collect();
                for symbol in options {
                    known(whole.history_of(&Symbol::new(symbol)), symbol, &query, told.get(symbol));
                    let again = whole.history_of(&Symbol::new(symbol));
                    assert!(
                        !matches!(again, Some(History::Bars(..))) && (again.is_none() || !told.contains_key(symbol))
                    );
                }
                return;
            }
        }
    }
}

fn split(data: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = data;
    while let Some(at) = memchr::memmem::find(rest, BREAK.as_bytes()) {
        parts.push(&rest[..at]);
        rest = &rest[at + BREAK.len()..];
    }
    parts.push(rest);
    parts
}

/// Every bar of a page is the row that stands there.
fn same(page: &Page, rows: &[Row]) {
    assert_eq!(page.rows(), rows.len(), "rows were lost or made up");
    for (symbol, candles) in &page.options {
        let own: Vec<&Row> = rows.iter().filter(|row| row.symbol == symbol.as_str()).collect();
        assert_eq!(own.len(), candles.len(), "{symbol}");
        for (candle, row) in candles.iter().zip(own) {
            assert_eq!((candle.open_ms, candle.date.to_string()), (row.unix, row.date.clone()), "{symbol}");
            let values = candle.values().map(|value| value.and_then(|value| plain::number(&value.to_string())));
            assert_eq!(values, row.values, "{symbol} {}", candle.date);
        }
    }
}

fn known(history: Option<History>, symbol: &str, query: &Query, rows: Option<&BTreeMap<String, Row>>) {
    match (history, rows) {
        (None, rows) => assert!(rows.is_none() && !query.covers(&Symbol::new(symbol)), "{symbol} was asked for"),
        (Some(History::Empty(_)), rows) => assert!(rows.is_none(), "{symbol} has bars, and was taken for empty"),
        (Some(History::Bars(bars, _)), rows) => {
            let rows = rows.expect("bars of an option that was not in the answer");
            let dates: Vec<String> = bars.iter().map(|bar| bar.date.to_string()).collect();
            assert!(dates.iter().eq(rows.keys()), "{symbol}: {dates:?}");
            for (bar, row) in bars.iter().zip(rows.values()) {
                let values = bar.values().map(|value| value.and_then(|value| plain::number(&value.to_string())));
                assert_eq!((bar.open_ms, values), (row.unix, row.values.clone()), "{symbol}: the last one counts");
            }
        }
    }
}
