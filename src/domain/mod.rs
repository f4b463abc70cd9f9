//! What must be true, decided without I/O: no clock, no network, no database, no randomness of its own.

pub mod ability;
pub mod answer;
pub mod candle;
pub mod coverage;
pub mod digits;
pub mod event;
pub mod expectation;
pub mod forecast;
pub mod governor;
pub mod health;
pub mod instrument;
pub mod journal;
pub mod latency;
pub mod ledger;
pub mod listing;
pub mod milestone;
pub mod moment;
pub mod order;
pub mod outlook;
pub mod plan;
pub mod progress;
pub mod proof;
pub mod pulse;
pub mod run;
pub mod tally;
pub mod verdict;
