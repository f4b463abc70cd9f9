//! Disks that are full, for real: a small file system under the store or the log, filled, and given room again.

mod log;
mod postgres;
mod sqlite;
