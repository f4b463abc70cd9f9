//! A run from the lease to its report: what `backfill`, `plan` and `demo` have in common.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{Failure, screen};
use crate::clock::{Clock, SystemClock};
use crate::domain::governor::Pace;
use crate::domain::instrument::Currency;
use crate::domain::progress::View;
use crate::domain::run::{Ending, Identity};
use crate::engine::feed::Feed;
use crate::engine::{OnLimit, Ports, QueryMode, Report, Settings, run};
use crate::http::Http;
use crate::limits::{EMPTY_DAYS_DEFAULT, LEASE_LOOK_MS, LEASE_MS, SECOND_MS};
use crate::process;
use crate::source::cryptodatadownload::CryptoDataDownload;
use crate::store::{Claim, Epoch, Holder, Store, StoreError};

/// How long a run that was asked to end may take before it is ended all the same (P4).
const END_S_MAX: u64 = 5;
/// Exit code: stopped by request.
const STOPPED: i32 = 6;

/// Where a run works, and with what.
pub(super) struct Conduct {
    pub store: Arc<dyn Store>,
    pub api_url: String,
    pub key: Option<SecretString>,
    pub views: Vec<Box<dyn View>>,
    pub settings: Settings,
}

/// A run's settings, nothing chosen yet.
pub(super) fn settings(currencies: Vec<Currency>, command: &str, api: &str, clock: SystemClock) -> Settings {
    let identity: Identity = process::identity(&clock, command.to_owned());
    Settings {
        currencies,
        named: false,
        query: QueryMode::Auto,
        pace: Pace { spacing_ms: 0, concurrency: 1 },
        on_limit: OnLimit::Wait,
        max_wait_ms: None,
        limit: None,
        empty_days: EMPTY_DAYS_DEFAULT,
        only_listing: false,
        store_bytes: 0,
        api: api.to_owned(),
        identity,
        seed: fastrand::u64(..),
    }
}

/// Takes the lease, runs, and gives it back.
pub(super) async fn conduct(conduct: Conduct, clock: SystemClock) -> Result<Report, Failure> {
    let Conduct { store, api_url, key, views, mut settings } = conduct;
    let transport = Http::new(&api_url, key.as_ref(), settings.pace.concurrency as usize)?;
    let glance = store.glance(clock.now()).await?;
    settings.store_bytes = glance.bytes;
    let stop = listen()?;
    let mut asked = stop.clone();
    let to_stop = async move { asked.wait_for(|asked| *asked).await.is_ok() };
    let epoch = tokio::select! {
        epoch = begin(&*store, &settings.identity, &clock) => epoch?,
        true = to_stop => {
            let words = "stopped before it had the store".to_owned();
            return Ok(Report { ending: Ending::Stopped, words, resume_after: None });
        }
    };
    let ports =
        Ports { store, transport: Arc::new(transport), source: Arc::new(CryptoDataDownload), clock: Arc::new(clock) };
    Ok(run(ports, settings, epoch, Feed::new(views), stop).await?)
}

/// Takes the lease. A holder that cannot be seen from here, on another machine or in another container, is gone where it
/// gives no sign of life until its lease is over. That is waited for, half a minute at the most: a container that was killed
/// and is started anew need not fail. A holder that gives one is at work.
async fn begin(store: &dyn Store, identity: &Identity, clock: &SystemClock) -> Result<Epoch, StoreError> {
    // A lease that is not over by then was begun at a time that has not been yet: whose it is a person must decide.
    let until = clock.now() + LEASE_MS + 2 * LEASE_LOOK_MS.cast_signed();
    let mut seen: Option<Holder> = None;
    loop {
        let claim = Claim { identity: identity.clone(), now: clock.now(), alive: process::alive };
        let holder = match store.begin(&claim).await {
            Err(StoreError::Held(holder)) => *holder,
            result => return result,
        };
        let has_beaten =
            seen.as_ref().is_some_and(|seen| seen.epoch != holder.epoch || holder.beat.is_newer_than(seen.beat));
        if has_beaten || process::alive(&holder.identity).is_some() || claim.now > until {
            return Err(StoreError::Held(Box::new(holder)));
        }
        if seen.is_none() {
            let Identity { pid, host, .. } = &holder.identity;
            screen::note(&format!(
                "waiting up to {} s for a sign of life from process {pid} on host {}, which cannot be seen from here",
                LEASE_MS / SECOND_MS,
                host.escape_debug()
            ));
        }
        seen = Some(holder);
        tokio::time::sleep(Duration::from_millis(LEASE_LOOK_MS)).await;
    }
}

/// Turns the first SIGINT or SIGTERM into an order to end, and the second into the end. A closed terminal
/// (SIGHUP) is no reason to stop (P12).
fn listen() -> Result<watch::Receiver<bool>, Failure> {
    let (order, stop) = watch::channel(false);
    let hook = |kind| signal(kind).map_err(|error| Failure::unexpected(&error));
    let (mut interrupt, mut terminate) = (hook(SignalKind::interrupt())?, hook(SignalKind::terminate())?);
    let mut hang_up = hook(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            let asked = tokio::select! {
                _ = interrupt.recv() => true,
                _ = terminate.recv() => true,
                _ = hang_up.recv() => false,
            };
            if !asked {
                continue;
            }
            if order.send_replace(true) {
                std::process::exit(STOPPED); // twice: now
            }
            screen::note("stopping: what is under way is finished and written; once more ends it at once");
            // On a thread of its own: a view that hangs on a frozen terminal must not hold the end up.
            std::thread::spawn(|| {
                std::thread::sleep(Duration::from_secs(END_S_MAX));
                std::process::exit(STOPPED);
            });
        }
    });
    Ok(stop)
}
