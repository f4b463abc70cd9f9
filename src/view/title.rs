//! The terminal's title: how far a run is and until when it waits, for somebody who looks at another window.

use std::io::Write;

use super::numbers::percent_tight;
use crate::domain::expectation::{Expectation, expectation};
use crate::domain::forecast::span_words;
use crate::domain::moment::Moment;
use crate::domain::progress::{Phase, Progress};

/// Keeps the title that was there (the terminals that can), and brings it back.
const KEEP: &str = "\x1b[22;2t";
/// A terminal that kept none gets an empty one, which is its own.
const BRING_BACK: &str = "\x1b]2;\x07\x1b[23;2t";

/// The title while it is ours. Given back when this is dropped.
pub struct Title {
    out: Box<dyn Write + Send>,
    last: Option<String>,
}

/// Whether a title is wanted: on a terminal that has one. `refused`: somebody wants none.
pub fn wanted(is_terminal: bool, term: Option<&str>, refused: bool) -> bool {
    let able = term.is_some_and(|term| !matches!(term, "" | "dumb" | "linux"));
    is_terminal && able && !refused
}

/// `12.3% waits 31:12 - chainfill`. It holds no word of others.
pub fn words(progress: &Progress, now: Moment) -> String {
    let (done, todo) = progress.options();
    let part = if todo > 0 { percent_tight(done, todo) + " " } else { String::new() };
    let state = match progress.phase {
        Phase::Starting => "starting".to_owned(),
        Phase::Listing => "listing".to_owned(),
        Phase::Waiting => match &progress.wait {
            Some(wait) => format!("waits {}", countdown(now.until_ms(wait.until))),
            None => "waits".to_owned(),
        },
        Phase::Fetching => match expectation(progress, true, now) {
            Expectation::Ready { high_at, .. } => format!("{} left", span_words(now.until_ms(high_at))),
            _ => "downloading".to_owned(),
        },
        Phase::VendorDown => "the vendor is away".to_owned(),
        Phase::StoreAway => "the store is away".to_owned(),
        Phase::Paused => "paused".to_owned(),
        Phase::Stopping => "stopping".to_owned(),
        Phase::Ended => progress.ending.map_or("ended", crate::domain::run::Ending::word).to_owned(),
    };
    format!("{part}{state} - chainfill")
}

/// `31:12`, or `1:31:12`.
pub fn countdown(left_ms: i64) -> String {
    // Rounded as everywhere else, so that two countdowns on one screen agree.
    let left_s = left_ms.max(0).saturating_add(500) / 1_000;
    let (h, m, s) = (left_s / 3_600, left_s % 3_600 / 60, left_s % 60);
    if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m:02}:{s:02}") }
}

impl Title {
    /// A title on that terminal.
    pub fn new(out: Box<dyn Write + Send>) -> Title {
        Title { out, last: None }
    }

    /// Writes it where it is another one.
    pub fn set(&mut self, words: String) {
        if self.last.as_ref() == Some(&words) {
            return;
        }
        let keep = if self.last.is_none() { KEEP } else { "" };
        self.write(&format!("{keep}\x1b]2;{words}\x07"));
        self.last = Some(words);
    }

    /// A terminal that went away has no title: that is well.
    fn write(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

impl Drop for Title {
    fn drop(&mut self) {
        if self.last.is_some() {
            self.write(BRING_BACK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    use crate::domain::governor::Reason;
    use crate::domain::instrument::Currency;
    use crate::domain::progress::{CurrencyProgress, Wait};

    #[test]
    fn a_title_is_for_terminals_that_have_one() {
        // F-U5
        assert!(wanted(true, Some("xterm-256color"), false));
        for (is_terminal, term, refused) in [
            (false, Some("xterm"), false),
            (true, Some("dumb"), false),
            (true, Some("linux"), false),
            (true, None, false),
            (true, Some("xterm"), true),
        ] {
            assert!(!wanted(is_terminal, term, refused));
        }
    }

    #[test]
    fn the_title_says_how_far_and_until_when() {
        let eth = CurrencyProgress { done: 123, ..CurrencyProgress::planned(Currency::stored("ETH"), 1_000) };
        let fetching = Progress { phase: Phase::Fetching, currencies: vec![eth], ..Progress::default() };
        assert_eq!(words(&fetching, Moment(0)), "12.3% downloading - chainfill");
        let left = Progress { answers: 100, requests_left: 877, ..fetching.clone() };
        assert_eq!(words(&left, Moment(100_000)), "12.3% 2 h 1 min left - chainfill");
        let wait = Wait { since: Moment(0), until: Moment(1_872_000), reason: Reason::Cooldown, next: "\x1b".into() };
        let waiting = Progress { phase: Phase::Waiting, wait: Some(wait), ..fetching.clone() };
        assert_eq!(words(&waiting, Moment(0)), "12.3% waits 31:12 - chainfill");
        assert_eq!(words(&Progress { phase: Phase::Paused, ..fetching }, Moment(0)), "12.3% paused - chainfill");
        assert_eq!(words(&Progress::default(), Moment(0)), "starting - chainfill");
        assert_eq!((countdown(-5), countdown(3_600_501)), ("00:00".into(), "1:00:01".into()));
    }

    struct Taken(Arc<Mutex<Vec<u8>>>);

    impl Write for Taken {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn it_is_written_where_it_changes_and_given_back_at_the_end() {
        let taken = Arc::default();
        let mut title = Title::new(Box::new(Taken(Arc::clone(&taken))));
        for words in ["a", "a", "b"] {
            title.set(words.to_owned());
        }
        drop(title);
        drop(Title::new(Box::new(Taken(Arc::clone(&taken)))));
        let written = String::from_utf8(taken.lock().unwrap().clone()).unwrap();
        assert_eq!(written, "\x1b[22;2t\x1b]2;a\x07\x1b]2;b\x07\x1b]2;\x07\x1b[23;2t");
    }
}
