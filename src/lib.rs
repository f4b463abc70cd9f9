//! chainfill brings a vendor's complete option history home: it lists every option, finds what is missing,
//! fetches it under the vendor's throttle, survives anything on the way, and proves at the end that nothing
//! is missing.
//!
//! The library exists for the program and its tests; `ARCHITECTURE.md` says how the parts fit.

pub mod cli;
pub mod clock;
pub mod config;
pub mod dashboard;
pub mod domain;
pub mod engine;
pub mod http;
pub mod limits;
pub mod notify;
pub mod process;
pub mod redaction;
pub mod sight;
pub mod source;
pub mod store;
pub mod vendor;
pub mod view;
