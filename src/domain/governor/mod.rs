//! When a request may go.
//!
//! The vendor's throttle is a sliding log: N requests in the last W seconds. The governor keeps the same log
//! from its own side, learns N and W from the first 429 (see [`quota`]), and from then on stops by itself
//! when the window is full, so that a 429 is spent on news only. It is a pure state machine: time comes in,
//! decisions come out.

mod memory;
pub mod quota;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::moment::Moment;
use crate::limits::{
    BLIND_WAIT_MS_FIRST, BLIND_WAIT_MS_MAX, LOG_REQUESTS_MAX, RAISE_PROBE_MS, RAISE_PROBE_WINDOWS, RETRY_AFTER_S_MAX,
    SECOND_MS, SERIAL_SUCCESSES, WINDOW_SLACK_MS, WINDOW_SLACK_PARTS,
};
pub use memory::Memory;
use quota::{Counted, Evidence, Finding, Quota};

/// What a person may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Least time between two requests.
    pub spacing_ms: i64,
    /// Requests in flight at once, at the most.
    pub concurrency: u32,
}

/// One "go". It must come back through [`Governor::settle`], whatever happened to its request.
#[must_use = "a permit holds a place in the vendor's window until it is settled"]
#[derive(Debug)]
pub struct Permit {
    granted: Moment,
    probe: bool,
    /// How often the pace had been slowed by then.
    slowed: u32,
}

/// The answer to "may a request go now?".
#[derive(Debug)]
pub enum Decision {
    /// Yes: this one.
    Go(Permit),
    /// Not before then.
    Wait(Moment, Reason),
    /// As many as may be are in flight: ask again when one is settled.
    Full,
}

/// Why a request must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The vendor said so.
    Cooldown,
    /// The quota of the window is used; asking would only earn a 429.
    Quota,
    /// The pace that a person set.
    Pace,
}

/// What came of a permit, as far as the throttle is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returned {
    /// The vendor counted the request, or may have.
    Counted,
    /// It did not: refused before its throttle (401, 403), or it never arrived.
    NotCounted,
    /// The request never left.
    Unsent,
    /// The vendor's throttle refused it.
    Throttled {
        /// The wait that the vendor stated, if it is a sensible one.
        wait_s: Option<i64>,
        /// Whether it is the throttle's own word (429), from which the quota can be learned.
        by_throttle: bool,
    },
}

/// Something that the governor found out, to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "lesson")]
pub enum Lesson {
    /// The quota is known now.
    Learned(Quota),
    /// The quota changed (T7).
    Changed {
        /// What it was.
        from: Quota,
        /// What it is.
        to: Quota,
    },
    /// Slots are used that this store knows nothing of: somebody else uses the key (T10).
    Foreign {
        /// How many, at the least.
        slots: u32,
    },
    /// The vendor asked to wait without saying how long (T1).
    Blind {
        /// How long it will be.
        wait_s: i64,
    },
    /// 429 after 429 with nothing between: the key looks blocked (T13).
    Blocked {
        /// How many in a row.
        refusals: u32,
    },
}

/// What the governor knows and does, for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The quota, once it is learned.
    pub quota: Option<Quota>,
    /// Requests of the window that are used.
    pub used: u32,
    /// When the next request may go; `None`: now.
    pub next_at: Option<Moment>,
    /// Why it must wait.
    pub reason: Option<Reason>,
}

/// Decides when a request may go.
#[derive(Debug)]
pub struct Governor {
    pace: Pace,
    log: VecDeque<Counted>,
    in_flight: u32,
    paced_until: Moment,
    slowed: u32,
    memory: Memory,
    /// Good answers since the last 429: how far the quota, or its absence, can be trusted.
    successes: usize,
    trusted: bool,
    /// A probe went through: the quota is higher than thought, and climbs until the next 429.
    climbing: bool,
    /// Requests in the second before the last refusal that asked for a second's wait.
    suspected: Option<u32>,
}

impl Governor {
    /// A governor that goes on where the last one stopped. `log`: the requests that the vendor may still
    /// count, oldest first, from the journal; those with an unknown outcome included.
    pub fn new(pace: Pace, mut memory: Memory, log: impl IntoIterator<Item = Counted>) -> Governor {
        // No vendor has such a quota: kept, it would let nothing go, and nothing would end that (I10).
        memory.quota.take_if(|quota| quota.requests == 0 || quota.window_ms <= 0);
        let mut log: VecDeque<Counted> = log.into_iter().collect();
        log.make_contiguous().sort_by_key(|counted| counted.done);
        let trusted = memory.quota.as_ref().is_some_and(|quota| quota.evidence == Evidence::Matched);
        let successes = if memory.refusals == 0 { log.len() } else { 0 };
        Governor {
            pace,
            log,
            in_flight: 0,
            paced_until: Moment(i64::MIN),
            slowed: 0,
            memory,
            successes,
            trusted,
            climbing: false,
            suspected: None,
        }
    }

    /// May a request go now?
    pub fn poll(&mut self, now: Moment) -> Decision {
        self.forget(now);
        match self.obstacle(now) {
            Obstacle::None => self.grant(now, false),
            Obstacle::Full => Decision::Full,
            Obstacle::Until(until, Reason::Quota) if self.may_probe(now, until) => {
                if now < self.paced_until {
                    Decision::Wait(self.paced_until, Reason::Pace)
                } else {
                    self.grant(now, true)
                }
            }
            Obstacle::Until(until, reason) => Decision::Wait(until, reason),
        }
    }

    /// Whether a permit that was granted a moment ago still holds: a cooldown may have begun since (I6), or a slower
    /// pace, at which those that were granted at full speed may not leave.
    pub fn still_holds(&self, permit: &Permit, now: Moment) -> bool {
        permit.slowed == self.slowed && self.memory.cooldown_until.is_none_or(|until| now >= until)
    }

    /// Takes a permit back. `now` is when the answer was complete.
    pub fn settle(&mut self, permit: Permit, now: Moment, returned: Returned) -> Vec<Lesson> {
        self.in_flight = self.in_flight.saturating_sub(1);
        match returned {
            Returned::Unsent | Returned::NotCounted => Vec::new(),
            Returned::Counted => self.count(&permit, now),
            Returned::Throttled { wait_s, by_throttle } => self.refuse(&permit, now, wait_s, by_throttle),
        }
    }

    /// Another pace, from now on.
    pub fn set_pace(&mut self, pace: Pace, now: Moment) {
        self.slowed += u32::from(pace.spacing_ms > self.pace.spacing_ms);
        self.pace = pace;
        self.paced_until = self.paced_until.min(now + pace.spacing_ms);
    }

    /// What must outlive the process.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Permits that are out.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// What is known, and what the next request waits for.
    pub fn explain(&self, now: Moment) -> Explanation {
        let (next_at, reason) = match self.obstacle(now) {
            Obstacle::Until(until, reason) => (Some(until), Some(reason)),
            Obstacle::None | Obstacle::Full => (None, None),
        };
        // Without a quota: what the longest window may still hold.
        let young = |counted: &&Counted| counted.done + RETRY_AFTER_S_MAX * SECOND_MS >= now;
        let used = match &self.memory.quota {
            Some(quota) => self.used(quota, now),
            None => self.log.iter().rev().take_while(young).count(),
        };
        Explanation { quota: self.memory.quota.clone(), used: u32::try_from(used).unwrap_or(u32::MAX), next_at, reason }
    }

    /// When it is worth to start again for so many requests: they have slots, or half of the quota has. Where slots open
    /// one by one, the first one would go to the listing, run after run.
    pub fn roomy_at(&self, now: Moment, slots: u32) -> Moment {
        let Some(quota) = &self.memory.quota else { return now };
        let wanted = slots.min((quota.requests / 2).max(2)).min(quota.requests);
        let used = self.used(quota, now);
        let too_many = (used + wanted as usize).saturating_sub(quota.requests as usize);
        let last = too_many.checked_sub(1).and_then(|place| self.log.get(self.log.len() - used + place));
        last.map_or(now, |counted| leaves_window(counted, quota))
    }

    fn grant(&mut self, now: Moment, probe: bool) -> Decision {
        if probe {
            self.memory.probed_at = Some(now);
        }
        self.in_flight += 1;
        self.paced_until = now + self.pace.spacing_ms;
        Decision::Go(Permit { granted: now, probe, slowed: self.slowed })
    }

    fn obstacle(&self, now: Moment) -> Obstacle {
        if let Some(until) = self.memory.cooldown_until.filter(|until| now < *until) {
            return Obstacle::Until(until, Reason::Cooldown);
        }
        if self.in_flight >= self.in_flight_max() {
            return Obstacle::Full;
        }
        if let Some(quota) = &self.memory.quota {
            let used = self.used(quota, now);
            let taken = used + self.in_flight as usize;
            let free = (quota.requests as usize).saturating_sub(taken);
            if free == 0 && !(self.climbing && self.in_flight == 0) {
                // The slot that opens next is the one whose expiry makes room beside those in flight.
                let index = self.log.len() - used + (taken - quota.requests as usize);
                return match self.log.get(index) {
                    Some(oldest) => Obstacle::Until(leaves_window(oldest, quota), Reason::Quota),
                    None => Obstacle::Full,
                };
            }
        }
        if now < self.paced_until {
            return Obstacle::Until(self.paced_until, Reason::Pace);
        }
        Obstacle::None
    }

    /// While a 429 would be a surprise, one request is in flight at a time: the surprise then costs one.
    fn in_flight_max(&self) -> u32 {
        let known = match &self.memory.quota {
            Some(_) => self.trusted && !self.climbing,
            None => self.successes >= SERIAL_SUCCESSES,
        };
        if known { self.pace.concurrency } else { 1 }
    }

    /// A raised quota shows only where one request more is tried: seldom, and at the end of a burst (T7).
    fn may_probe(&self, now: Moment, until: Moment) -> bool {
        let Some(quota) = &self.memory.quota else { return false };
        let last = self.memory.probed_at.unwrap_or(quota.learned_at).max(quota.learned_at);
        self.in_flight == 0
            && last.until_ms(now) >= probe_every_ms(quota)
            && now.until_ms(until) >= quota.window_ms / 10
    }

    fn used(&self, quota: &Quota, now: Moment) -> usize {
        let gone = self.log.partition_point(|counted| leaves_window(counted, quota) <= now);
        self.log.len() - gone
    }

    fn count(&mut self, permit: &Permit, now: Moment) -> Vec<Lesson> {
        self.remember(Counted { sent: permit.granted, done: now });
        self.successes += 1;
        self.memory.refusals = 0;
        let Some(mut quota) = self.memory.quota.clone() else { return Vec::new() };
        let before = quota.clone();
        if self.successes >= quota.requests as usize {
            self.trusted = true;
        }
        let used = u32::try_from(self.used(&quota, now)).unwrap_or(u32::MAX);
        if (permit.probe || self.climbing) && used > quota.requests {
            let first = !self.climbing;
            self.climbing = true;
            quota.requests = used;
            self.memory.quota = Some(quota.clone());
            return if first { vec![Lesson::Changed { from: before, to: quota }] } else { Vec::new() };
        }
        Vec::new()
    }

    fn refuse(&mut self, permit: &Permit, now: Moment, wait_s: Option<i64>, by_throttle: bool) -> Vec<Lesson> {
        let mut lessons = Vec::new();
        let in_cooldown = self.memory.cooldown_until.is_some_and(|until| now < until);
        let wait_s = wait_s.filter(|wait| *wait >= 0).map(|wait| wait.min(RETRY_AFTER_S_MAX));
        if !in_cooldown {
            self.memory.refusals = self.memory.refusals.saturating_add(1);
            if by_throttle {
                match wait_s {
                    Some(wait_s) => self.learn(permit, now, wait_s, &mut lessons),
                    None => self.trusted = false,
                }
            }
            self.successes = 0;
            self.climbing = false;
        }
        let refusals = self.memory.refusals;
        let wait_ms = match wait_s {
            // A vendor that says "1 second" for ever is asked ever more seldom, in the end once an hour (T13).
            Some(wait_s) if refusals > 3 => (wait_s * SECOND_MS).max(doubled(SECOND_MS, refusals)),
            Some(wait_s) => wait_s * SECOND_MS,
            None => {
                // Nothing is said: with a known window all slots are open when it has passed once (T1).
                let first = self.memory.quota.as_ref().map_or(BLIND_WAIT_MS_FIRST, |quota| quota.window_ms);
                let wait_ms = doubled(first, refusals.saturating_sub(1)).max(first);
                if !in_cooldown {
                    lessons.push(Lesson::Blind { wait_s: wait_ms / SECOND_MS });
                }
                wait_ms
            }
        };
        if !in_cooldown && refusals > 3 {
            lessons.push(Lesson::Blocked { refusals });
        }
        let until = now + wait_ms + slack_ms(wait_ms);
        self.memory.cooldown_until = Some(self.memory.cooldown_until.map_or(until, |other| other.max(until)));
        lessons
    }

    fn learn(&mut self, permit: &Permit, now: Moment, wait_s: i64, lessons: &mut Vec<Lesson>) {
        let refused = Counted { sent: permit.granted, done: now };
        match quota::find(self.log.make_contiguous(), self.memory.quota.as_ref(), refused, wait_s) {
            Finding::Nothing => self.trusted = false,
            // "A second" fits any pace, so one refusal says nothing: two must agree on the number (T8, a stray 429).
            Finding::Quota(quota) if self.is_another(&quota) && self.is_news_of_a_second(&quota) => {
                self.trusted = false;
            }
            Finding::Quota(mut quota) => {
                // No more than the known number was let go, and the last of them was refused: it is too high by one at
                // the least, however many this log counts at the window's edge.
                if let Some(known) = self.memory.quota.as_ref().filter(|known| known.window_ms == quota.window_ms)
                    && !permit.probe
                    && !self.climbing
                {
                    quota.requests = quota.requests.min(known.requests.saturating_sub(1)).max(1);
                }
                self.trusted = quota.evidence == Evidence::Matched;
                match self.memory.quota.replace(quota.clone()) {
                    None => lessons.push(Lesson::Learned(quota)),
                    Some(from) if (from.requests, from.window_ms) != (quota.requests, quota.window_ms) => {
                        lessons.push(Lesson::Changed { from, to: quota });
                    }
                    Some(_) => {}
                }
            }
            Finding::Foreign { slots, opens } => {
                // The stranger's slots are taken as used: one until it opens, the others for a whole window.
                self.trusted = false;
                if let Some(window_ms) = self.memory.quota.as_ref().map(|quota| quota.window_ms) {
                    let more = (slots as usize).min(LOG_REQUESTS_MAX);
                    for done in std::iter::once(opens - window_ms).chain((1..more).map(|_| now)) {
                        self.remember(Counted { sent: done, done });
                    }
                }
                lessons.push(Lesson::Foreign { slots });
            }
        }
    }

    fn is_another(&self, quota: &Quota) -> bool {
        self.memory.quota.as_ref().is_none_or(|known| known.window_ms != quota.window_ms)
    }

    fn is_news_of_a_second(&mut self, quota: &Quota) -> bool {
        quota.window_ms <= SECOND_MS && self.suspected.replace(quota.requests) != Some(quota.requests)
    }

    /// Takes a request into the log, which is in the order of their ends; the oldest goes where there is no room (I12).
    fn remember(&mut self, counted: Counted) {
        let at = self.log.partition_point(|other| other.done <= counted.done);
        self.log.insert(at, counted);
        if self.log.len() > LOG_REQUESTS_MAX {
            self.log.pop_front();
        }
    }

    fn forget(&mut self, now: Moment) {
        let keep_ms = self.memory.quota.as_ref().map_or(RETRY_AFTER_S_MAX * SECOND_MS, |quota| quota.window_ms * 2);
        while self.log.front().is_some_and(|oldest| oldest.done + keep_ms < now) {
            self.log.pop_front();
        }
    }
}

enum Obstacle {
    None,
    Full,
    Until(Moment, Reason),
}

/// When a request leaves the vendor's window, at the latest: it was counted before its answer was complete.
fn leaves_window(counted: &Counted, quota: &Quota) -> Moment {
    counted.done + quota.window_ms + slack_ms(quota.window_ms)
}

fn slack_ms(span_ms: i64) -> i64 {
    WINDOW_SLACK_MS + span_ms / WINDOW_SLACK_PARTS
}

/// How often one request more than the quota is tried. A short window may be a misread accident: it is doubted sooner.
fn probe_every_ms(quota: &Quota) -> i64 {
    quota.window_ms.saturating_mul(RAISE_PROBE_WINDOWS).min(RAISE_PROBE_MS).max(quota.window_ms)
}

/// `first_ms`, doubled so many times, an hour at the most.
fn doubled(first_ms: i64, times: u32) -> i64 {
    first_ms.saturating_mul(1 << times.min(30)).min(BLIND_WAIT_MS_MAX)
}

#[cfg(test)]
mod lessons_tests;
#[cfg(test)]
mod tests;
