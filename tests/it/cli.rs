//! The command line, as a user meets it.

mod echoed;
mod journey;
mod locked;
mod ordered;
mod refusals;
mod rights;
mod threads;

use crate::rig::program::Desk;
use crate::rig::simulated::Simulated;

/// A vendor of a few options, and a folder to work in.
fn start(vendor: chainfill::vendor::Settings) -> (Desk, Simulated) {
    (Desk::new(), Simulated::start(vendor))
}
