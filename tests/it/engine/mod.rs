//! Whole runs in simulated time, against the simulated vendor's own truth.

mod exact;
mod faulty;
mod names;
mod odd;
mod ordered;
mod stopped;
mod throttled;
mod witness;
