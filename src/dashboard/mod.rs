//! The dashboard: one page and an API over a store, on a thread and a runtime of its own, so that neither the run nor a
//! slow client notices the other (W5, W6). It reads the store as everybody else does, and asks the engine nothing.

mod address;
mod api;
mod asked;
mod door;
mod events;
mod guard;
mod orders;
mod page;
mod patient;
mod probes;
mod secret;
mod snapshot;
mod watcher;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use jiff::tz::TimeZone;
use tokio::sync::{oneshot, watch};

use crate::clock::SystemClock;
use crate::domain::moment::Moment;
use crate::domain::vantage::Viewpoint;
use crate::limits::DASHBOARD_END_MS_MAX;
use crate::store::Outside;

pub use address::{Address, AddressError};
pub use secret::{Token, TokenError};

/// What a dashboard is told.
pub struct Settings {
    /// The store, on a connection that nobody else uses.
    pub store: Arc<dyn Outside>,
    /// Where it listens.
    pub address: Address,
    /// A further name that it may be called by, behind a proxy.
    pub name: Option<String>,
    /// What each request must show; `None` on this machine only.
    pub token: Option<Token>,
    /// The time zone of what people read.
    pub tz: TimeZone,
    /// Whether it ends with a run.
    pub is_beside_run: bool,
    /// Where it looks from, asked anew at each look.
    pub from: Viewpoint,
}

/// Why a dashboard does not start.
#[derive(Debug, thiserror::Error)]
pub enum DashboardError {
    /// Others could reach it, and no token keeps them out.
    #[error("the dashboard at {0} could be opened from other machines")]
    Open(Address),
    /// The port is taken, or the address is not of this machine.
    #[error("the dashboard cannot listen at {address}: {what}")]
    Taken {
        /// Where it should listen.
        address: Address,
        /// Why it cannot.
        what: String,
    },
}

/// A dashboard that is served.
pub struct Dashboard {
    /// Where a browser finds it.
    pub url: String,
    stop: watch::Sender<bool>,
    ended: oneshot::Receiver<()>,
}

/// What all requests share.
struct Desk {
    watcher: Arc<watcher::Watcher>,
    guard: guard::Guard,
    from: Viewpoint,
    /// For what lasts so long, however the wall clock is stepped.
    steady: SystemClock,
    tz: TimeZone,
    is_beside_run: bool,
    /// Changes with each start, so that a page knows that its token is stale.
    start: String,
}

impl Desk {
    fn new(settings: Settings) -> Arc<Desk> {
        let Settings { store, address, name, token, tz, is_beside_run, from } = settings;
        let watcher = Arc::new(watcher::Watcher::new(store, tz.clone(), from));
        let guard = guard::Guard::new(&address, name, token);
        let (steady, start) = (SystemClock::start(), secret::random());
        Arc::new(Desk { watcher, guard, from, steady, tz, is_beside_run, start })
    }

    /// What the wall clock says.
    fn now(&self) -> Moment {
        (self.from)().now
    }
}

/// Serves from now on.
///
/// # Errors
/// Where the address may not or cannot be listened at.
pub async fn start(settings: Settings) -> Result<Dashboard, DashboardError> {
    if !settings.address.is_loopback() && settings.token.is_none() {
        return Err(DashboardError::Open(settings.address));
    }
    let address = settings.address.clone();
    let taken = |what: String| DashboardError::Taken { address: address.clone(), what };
    let (stop, stopped) = watch::channel(false);
    let (tell, told) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let run = move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(tell.send(Err(error.to_string()))),
        };
        runtime.block_on(serve(settings, tell, stopped));
        // A read that hangs must not keep the program from ending.
        runtime.shutdown_background();
        let _ = end.send(());
    };
    std::thread::Builder::new().name("dashboard".into()).spawn(run).map_err(|error| taken(error.to_string()))?;
    let at = told.await.map_err(|_| taken("its thread ended".into()))?.map_err(taken)?;
    Ok(Dashboard { url: address.url(at.port()), stop, ended })
}

impl Dashboard {
    /// Tells the last news to whoever looks, and ends.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let _ = tokio::time::timeout(Duration::from_millis(DASHBOARD_END_MS_MAX * 2), self.ended).await;
    }
}

async fn serve(
    settings: Settings,
    tell: oneshot::Sender<Result<SocketAddr, String>>,
    mut stopped: watch::Receiver<bool>,
) {
    let opened = match door::listen(&settings.address).await {
        Ok(listener) => listener.local_addr().map(|at| (listener, at)).map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    let (listener, at) = match opened {
        Ok(opened) => opened,
        Err(what) => return drop(tell.send(Err(what))),
    };
    let desk = Desk::new(settings);
    let watcher = desk.watcher.clone();
    let looking = tokio::spawn(watcher.clone().watch());
    drop(tell.send(Ok(at)));
    let (close, closed) = watch::channel(false);
    let serving = tokio::spawn(door::serve(listener, router(desk), closed));
    let _ = stopped.wait_for(|stop| *stop).await;
    looking.abort();
    watcher.end().await;
    close.send_replace(true);
    let _ = tokio::time::timeout(Duration::from_millis(DASHBOARD_END_MS_MAX), serving).await;
}

/// Everything that a dashboard answers, behind its guard and without a door; and the token that its page shows.
pub fn routes(settings: Settings) -> (Router, String) {
    let desk = Desk::new(settings);
    let page_token = desk.guard.page_token.clone();
    (router(desk), page_token)
}

fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/assets/{*path}", get(page::asset))
        .route("/api/status", get(api::status))
        .route("/api/events", get(events::events))
        .route("/api/coverage", get(api::coverage))
        .route("/api/chain", get(api::chain))
        .route("/api/option/{symbol}", get(api::option))
        .route("/api/journal", get(api::journal))
        .route("/api/forecasts", get(api::forecasts))
        .route("/api/orders", post(orders::order))
        .route("/healthz", get(probes::health))
        .route("/metrics", get(probes::metrics))
        .fallback(api::nowhere)
        .layer(axum::middleware::from_fn_with_state(desk.clone(), guard::stand))
        .with_state(desk)
}
