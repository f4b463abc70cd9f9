use std::io;
use std::sync::{Arc, Mutex};

use jiff::tz::{self, TimeZone};

use super::*;
use crate::domain::event::OptionDone;
use crate::domain::governor::quota::{Evidence, Quota};
use crate::domain::governor::{Lesson, Reason};
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::ledger::OptionState;
use crate::domain::run::Ending;
use crate::limits::{HOUR_MS, SECOND_MS};

/// 2025-10-26T12:33:20+08:00.
const START: Moment = Moment(1_761_453_200_000);

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn quota(requests: u32, evidence: Evidence) -> Quota {
    Quota { requests, window_ms: HOUR_MS, evidence, learned_at: START }
}

fn done(name: &str, index: u64, state: OptionState) -> OptionDone {
    OptionDone {
        currency: Currency::stored("ETH"),
        symbol: Symbol::new(name),
        index,
        total: 6738,
        state,
        was: OptionState::Pending,
        rows: 12,
        inserted: 12,
        unchanged: 0,
        revised: 0,
        flagged: 0,
        reason: None,
    }
}

fn answered(outcome: &'static str, used: u32) -> Event {
    Event::Answered { bytes: 1_900, latency_ms: 120, outcome, used, of: Some(800), left: 4_000 }
}

/// A run in which everything happens once.
fn story() -> Vec<Event> {
    let stored = |done: OptionDone| Event::Stored(Box::new(done));
    let eth = |name: &str, index| done(name, index, OptionState::Stored);
    let until = START + 2_815 * SECOND_MS + 60 * SECOND_MS;
    let store = "postgres://postgres@localhost/crypto_data".to_owned();
    let api = "https://api.cryptodatadownload.com/v1".to_owned();
    let known = quota(800, Evidence::Matched);
    let next = "ETH-12APR24-3100-C".to_owned();
    let vanished = (0..22).map(|n| Symbol::new(&format!("ETH-5APR24-{}-C", 3000 + n))).collect();
    let cooldown = |reason| Event::Cooldown { wait_ms: 2_815_302, until, reason, next: next.clone() };
    vec![
        Event::Started {
            epoch: 3,
            store,
            api,
            pid: 15901,
            quota: Some(quota(800, Evidence::Computed)),
            spacing_ms: 200,
        },
        Event::Listed { names: 17_529, unparsed: 2, new: 12, vanished, requests: 1 },
        Event::Planned {
            before: None,
            todo: vec![(Currency::stored("ETH"), 6_738), (Currency::stored("BTC"), 8_190)],
            requests: 14_928,
        },
        Event::FaceFound { expiry_queries: false, why: "rows of other options came".into() },
        Event::Planned { before: None, todo: Vec::new(), requests: 14_928 },
        Event::Paused,
        Event::Unpaused,
        Event::Paced { spacing_ms: 200 },
        Event::Paced { spacing_ms: 2_500 },
        Event::Paced { spacing_ms: 0 },
        Event::PutBack { options: 1, todo: Vec::new(), requests: 1 },
        Event::Sent,
        answered("rows", 800),
        stored(eth("ETH-10APR24-2900-P", 399)),
        stored(OptionDone { inserted: 3, unchanged: 8, revised: 1, flagged: 2, ..eth("ETH-11APR24-3000-C", 400) }),
        cooldown(Reason::Cooldown),
        Event::Resumed,
        Event::Learned(Lesson::Learned(known.clone())),
        Event::Learned(Lesson::Learned(quota(812, Evidence::Computed))),
        Event::Learned(Lesson::Changed { from: known.clone(), to: quota(400, Evidence::Matched) }),
        Event::Learned(Lesson::Changed { from: quota(400, Evidence::Matched), to: known }),
        Event::Learned(Lesson::Foreign { slots: 3 }),
        Event::Learned(Lesson::Blind { wait_s: 60 }),
        Event::Learned(Lesson::Blocked { refusals: 4 }),
        answered("rows", 800),
        cooldown(Reason::Quota),
        Event::Resumed,
        stored(OptionDone { rows: 0, inserted: 0, ..done("ETH-12APR24-3100-C", 401, OptionState::Empty) }),
        stored(eth("ETH-12APR24-3200-C", 0)),
        stored(OptionDone {
            reason: Some("HTTP 400 three times: \"Unable to pull data\"".into()),
            ..done("ETH-12APR24-3300-C", 402, OptionState::Attention)
        }),
        Event::Revised { symbol: Symbol::new("ETH-11APR24-3000-C"), old: "2024-04-10 0.1".into(), new: "0.2".into() },
        Event::Failed {
            query: "ETH 12APR24".into(),
            why: "HTTP 503".into(),
            class: "unavailable",
            again_at: START + 65 * SECOND_MS,
        },
        Event::Down { why: "HTTP 503".into() },
        Event::Up,
        Event::Doubted { empties: 8, known: "ETH-10APR24-2900-P".into() },
        Event::Settled { believed: true, empties: 8 },
        Event::Settled { believed: false, empties: 8 },
        Event::StoreAway { why: "connection refused".into(), needs_bytes: None },
        Event::StoreBack,
        Event::Stopping { why: "a signal".into() },
        Event::Ended {
            ending: Ending::Stopped,
            words: "stopped by a signal. 6,336 options are left; the same command goes on from here.".into(),
            resume_after: Some(START + HOUR_MS),
        },
    ]
}

fn zone() -> TimeZone {
    TimeZone::fixed(tz::offset(8))
}

fn told(form: Form, level: Level, events: &[Event]) -> String {
    let paper = Paper::default();
    let lines = Lines::new(Box::new(paper.clone()), form, zone()).when_lost(|why| panic!("lines are lost: {why}"));
    let mut lines = lines.at_level(level);
    let mut progress = Progress::default();
    for (turn, event) in (0_i64..).zip(events) {
        let at = START + turn * 2 * SECOND_MS;
        progress.fold(at, event);
        lines.show(at, event, &progress);
    }
    let written = paper.0.lock().unwrap().clone();
    String::from_utf8(written).unwrap()
}

#[test]
fn the_log_of_a_run_in_text() {
    insta::assert_snapshot!(told(Form::Text, Level::All, &story()));
}

#[test]
fn the_log_of_a_run_in_json() {
    let text = told(Form::Json, Level::All, &story());
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["v"], 1, "{line}");
        assert!(value["at"].as_str().unwrap().ends_with('Z') && value["event"].is_string(), "{line}");
        assert_ne!(value["event"], "sent");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_quiet_log_has_the_main_points() {
    insta::assert_snapshot!(told(Form::Text, Level::Summary, &story()));
}

#[test]
fn what_people_grep_for_is_there_and_the_end_is_not_said_too_early() {
    let text = told(Form::Text, Level::All, &story());
    for found in [
        " [400/6738] ETH-11APR24-3000-C",
        " [401/6738] ETH-12APR24-3100-C empty: the vendor has no data\n",
        " Rate limit hit! Must wait 2815 seconds (46.9 minutes) until 13:21:15 (+08:00), then ETH-12APR24-3100-C\n",
        " 800 of 800 requests of this window are used, no 429 was spent\n",
        " Resuming downloads\n",
        " ATTENTION: HTTP 400",
    ] {
        assert!(text.contains(found), "{found}");
    }
    assert!(!text.contains("BACKFILL COMPLETE!"));
    let words = "BACKFILL COMPLETE! 17,529 of 17,529 options are known".to_owned();
    let ended = Event::Ended { ending: Ending::Complete, words, resume_after: None };
    assert!(told(Form::Text, Level::Summary, &[ended]).contains(" BACKFILL COMPLETE! 17,529 of 17,529"));
}

#[test]
fn every_fifty_options_a_line_says_how_far_it_is() {
    let mut events: Vec<_> = story().into_iter().take(5).collect();
    for index in 1..=100 {
        events.extend([Event::Sent, answered("rows", 100)]);
        events.push(Event::Stored(Box::new(done("ETH-10APR24-2900-P", index, OptionState::Stored))));
    }
    let text = told(Form::Text, Level::All, &events);
    let lines: Vec<_> = text.lines().filter(|line| line.contains("Progress: ")).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains(" Progress: 0.3% | Requests: 50 | Records: 600 | Left: "), "{}", lines[0]);
}

#[test]
fn each_milestone_is_told_once_behind_the_option_that_reached_it() {
    let mut events: Vec<_> = story().into_iter().take(5).collect();
    events.push(Event::Planned { before: None, todo: vec![(Currency::stored("ETH"), 8)], requests: 8 });
    // Options of one answer are committed together: all of them at the same moment.
    for index in 1..=8 {
        events.push(Event::Stored(Box::new(done("ETH-10APR24-2900-P", index, OptionState::Stored))));
    }
    for level in [Level::All, Level::Summary] {
        let text = told(Form::Text, level, &events);
        let lines: Vec<_> = text.lines().filter_map(|line| line.split_once(" ETH: ")).map(|(_, words)| words).collect();
        let wanted = ["25% done (2 options)", "50% done (4 options)", "75% done (6 options)", "100% done (8 options)"];
        assert_eq!(lines, wanted, "{text}");
    }
    let json = told(Form::Json, Level::All, &events);
    let lines: Vec<_> = json.lines().filter(|line| line.contains("milestone")).collect();
    assert_eq!(lines.len(), 4, "{json}");
    assert!(
        lines[0].contains(r#""event":"milestone","currency":"ETH","of":8,"options":2,"percent":25}"#),
        "{}",
        lines[0]
    );
}

#[test]
fn hostile_words_stay_one_line_of_text() {
    // F-X1
    let bad = "x\u{1b}]0;owned\u{7}\n2025-10-26T12:33:00+08:00 BACKFILL\u{202e}\0";
    let events = [
        Event::Stored(Box::new(OptionDone { reason: Some(bad.into()), ..done(bad, 1, OptionState::Attention) })),
        Event::Down { why: bad.into() },
        Event::Ended { ending: Ending::Failed, words: bad.into(), resume_after: None },
    ];
    for form in [Form::Text, Form::Json] {
        let text = told(form, Level::All, &events);
        assert!(!text.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{text}");
    }
    let text = told(Form::Text, Level::All, &events);
    assert_eq!(text.lines().filter(|line| line.starts_with("2025-")).count(), text.lines().count());
    assert_eq!(text.lines().take_while(|line| !line.ends_with("Summary")).count(), 3);
}

/// A disk with room for so many bytes, then for none, then for all.
struct Small {
    room: Arc<Mutex<usize>>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for Small {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut room = self.room.lock().unwrap();
        let count = bytes.len().min(*room);
        *room -= count;
        self.written.lock().unwrap().extend_from_slice(&bytes[..count]);
        if count == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(count) }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_silences_the_log_once_told_and_the_run_goes_on() {
    // F-B12, F-P5
    let (room, written) = (Arc::new(Mutex::new(30)), Arc::default());
    let (told, telling) = (Arc::new(Mutex::new(Vec::new())), Arc::clone(&room));
    let out = Small { room: Arc::clone(&room), written: Arc::clone(&written) };
    let hears = Arc::clone(&told);
    let mut lines =
        Lines::new(Box::new(out), Form::Text, zone()).when_lost(move |why| hears.lock().unwrap().push(why.to_owned()));
    let progress = Progress::default();
    for _ in 0..2 {
        lines.show(START, &Event::Resumed, &progress);
    }
    assert_eq!(*told.lock().unwrap(), ["no storage space"]);
    *telling.lock().unwrap() = usize::MAX;
    for _ in 0..2 {
        lines.show(START, &Event::Unpaused, &progress);
    }
    let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() == 3 && "2025-10-26T12:33:20+08:00 Resuming downloads".starts_with(lines[0]), "{text:?}");
    assert!(
        lines[1..]
            .iter()
            .all(|line| line.ends_with("Z Going on by request") || line.ends_with("+08:00 Going on by request")),
        "{text:?}"
    );
}
