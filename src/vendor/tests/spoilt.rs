//! Each fault brings what its line in the catalogue describes.

use std::collections::HashSet;

use super::super::faults::EPISODE_ANSWERS;
use super::super::{Cut, Face};
use super::*;
use crate::domain::instrument::{Instrument, expiry_code};

fn spoilt(face: Face, faults: &str) -> Vendor {
    Vendor::new(Settings { face, faults: faults.parse().unwrap(), fault_wait_s: 3, ..small() })
}

/// So many answers for an option with at least 30 bars, and its truth as the honest vendor answers it.
fn answers(face: Face, faults: &str, count: usize) -> (Vec<Reply>, Reply) {
    let mut honest = spoilt(face, "");
    let path = bars_path(&format!("symbol={}", option_with(&honest, 30)));
    let mut vendor = spoilt(face, faults);
    ((0..count).map(|_| get(&mut vendor, &path)).collect(), get(&mut honest, &path))
}

fn statuses(faults: &str, count: usize) -> Vec<(u16, Option<String>)> {
    let (replies, _) = answers(Face::Symbol2025, faults, count);
    replies.iter().map(|reply| (reply.status, reply.header("Retry-After").map(str::to_owned))).collect()
}

fn bodies(faults: &str, count: usize) -> Vec<String> {
    let (replies, _) = answers(Face::Symbol2025, faults, count);
    replies.iter().map(|reply| String::from_utf8(reply.body.to_vec()).unwrap()).collect()
}

#[test]
fn throttles_come_out_of_the_blue_without_a_time_and_with_odd_ones() {
    // F-S1, F-T1, F-T2, F-T8
    assert_eq!(statuses("s1=1", 1), [(429, Some("3".into()))]);
    assert_eq!(bodies("s1=1", 1), [r#"{"detail":"Request was throttled. Expected available in 3 seconds."}"#]);
    assert_eq!(statuses("t1=1", 1), [(429, None)]);
    assert_eq!(bodies("t1=1", 1), [r#"{"detail":"Request was throttled."}"#]);
    let odd: Vec<String> = statuses("t2=1", 7).into_iter().map(|(_, wait)| wait.unwrap()).collect();
    let dates = ["Thu, 01 Jan 1970 00:00:03 GMT", "Wed, 31 Dec 1969 23:59:00 GMT"];
    assert_eq!(odd[..2], dates);
    assert_eq!(odd[2..], ["-5", "1000000000", "315360000", "", "soon"]);
    assert_eq!(statuses("t8=1", 2), [(503, Some("3".into())), (403, Some("3".into()))]);
}

#[test]
fn what_is_not_counted_by_the_framework_is_not_counted_here() {
    // F-S1, F-S7: a made-up refusal spends nothing of the real throttle.
    let mut vendor = Vendor::new(Settings {
        throttles: vec!["1/hour".parse().unwrap()],
        faults: "s1@1,s7@2,s9@3".parse().unwrap(),
        ..small()
    });
    let statuses: Vec<u16> = (0..4).map(|_| get(&mut vendor, LISTING).status).collect();
    assert_eq!(statuses, [429, 401, 500, 429]);
    assert_eq!(vendor.log().kept().iter().filter(|access| access.fault.is_some()).count(), 3);
}

#[test]
fn pages_and_envelopes_that_say_nothing_of_data() {
    // F-S2, F-S3
    let (pages, _) = answers(Face::Symbol2025, "s2=1", 2);
    assert!(pages.iter().all(|page| page.status == 200 && page.body.starts_with(b"<!DOCTYPE html>")));
    assert_eq!(pages[0].header("Content-Type"), Some("text/html; charset=utf-8"));
    assert_eq!(
        bodies("s3=1", 5),
        [
            r#"{"detail":"Something went wrong."}"#,
            r#"{"result":null}"#,
            "{}",
            r#"{"result":"Unable to pull data"}"#,
            r#"{"result":{}}"#,
        ]
    );
}

#[test]
fn an_episode_of_empty_answers_begins_and_ends() {
    // F-S5
    let (replies, honest) = answers(Face::Expiry2026, "s5@2", 1 + EPISODE_ANSWERS as usize + 1);
    let (last, first) = (replies.last().unwrap(), &replies[0]);
    assert_eq!((&first.body, &last.body), (&honest.body, &honest.body));
    let empty = r#"{"result":[],"pagination":{"has_more":false,"next_offset":null}}"#;
    assert!(replies[1..replies.len() - 1].iter().all(|reply| reply.status == 200 && reply.body == empty));
    let mut vendor = spoilt(Face::Expiry2026, "s5=1");
    assert_eq!(get(&mut vendor, LISTING).body, r#"{"result":[]}"#, "the listing too");
}

#[test]
fn refusals_redirects_and_bodiless_answers() {
    // F-S6, F-S7, F-S8, F-S9, F-S10, F-S11
    assert_eq!(bodies("s6=1", 1), [r#"{"detail":"Not found."}"#]);
    assert!(bodies("s6=1", 2)[1].contains("<h1>Not Found</h1>"));
    assert_eq!(bodies("s7=1", 1), [r#"{"detail":"Invalid token."}"#]);
    assert_eq!(statuses("s7=1", 1), [(401, None)]);
    assert_eq!(
        (statuses("s8=1", 1), bodies("s8=1", 1)),
        (vec![(400, None)], vec![r#"{"result":"Unable to pull data"}"#.into()])
    );
    assert_eq!(statuses("s9=1", 4), [(500, None), (502, None), (503, None), (503, Some("3".into()))]);
    let (redirect, _) = answers(Face::Symbol2025, "s10=1", 1);
    assert_eq!((redirect[0].status, redirect[0].header("Location")), (302, Some("http://attacker.invalid/")));
    let codes: Vec<u16> = statuses("s11=1", 4).into_iter().map(|(status, _)| status).collect();
    assert_eq!(
        (codes, bodies("s11=1", 4)),
        (vec![204, 206, 304, 200], ["", r#"{"result":[]}"#, "", ""].map(String::from).to_vec())
    );
}

#[test]
fn bytes_that_are_spoilt_or_cut() {
    // F-S12, F-S13, F-S14, F-S15, F-P1
    let (replies, honest) = answers(Face::Symbol2025, "s12=1", 3);
    assert_eq!(replies[0].body.strip_prefix(b"\xef\xbb\xbf").unwrap(), &*honest.body);
    assert!(std::str::from_utf8(&replies[1].body).is_err() && replies[1].body.len() == honest.body.len());
    assert_eq!((replies[2].header("Content-Type"), &replies[2].body), (Some("text/plain"), &honest.body));

    let (replies, _) = answers(Face::Symbol2025, "s13=1", 50);
    let mut places = HashSet::new();
    for (turn, reply) in replies.iter().enumerate() {
        let at = match (turn % 5, reply.cut) {
            (0, Cut::ShortLength { at })
            | (1, Cut::CutChunk { at })
            | (2, Cut::CutGzip { at })
            | (3, Cut::CutClose { at }) => at,
            (4, Cut::BeforeHead) => continue,
            (turn, cut) => panic!("{turn}: {cut:?}"),
        };
        assert!(at < honest.body.len());
        places.insert(at);
    }
    assert!(places.len() > 30, "at random bytes: {places:?}");
    let cuts = |faults| answers(Face::Symbol2025, faults, 2).0.iter().map(|reply| reply.cut).collect::<Vec<_>>();
    assert_eq!(cuts("s14=1"), [Cut::Bomb, Cut::Endless]);
    assert_eq!(cuts("s15=1"), [Cut::Trickle, Cut::Trickle]);
    assert_eq!(cuts("p1=1"), [Cut::BeforeHead, Cut::Stall]);
}

#[test]
fn rows_of_something_else_are_never_a_part_of_what_was_asked() {
    // F-S16, F-S19
    for faults in ["s16=1", "s19=1"] {
        let honest = spoilt(Face::Expiry2026, "");
        let mut vendor = spoilt(Face::Expiry2026, faults);
        // The default option's own expiry is the hard case: its rows alone would look like the whole chain.
        let option = Instrument::parse(&option_with(&honest, 1)).unwrap();
        let query = format!("currency=BTC&expiry={}&limit=5000&offset=7", expiry_code(option.expiry));
        for _ in 0..50 {
            let rows = result(&get(&mut vendor, &bars_path(&query)));
            let symbols: HashSet<&str> = rows.iter().map(|row| row["symbol"].as_str().unwrap()).collect();
            assert_eq!(symbols.len(), 1, "{faults}");
            let other = Instrument::parse(symbols.iter().next().unwrap()).unwrap();
            assert_ne!(other.expiry, option.expiry, "{faults}");
        }
    }
    let (replies, honest) = answers(Face::Symbol2025, "s16=1", 20);
    assert!(replies.iter().all(|reply| result(reply)[0]["symbol"] != result(&honest)[0]["symbol"]));
}

#[test]
fn pages_that_are_short_or_lead_nowhere() {
    // F-S17, F-S18
    let (replies, honest) = answers(Face::Expiry2026, "s17=1", 2);
    assert_eq!(result(&replies[0]), result(&honest)[..7]);
    assert_eq!(json(&replies[0])["pagination"], serde_json::json!({"has_more": true, "next_offset": 7}));
    assert_eq!(json(&replies[1])["pagination"]["next_offset"], 25);
    let (replies, _) = answers(Face::Expiry2026, "s18=1", 1);
    assert_eq!(json(&replies[0])["pagination"], serde_json::json!({"has_more": true, "next_offset": 0}));
}

#[test]
fn values_and_names_that_are_not_as_documented() {
    // F-S20, F-S21, F-X2, F-X3, F-B6
    let (replies, honest) = answers(Face::Symbol2025, "s21=1", 3);
    for (reply, (gone, come)) in replies.iter().zip([("close", "closing"), ("unix", "unix_ms"), ("symbol", "name")]) {
        assert!(result(reply).iter().all(|row| row[gone].is_null() && !row[come].is_null()), "{gone}");
    }
    let truth = result(&honest);
    let differ = |rows: &[Value]| rows.iter().zip(&truth).filter(|(row, true_row)| row != true_row).count();
    let (replies, _) = answers(Face::Symbol2025, "x2=1", 7);
    let long = "0.1234567890123456789012345678901234567891";
    for (reply, value) in replies.iter().zip(["1e400", "NaN", "N/A", "1,234.5", "", "-Infinity", long]) {
        let rows = result(reply);
        assert_eq!(differ(&rows), 1);
        assert!(rows.iter().any(|row| row["high"] == value), "{value}");
    }
    let (replies, _) = answers(Face::Symbol2025, "x3=1", 1);
    assert_eq!(result(&replies[0])[0]["unix"].as_i64().unwrap() * 1_000, truth[0]["unix"].as_i64().unwrap());
    let (replies, _) = answers(Face::Symbol2025, "b6=1", 1);
    let mut rows = result(&replies[0]);
    assert_eq!(rows.len(), truth.len() + 1);
    rows.dedup();
    assert_eq!(rows, truth);
    let (replies, _) = answers(Face::Symbol2025, "s20=1", 1);
    assert_eq!(differ(&result(&replies[0])), 1);
}

/// What a strict reader takes for a good page of a query: its rows and where the next page begins.
fn read(reply: &Reply, belongs: impl Fn(&str) -> bool) -> Option<(Vec<Value>, Option<u64>)> {
    if reply.status != 200 || reply.cut != Cut::Whole || reply.header("Content-Type") != Some("application/json") {
        return None;
    }
    let body: Value = serde_json::from_slice(&reply.body).ok()?;
    let rows = body["result"].as_array()?.clone();
    let good = |row: &Value| {
        row["unix"].as_i64().is_some_and(|unix| unix > 1_000_000_000_000)
            && ["open", "high", "low", "close"].iter().all(|name| row[*name].is_string())
            && row["symbol"].as_str().is_some_and(&belongs)
    };
    rows.iter().all(good).then(|| (rows, body["pagination"]["next_offset"].as_u64()))
}

#[test]
fn a_strict_reader_who_asks_again_gets_the_truth_through_all_faults() {
    // F-I1: no fault of `all` may look like an honest answer, or the tests that stand on it would prove nothing.
    for seed in 0..4 {
        let settings = |faults: &str| Settings { seed, faults: faults.parse().unwrap(), ..small() };
        let mut honest = Vendor::new(settings(""));
        let mut vendor = Vendor::new(settings("all=0.5"));
        for name in honest.names().to_vec() {
            let path = bars_path(&format!("symbol={name}"));
            let rows = (0..100).find_map(|_| read(&get(&mut vendor, &path), |symbol| symbol == &*name)).unwrap().0;
            assert_eq!(rows, result(&get(&mut honest, &path)), "{name}");
        }
        assert!(vendor.log().spoilt > 200);

        let face = |faults: &str| Settings { face: Face::Expiry2026, page_rows_max: 500, ..settings(faults) };
        let (mut honest, mut vendor) = (Vendor::new(face("")), Vendor::new(face("all=0.5")));
        let chains: HashSet<String> =
            honest.names().iter().map(|name| name.rsplitn(3, '-').last().unwrap().to_owned()).collect();
        for chain in chains {
            let (currency, code) = chain.split_once('-').unwrap();
            let read_all = |vendor: &mut Vendor| {
                let (mut rows, mut offset) = (Vec::new(), 0);
                loop {
                    let path = bars_path(&format!("currency={currency}&expiry={code}&limit=5000&offset={offset}"));
                    let page = (0..100).find_map(|_| {
                        let belongs = |symbol: &str| symbol.starts_with(&format!("{chain}-"));
                        read(&get(vendor, &path), belongs).filter(|(_, next)| next.is_none_or(|next| next > offset))
                    });
                    let (more, next) = page.unwrap();
                    rows.extend(more);
                    match next {
                        Some(next) => offset = next,
                        None => return rows,
                    }
                }
            };
            let truth = read_all(&mut honest);
            assert_eq!(read_all(&mut vendor), truth, "{chain}");
        }
    }
}
