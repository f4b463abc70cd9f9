//! The real program, killed and crowded: whatever is done to it, nothing is lost, doubled or hidden.

mod announced;
mod call;
mod cooldown;
pub mod crowd;
mod ended;
mod killed;
mod woken;
