//! The dashboard beside a run or on its own: its flags, and what keeps others out.

use std::sync::Arc;

use clap::Args;

use super::{Context, Failure, screen};
use crate::config::DASHBOARD_TOKEN_VARIABLE;
use crate::dashboard::{self, Address, Dashboard, DashboardError, Token};
use crate::process;
use crate::store::{Lookout, StoreUrl};

/// Where it listens unless told otherwise.
pub(super) const ADDRESS_DEFAULT: &str = "127.0.0.1:8787";

/// A dashboard beside a run.
#[derive(Clone, Debug, Args)]
pub(super) struct Beside {
    /// Show the run in the browser, at 127.0.0.1:8787 unless told otherwise
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = ADDRESS_DEFAULT)]
    dashboard: Option<Address>,

    #[command(flatten)]
    access: Access,
}

/// Who may open the dashboard.
#[derive(Clone, Debug, Args)]
pub(super) struct Access {
    /// What each request to the dashboard must show; needed where other machines can reach it
    // No value parser: its errors would show what was written.
    #[arg(long, value_name = "TOKEN", env = DASHBOARD_TOKEN_VARIABLE, hide_env_values = true)]
    dashboard_token: Option<String>,

    /// A further name that the dashboard goes by, behind a proxy
    #[arg(long, value_name = "NAME")]
    dashboard_host: Option<String>,
}

impl Beside {
    /// Serves the store of a run, where that is wanted.
    pub(super) async fn open(&self, context: &Context, store: StoreUrl) -> Result<Option<Dashboard>, Failure> {
        match &self.dashboard {
            Some(address) => open(context, store, address, &self.access, true).await.map(Some),
            None => Ok(None),
        }
    }
}

/// Serves a store, and says where.
pub(super) async fn open(
    context: &Context,
    store: StoreUrl,
    address: &Address,
    access: &Access,
    is_beside_run: bool,
) -> Result<Dashboard, Failure> {
    let token = access.dashboard_token.clone().or_else(|| context.surroundings.variable(DASHBOARD_TOKEN_VARIABLE));
    let token: Option<Token> = match token.filter(|token| !token.is_empty()) {
        Some(token) => Some(token.parse().map_err(|error| Failure::usage(&error))?),
        None => None,
    };
    let settings = dashboard::Settings {
        store: Arc::new(Lookout::new(store)),
        address: address.clone(),
        name: access.dashboard_host.clone(),
        token,
        tz: context.tz()?,
        is_beside_run,
        from: process::vantage,
    };
    let served = dashboard::start(settings).await?;
    screen::note(&format!("Dashboard: {}", served.url));
    Ok(served)
}

impl From<DashboardError> for Failure {
    fn from(error: DashboardError) -> Failure {
        let hint = match &error {
            DashboardError::Open(_) => {
                format!("give it a --dashboard-token (or {DASHBOARD_TOKEN_VARIABLE}), or listen at 127.0.0.1")
            }
            DashboardError::Taken { .. } => "name another port, or 0 for any that is free".to_owned(),
        };
        Failure::usage(&error).hint(hint)
    }
}
