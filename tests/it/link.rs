//! What stands between the program and those it speaks to: cut, slow, false, or another program.

mod committed;
mod followed;
mod killed;
mod pooled;
mod stopped;
mod tls;
mod vendor;
