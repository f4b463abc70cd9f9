//! The misbehaviours themselves: what is answered instead of, or done to, an honest answer.

use bytes::Bytes;

use super::archive::{Archive, Row};
use super::drf;
use super::faults::{Draws, Kind};
use super::page::Paging;
use super::question::Part;
use super::reply::{Cut, Reply};
use super::throttle::Refusal;
use crate::domain::moment::Moment;

const LOGIN: &str =
    "<!DOCTYPE html>\n<html><head><title>Log in</title></head><body><form method=\"post\"></form></body></html>\n";
const MAINTENANCE: &str = "<!DOCTYPE html>\n<html><body><h1>We are down for maintenance</h1></body></html>\n";
const SERVER_ERROR: &str = "\n<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>Server Error (500)</title>\n</head>\n\
     <body>\n  <h1>Server Error (500)</h1><p></p>\n</body>\n</html>\n";
const BAD_GATEWAY: &str = "<html><body><h1>502-backend</h1><p>Something went wrong :-(</p></body></html>\n";

/// An answer that never reaches the view: the throttle does not count the request (S1, S7, T1, T2, T8).
pub(crate) fn before_the_view(kind: Kind, draws: &mut Draws, now: Moment, wait_s: u32) -> Option<Reply> {
    let stated = drf::throttled(Refusal { wait_s: Some(i64::from(wait_s)) });
    Some(match kind {
        Kind::S1 => stated,
        Kind::S7 => drf::unauthorized("Invalid token."),
        Kind::T1 => drf::throttled(Refusal { wait_s: None }),
        Kind::T2 => {
            let (soon, past) = (http_date(now + i64::from(wait_s) * 1_000), http_date(now - 60_000));
            let odd = [soon.as_str(), past.as_str(), "-5", "1000000000", "315360000", "", "soon"];
            drf::throttled(Refusal { wait_s: None }).with("Retry-After", odd[draws.turn(kind, odd.len())])
        }
        Kind::T8 => {
            let status = [503, 403][draws.turn(kind, 2)];
            drf::detail(status, "Too many requests.").with("Retry-After", &wait_s.to_string())
        }
        _ => return None,
    })
}

/// An answer that stands in for an honest one. `empty` is the honest answer of an option without bars.
pub(crate) fn instead(kind: Kind, draws: &mut Draws, wait_s: u32, empty: &str) -> Option<Reply> {
    Some(match kind {
        Kind::S2 => Reply::html(200, [LOGIN, MAINTENANCE][draws.turn(kind, 2)]),
        Kind::S3 => {
            let forms = [
                r#"{"detail":"Something went wrong."}"#,
                r#"{"result":null}"#,
                "{}",
                r#"{"result":"Unable to pull data"}"#,
                r#"{"result":{}}"#,
            ];
            Reply::json(200, forms[draws.turn(kind, forms.len())])
        }
        Kind::S5 => Reply::json(200, empty.to_owned()),
        Kind::S6 => match draws.turn(kind, 2) {
            0 => drf::detail(404, "Not found."),
            _ => drf::not_found(),
        },
        Kind::S8 => refused(),
        Kind::S9 => match draws.turn(kind, 4) {
            0 => Reply::html(500, SERVER_ERROR),
            1 => Reply::html(502, BAD_GATEWAY),
            2 => Reply::html(503, MAINTENANCE),
            _ => Reply::html(503, MAINTENANCE).with("Retry-After", &wait_s.to_string()),
        },
        Kind::S10 => Reply::html(302, "").with("Location", "http://attacker.invalid/"),
        Kind::S11 => match draws.turn(kind, 4) {
            0 => Reply::json(204, ""),
            1 => Reply::json(206, empty.to_owned()),
            2 => Reply::json(304, ""),
            _ => Reply::json(200, ""),
        },
        _ => return None,
    })
}

/// Rows that were not asked for (S16, S19); `None` leaves the asked ones. There are always some, and none of
/// the asked expiry: a part of the truth that looks like all of it could not be told from it by any client.
pub(crate) fn other_rows(kind: Kind, draws: &mut Draws, archive: &Archive, asked: &[Row]) -> Option<Vec<Row>> {
    match kind {
        Kind::S16 => archive.rows_of_another(asked, |bound| draws.below(bound)),
        Kind::S19 => archive.rows_of_another(asked, {
            let mut place = 0;
            move |bound| {
                place += 1;
                (place - 1) % bound
            }
        }),
        _ => None,
    }
}

/// Rows that are not the true ones (S20, X3, B6).
pub(crate) fn rows(kind: Kind, draws: &mut Draws, mut rows: Vec<Row>) -> Vec<Row> {
    let place = draws.below(rows.len());
    match kind {
        Kind::S20 => {
            if let Some(row) = rows.get_mut(place) {
                "987654321".clone_into(&mut row.bar.volume);
            }
            rows
        }
        Kind::X3 => {
            for row in &mut rows {
                row.bar.unix_ms /= 1_000;
            }
            rows
        }
        Kind::B6 => {
            if let Some(row) = rows.get(place).cloned() {
                rows.insert(place, row);
            }
            rows
        }
        _ => rows,
    }
}

/// Pages that are shorter than asked (S17) or lead back to where one is (S18).
pub(crate) fn paging(kind: Kind, draws: &mut Draws, part: Part, mut paging: Paging) -> Paging {
    match kind {
        Kind::S17 => paging.rows_max = [7, 25, 100][draws.turn(kind, 3)],
        Kind::S18 => paging.next_offset = Some(part.offset),
        _ => {}
    }
    paging
}

/// Written rows with a field renamed (S21) or one price that cannot be kept (X2).
pub(crate) fn written(kind: Kind, draws: &mut Draws, mut rows: String) -> String {
    match kind {
        Kind::S21 => {
            let names =
                [(r#""close":"#, r#""closing":"#), (r#""unix":"#, r#""unix_ms":"#), (r#""symbol":"#, r#""name":"#)];
            let (from, to) = names[draws.turn(kind, names.len())];
            rows.replace(from, to)
        }
        Kind::X2 => {
            const VALUES: [&str; 7] =
                ["1e400", "NaN", "N/A", "1,234.5", "", "-Infinity", "0.1234567890123456789012345678901234567891"];
            let value = VALUES[draws.turn(kind, VALUES.len())];
            let places: Vec<usize> = rows.match_indices(r#""high":""#).map(|(at, found)| at + found.len()).collect();
            if let Some(from) = places.get(draws.below(places.len())).copied() {
                let until = rows[from..].find('"').map_or(from, |length| from + length);
                rows.replace_range(from..until, value);
            }
            rows
        }
        _ => rows,
    }
}

/// An honest answer with its bytes spoilt (S12) or broken on the wire (S13, S14, S15, P1).
pub(crate) fn bytes(kind: Kind, draws: &mut Draws, mut reply: Reply) -> Reply {
    match kind {
        Kind::S12 => match draws.turn(kind, 3) {
            0 => reply.body = [b"\xef\xbb\xbf", &*reply.body].concat().into(),
            1 => {
                // Inside a text where there is one, so that only the encoding is wrong.
                let mut body = reply.body.to_vec();
                let text = body.windows(5).position(|five| five == b"-C\",\"" || five == b"-P\",\"");
                let last = body.len().saturating_sub(1);
                if let Some(byte) = body.get_mut(text.unwrap_or(last)) {
                    *byte = 0xff;
                }
                reply.body = Bytes::from(body);
            }
            _ => "text/plain".clone_into(&mut reply.headers[0].1),
        },
        Kind::S13 => {
            let at = draws.below(reply.body.len());
            reply.cut = match draws.turn(kind, 5) {
                0 => Cut::ShortLength { at },
                1 => Cut::CutChunk { at },
                2 => Cut::CutGzip { at },
                3 => Cut::CutClose { at },
                _ => Cut::BeforeHead,
            };
        }
        Kind::S14 => reply.cut = [Cut::Bomb, Cut::Endless][draws.turn(kind, 2)],
        Kind::S15 => reply.cut = Cut::Trickle,
        Kind::P1 => reply.cut = [Cut::BeforeHead, Cut::Stall][draws.turn(kind, 2)],
        _ => {}
    }
    reply
}

/// What the vendor answers to parameters that it refuses.
pub(crate) fn refused() -> Reply {
    Reply::json(400, r#"{"result":"Unable to pull data"}"#)
}

/// A moment as HTTP writes it.
pub(crate) fn http_date(at: Moment) -> String {
    at.timestamp().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
