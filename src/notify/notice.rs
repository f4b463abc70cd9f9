//! One notice, and its form for machines.

use serde::Serialize;

use crate::domain::health::Health;
use crate::domain::instrument::Currency;
use crate::domain::moment::Moment;
use crate::domain::progress::Progress;
use crate::domain::run::Ending;
use crate::limits::{NOTICE_CHARS_MAX, NOTICE_TITLE_CHARS_MAX};
use crate::view::escape::safe;
use crate::view::json;
use crate::view::numbers::tenths;

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A run began.
    Start,
    /// A quarter, a half, three quarters or all of a currency's options are done.
    Milestone,
    /// A long wait for the vendor began.
    Cooldown,
    /// Somebody should look.
    Worry,
    /// The reason to worry is gone.
    Fine,
    /// All that was asked for is there.
    Done,
    /// The run ended otherwise.
    Ended,
}

/// Something to tell. Its texts are harmless wherever they are shown as text.
#[derive(Clone, Debug, Serialize)]
pub struct Notice {
    /// When it happened.
    #[serde(skip)]
    pub at: Moment,
    /// What it is about.
    pub kind: Kind,
    /// In a few words, with the host.
    pub title: String,
    /// In one or two sentences.
    pub text: String,
    /// Whether to worry, and why.
    pub verdict: Verdict,
    /// Part of the options that the run asks for that is done; `None` while that is not known.
    pub percent: Option<f64>,
    /// Options that the run is done with.
    pub done: u64,
    /// Options that it asks for.
    pub todo: u64,
    /// The run.
    pub run: Run,
    /// The store without a password.
    pub store: String,
    /// Of a milestone: the currency.
    pub currency: Option<Currency>,
    /// Of a cooldown: its end.
    pub until: Option<Moment>,
    /// Of the end: how.
    pub ending: Option<Ending>,
    /// Of the end: when it makes sense to go on.
    pub resume_after: Option<Moment>,
}

/// Whether to worry, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether to worry.
    pub health: Health,
    /// Why, as a sentence that begins with it.
    pub sentence: String,
}

/// Which run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Its number.
    pub epoch: i64,
    /// Its process.
    pub pid: u32,
    /// That process's host.
    pub host: String,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 7] =
        [Kind::Start, Kind::Milestone, Kind::Cooldown, Kind::Worry, Kind::Fine, Kind::Done, Kind::Ended];

    /// `milestone`, as machines read it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Start => "start",
            Kind::Milestone => "milestone",
            Kind::Cooldown => "cooldown",
            Kind::Worry => "worry",
            Kind::Fine => "fine",
            Kind::Done => "done",
            Kind::Ended => "ended",
        }
    }
}

impl Notice {
    /// A notice of a run as it is. `words`: a title, in front of which the host is put, and a text. `verdict`: health,
    /// and why.
    pub fn new(kind: Kind, at: Moment, words: (&str, &str), verdict: (Health, &str), progress: &Progress) -> Notice {
        let (title, text) = words;
        let (health, why) = verdict;
        let sentence = format!("{}: {why}", health.word());
        let (done, todo) = progress.options();
        #[allow(clippy::cast_precision_loss)] // thousandths
        let percent = tenths(done.min(todo), todo).map(|tenths| tenths as f64 / 10.0);
        Notice {
            at,
            kind,
            title: cut(title, NOTICE_TITLE_CHARS_MAX),
            text: cut(text, NOTICE_CHARS_MAX),
            verdict: Verdict { health, sentence: cut(&sentence, NOTICE_CHARS_MAX) },
            percent,
            done,
            todo,
            run: Run::default(),
            store: String::new(),
            currency: None,
            until: None,
            ending: None,
            resume_after: None,
        }
    }

    /// The same, of this run on this store.
    #[must_use]
    pub fn of(mut self, run: &Run, store: &str) -> Notice {
        self.title = format!("chainfill on {}: {}", safe(&run.host), self.title);
        self.run = run.clone();
        store.clone_into(&mut self.store);
        self
    }

    /// `{"v":1,"at":…,"kind":"milestone","title":…,"text":…,…}` on one line.
    pub fn json(&self) -> String {
        json::line(Some(self.at), self)
    }

    /// Whether a person should be woken.
    pub fn is_urgent(&self) -> bool {
        self.verdict.health == Health::Worry
    }
}

/// Harmless (X1), and short enough for every target.
fn cut(text: &str, chars_max: usize) -> String {
    let text = safe(text);
    match text.char_indices().nth(chars_max) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.into_owned(),
    }
}
