//! One stream of events, folded once, drawn by many.

use crate::domain::event::Event;
use crate::domain::moment::Moment;
use crate::domain::progress::{Progress, View};

/// The fold of a run's events, and who looks at it.
#[derive(Default)]
pub struct Feed {
    progress: Progress,
    views: Vec<Box<dyn View>>,
    /// Whether something was told since the progress was last taken for the store.
    has_news: bool,
}

impl Feed {
    /// A feed for these views.
    pub fn new(views: Vec<Box<dyn View>>) -> Feed {
        Feed { progress: Progress::default(), views, has_news: true }
    }

    /// Folds an event, then shows it.
    pub fn tell(&mut self, at: Moment, event: Event) {
        self.progress.fold(at, &event);
        self.has_news = true;
        for view in &mut self.views {
            view.show(at, &event, &self.progress);
        }
    }

    /// How far the run is.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The same as JSON, for the store, where it is not what was taken last: a wait of 47 minutes writes it once.
    pub fn news_json(&mut self) -> Option<String> {
        std::mem::take(&mut self.has_news).then(|| self.progress_json())
    }

    /// The same as JSON, for the store.
    pub fn progress_json(&self) -> String {
        serde_json::to_string(&self.progress).unwrap_or_default()
    }
}
