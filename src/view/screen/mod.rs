//! The full-screen view: a pure function of what was read, where the person looks, the time and the size. It is drawn
//! as text, a card below a card; the verdict comes first, on every page.

mod card;
mod chain;
mod changes;
mod coverage;
mod errors;
mod frame;
mod help;
pub mod keys;
mod log;
mod milestones;
mod overview;
mod paint;
pub mod place;
mod plain;
mod progress;
pub mod seen;
mod spark;
mod speed;
mod story;
mod tail;
mod throttle;

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

pub use paint::Paint;
use place::{Place, Tab};
use seen::Seen;

use crate::domain::moment::Moment;

/// A screen.
#[derive(Clone, Debug)]
pub struct Screen {
    /// What was read.
    pub seen: Seen,
    /// Where the person looks.
    pub place: Place,
    /// The zone of its times.
    pub tz: TimeZone,
    /// Its colours.
    pub paint: Paint,
    /// Whether the terminal knows ASCII only.
    pub is_ascii: bool,
}

impl Screen {
    /// A screen that has seen nothing yet.
    pub fn new(tz: TimeZone, paint: Paint, is_ascii: bool) -> Screen {
        Screen { seen: Seen::default(), place: Place::default(), tz, paint, is_ascii }
    }

    /// Draws it.
    pub fn draw(&self, now: Moment, area: Rect, buffer: &mut Buffer) {
        let body = frame::draw(self, now, area, buffer);
        if !body.is_empty() {
            self.body(now, body, buffer);
        }
        if self.place.helps {
            help::draw(area, buffer, self.paint);
        }
        if self.is_ascii {
            plain::ascii(buffer);
        }
    }

    fn body(&self, now: Moment, area: Rect, buffer: &mut Buffer) {
        let paint = self.paint;
        if self.place.story.is_some() {
            return story::page(self, now, area, buffer);
        }
        let width = usize::from(area.width);
        match self.place.tab {
            Tab::Overview => overview::page(self, now, area, buffer),
            Tab::Requests => overview::requests(self, now, area, buffer),
            Tab::Coverage if self.place.is_in_chain => chain::page(self, now, area, buffer),
            Tab::Coverage => coverage::page(self, area, buffer),
            Tab::Errors => {
                let progress = self.seen.page.as_ref().and_then(|page| page.progress.as_ref());
                let lines_max = usize::from(area.height).max(1);
                errors::card(progress, now, &self.tz, lines_max, width, paint)
                    .scrolled(self.place.scroll)
                    .draw(area, buffer, paint);
            }
            Tab::Log => log::page(self, now, area, buffer),
        }
    }
}

#[cfg(test)]
mod stage;

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
