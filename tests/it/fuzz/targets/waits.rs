//! Answers that are no 200, above all refusals with a wait in header or words: it is never negative, never longer than the
//! bound, and no request leaves before it is over.

use bytes::Bytes;
use chainfill::domain::answer::Query;
use chainfill::domain::governor::{Decision, Governor, Memory, Pace, Returned};
use chainfill::domain::instrument::Symbol;
use chainfill::domain::moment::Moment;
use chainfill::limits::{BLIND_WAIT_MS_MAX, QUOTE_CHARS_MAX, RETRY_AFTER_S_MAX};
use chainfill::source::cryptodatadownload::CryptoDataDownload;
use chainfill::source::fault::Fault;
use chainfill::source::{Response, Source as _};
use chainfill::vendor::Face;

use super::vendor;

pub const WORDS: &[&str] = &[
    "429",
    "403",
    "503",
    "401",
    "302",
    "200",
    "204",
    "599",
    "Retry-After: ",
    "Date: ",
    "Location: ",
    "3600",
    "86400",
    "0",
    "-1",
    "1e9",
    "0.5",
    "99999999999999999999",
    "Wed, 21 Oct 2025 07:28:00 GMT",
    "Wed, 21 Oct 9999 07:28:00 GMT",
    "Wed, 31 Feb 2025 25:61:00 GMT",
    "+0000",
    "Request was throttled. Expected available in 3599 seconds.",
    "\n\n",
    "{\"detail\":\"",
    "\"}",
    "1 second",
    "\u{202e}",
    "\u{1b}[2J",
    "9223372036854775807",
    "-9223372036854775808",
];

/// When the answer came: far from both ends of time.
const NOW: Moment = Moment(1_761_450_000_000);

pub fn run(data: &[u8]) {
    let response = response(data);
    let query = Query::Symbol(Symbol::new("ETH-19JUN24-3575-C"));
    let Err(fault) = CryptoDataDownload.read(&query, &response) else {
        return assert_eq!(response.status, 200, "only a 200 can say anything of bars");
    };
    assert!(fault.to_string().chars().all(|c| !c.is_control()), "{:?} would steer a terminal", fault.to_string());
    assert!(fault.to_string().chars().count() < QUOTE_CHARS_MAX * 2 + 200, "{fault} is quoted too long");
    let wait_s = match &fault {
        Fault::Throttled { wait_s, .. } | Fault::Unavailable { wait_s, .. } => *wait_s,
        _ => None,
    };
    assert!(wait_s.is_none_or(|wait_s| (0..=RETRY_AFTER_S_MAX).contains(&wait_s)), "a wait of {wait_s:?} s");
    if let Fault::Throttled { status, wait_s, .. } = fault {
        obeyed(wait_s, status == 429);
    } else {
        assert_ne!(response.status, 429, "a 429 is the throttle's");
    }
}

/// The governor waits as long as it is told, twice in a row, and not for ever.
fn obeyed(wait_s: Option<i64>, by_throttle: bool) {
    let mut governor = Governor::new(Pace { spacing_ms: 0, concurrency: 1 }, Memory::default(), []);
    let mut now = NOW;
    for _ in 0..2 {
        let Decision::Go(permit) = governor.poll(now) else { panic!("nothing hinders it") };
        now = now + 50;
        let _ = governor.settle(permit, now, Returned::Throttled { wait_s, by_throttle });
        let until = match governor.poll(now) {
            Decision::Wait(until, _) => until,
            // A wait of nothing at all is over at once.
            Decision::Go(permit) => {
                assert_eq!(wait_s, Some(0), "sent inside a cooldown");
                let _ = governor.settle(permit, now, Returned::Unsent);
                return;
            }
            Decision::Full => panic!("nothing is in flight"),
        };
        let waits_ms = now.until_ms(until);
        let most_ms = wait_s.map_or(BLIND_WAIT_MS_MAX, |wait_s| wait_s.max(1) * 1_000);
        assert!(waits_ms >= wait_s.unwrap_or(1) * 1_000, "{waits_ms} ms are too short for {wait_s:?} s");
        assert!(waits_ms <= most_ms + most_ms / 1_000 + 1_000, "{waits_ms} ms are too long for {wait_s:?} s");
        assert!(matches!(governor.poll(until - 1), Decision::Wait(..)), "a millisecond early");
        now = until;
    }
}

/// `429`, header lines, an empty line, the body.
fn response(data: &[u8]) -> Response {
    let at = memchr::memmem::find(data, b"\n\n");
    let (head, body) = at.map_or((data, &b""[..]), |at| (&data[..at], &data[at + 2..]));
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.parse().ok()).unwrap_or(429);
    let mut response = Response { status, body: Bytes::copy_from_slice(body), ..Response::default() };
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let place = match name {
            "Retry-After" => &mut response.retry_after,
            "Date" => &mut response.date,
            "Location" => &mut response.location,
            _ => continue,
        };
        *place = Some(value.to_owned());
    }
    response
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let names = vendor::listed();
    let paths: Vec<String> = names
        .iter()
        .take(12)
        .map(|name| CryptoDataDownload.request(&Query::Symbol(Symbol::new(name)), 0).path)
        .collect();
    for faults in ["s1=1", "t1=1", "t2=1", "t8=1", "s6=1", "s7=1", "s8=1", "s9=1", "s10=1", "s11=1"] {
        for reply in vendor::replies(Face::Symbol2025, faults, &paths) {
            let mut text = reply.status.to_string();
            for name in ["Retry-After", "Date", "Location"] {
                if let Some(value) = reply.header(name) {
                    text = format!("{text}\n{name}: {value}");
                }
            }
            seeds.push([text.as_bytes(), b"\n\n", &*reply.body].concat());
        }
    }
    vendor::short(seeds)
}
