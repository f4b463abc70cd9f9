//! From a URL to a store that is ready to use.

use std::sync::Arc;

use super::url::At;
use super::{Adopted, Store, StoreError, StoreUrl, postgres, sqlite};

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To run on it: it is created, adopted and brought up to date where needed.
    Write,
    /// To look at it: it is left as it is, but an order may be left in it.
    Read,
}

/// An open store, and what opening it did.
pub struct Opened {
    /// The store.
    pub store: Arc<dyn Store>,
    /// What was taken over from an older script.
    pub adopted: Option<Adopted>,
    /// The version that its tables had, and have now; `None` where they were new or of this version.
    pub migrated: Option<(i32, i32)>,
}

/// Opens a store.
///
/// # Errors
/// [`StoreError::Nothing`] in [`Mode::Read`] where there is nothing yet; [`StoreError::Unfit`] with what mends
/// it where it cannot be used.
pub async fn open(url: &StoreUrl, mode: Mode) -> Result<Opened, StoreError> {
    match url.at() {
        At::Sqlite(path) => sqlite::open(path, url.to_string(), mode).await,
        At::Postgres(config) => postgres::open(config, url.to_string(), mode).await,
    }
}
