//! Notices: that they arrive, in the form that each service takes, and that nothing waits for them.

mod delivered;
mod journey;

use std::sync::{Arc, Mutex};

use chainfill::domain::event::Event;
use chainfill::domain::moment::Moment;
use chainfill::domain::progress::{Progress, View as _};
use chainfill::domain::run::Ending;
use chainfill::notify::target::Target;
use chainfill::notify::{Farewell, Notify, Patience, Setup, start};
use jiff::tz::TimeZone;

/// Short enough for a test, long enough for a busy machine.
const PATIENCE: Patience = Patience { look_ms: 10, try_ms: 2_000, retry_ms: 20, end_ms: 10_000 };

/// A run that is told, event by event.
struct Told {
    notify: Option<Notify>,
    farewell: Farewell,
    progress: Progress,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Told {
    fn to(targets: &[&str], patience: Patience) -> Told {
        let services = targets.iter().map(|url| Target::service(url).unwrap());
        Told::with(services.collect(), patience, Moment(0))
    }

    /// `now`: what the clock says at each look.
    fn with(targets: Vec<Target>, patience: Patience, now: Moment) -> Told {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&lines);
        let (notify, farewell) = start(Setup {
            targets,
            host: "nas".into(),
            tz: TimeZone::UTC,
            cooldown_ms: 900_000,
            patience,
            now: Box::new(move || now),
            tell: Arc::new(move |line: &str| kept.lock().unwrap().push(line.to_owned())),
        })
        .unwrap();
        Told { notify: Some(notify), farewell, progress: Progress::default(), lines }
    }

    fn tell(&mut self, at_ms: i64, event: Event) {
        self.progress.fold(Moment(at_ms), &event);
        self.notify.as_mut().unwrap().show(Moment(at_ms), &event, &self.progress);
    }

    fn begin(&mut self) {
        let (store, api) = ("sqlite:chainfill.db".to_owned(), "https://api.example/v1/".to_owned());
        self.tell(0, Event::Started { epoch: 3, store, api, pid: 7, quota: None, spacing_ms: 0 });
    }

    fn end(&mut self) {
        let words = "BACKFILL COMPLETE! 2 of 2 options are known".to_owned();
        self.tell(60_000, Event::Ended { ending: Ending::Complete, words, resume_after: None });
    }

    /// What was said of notices that did not arrive.
    async fn farewell(mut self) -> Vec<String> {
        drop(self.notify.take());
        self.farewell.wait().await;
        let lines = self.lines.lock().unwrap();
        lines.clone()
    }
}
