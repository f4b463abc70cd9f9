//! `chainfill status`: what a run does, alive or dead. Costs no request.

use std::io::IsTerminal;

use clap::Args;

use super::{Context, Failure, screen};
use crate::clock::{Clock, SystemClock};
use crate::sight;

/// Show what a run does, alive or dead; costs no request.
#[derive(Debug, Args)]
pub(super) struct Status {}

impl Status {
    /// Reads the store; asks the vendor nothing (U6).
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        let now = SystemClock::start().now();
        let page = sight::page(&context.lookout()?, now).await?;
        let tz = context.tz()?;
        let color = std::io::stdout().is_terminal() || context.common.color == super::Color::Always;
        let text = if context.common.json { page.json(now, &tz) } else { page.draw(now, &tz, screen::width(), color) };
        screen::print(&text);
        Ok(0)
    }
}
