//! `chainfill missing`: what is not there, and why.

use clap::Args;

use super::{Context, Failure, screen};
use crate::clock::{Clock, SystemClock};
use crate::store::Mode;
use crate::view::missing::{MissingOption, MissingPage};

/// Count what is missing, by currency.
#[derive(Debug, Args)]
pub(super) struct Missing {
    /// Name the options too, one a line
    #[arg(long)]
    list: bool,
}

impl Missing {
    /// Reads the store; asks the vendor nothing (U6).
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        let store = context.open(Mode::Read).await?.store;
        let now = SystemClock::start().now();
        let options = if self.list {
            Some(store.load(now).await?.records.iter().filter_map(MissingOption::of).collect())
        } else {
            None
        };
        let page = MissingPage { currencies: store.glance(now).await?.tallies, options };
        screen::print(&if context.common.json { page.json(now) } else { page.draw(screen::width()) });
        Ok(0)
    }
}
