//! What one 429 tells of the quota, edge by edge.

use super::*;
use crate::limits::HOUR_MS;

const MINUTE_MS: i64 = 60_000;
/// See [`WINDOW_SLACK_MS`].
const SLACK_MS: i64 = WINDOW_SLACK_MS + MINUTE_MS / WINDOW_SLACK_PARTS;

fn at(ms: i64) -> Counted {
    Counted { sent: Moment(ms), done: Moment(ms) }
}

fn log(times: &[i64]) -> Vec<Counted> {
    times.iter().map(|ms| at(*ms)).collect()
}

fn known(requests: u32, window_ms: i64, evidence: Evidence) -> Quota {
    Quota { requests, window_ms, evidence, learned_at: Moment(0) }
}

/// What is found, in short.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Matched(u32, i64),
    Computed(u32, i64),
    Foreign(u32, i64),
    Nothing,
}
use Found::{Computed, Foreign, Matched};

fn found(log: &[Counted], known: Option<&Quota>, refused: Counted, wait_s: i64) -> Found {
    match find(log, known, refused, wait_s) {
        Finding::Quota(quota) => {
            assert_eq!(quota.learned_at, refused.done);
            match quota.evidence {
                Evidence::Matched => Matched(quota.requests, quota.window_ms),
                Evidence::Computed => Computed(quota.requests, quota.window_ms),
            }
        }
        Finding::Foreign { slots, opens } => Foreign(slots, opens.0),
        Finding::Nothing => Found::Nothing,
    }
}

#[test]
fn the_fullest_window_is_counted_up_to_its_edge() {
    let most = |times: &[i64]| most_in_window(&log(times), 1_000);
    assert_eq!(most(&[]), 0);
    assert_eq!(most(&[0, 500, 999]), 3);
    assert_eq!(most(&[0, 500, 1_000]), 2, "the first has left when the third comes");
    assert_eq!(most(&[0, 10, 20, 5_000, 5_900]), 3, "the fullest one is long ago");
    // F-B13
    assert_eq!(most_in_window(&[Counted { sent: Moment(9_000), done: Moment(0) }], 1_000), 1);
}

#[test]
fn a_wait_names_a_slot_within_the_second_that_it_was_rounded_up_by_and_the_time_it_was_under_way() {
    // F-T3
    let minute = known(10, MINUTE_MS, Evidence::Matched);
    let refused = Counted { sent: Moment(10_000), done: Moment(10_300) };
    let names = |own: Counted| found(&[own], Some(&minute), refused, 50);
    let nobody = Foreign(9, 60_300);
    // It opens between 59,000 and 60,300.
    let (first, last) = (-1_000 - SLACK_MS, 300 + SLACK_MS);
    assert_eq!([first - 1, last + 1].map(|ms| names(at(ms))), [nobody, Foreign(9, 60_300)]);
    assert_eq!([first, last].map(|ms| names(at(ms))), [Matched(1, MINUTE_MS), Matched(1, MINUTE_MS)]);
    // A request was counted at some moment between its departure and its answer.
    let slow = Counted { sent: Moment(first - 9_000), done: Moment(last + 9_000) };
    assert_eq!(names(slow), Matched(1, MINUTE_MS));
}

#[test]
fn the_known_quota_is_counted_from_the_own_request_that_the_refusal_names() {
    // F-T6: the vendor forgot what was sent before it was restarted.
    let minute = known(10, MINUTE_MS, Evidence::Matched);
    let sent = log(&[-40_000, 0, 10_000, 20_000, 20_500]);
    assert_eq!(found(&sent, Some(&minute), at(25_000), 45), Matched(3, MINUTE_MS));
    assert_eq!(found(&sent, Some(&minute), at(25_000), 35), Matched(4, MINUTE_MS));
}

#[test]
fn a_window_is_possible_where_the_wait_fits_into_it_by_the_second() {
    let minute = Matched(1, MINUTE_MS);
    assert_eq!(found(&log(&[0]), None, at(20), 60), minute);
    assert_eq!(found(&log(&[0]), None, at(20), 61), Computed(1, 61_000));
    // The same where a known window is not met any more (F-T7).
    let hour = known(10, HOUR_MS, Evidence::Matched);
    assert_eq!(found(&log(&[0]), Some(&hour), at(20), 60), minute);
    assert_eq!(found(&log(&[0]), Some(&hour), at(20), 61), Foreign(9, 61_020));
}

#[test]
fn a_quota_that_was_matched_stands_against_a_longer_window_and_a_computed_one_gives_way() {
    // F-T4, F-T7
    let by = |evidence| found(&log(&[0]), Some(&known(10, MINUTE_MS, evidence)), at(20), 3_600);
    assert_eq!(by(Evidence::Matched), Foreign(9, 3_600_020));
    assert_eq!(by(Evidence::Computed), Matched(1, HOUR_MS));
}

#[test]
fn a_window_that_would_have_refused_before_is_not_the_vendors() {
    // F-T3
    let after_burst = |burst: i64, requests: i64| {
        let old = (0..burst).map(at);
        let new = (0..requests).map(|n| at(1_000_000 + n));
        let refused = at(1_001_000);
        found(&old.chain(new).collect::<Vec<_>>(), None, refused, 59)
    };
    assert_eq!(after_burst(4, 3), Matched(3, MINUTE_MS));
    assert_eq!(after_burst(5, 3), Computed(8, 1_060_000));
    // One in fifty may have been counted into the neighbouring window.
    assert_eq!(after_burst(103, 100), Matched(100, MINUTE_MS));
    assert_eq!(after_burst(104, 100), Computed(204, 1_060_000));
}

#[test]
fn an_unknown_window_is_computed_in_whole_seconds_from_the_oldest_request() {
    let sent = [Counted { sent: Moment(0), done: Moment(1_000) }];
    let refused = Counted { sent: Moment(100_000), done: Moment(101_800) };
    let by = |known: Option<&Quota>| found(&sent, known, refused, 30);
    assert_eq!(by(None), Computed(1, 130_000));
    // One that was computed before gives way to a longer one only.
    assert_eq!(by(Some(&known(5, 100_000, Evidence::Computed))), Computed(1, 130_000));
    assert_eq!(by(Some(&known(5, 200_000, Evidence::Computed))), Foreign(4, 131_800));
    let same = known(9, 5_000, Evidence::Computed);
    assert_eq!(found(&log(&[0]), Some(&same), at(5_500), 0), Foreign(9, 5_500));
    assert_eq!(found(&log(&[0]), None, at(100), 0), Computed(1, 1_000), "no window is shorter than a second");
    assert_eq!(found(&[], None, at(100), 10), Found::Nothing);
}

#[test]
fn what_may_have_left_the_window_is_not_counted_for_the_quota() {
    // Counting it would cost a refusal each time; leaving it out costs a slot.
    let refused = Counted { sent: Moment(59_990), done: Moment(60_010) };
    let oldest = |ms: i64| found(&log(&[ms, 5_000, 6_000]), None, refused, 1);
    assert_eq!(oldest(11), Matched(3, MINUTE_MS));
    assert_eq!(oldest(10), Matched(2, MINUTE_MS), "it leaves when the answer is complete");
    assert_eq!(found(&log(&[10]), None, refused, 1), Matched(1, MINUTE_MS), "one is the least");
}

#[test]
fn slots_that_are_not_in_the_log_are_somebody_elses() {
    // F-T10
    let refused = Counted { sent: Moment(59_990), done: Moment(60_010) };
    let foreign = |requests| {
        let minute = known(requests, MINUTE_MS, Evidence::Matched);
        found(&log(&[-11, -10, -9, 30_000]), Some(&minute), refused, 20)
    };
    assert_eq!(foreign(10), Foreign(8, 80_010), "two are left in the window");
    assert_eq!(foreign(1), Foreign(1, 80_010));
}

#[test]
fn a_quota_is_said_in_words_and_moved_in_time() {
    let words = |window_ms| known(800, window_ms, Evidence::Matched).words();
    assert_eq!(words(HOUR_MS), "800 requests per hour");
    assert_eq!(words(7_000), "800 requests per 7 s");
    assert_eq!(words(1_000), "800 requests per second");
    assert_eq!(words(MINUTE_MS), "800 requests per minute");
    assert_eq!(words(24 * HOUR_MS), "800 requests per day");
    assert_eq!(known(8, HOUR_MS, Evidence::Matched).moved(70).learned_at, Moment(70));
}
