//! What a single answer teaches the governor, and what it must not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::limits::HOUR_MS;

const AT_ONCE: Pace = Pace { spacing_ms: 0, concurrency: 4 };

fn at(ms: i64) -> Counted {
    Counted { sent: Moment(ms), done: Moment(ms) }
}

fn quota(requests: u32, window_ms: i64) -> Quota {
    Quota { requests, window_ms, evidence: Evidence::Matched, learned_at: Moment(0) }
}

fn knowing(quota: Quota, log: impl IntoIterator<Item = Counted>) -> Governor {
    Governor::new(AT_ONCE, Memory { quota: Some(quota), ..Memory::default() }, log)
}

fn permit(ms: i64) -> Permit {
    Permit { granted: Moment(ms), probe: false, slowed: 0 }
}

fn probe(ms: i64) -> Permit {
    Permit { granted: Moment(ms), probe: true, slowed: 0 }
}

fn refuse(governor: &mut Governor, permit: Permit, at_ms: i64, wait_s: Option<i64>) -> Vec<Lesson> {
    governor.settle(permit, Moment(at_ms), Returned::Throttled { wait_s, by_throttle: true })
}

fn wait_ms(governor: &Governor, now_ms: i64) -> i64 {
    governor.memory.cooldown_until.unwrap().0 - now_ms
}

#[test]
fn refusals_that_come_back_together_are_one_and_one_after_the_wait_is_another() {
    // F-T13, F-I6: four in flight that are refused at once must not look like a key that is blocked.
    let mut governor = Governor::new(AT_ONCE, Memory::default(), []);
    assert_eq!(refuse(&mut governor, permit(0), 100, None), [Lesson::Blind { wait_s: 60 }]);
    let until = governor.memory.cooldown_until.unwrap();
    for _ in 0..4 {
        assert_eq!(refuse(&mut governor, permit(0), until.0 - 1, None), []);
    }
    assert_eq!(governor.memory.refusals, 1);
    // Its cooldown was put off by those; one that left before and comes back when it is over says something new.
    let until = governor.memory.cooldown_until.unwrap();
    assert_eq!(refuse(&mut governor, permit(0), until.0, None), [Lesson::Blind { wait_s: 120 }]);
    assert_eq!(governor.memory.refusals, 2);
}

#[test]
fn a_stated_wait_is_kept_to_the_second_and_from_the_fourth_refusal_on_it_is_doubted() {
    // F-T2, F-T13
    let mut governor = Governor::new(AT_ONCE, Memory::default(), []);
    let (mut now, mut waits, mut blocked) = (0, Vec::new(), Vec::new());
    for wait_s in [1, 1, 1, 1, 100, 1] {
        let lessons = refuse(&mut governor, permit(now), now, Some(wait_s));
        waits.push(wait_ms(&governor, now));
        blocked.extend(lessons.into_iter().filter_map(|lesson| match lesson {
            Lesson::Blocked { refusals } => Some(refusals),
            _ => None,
        }));
        now = governor.memory.cooldown_until.unwrap().0;
    }
    let with_slack = [1_000, 1_000, 1_000, 16_000, 100_000, 64_000].map(|ms| ms + 20 + ms / 10_000);
    assert_eq!((waits, blocked), (with_slack.to_vec(), vec![4, 5, 6]));
}

#[test]
fn so_many_are_in_flight_only_where_a_refusal_would_be_no_surprise() {
    // F-T3
    let known = knowing(quota(10, HOUR_MS), []);
    assert_eq!(known.in_flight_max(), 4);
    assert_eq!(Governor { climbing: true, ..knowing(quota(10, HOUR_MS), []) }.in_flight_max(), 1);
    let mut doubted = Governor { trusted: false, ..known };
    for n in 0..10 {
        assert_eq!(doubted.in_flight_max(), 1, "after {n} good answers");
        assert_eq!(doubted.settle(permit(n), Moment(n), Returned::Counted), []);
    }
    assert_eq!(doubted.in_flight_max(), 4, "as many as the quota were let through");
}

#[test]
fn a_probe_that_goes_through_is_told_once_and_one_that_is_refused_leaves_the_quota() {
    // F-T7
    let full = || knowing(quota(3, HOUR_MS), [at(0), at(1), at(2)]);
    let mut raised = full();
    let told = raised.settle(probe(10), Moment(10), Returned::Counted);
    assert!(matches!(&told[..], [Lesson::Changed { from, to }] if (from.requests, to.requests) == (3, 4)), "{told:?}");
    assert_eq!(raised.settle(permit(20), Moment(20), Returned::Counted), []);
    assert_eq!(raised.memory.quota.as_ref().unwrap().requests, 5);
    let mut refused = full();
    assert_eq!(refuse(&mut refused, probe(10), 10, Some(3_600)), []);
    assert_eq!(refused.memory.quota.as_ref().unwrap().requests, 3);
    // What somebody else's requests fill, and what only fills the window, is no raised quota.
    let mut full = full();
    assert_eq!(full.settle(permit(10), Moment(10), Returned::Counted), []);
    let mut two = knowing(quota(3, HOUR_MS), [at(0), at(1)]);
    assert_eq!(two.settle(probe(10), Moment(10), Returned::Counted), []);
    assert!(!full.climbing && !two.climbing);
}

#[test]
fn a_raised_quota_is_looked_for_where_the_wait_is_worth_it() {
    // F-T7
    let now = RAISE_PROBE_MS + HOUR_MS;
    let open_in = |ms| {
        let mut governor = knowing(quota(1, HOUR_MS), [at(now + ms - HOUR_MS - slack_ms(HOUR_MS))]);
        matches!(governor.poll(Moment(now)), Decision::Go(_))
    };
    assert!(open_in(HOUR_MS / 10) && !open_in(HOUR_MS / 10 - 1));
}

#[test]
fn a_known_quota_that_was_refused_at_is_too_high_by_one_at_the_least() {
    // F-T7: at the window's edge this log may count one more than the vendor does.
    let log = || (0..5).map(|n| at(n * 1_000));
    let mut governor = knowing(quota(4, HOUR_MS), log());
    let told = refuse(&mut governor, permit(5_000), 5_000, Some(3_595));
    assert!(matches!(&told[..], [Lesson::Changed { from, to }] if (from.requests, to.requests) == (4, 3)), "{told:?}");
    assert!(governor.trusted);
    // Of another window the old number says nothing.
    let computed = Quota { evidence: Evidence::Computed, ..quota(2, 60_000) };
    let mut governor = knowing(computed, log());
    let told = refuse(&mut governor, permit(5_000), 5_000, Some(3_595));
    assert!(
        matches!(&told[..], [Lesson::Changed { to, .. }] if *to == Quota { learned_at: Moment(5_000), ..quota(5, HOUR_MS) })
    );
    assert!(governor.trusted);
}

#[test]
fn a_quota_of_a_second_is_believed_when_two_refusals_agree_on_it() {
    // F-T8, F-T3
    let burst = |from: i64, count: i64| (0..count).map(move |n| at(from + n * 10));
    let learned = |first: i64, second: i64| {
        let mut governor = Governor::new(AT_ONCE, Memory::default(), burst(0, first));
        assert_eq!(refuse(&mut governor, permit(500), 500, Some(1)), [], "one says nothing");
        assert!(governor.memory.quota.is_none() && !governor.trusted);
        burst(10_000, second).for_each(|counted| governor.remember(counted));
        let told = refuse(&mut governor, permit(10_500), 10_500, Some(1));
        assert_eq!(told.is_empty(), governor.memory.quota.is_none());
        governor.memory.quota.map(|quota| (quota.requests, quota.window_ms))
    };
    assert_eq!(learned(5, 5), Some((5, SECOND_MS)));
    assert_eq!(learned(5, 4), None);
    // One that is known already needs no second word to be lowered.
    let mut known = knowing(quota(5, SECOND_MS), burst(0, 4));
    let told = refuse(&mut known, permit(500), 500, Some(1));
    assert!(matches!(&told[..], [Lesson::Changed { to, .. }] if to.requests == 4), "{told:?}");
}

#[test]
fn what_no_window_can_hold_any_more_is_forgotten() {
    // F-I12
    let day_ms = RETRY_AFTER_S_MAX * SECOND_MS;
    let mut unknown = Governor::new(AT_ONCE, Memory::default(), [at(0), at(1)]);
    let _ = unknown.poll(Moment(day_ms));
    assert_eq!(unknown.log.len(), 2);
    let _ = unknown.poll(Moment(day_ms + 1));
    assert_eq!(unknown.log.len(), 1);
    let _ = unknown.poll(Moment(day_ms * 2));
    assert_eq!(unknown.log.len(), 0);
    let mut known = knowing(quota(9, HOUR_MS), [at(0)]);
    let _ = known.poll(Moment(HOUR_MS * 2));
    assert_eq!(known.log.len(), 1);
    let _ = known.poll(Moment(HOUR_MS * 2 + 1));
    assert_eq!(known.log.len(), 0);
}
