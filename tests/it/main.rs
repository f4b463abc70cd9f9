//! Every test that needs more than one unit, in one binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
#![allow(clippy::missing_panics_doc, unreachable_pub, missing_docs)]
#![allow(clippy::duration_suboptimal_units, clippy::unnecessary_literal_bound)]

mod altered;
mod bombs;
mod cli;
mod crash;
mod dashboard;
mod engine;
mod fuzz;
mod link;
mod machines;
mod names;
mod notify;
mod peer_drf;
mod rig;
mod simulator;
mod store_contract;
mod supply;
mod terminal;
mod tidy;
mod volume;
