//! What people and machines see. A view draws [`Progress`](crate::domain::progress::Progress) and pages; it asks
//! nobody, and no fault of a screen or a file stops a run.

pub mod aside;
pub mod drawing;
pub mod escape;
pub mod exposition;
pub mod finish;
pub mod forecasts;
pub mod json;
pub mod lines;
pub mod live;
pub mod metrics;
pub mod missing;
pub mod numbers;
pub mod plan;
pub mod proof;
#[cfg(test)]
mod sample;
pub mod screen;
pub mod status;
pub mod status_page;
pub mod summary;
pub mod table;
pub mod title;
pub mod words;
