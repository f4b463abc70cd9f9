//! One stream of events, folded once, drawn by many.

use crate::domain::event::Event;
use crate::domain::moment::Moment;
use crate::domain::progress::{Progress, View};

/// The fold of a run's events, and who looks at it.
#[derive(Default)]
pub struct Feed {
    progress: Progress,
    views: Vec<Box<dyn View>>,
}

impl Feed {
    /// A feed for these views.
    pub fn new(views: Vec<Box<dyn View>>) -> Feed {
        Feed { progress: Progress::default(), views }
    }

    /// Folds an event, then shows it.
    pub fn tell(&mut self, at: Moment, event: Event) {
        self.progress.fold(at, &event);
        for view in &mut self.views {
            view.show(at, &event, &self.progress);
        }
    }

    /// How far the run is.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The same as JSON, for the store.
    pub fn progress_json(&self) -> String {
        serde_json::to_string(&self.progress).unwrap_or_default()
    }
}
