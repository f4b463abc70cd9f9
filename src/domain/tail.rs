//! The tail of the log: what was worth a line and is not told of each request or option, in a bounded list.

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::milestone::Passed;
use super::moment::Moment;
use crate::limits::TAIL_KEPT_MAX;

/// The newest remarks on a run, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tail(pub Vec<Remark>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// When.
    pub at: Moment,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum What {
    /// An event.
    Event(Box<Event>),
    /// A milestone was reached.
    Passed(Passed),
}

impl Tail {
    /// Takes an event in, where it is worth a line.
    pub fn note(&mut self, at: Moment, event: &Event) {
        if let Some(event) = kept(event) {
            // A store or a vendor that stays away says so again and again.
            let same = self.0.last_mut().filter(|last| matches!(&last.what, What::Event(known) if **known == event));
            match same {
                Some(last) => last.at = at,
                None => self.push(at, What::Event(Box::new(event))),
            }
        }
    }

    /// Takes a milestone in.
    pub fn reached(&mut self, at: Moment, passed: &Passed) {
        self.push(at, What::Passed(passed.clone()));
    }

    /// The same with each moment moved on by so much.
    #[must_use]
    pub fn moved(mut self, by_ms: i64) -> Tail {
        for remark in &mut self.0 {
            remark.at = remark.at + by_ms;
            if let What::Event(event) = &mut remark.what {
                match &mut **event {
                    Event::Cooldown { until, .. } => *until = *until + by_ms,
                    Event::Ended { resume_after, .. } => *resume_after = resume_after.map(|at| at + by_ms),
                    _ => {} // no other one that is kept says a time
                }
            }
        }
        self
    }

    fn push(&mut self, at: Moment, what: What) {
        if self.0.len() >= TAIL_KEPT_MAX {
            self.0.remove(0);
        }
        self.0.push(Remark { at, what });
    }
}

/// The event as it is kept; `None` for what comes with each request or option, and what a cooldown's end says anyway.
fn kept(event: &Event) -> Option<Event> {
    Some(match event {
        Event::Sent | Event::Answered { .. } | Event::Stored(_) | Event::Revised { .. } | Event::Failed { .. } => {
            return None;
        }
        // Thousands of names are for the log and for `missing`, and the counts of before stand in the progress.
        Event::Listed { names, unparsed, new, requests, .. } => {
            Event::Listed { names: *names, unparsed: *unparsed, new: *new, vanished: Vec::new(), requests: *requests }
        }
        Event::Planned { todo, requests, .. } => {
            Event::Planned { before: None, todo: todo.clone(), requests: *requests }
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_comes_back_as_it_was_kept() {
        let mut tail = Tail::default();
        for number in (0..).take(TAIL_KEPT_MAX + 5) {
            tail.note(Moment(number), &Event::Paced { spacing_ms: number });
            tail.note(Moment(number), &Event::Sent);
        }
        let passed =
            Passed { currency: super::super::instrument::Currency::stored("ETH"), percent: 25, options: 5, of: 20 };
        tail.reached(Moment(900), &passed);
        for at in [901, 902] {
            tail.note(Moment(at), &Event::StoreAway { why: "gone".into(), needs_bytes: None });
        }
        assert_eq!(tail.0.len(), TAIL_KEPT_MAX);
        assert_eq!(tail.0.last().map(|last| last.at), Some(Moment(902)), "the same again is one remark");
        let text = serde_json::to_string(&tail).unwrap_or_default();
        assert_eq!(serde_json::from_str::<Tail>(&text).ok(), Some(tail));
    }

    #[test]
    fn a_time_in_a_remark_moves_with_it() {
        // F-C2
        let mut tail = Tail::default();
        let reason = super::super::governor::Reason::Cooldown;
        tail.note(Moment(10), &Event::Cooldown { wait_ms: 90, until: Moment(100), reason, next: String::new() });
        let moved = tail.moved(1_000);
        let text = serde_json::to_value(&moved).unwrap_or_default();
        assert_eq!((&text[0]["at"], &text[0]["until"]), (&1_010.into(), &1_100.into()));
    }
}
