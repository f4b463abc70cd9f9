//! Answers of the vendor, documented and broken.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;

use super::*;
use crate::domain::answer::Pages;
use crate::domain::instrument::Currency;

const SYMBOL: &str = "ETH-19JUN24-3575-C";
const ROW: &str = r#"{"unix":1718524800000,"date":"2024-06-16","symbol":"ETH-19JUN24-3575-C","open":"0.018","high":"0.021","low":"0.017","close":"0.017","volume":1009}"#;

fn response(status: u16, body: &str) -> Response {
    Response { status, body: Bytes::copy_from_slice(body.as_bytes()), ..Response::default() }
}

fn query() -> Query {
    Query::Symbol(Symbol::new(SYMBOL))
}

fn expiry() -> Query {
    Query::Expiry(Currency::stored("ETH"), jiff::civil::Date::constant(2024, 6, 19))
}

fn read(status: u16, body: &str) -> Result<Page, Fault> {
    CryptoDataDownload.read(&query(), &response(status, body))
}

#[test]
fn requests_are_written_as_the_vendor_documents_them() {
    let source = CryptoDataDownload;
    assert_eq!(source.listing_request(ListingAsk::All).path, "data/ohlc/deribit/options/available/");
    assert_eq!(source.listing_request(ListingAsk::Year(2024)).path, "data/ohlc/deribit/options/available/?year=2024");
    assert_eq!(source.request(&query(), 0).path, "data/ohlc/deribit/options/?symbol=ETH-19JUN24-3575-C");
    let paged = source.request(&expiry(), 5000).path;
    assert_eq!(paged, "data/ohlc/deribit/options/?currency=ETH&expiry=19JUN24&limit=5000&offset=5000");
    assert_eq!(percent_encoded("a&b=c d"), "a%26b%3Dc%20d");
}

#[test]
fn the_documented_row_is_read_to_the_last_digit() {
    let page = read(200, &format!("{{\"result\":[{ROW}]}}")).unwrap();
    assert_eq!(page.more, More::End);
    let (symbol, candles) = &page.options[0];
    let text = "ETH-19JUN24-3575-C|2024-06-16|1718524800000|0.018|0.021|0.017|0.017|1009";
    assert_eq!(candles.iter().map(|candle| candle.canonical(symbol)).collect::<Vec<_>>(), [text]);
}

#[test]
fn only_a_whole_empty_list_is_no_data() {
    // F-S3, F-S4, F-S11, F-I1
    assert!(read(200, "{\"result\":[]}").unwrap().options.is_empty());
    for body in [
        "",
        " ",
        "null",
        "[]",
        "{}",
        "{\"result\":null}",
        "{\"result\":\"Unable to pull data\"}",
        "{\"result\":{}}",
        "{\"detail\":\"Not found.\"}",
        "{\"results\":[]}",
        "<html></html>",
        "{\"result\":[",
        "{\"result\":[]",
        "{\"result\":[]}}",
        "{\"result\":[null]}",
        "{\"result\":[[]]}",
        // Values without names are no answer, in whatever order they come.
        "[[],null,null]",
        "[[],[false,null],null]",
        "{\"result\":[],\"pagination\":[false,null]}",
    ] {
        assert!(read(200, body).is_err(), "{body}");
    }
    for status in [201, 204, 206, 304, 400, 404, 500, 599, 100] {
        assert!(read(status, "{\"result\":[]}").is_err(), "{status}");
    }
}

#[test]
fn what_an_answer_is_says_its_body_and_never_its_content_type() {
    // F-S2, F-S12: a proxy may call JSON text, and a page of HTML JSON.
    let read = |content_type: Option<&str>, body: &[u8]| {
        let content_type = content_type.map(str::to_owned);
        let response =
            Response { status: 200, content_type, body: Bytes::copy_from_slice(body), ..Response::default() };
        CryptoDataDownload.read(&query(), &response)
    };
    let good = format!("{{\"result\":[{ROW}]}}");
    let marked = [b"\xef\xbb\xbf", good.as_bytes()].concat();
    let wide: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut spoilt = good.clone().into_bytes();
    spoilt[good.find("ETH-").unwrap()] = 0xff;
    for content_type in [None, Some("application/json"), Some("text/plain"), Some("text/html; charset=utf-8"), Some("")]
    {
        assert_eq!(read(content_type, good.as_bytes()).unwrap().rows(), 1, "{content_type:?}");
        assert_eq!(read(content_type, &marked).unwrap().rows(), 1, "{content_type:?}");
        for (body, words) in [
            (&b"<!DOCTYPE html><title>Log in</title>"[..], "a page of HTML"),
            (b"\xef\xbb\xbf <html></html>", "a page of HTML"),
            (b"\xef\xbb\xbf", "it is empty"),
            (b"result: []", "not the documented JSON"),
            (&wide, "not"),
            (&spoilt, "not UTF-8"),
        ] {
            let fault = read(content_type, body).unwrap_err();
            assert!(matches!(&fault, Fault::Malformed { what } if what.contains(words)), "{content_type:?} {fault:?}");
        }
    }
}

#[test]
fn an_answer_cut_at_any_byte_is_a_fault() {
    // F-S13
    let body = format!("{{\"result\":[{ROW}],\"pagination\":{{\"has_more\":false,\"next_offset\":null}}}}");
    assert!(read(200, &body).is_ok());
    for length in 0..body.len() {
        assert!(read(200, &body[..length]).is_err(), "{length}");
    }
}

#[test]
fn a_row_of_another_option_spoils_the_answer() {
    // F-S16, F-S19
    let foreign = ROW.replace("3575-C", "3575-P");
    let fault = read(200, &format!("{{\"result\":[{ROW},{foreign}]}}")).unwrap_err();
    assert_eq!(fault, Fault::OtherOption { asked: SYMBOL.into(), found: "ETH-19JUN24-3575-P".into() });
    let page =
        CryptoDataDownload.read(&expiry(), &response(200, &format!("{{\"result\":[{ROW},{foreign}]}}"))).unwrap();
    assert_eq!((page.rows(), page.more), (2, More::Unsaid), "the end of a page that does not say so is unproven");
    let other_day = ROW.replace("19JUN24", "20JUN24");
    assert!(CryptoDataDownload.read(&expiry(), &response(200, &format!("{{\"result\":[{other_day}]}}"))).is_err());
}

#[test]
fn pages_go_on_as_the_vendor_says() {
    // F-S17
    let body = format!("{{\"result\":[{ROW}],\"pagination\":{{\"has_more\":true,\"next_offset\":1}}}}");
    let page = CryptoDataDownload.read(&expiry(), &response(200, &body)).unwrap();
    assert_eq!(page.more, More::At(1));
    assert!(matches!(Pages::new(expiry()).add(page).unwrap(), crate::domain::answer::Next::Ask(_, 1)));
}

#[test]
fn times_that_cannot_be_are_refused_with_their_value() {
    // F-X3
    for (from, to) in [
        ("1718524800000", "1718524800"),
        ("1718524800000", "0"),
        ("1718524800000", "253402300800000"),
        ("2024-06-16", "2024-02-30"),
        ("2024-06-16", "2024-06-17"),
        ("2024-06-16", "16.06.2024"),
        ("\"2024-06-16\"", "null"),
        ("\"2024-06-16\"", "\"2024-6-16 \""),
        ("1718524800000", "17185248000000000000000"),
    ] {
        let body = format!("{{\"result\":[{}]}}", ROW.replace(from, to));
        let fault = read(200, &body).unwrap_err();
        assert!(matches!(&fault, Fault::BadValue { what } if what.contains(SYMBOL)), "{to}: {fault:?}");
    }
}

#[test]
fn a_renamed_or_retyped_field_is_named_and_an_added_one_is_ignored() {
    // F-S21
    let fault = read(200, &format!("{{\"result\":[{}]}}", ROW.replace("\"open\"", "\"o\""))).unwrap_err();
    assert!(matches!(&fault, Fault::OtherFields { what } if what.contains("`open`")), "{fault:?}");
    assert!(read(200, &format!("{{\"result\":[{}]}}", ROW.replace("\"unix\"", "\"trades\":[1],\"unix\""))).is_ok());
    let fault = read(200, &format!("{{\"result\":[{}]}}", ROW.replace("1009", "[1009]"))).unwrap_err();
    assert!(matches!(&fault, Fault::BadValue { what } if what.contains("volume")), "{fault:?}");
}

fn throttled(retry_after: Option<&str>, body: &str) -> Option<i64> {
    let response = Response {
        status: 429,
        retry_after: retry_after.map(str::to_owned),
        date: Some("Mon, 23 Nov 2026 12:00:00 GMT".into()),
        body: Bytes::copy_from_slice(body.as_bytes()),
        ..Response::default()
    };
    match CryptoDataDownload.read(&query(), &response).unwrap_err() {
        Fault::Throttled { wait_s, .. } => wait_s,
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn a_wait_is_read_from_the_header_or_the_text_in_any_language() {
    // F-T1, F-T2, F-T5, F-C4
    let none = "{\"detail\":\"Request was throttled.\"}";
    for (header, wait) in [
        (Some("2815"), Some(2815)),
        (Some("0"), Some(0)),
        (Some("1.2"), Some(2)),
        (Some("Mon, 23 Nov 2026 12:10:00 GMT"), Some(600)),
        (Some("Mon, 23 Nov 2026 11:00:00 GMT"), None),
        (Some("-5"), None),
        (Some(""), None),
        (Some("soon"), None),
        (Some("1e9"), None),
        (Some("1000000000"), Some(86_400)),
        (Some("9223372036854775807.5"), Some(86_400)),
        (Some("99999999999999999999999"), Some(86_400)),
        (Some("Sun, 23 Nov 2036 12:00:00 GMT"), Some(86_400)),
        (None, None),
    ] {
        assert_eq!(throttled(header, none), wait, "{header:?}");
    }
    assert_eq!(
        throttled(None, "{\"detail\":\"Request was throttled. Expected available in 2815 seconds.\"}"),
        Some(2815)
    );
    assert_eq!(throttled(None, "{\"detail\":\"Expected available in 1 second.\"}"), Some(1));
    assert_eq!(throttled(None, "{\"detail\":\"Anfrage gedrosselt. Verfügbar in 12 Sekunden.\"}"), Some(12));
    assert_eq!(throttled(None, r#"{"detail":"请求超过了限速。 预计 45 秒后可用。"}"#), Some(45));
    assert_eq!(throttled(None, r#"{"detail":"429: Expected available in 60 seconds."}"#), Some(60));
}

#[test]
fn a_number_that_is_no_wait_is_none() {
    // F-T1, F-T5: a status, a code of something between, a number beside the words, or two of them.
    for body in [
        "",
        "429",
        "429 Too Many Requests",
        "error code: 1015",
        "Retry in 60 seconds",
        "<html><h1>429 Too Many Requests</h1></html>",
        r#"{"detail":"Request was throttled.","status":429}"#,
        r#"{"detail":"Request was throttled.","limit":800}"#,
        r#"{"detail":"HTTP 429"}"#,
        r#"{"detail":"between 3 and 5"}"#,
        r#"{"detail":60}"#,
        r#"{"detail":{"wait":60}}"#,
        r#"{"detail":"Expected available in 60 seconds."#,
        r#"["Expected available in 60 seconds."]"#,
        r#"{"retry":"60 seconds"}"#,
    ] {
        assert_eq!(throttled(None, body), None, "{body}");
        assert_eq!(throttled(Some("7"), body), Some(7), "{body}");
    }
}

#[test]
fn a_complaint_beside_an_empty_list_is_no_evidence() {
    // F-I1, F-S3
    for more in [r#""detail":"Something went wrong.""#, r#""detail":{"a":[]}"#, r#""error":"no such table""#] {
        for result in ["[]".to_owned(), format!("[{ROW}]")] {
            for body in [format!("{{{more},\"result\":{result}}}"), format!("{{\"result\":{result},{more}}}")] {
                let fault = read(200, &body).unwrap_err();
                assert!(matches!(&fault, Fault::Malformed { what } if what.contains("it says")), "{body}: {fault:?}");
            }
        }
        let body = format!("{{{more},\"result\":[\"BTC-1JAN24-100-C\"]}}");
        assert!(CryptoDataDownload.read_listing(&response(200, &body)).is_err(), "{body}");
    }
    // What says nothing complains of nothing.
    for more in [r#""detail":null"#, r#""error":null,"detail":"""#, r#""error":false"#] {
        assert!(read(200, &format!("{{{more},\"result\":[]}}")).unwrap().options.is_empty(), "{more}");
    }
}

#[test]
fn every_other_status_has_one_meaning() {
    // F-S6, F-S7, F-S8, F-S9, F-S10, F-T8
    let class = |status, header: Option<&str>| {
        let mut response = response(status, "<h1>\u{1b}[2Joops</h1>");
        response.retry_after = header.map(str::to_owned);
        response.location = Some("http://elsewhere.example/".into());
        let fault = CryptoDataDownload.read(&query(), &response).unwrap_err();
        assert!(!fault.to_string().contains('\u{1b}'), "a terminal must not obey a vendor");
        fault.class()
    };
    for (status, header, expected) in [
        (401, None, "key_refused"),
        (403, None, "key_refused"),
        (403, Some("60"), "throttled"),
        (503, Some("60"), "throttled"),
        (503, None, "unavailable"),
        (500, Some("60"), "unavailable"),
        (404, None, "no_such_path"),
        (400, None, "refused"),
        (301, None, "redirected"),
        (304, None, "malformed"),
        (204, None, "malformed"),
    ] {
        assert_eq!(class(status, header), expected, "{status}");
    }
}

#[test]
fn a_listing_is_a_list_of_names_whatever_they_are() {
    // F-X1, F-X6
    let body = r#"{"result":["BTC-1JAN24-100-C","a\u0000b","\u202e","'; DROP TABLE x"]}"#;
    let names = CryptoDataDownload.read_listing(&response(200, body)).unwrap();
    assert_eq!(names.len(), 4);
    // What cannot be decoded is a name as it is written; one such name must not hide the others.
    let body = r#"{"result":["BTC-\ud800","\udc00","a\ud800\u0041b","BTC-1JAN24-\u0031-C","\ud83d\ude00"]}"#;
    let names = CryptoDataDownload.read_listing(&response(200, body)).unwrap();
    let names: Vec<_> = names.iter().map(Symbol::as_str).collect();
    assert_eq!(names, [r"BTC-\ud800", r"\udc00", r"a\ud800\u0041b", "BTC-1JAN24-1-C", "\u{1f600}"]);
    for body in [
        r#"{"result":[{"symbol":"x"}]}"#,
        r#"{"result":["x",7]}"#,
        r#"{"result":["x",null]}"#,
        r#"{"result":["\x"]}"#,
        r#"{"result":["\ud8"]}"#,
        r#"{"result":[],"pagination":{"has_more":true}}"#,
        r#"{"result":"x"}"#,
    ] {
        assert!(CryptoDataDownload.read_listing(&response(200, body)).is_err(), "{body}");
    }
}
