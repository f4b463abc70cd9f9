//! What stands between the program and those it speaks to: cut, slow, false, or another program.

mod committed;
mod flat;
mod followed;
mod killed;
mod overtaken;
mod pooled;
mod stopped;
mod tls;
mod vendor;
