//! `chainfill status`: what a run does, alive or dead, once or again and again. Costs no request.

use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;
use jiff::tz::TimeZone;

use super::status_watch::{Again, seconds};
use super::{Context, Failure, screen};
use crate::domain::moment::Moment;
use crate::limits::STATUS_EVERY_S;
use crate::process;
use crate::sight;
use crate::view::forecasts::ForecastsPage;
use crate::view::status::StatusPage;
use crate::view::status_page;

/// Show what a run does, alive or dead; costs no request.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// Show what was said of the finish of the last runs, and how good that was
    #[arg(long)]
    forecasts: bool,

    /// Show it again and again, every 2 seconds or as told: in place on a terminal, one below the other in a pipe
    #[arg(long, value_name = "SECONDS", conflicts_with = "forecasts", value_parser = seconds,
        num_args = 0..=1, default_missing_value = STATUS_EVERY_S)]
    watch: Option<Duration>,

    /// With --watch: end when the run has ended, with its exit code; 1 where it died
    #[arg(long, requires = "watch")]
    until_done: bool,
}

/// Runs whose forecasts are shown.
const RUNS_SHOWN: usize = 10;

impl Status {
    /// Reads the store; asks the vendor nothing (U6).
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        if self.forecasts {
            return forecasts(context).await;
        }
        let (store, form) = (context.lookout()?, Form::of(context)?);
        if let Some(every) = self.watch {
            return Again { every, until_done: self.until_done, store, form }.run().await;
        }
        let from = process::vantage();
        let page = sight::page(&store, &from).await?;
        screen::print(&form.text(&page, from.now, screen::height()));
        Ok(0)
    }
}

/// How a page is written.
pub(super) struct Form {
    /// For machines.
    pub json: bool,
    /// In colour.
    pub color: bool,
    /// The zone of its times.
    pub tz: TimeZone,
}

impl Form {
    fn of(context: &Context) -> Result<Form, Failure> {
        let color = std::io::stdout().is_terminal() || context.common.color == super::Color::Always;
        Ok(Form { json: context.common.json, color, tz: context.tz()? })
    }

    /// The page, in so many lines where a screen sets an end.
    pub(super) fn text(&self, page: &StatusPage, now: Moment, height: Option<usize>) -> String {
        if self.json {
            page.json(now, &self.tz)
        } else {
            status_page::draw(page, now, &self.tz, screen::width(), height, self.color)
        }
    }
}

async fn forecasts(context: &Context) -> Result<u8, Failure> {
    let from = process::vantage();
    let runs = context.lookout()?.runs(RUNS_SHOWN).await?;
    let page = ForecastsPage { runs: sight::forecasts(&runs, &from) };
    let now = from.now;
    let text = if context.common.json { page.json(now) } else { page.draw(now, &context.tz()?, screen::width()) };
    screen::print(&text);
    Ok(0)
}
