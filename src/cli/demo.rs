//! `chainfill demo`: the whole job against the simulated vendor, into a file that can be opened afterwards.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clap::Args;

use super::conduct::{Conduct, conduct, settings};
use super::dashboard::Beside;
use super::{Context, Failure, screen, views};
use crate::clock::{Clock, SystemClock};
use crate::domain::governor::Pace;
use crate::domain::instrument::Currency;
use crate::domain::run::Ending;
use crate::store::{Mode, StoreUrl, open};
use crate::vendor::Vendor;
use crate::vendor::server::Server;
use crate::vendor::settings::Settings;
use crate::vendor::throttle::Rate;

/// Options of each currency: with 60 requests in ten seconds they take about a minute.
const OPTIONS: usize = 150;
/// The vendor's window, scaled from an hour to ten seconds.
const THROTTLE: Rate = Rate { requests: 60, window_ms: 10_000 };
/// Time between two requests: fast enough to meet the limit.
const SPACING_MS: i64 = 25;
/// Most demo files that are kept beside each other.
const FILES_MAX: u32 = 1_000;

/// Run the whole job against the simulated vendor: no key, about a minute.
#[derive(Debug, Args)]
pub(super) struct Demo {
    #[command(flatten)]
    beside: Beside,
}

impl Demo {
    /// Runs vendor and backfill in one process, then verifies.
    pub(super) async fn run(&self, context: &Context) -> Result<u8, Failure> {
        let url = match &context.common.store {
            Some(_) => context.store_url()?,
            None => StoreUrl::sqlite(&free_file()?),
        };
        let vendor = Settings {
            counts: vec![("BTC".to_owned(), OPTIONS), ("ETH".to_owned(), OPTIONS)],
            throttles: vec![THROTTLE],
            latency_ms: 5,
            ..Settings::default()
        };
        let key = vendor.key.clone();
        let vendor_clock = SystemClock::start();
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::bind(listen, Arc::new(Mutex::new(Vendor::new(vendor))), move || vendor_clock.now())
            .await
            .map_err(|error| Failure::unexpected(&format!("no port is free on 127.0.0.1: {error}")))?;
        if !context.common.json {
            screen::note(&format!(
                "A simulated vendor lists {} options and lets 60 requests through in ten seconds (the real one: some 800 an hour).\n\
                 The job is the real one; its archive: {url}\n",
                OPTIONS * 2
            ));
        }
        let clock = SystemClock::start();
        let dashboard = self.beside.open(context, url.clone()).await?;
        let opened = open(&url, Mode::Write).await?;
        let currencies = ["BTC", "ETH"].map(Currency::stored).to_vec();
        let mut settings = settings(currencies, "demo", &server.url(), clock);
        settings.pace = Pace { spacing_ms: SPACING_MS, concurrency: 4 };
        let views = views::views(&context.common, &context.tz()?)?.all;
        let done = Conduct { store: opened.store.clone(), api_url: server.url(), key: Some(key), views, settings };
        let report = conduct(done, clock).await;
        if let Some(dashboard) = dashboard {
            dashboard.stop().await;
        }
        let report = report?;
        server.stop().await;
        if report.ending != Ending::Complete {
            return Ok(report.ending.exit_code());
        }
        let code = super::verify::prove(opened.store, context.common.json).await?;
        if !context.common.json {
            screen::note(&format!(
                "\nLook into it:  chainfill status --store {url}\n               sqlite3 {} \"SELECT currency, COUNT(*), COUNT(DISTINCT symbol) FROM cryptodatadownload_options_daily GROUP BY currency\"",
                url.to_string().trim_start_matches("sqlite:")
            ));
        }
        Ok(code)
    }
}

/// The first free name: nobody's file is written over.
fn free_file() -> Result<PathBuf, Failure> {
    let names =
        (1..FILES_MAX).map(|n| if n == 1 { "chainfill-demo.db".into() } else { format!("chainfill-demo-{n}.db") });
    let free = names.map(PathBuf::from).find(|path| !path.exists());
    free.ok_or_else(|| Failure::usage(&"this folder is full of chainfill-demo files: remove some, or name --store"))
}
