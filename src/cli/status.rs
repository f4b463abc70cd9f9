//! `chainfill status`: what a run does, alive or dead. Costs no request.

use std::io::IsTerminal;

use clap::Args;

use super::{Context, Failure, screen};
use crate::clock::{Clock, SystemClock};
use crate::domain::moment::Moment;
use crate::sight;
use crate::view::forecasts::ForecastsPage;
use crate::view::status_page;

/// Show what a run does, alive or dead; costs no request.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// Show what was said of the finish of the last runs, and how good that was
    #[arg(long)]
    forecasts: bool,
}

/// Runs whose forecasts are shown.
const RUNS_SHOWN: usize = 10;

impl Status {
    /// Reads the store; asks the vendor nothing (U6).
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        let now = SystemClock::start().now();
        if self.forecasts {
            return forecasts(context, now).await;
        }
        let page = sight::page(&context.lookout()?, now).await?;
        let tz = context.tz()?;
        let color = std::io::stdout().is_terminal() || context.common.color == super::Color::Always;
        let text = if context.common.json {
            page.json(now, &tz)
        } else {
            status_page::draw(&page, now, &tz, screen::width(), screen::height(), color)
        };
        screen::print(&text);
        Ok(0)
    }
}

async fn forecasts(context: &Context, now: Moment) -> Result<u8, Failure> {
    let runs = context.lookout()?.runs(RUNS_SHOWN).await?;
    let page = ForecastsPage { runs: runs.iter().map(sight::forecasts).collect() };
    let text = if context.common.json { page.json(now) } else { page.draw(now, &context.tz()?, screen::width()) };
    screen::print(&text);
    Ok(0)
}
