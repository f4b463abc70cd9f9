use super::*;
use crate::domain::governor::Reason;
use crate::domain::instrument::Currency;
use crate::domain::milestone::Reached;
use crate::domain::progress::CurrencyProgress;
use crate::limits::{HOUR_MS, SECOND_MS};

/// 2025-10-26T12:33:20+08:00.
const START: Moment = Moment(1_761_453_200_000);

fn zone() -> TimeZone {
    TimeZone::fixed(jiff::tz::offset(8))
}

fn run() -> LastRun {
    LastRun {
        epoch: 3,
        pid: 15901,
        host: "nas".into(),
        started_at: START,
        beat_age_ms: 4_000,
        alive: Some(true),
        ended_at: None,
        ending: None,
    }
}

fn ended(ending: Ending) -> LastRun {
    LastRun { ended_at: Some(START + HOUR_MS), ending: Some(ending), alive: Some(false), ..run() }
}

fn total(pending: u64, attention: u64) -> Tally {
    let listed = 17_529;
    let stored = listed - pending - attention - 29;
    Tally { currency: Currency::stored("all"), listed, pending, stored, empty: 29, attention, rows: 240_000 }
}

fn fetching(now: Moment) -> Progress {
    let eth = CurrencyProgress {
        currency: Currency::stored("ETH"),
        todo: 6_738,
        done: 480,
        stored: 480,
        empty: 0,
        attention: 0,
        rows_inserted: 5_000,
        reached: Reached::default(),
    };
    Progress {
        phase: Phase::Fetching,
        started_at: START,
        working_since: START,
        phase_since: START,
        accepted_at: Some(now),
        currencies: vec![eth],
        ..Progress::default()
    }
}

fn waiting(now: Moment, wait_s: i64) -> Progress {
    let wait = Wait {
        since: now - 940 * SECOND_MS,
        until: now + wait_s * SECOND_MS,
        reason: Reason::Cooldown,
        next: "ETH-12APR24-3100-C".into(),
    };
    Progress { phase: Phase::Waiting, phase_since: wait.since, wait: Some(wait), ..fetching(now) }
}

fn say(run: &LastRun, progress: &Progress, now: Moment) -> (Health, String) {
    let total = total(6_258, 0);
    verdict(
        Sight { run: Some(run), progress: Some(progress), total: &total, open: 6_258, room_bytes: None },
        now,
        &zone(),
    )
}

fn rest(run: Option<&LastRun>, total: &Tally, open: u64) -> (Health, String) {
    verdict(Sight { run, progress: None, total, open, room_bytes: None }, START + 2 * HOUR_MS, &zone())
}

const LATER: Moment = Moment(START.0 + 100 * SECOND_MS);

#[test]
fn active_downloading_is_fine() {
    assert_eq!(say(&run(), &fetching(LATER), LATER), (Health::Fine, "Fine: downloading, 4.8 options/s.".into()));
}

#[test]
fn do_not_worry_if_the_process_seems_stuck_for_an_hour_it_waits_for_the_rate_limit() {
    let words = "Fine: waiting for the vendor until 13:06:12 (31 min 12 s left), then ETH-12APR24-3100-C.";
    assert_eq!(say(&run(), &waiting(LATER, 1_872), LATER), (Health::Fine, words.into()));
    assert_eq!(say(&run(), &waiting(LATER, 3_600), LATER).0, Health::Fine);
}

#[test]
fn do_not_worry_if_the_database_does_not_grow_in_a_long_wait_or_right_after_it() {
    let day = Moment(START.0 + 24 * HOUR_MS);
    let mut progress = waiting(day, 60);
    progress.accepted_at = Some(START);
    assert_eq!(say(&run(), &progress, day).0, Health::Fine);
    let mut resumed = fetching(day);
    (resumed.accepted_at, resumed.working_since) = (Some(START), day - SECOND_MS);
    assert_eq!(say(&run(), &resumed, day).0, Health::Fine);
}

#[test]
fn do_not_worry_if_the_log_is_silent_for_a_while_or_a_single_error_is_in_it() {
    let mut progress = fetching(LATER);
    progress.errors = vec![(LATER, "HTTP 503".into(), 1)];
    progress.failures_in_row = 1;
    assert_eq!(say(&run(), &progress, LATER + 600 * SECOND_MS).0, Health::Fine);
}

#[test]
fn do_worry_if_the_process_disappeared() {
    // F-P3
    let words =
        "Worry: process 15901 on host nas ended without finishing at 12:34:56; start it again, nothing is lost.";
    let gone = LastRun { alive: Some(false), ..run() };
    assert_eq!(say(&gone, &waiting(LATER, 1_872), LATER), (Health::Worry, words.into()));
    let far = |beat_age_ms| LastRun { alive: None, beat_age_ms, ..run() };
    assert_eq!(say(&far(LEASE_MS - 1), &fetching(LATER), LATER).0, Health::Fine);
    assert_eq!(say(&far(LEASE_MS), &fetching(LATER), LATER).0, Health::Worry);
}

#[test]
fn do_worry_if_the_process_is_there_but_dumb() {
    // F-P6
    let silent = |beat_age_ms| LastRun { beat_age_ms, ..run() };
    assert_eq!(say(&silent(SILENCE_MS_MAX - 1), &fetching(LATER), LATER).0, Health::Fine);
    let (health, words) = say(&silent(SILENCE_MS_MAX), &fetching(LATER), LATER);
    assert!(health == Health::Worry && words.contains("gave no sign of life for 2 min"), "{words}");
}

#[test]
fn do_worry_at_once_if_the_stores_disk_is_full() {
    // F-B11: seen from outside, because the run can write nothing of it; and told by the run where it could.
    let (run, total, fetching) = (run(), total(6_258, 0), fetching(LATER));
    let seen = |room_bytes, open| {
        let sight = Sight { run: Some(&run), progress: Some(&fetching), total: &total, open, room_bytes };
        verdict(sight, LATER, &zone())
    };
    assert_eq!(seen(Some(ROOM_BYTES_MIN), 6_258).0, Health::Fine);
    assert_eq!(seen(Some(0), 0).0, Health::Fine, "nothing is left that needs room");
    let words = "Worry: the store's disk is full, and nothing is sent meanwhile; what is left needs about 46 MB; it goes on \
                 by itself when there is room.";
    assert_eq!(seen(Some(ROOM_BYTES_MIN - 1), 6_258), (Health::Worry, words.into()));
    let needs_bytes = Some(45_500_000);
    let away = Progress { phase: Phase::StoreAway, phase_since: LATER, needs_bytes, ..fetching.clone() };
    assert_eq!(working(&away, LATER, &zone()), (Health::Worry, words["Worry: ".len()..].into()));
}

#[test]
fn do_worry_if_errors_repeat() {
    let mut progress = fetching(LATER);
    progress.errors = vec![(LATER, "HTTP 500".into(), FAILURES_WORRY)];
    progress.failures_in_row = FAILURES_WORRY - 1;
    assert_eq!(say(&run(), &progress, LATER).0, Health::Fine);
    progress.failures_in_row += 1;
    let (health, words) = say(&run(), &progress, LATER);
    assert!(health == Health::Worry && words == "Worry: 20 answers in a row failed, the last: HTTP 500.", "{words}");
}

#[test]
fn do_worry_if_the_database_has_not_grown_in_two_hours() {
    let mut progress = fetching(LATER);
    progress.errors = vec![(LATER, "HTTP 500".into(), 37)];
    let at = LATER + 130 * 60 * SECOND_MS;
    let words = "Worry: no answer accepted for 2 h 10 min, 37 errors, the last: HTTP 500.";
    assert_eq!(say(&run(), &progress, at), (Health::Worry, words.into()));
    assert_eq!(say(&run(), &progress, LATER + STALLED_MS_MAX - 1).0, Health::Fine);
}

#[test]
fn a_wait_that_is_over_and_a_key_that_looks_blocked_are_a_worry() {
    // F-T13
    assert_eq!(say(&run(), &waiting(LATER, -100), LATER).0, Health::Fine);
    assert_eq!(say(&run(), &waiting(LATER, -121), LATER).0, Health::Worry);
    let blocked = Progress { blocked: 5, ..waiting(LATER, 60) };
    let (health, words) = say(&run(), &blocked, LATER);
    assert!(health == Health::Worry && words.contains("refused 5 requests in a row"), "{words}");
}

#[test]
fn a_short_outage_is_fine_and_a_long_one_is_a_worry() {
    // F-P1, F-B3
    for phase in [Phase::VendorDown, Phase::StoreAway] {
        let progress = Progress { phase, phase_since: LATER, ..fetching(LATER) };
        assert_eq!(say(&run(), &progress, LATER + AWAY_WORRY_MS - 1).0, Health::Fine);
        assert_eq!(say(&run(), &progress, LATER + AWAY_WORRY_MS).0, Health::Worry);
    }
}

#[test]
fn the_end_is_done_only_where_nothing_is_left() {
    let whole = total(0, 0);
    let complete = ended(Ending::Complete);
    assert_eq!(rest(Some(&complete), &whole, 0), (Health::Done, "Done: complete, 17,529 of 17,529.".into()));
    assert_eq!(rest(None, &whole, 0).0, Health::Done);
    let words = "Idle: no run; 120 options are still to be fetched.";
    assert_eq!(rest(Some(&complete), &total(120, 0), 120), (Health::Idle, words.into()));
    assert_eq!(rest(Some(&ended(Ending::Stopped)), &total(120, 0), 120), (Health::Idle, words.into()));
    assert_eq!(rest(Some(&complete), &whole, 1).1, "Idle: no run; 1 option is still to be fetched.");
    assert_eq!(rest(Some(&ended(Ending::Attention)), &total(0, 3), 0).0, Health::Worry);
    for ending in [Ending::Key, Ending::Vendor, Ending::Store, Ending::Failed] {
        assert_eq!(rest(Some(&ended(ending)), &total(120, 0), 120).0, Health::Worry);
    }
    let nothing = Tally::total(&[]);
    assert_eq!(rest(None, &nothing, 0).0, Health::Idle);
}

#[test]
fn a_pause_is_fine_however_long() {
    let mut progress = fetching(START);
    progress.fold(START, &crate::domain::event::Event::Paused);
    let (health, words) = say(&run(), &progress, START + 5 * HOUR_MS);
    assert_eq!(health, Health::Fine);
    assert_eq!(words, "Fine: paused by request since 12:33:20; `chainfill resume` lets it go on.");
}

#[test]
fn every_verdict_in_its_words() {
    let now = START + HOUR_MS;
    let phase = |phase| Progress { phase, phase_since: now - 600_000, ..fetching(now) };
    let with_errors = Progress { failures_in_row: 37, errors: vec![(now, "HTTP 503".into(), 37)], ..fetching(now) };
    let stalled = Progress { accepted_at: Some(START), ..with_errors.clone() };
    let blocked = Progress { blocked: 5, ..waiting(now, 3_600) };
    let mut paused = fetching(START);
    paused.fold(START, &crate::domain::event::Event::Paused);
    let attention = {
        let mut progress = fetching(now);
        progress.currencies[0].attention = 3;
        progress
    };
    let dead = LastRun { alive: Some(false), beat_age_ms: 600_000, ..run() };
    let dumb = LastRun { beat_age_ms: 600_000, ..run() };
    let mut words: Vec<String> = [
        (run(), fetching(now)),
        (run(), attention),
        (run(), waiting(now, 1_872)),
        (run(), waiting(now, -600)),
        (run(), blocked),
        (run(), paused),
        (run(), phase(Phase::Listing)),
        (run(), phase(Phase::VendorDown)),
        (run(), phase(Phase::StoreAway)),
        (run(), phase(Phase::Stopping)),
        (run(), with_errors.clone()),
        (dumb, fetching(now)),
        (dead, fetching(now)),
    ]
    .iter()
    .map(|(run, progress)| say(run, progress, now).1)
    .collect();
    words.push(say(&run(), &stalled, START + 2 * HOUR_MS + 600_000).1);
    for ending in [Ending::Key, Ending::Vendor, Ending::Store, Ending::Failed, Ending::Stopped] {
        words.push(rest(Some(&ended(ending)), &total(40, 0), 40).1);
    }
    words.push(rest(Some(&ended(Ending::Attention)), &total(0, 12), 0).1);
    words.push(rest(Some(&ended(Ending::Complete)), &total(0, 0), 0).1);
    words.push(rest(None, &Tally::nothing(Currency::stored("all")), 0).1);
    insta::assert_snapshot!(words.join("\n"));
}

#[test]
fn a_wait_over_the_change_of_the_clocks_is_told_in_the_users_zone() {
    // F-C5: clocks go back at 2025-10-26 01:00 UTC and forward at 2025-03-30 01:00 UTC; inside all is UTC.
    let Ok(berlin) = TimeZone::get("Europe/Berlin") else { panic!("the zone is known") };
    let said = |now: i64| {
        let (now, until) = (Moment(now), Moment(now) + 47 * 60_000);
        let wait = Wait { since: now, until, reason: Reason::Cooldown, next: String::new() };
        (super::waiting(&wait, now, &berlin), until.rfc3339())
    };
    let (words, utc) = said(1_761_438_600_000); // 00:30 UTC is 02:30; 47 minutes later it is 02:17, for the second time
    assert_eq!(words, "waiting for the vendor until 02:17:00+01:00 (47 min left)");
    assert_eq!(utc, "2025-10-26T01:17:00Z");
    let (words, utc) = said(1_743_294_600_000); // 00:30 UTC is 01:30; 47 minutes later it is 03:17
    assert_eq!(words, "waiting for the vendor until 03:17:00+02:00 (47 min left)");
    assert_eq!(utc, "2025-03-30T01:17:00Z");
    let (words, _) = said(1_761_400_000_000);
    assert!(!words.contains('+'), "{words}");
}
