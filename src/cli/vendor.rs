//! `chainfill vendor`: the simulated vendor as a server of its own, for rehearsals.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clap::Args;
use secrecy::SecretString;

use super::Failure;
use super::screen;
use crate::clock::{Clock, SystemClock};
use crate::vendor::faults::Faults;
use crate::vendor::server::Server;
use crate::vendor::settings::{Face, ListingFace, Order, Settings, parse_counts, parse_throttles};
use crate::vendor::{Vendor, listing};

/// Run the simulated vendor as a server of its own.
#[derive(Debug, Args)]
pub(super) struct VendorCommand {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8700")]
    listen: SocketAddr,
    /// Which API it speaks: symbol (2025) or expiry (2026)
    #[arg(long, default_value = "symbol")]
    face: Face,
    /// Options of each currency that it makes up
    #[arg(long, value_name = "CURRENCY=N,…", default_value = "BTC=8850,ETH=8679")]
    options: String,
    /// List the names in this file instead: one a line, or a CSV's first column
    #[arg(long, value_name = "FILE")]
    listing: Option<PathBuf>,
    /// What a listing without a year answers: whole, year-needed or newest-year
    #[arg(long, value_name = "FACE", default_value = "whole")]
    listing_face: ListingFace,
    /// Limits such as 800/hour or 60/10s, several with commas, or none
    #[arg(long, value_name = "N/WINDOW", default_value = "800/hour")]
    throttle: String,
    /// The key that it takes
    #[arg(long, value_name = "PATH", help = "Read the key that it takes from a file (else: simulated-key)")]
    takes_key_file: Option<PathBuf>,
    /// How long an answer takes, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_ms: u64,
    /// Share of the options that hold no bar
    #[arg(long, value_name = "SHARE", default_value_t = crate::vendor::bars::EMPTIES_SHARE_DEFAULT)]
    empties: f64,
    /// Most rows of one page, whatever is asked for
    #[arg(long, value_name = "ROWS", default_value_t = crate::limits::PAGE_ROWS)]
    page_cap: u32,
    /// Whether the newest or the oldest bar comes first
    #[arg(long, default_value = "newest-first")]
    order: Order,
    /// Faults such as all=0.1 or s9=0.05,s5@200; `help` lists them
    #[arg(long, value_name = "KIND=SHARE,…", default_value = "")]
    faults: String,
    /// Everything that is made up follows from this number
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

impl VendorCommand {
    /// Serves until it is stopped.
    pub(super) async fn run(&self) -> Result<u8, Failure> {
        if self.faults == "help" {
            let lines = Faults::kinds()
                .map(|(name, in_all, what)| format!("{name:4} {} {what}\n", if in_all { "all" } else { "   " }));
            screen::print(&lines.collect::<String>());
            return Ok(0);
        }
        let clock = SystemClock::start();
        let vendor = Arc::new(Mutex::new(Vendor::new(self.settings()?)));
        let options = vendor.lock().map_or(0, |vendor| vendor.names().len());
        let server = Server::bind(self.listen, vendor.clone(), move || clock.now())
            .await
            .map_err(|error| Failure::usage(&format!("--listen {} cannot be used: {error}", self.listen)))?;
        screen::print(&format!("listening on {}: {options} options, {}", server.url(), self.throttle));
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .map_err(|error| Failure::unexpected(&error))?;
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        server.stop().await;
        if let Ok(vendor) = vendor.lock() {
            let log = vendor.log();
            let (requests, throttled, spoilt) = (log.requests, log.throttled, log.spoilt);
            screen::print(&format!("served {requests} requests, refused {throttled} of them, spoilt {spoilt}"));
        }
        Ok(0)
    }

    fn settings(&self) -> Result<Settings, Failure> {
        let mut settings = Settings {
            listen: self.listen,
            seed: self.seed,
            counts: parse_counts(&self.options).map_err(|error| Failure::usage(&error))?,
            face: self.face,
            listing: self.listing_face,
            page_rows_max: self.page_cap,
            order: self.order,
            throttles: parse_throttles(&self.throttle).map_err(|error| Failure::usage(&error))?,
            latency_ms: self.latency_ms,
            empties_share: self.empties.clamp(0.0, 1.0),
            faults: self.faults.parse().map_err(|error| Failure::usage(&error))?,
            ..Settings::default()
        };
        if let Some(path) = &self.listing {
            settings.names = Some(listing::read_file(path).map_err(|error| Failure::usage(&error))?);
        }
        if let Some(path) = &self.takes_key_file {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::usage(&format!("{} cannot be read: {error}", path.display())))?;
            settings.key = SecretString::from(text.trim());
        }
        Ok(settings)
    }
}
