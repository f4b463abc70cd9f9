//! The dashboard as clients meet it: honest ones, hostile ones, slow ones, and a real browser.

mod answers;
mod asked;
mod browser;
mod documented;
mod guards;
mod stream;

use asked::Served;
use chainfill::vendor::Settings;
use chainfill::vendor::settings::parse_counts;

use crate::rig::program::{Desk, Running};
use crate::rig::simulated::Simulated;

/// A vendor of a few options without a limit.
fn vendor(counts: &str) -> Settings {
    Settings { counts: parse_counts(counts).unwrap(), throttles: Vec::new(), ..Settings::default() }
}

/// Fetches all there is.
fn fill(desk: &Desk, vendor: &Simulated) {
    let args = ["backfill", "--quiet", "--max-rate", "none", "--api-url", &vendor.base_url];
    desk.chainfill(&args).with_key().run();
}

/// A program that serves, and where.
fn serving<'a>(desk: &'a Desk, args: &[&str]) -> (Running<'a>, Served) {
    let mut program = desk.chainfill(&["serve", "--listen", "127.0.0.1:0"]).args(args).deadline_s(120).spawn();
    let served = Served::by(&mut program);
    (program, served)
}
