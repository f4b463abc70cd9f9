//! What is drawn on a terminal, seen on a real one.

mod closed;
mod pages;
mod title;
mod watch;

use chainfill::vendor::Settings;
use chainfill::vendor::settings::{parse_counts, parse_throttles};

use crate::rig::program::{Desk, Program};
use crate::rig::simulated::Simulated;

/// The program, as a shell calls it.
const CHAINFILL: &str = env!("CARGO_BIN_EXE_chainfill");

/// A vendor whose hour is three seconds long.
fn vendor() -> Settings {
    Settings {
        counts: parse_counts("BTC=150,ETH=150").unwrap(),
        throttles: parse_throttles("30/3s").unwrap(),
        latency_ms: 5,
        ..Settings::default()
    }
}

fn backfill<'a>(desk: &'a Desk, vendor: &Simulated) -> Program<'a> {
    let args = ["backfill", "--query", "symbol", "--max-rate", "25", "--api-url", &vendor.base_url];
    desk.chainfill(&args).with_key()
}
