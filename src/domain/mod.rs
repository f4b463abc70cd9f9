//! What must be true, decided without I/O: no clock, no network, no database, no randomness of its own.

pub mod ability;
pub mod answer;
pub mod candle;
pub mod digits;
pub mod event;
pub mod forecast;
pub mod governor;
pub mod health;
pub mod instrument;
pub mod ledger;
pub mod listing;
pub mod moment;
pub mod plan;
pub mod progress;
pub mod proof;
pub mod run;
pub mod tally;
pub mod verdict;
