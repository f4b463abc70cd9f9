//! `chainfill serve`: the dashboard on any store, run alive or not. Costs no request.

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::dashboard::{ADDRESS_DEFAULT, Access, open};
use super::{Context, Failure};
use crate::dashboard::Address;

/// Show a store in the browser, whether a run is at work on it or not.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = ADDRESS_DEFAULT)]
    listen: Address,

    #[command(flatten)]
    access: Access,
}

impl Serve {
    /// Serves until it is stopped.
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        let hook = |kind| signal(kind).map_err(|error| Failure::unexpected(&error));
        let (mut interrupt, mut terminate) = (hook(SignalKind::interrupt())?, hook(SignalKind::terminate())?);
        let dashboard = open(context, context.store_url()?, &self.listen, &self.access, false).await?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        dashboard.stop().await;
        Ok(0)
    }
}
