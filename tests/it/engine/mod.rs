//! Whole runs in simulated time, against the simulated vendor's own truth.

mod doubted;
mod exact;
mod faulty;
mod names;
mod odd;
mod ordered;
mod outages;
mod retried;
mod stopped;
mod throttled;
mod witness;
