use super::*;
use crate::domain::event::OptionDone;
use crate::domain::governor::Reason;
use crate::domain::governor::quota::{Evidence, Quota};
use crate::domain::instrument::Currency;
use crate::domain::ledger::OptionState;
use crate::limits::{HOUR_MS, SECOND_MS};

const START: Moment = Moment(1_761_453_200_000);

/// A run whose events are folded and made into notices as the engine's feed does it.
struct Story {
    occasions: Occasions,
    progress: Progress,
    notices: Vec<Notice>,
    /// When the first option could have been stored.
    after_s: i64,
}

impl Story {
    fn new() -> Story {
        let tz = TimeZone::fixed(jiff::tz::offset(8));
        let occasions = Occasions::new("nas".into(), tz, 15 * 60 * SECOND_MS);
        let mut story = Story { occasions, progress: Progress::default(), notices: Vec::new(), after_s: 2 };
        story.tell(
            0,
            Event::Started {
                epoch: 3,
                store: "postgres://postgres@localhost/crypto_data".into(),
                api: "https://api.example/v1/".into(),
                pid: 15901,
                quota: None,
                spacing_ms: 200,
            },
        );
        story
    }

    fn tell(&mut self, s: i64, event: Event) {
        let at = START + s * SECOND_MS;
        self.progress.fold(at, &event);
        self.notices.extend(self.occasions.of(at, &event, &self.progress));
    }

    fn plan(&mut self, todo: u64) {
        let todo = vec![(Currency::stored("ETH"), todo)];
        let requests = todo[0].1;
        self.tell(1, Event::Planned { before: None, todo, requests });
    }

    fn store(&mut self, index: u64, total: u64) {
        let s = self.after_s + i64::try_from(index).unwrap();
        self.tell(s, Event::Sent);
        self.tell(
            s,
            Event::Answered { bytes: 900, latency_ms: 40, outcome: "rows", used: 1, of: None, left: total - index },
        );
        self.tell(
            s,
            Event::Stored(Box::new(OptionDone {
                currency: Currency::stored("ETH"),
                symbol: crate::domain::instrument::Symbol::new("ETH-12APR24-3100-C"),
                index,
                total,
                state: OptionState::Stored,
                was: OptionState::Pending,
                rows: 12,
                inserted: 12,
                unchanged: 0,
                revised: 0,
                flagged: 0,
                reason: None,
            })),
        );
    }

    fn cooldown(&mut self, s: i64, wait_s: i64) {
        let until = START + (s + wait_s) * SECOND_MS;
        let next = "ETH-12APR24-3100-C".to_owned();
        self.tell(s, Event::Cooldown { wait_ms: wait_s * SECOND_MS, until, reason: Reason::Cooldown, next });
    }

    fn end(&mut self, ending: Ending, words: &str) {
        let resume_after = (ending == Ending::Limit).then_some(START + HOUR_MS);
        self.tell(4_000, Event::Ended { ending, words: words.into(), resume_after });
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.notices.iter().map(|notice| notice.kind.word()).collect()
    }
}

#[test]
fn a_run_is_told_by_its_start_its_milestones_its_long_waits_and_its_end() {
    let mut story = Story::new();
    story.plan(200);
    (1..=50).for_each(|index| story.store(index, 200));
    let quota = Quota { requests: 50, window_ms: HOUR_MS, evidence: Evidence::Computed, learned_at: START };
    story.tell(60, Event::Learned(crate::domain::governor::Lesson::Learned(quota)));
    story.cooldown(60, 2_815);
    story.tell(2_875, Event::Resumed);
    story.cooldown(2_876, 899);
    story.tell(3_775, Event::Resumed);
    story.after_s = 3_725;
    (51..=200).for_each(|index| story.store(index, 200));
    story.end(Ending::Complete, "BACKFILL COMPLETE! 200 of 200 options are known");
    assert_eq!(story.kinds(), ["start", "milestone", "cooldown", "milestone", "milestone", "milestone", "done"]);
    let text: Vec<String> = story.notices.iter().map(Notice::json).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn a_handful_of_options_has_no_milestones() {
    let mut story = Story::new();
    story.plan(99);
    (1..=99).for_each(|index| story.store(index, 99));
    assert_eq!(story.kinds(), ["start"]);
}

#[test]
fn a_milestone_is_told_once_however_often_the_plan_grows() {
    let mut story = Story::new();
    story.plan(100);
    (1..=100).for_each(|index| story.store(index, 100));
    let todo = vec![(Currency::stored("ETH"), 150)];
    story.tell(200, Event::PutBack { options: 50, todo, requests: 50 });
    (101..=150).for_each(|index| story.store(index, 150));
    assert_eq!(story.kinds().iter().filter(|kind| **kind == "milestone").count(), 4);
}

#[test]
fn every_ending_in_its_words() {
    let all = [
        (Ending::Complete, "done as far as asked; 12 of 200 options are still to be fetched"),
        (Ending::Attention, "finished, but 3 of 200 options need attention: `chainfill missing --list` names them"),
        (Ending::Stopped, "stopped by request. 150 options are left; the same command goes on from here."),
        (Ending::Limit, "the vendor's limit is reached. 150 options are left; the same command goes on from here."),
        (Ending::Vendor, "the vendor cannot be reached"),
        (Ending::Key, "the key is refused: \u{1b}[31m@everyone <!channel>"),
        (Ending::Store, "the disk is full"),
        (Ending::Usage, "no option of BTX is listed"),
        (Ending::Failed, "something else"),
    ];
    let mut told = Vec::new();
    for (ending, words) in all {
        let mut story = Story::new();
        story.end(ending, words);
        told.extend(story.notices.pop());
        assert!(story.occasions.broken_off(START, &story.progress).is_none(), "it said its end");
    }
    let mut story = Story::new();
    told.extend(story.occasions.broken_off(START, &story.progress));
    assert!(story.occasions.broken_off(START, &story.progress).is_none(), "once");
    let text: Vec<String> = told
        .iter()
        .map(|notice| {
            format!("{} | {} | {} | {}", notice.kind.word(), notice.title, notice.text, notice.verdict.sentence)
        })
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn a_run_that_never_began_breaks_off_in_silence() {
    let mut occasions = Occasions::new("nas".into(), TimeZone::UTC, 0);
    assert!(occasions.broken_off(START, &Progress::default()).is_none());
}
