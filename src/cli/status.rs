//! `chainfill status`: what a run does, alive or dead, once or again and again. Costs no request.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use jiff::tz::TimeZone;
use tokio::time::{MissedTickBehavior, interval};

use super::screen::Redraw;
use super::{Context, Failure, screen};
use crate::clock::{Clock, SystemClock};
use crate::domain::moment::Moment;
use crate::domain::run::Ending;
use crate::limits::{STATUS_EVERY_S, STATUS_EVERY_S_RANGE};
use crate::sight;
use crate::store::{Outside, StoreError};
use crate::view::forecasts::ForecastsPage;
use crate::view::status::StatusPage;
use crate::view::status_page;

/// Show what a run does, alive or dead; costs no request.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// Show what was said of the finish of the last runs, and how good that was
    #[arg(long, conflicts_with = "watch")]
    forecasts: bool,

    /// Show it again and again, every 2 seconds or as told: in place on a terminal, one below the other in a pipe
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = STATUS_EVERY_S, value_parser = seconds)]
    watch: Option<Duration>,

    /// With --watch: end when the run has ended, with its exit code; 1 where it died
    #[arg(long, requires = "watch")]
    until_done: bool,
}

/// Runs whose forecasts are shown.
const RUNS_SHOWN: usize = 10;
/// Exit code: the run ended without saying how.
const DIED: u8 = 1;

impl Status {
    /// Reads the store; asks the vendor nothing (U6).
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        if self.forecasts {
            return forecasts(context, SystemClock::start().now()).await;
        }
        let (store, tz) = (context.lookout()?, context.tz()?);
        let on_terminal = std::io::stdout().is_terminal();
        let color = on_terminal || context.common.color == super::Color::Always;
        let height = screen::height().map(|height| height - usize::from(self.watch.is_some() && height > 1));
        let form = Form { json: context.common.json, color, tz, height };
        if let Some(every) = self.watch {
            let on_terminal = on_terminal && !form.json && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
            return tokio::select! {
                ended = self.again(every, &store, &form, on_terminal) => ended,
                // Whoever has seen enough presses Ctrl-C: that is no failure.
                _ = tokio::signal::ctrl_c() => {
                    if on_terminal {
                        screen::print(""); // the shell's prompt begins a line of its own
                    }
                    Ok(0)
                }
            };
        }
        let clock = SystemClock::start();
        let page = sight::page(&store, clock.now()).await?;
        screen::print(&form.text(&page, &clock));
        Ok(0)
    }

    async fn again(
        &self,
        every: Duration,
        store: &Arc<dyn Outside>,
        form: &Form,
        on_terminal: bool,
    ) -> Result<u8, Failure> {
        let clock = SystemClock::start();
        let mut tick = interval(every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut redraw = Redraw::default();
        let (mut trouble, mut is_first) = (String::new(), true);
        loop {
            tick.tick().await;
            let seen = match sight::page(store, clock.now()).await {
                Ok(page) => {
                    trouble.clear();
                    Ok(page)
                }
                // It comes back, or it is made: neither is a reason to stop looking.
                Err(error @ (StoreError::Away { .. } | StoreError::Nothing { .. } | StoreError::Full { .. })) => {
                    Err(error.to_string())
                }
                Err(error) => return Err(error.into()),
            };
            let is_shown = match &seen {
                Ok(page) if on_terminal => {
                    redraw.draw(&format!("{}{}", form.text(page, &clock), form.foot(every, &clock)))
                }
                Ok(page) => {
                    let gap = if is_first || form.json { "" } else { "\n" };
                    is_first = false;
                    screen::try_print(&format!("{gap}{}", form.text(page, &clock)))
                }
                Err(words) if on_terminal => redraw.draw(&format!("{words}\n{}", form.foot(every, &clock))),
                Err(words) => {
                    if trouble != *words {
                        screen::note(words);
                        trouble.clone_from(words);
                    }
                    Ok(())
                }
            };
            // A reader that went away has seen enough (P5).
            if is_shown.is_err() {
                return Ok(0);
            }
            if let Some(code) = seen.ok().as_ref().and_then(sense).filter(|_| self.until_done) {
                return Ok(code);
            }
        }
    }
}

/// How a page is written.
struct Form {
    json: bool,
    color: bool,
    tz: TimeZone,
    /// Lines of the screen, one left for what stands below the page.
    height: Option<usize>,
}

impl Form {
    fn text(&self, page: &StatusPage, clock: &SystemClock) -> String {
        let now = clock.now();
        if self.json {
            page.json(now, &self.tz)
        } else {
            status_page::draw(page, now, &self.tz, screen::width(), self.height, self.color)
        }
    }

    /// The time, so that it is seen to go on.
    fn foot(&self, every: Duration, clock: &SystemClock) -> String {
        let now = clock.now();
        format!("{} looked at every {} s; Ctrl-C ends it", now.time_of_day(&self.tz, now), every.as_secs_f64())
    }
}

/// What the end of the run means as an exit code; `None` while one works, and before the first one.
fn sense(page: &StatusPage) -> Option<u8> {
    let run = page.run.as_ref()?;
    if run.is_dead() {
        return Some(DIED);
    }
    run.ended_at.map(|_| run.ending.map_or(DIED, Ending::exit_code))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let (least, most) = STATUS_EVERY_S_RANGE;
    let seconds: f64 = text.parse().map_err(|_| "write a number of seconds such as 2".to_owned())?;
    if !(least..=most).contains(&seconds) {
        return Err(format!("write a number of seconds from {least} to {most}"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

async fn forecasts(context: &Context, now: Moment) -> Result<u8, Failure> {
    let runs = context.lookout()?.runs(RUNS_SHOWN).await?;
    let page = ForecastsPage { runs: runs.iter().map(sight::forecasts).collect() };
    let text = if context.common.json { page.json(now) } else { page.draw(now, &context.tz()?, screen::width()) };
    screen::print(&text);
    Ok(0)
}
