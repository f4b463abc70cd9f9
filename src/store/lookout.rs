//! A look at a store from outside, again and again, by somebody who stays.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::civil::Date;

use super::outside::{JournalLine, Left, Outside, Story};
use super::url::At;
use super::{Glance, Mode, RunRow, StoreError, StoreUrl, open};
use crate::domain::candle::Candle;
use crate::domain::coverage::ExpiryCover;
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::ledger::OptionRecord;
use crate::domain::moment::Moment;
use crate::domain::order::Order;

/// Looks at a store that may not be there yet, or be moved, or come back. An SQLite file is opened for each look and
/// closed after it: an open reader would keep a run from folding its log away at the end, and a file that was replaced
/// would be looked at for ever. A server is asked on one connection, made anew where it broke.
pub struct Lookout {
    url: StoreUrl,
    place: String,
    server: tokio::sync::Mutex<Option<Arc<dyn Outside>>>,
}

impl Lookout {
    /// A look at the store behind an address.
    pub fn new(url: StoreUrl) -> Lookout {
        Lookout { place: url.to_string(), url, server: tokio::sync::Mutex::default() }
    }

    async fn opened(&self) -> Result<Arc<dyn Outside>, StoreError> {
        let open = async || Ok::<Arc<dyn Outside>, StoreError>(open(&self.url, Mode::Read).await?.store);
        match self.url.at() {
            At::Sqlite(_) => open().await,
            At::Postgres(_) => {
                let mut server = self.server.lock().await;
                match &*server {
                    Some(store) => Ok(store.clone()),
                    None => Ok(server.insert(open().await?).clone()),
                }
            }
        }
    }
}

#[async_trait]
impl Outside for Lookout {
    fn place(&self) -> &str {
        &self.place
    }

    async fn glance(&self, now: Moment) -> Result<Glance, StoreError> {
        self.opened().await?.glance(now).await
    }

    async fn coverage(&self, currency: &Currency) -> Result<Vec<ExpiryCover>, StoreError> {
        self.opened().await?.coverage(currency).await
    }

    async fn chain(&self, currency: &Currency, expiry: Option<Date>) -> Result<Vec<OptionRecord>, StoreError> {
        self.opened().await?.chain(currency, expiry).await
    }

    async fn story(&self, symbol: &Symbol) -> Result<Option<Story>, StoreError> {
        self.opened().await?.story(symbol).await
    }

    async fn history(&self, symbol: &Symbol) -> Result<Vec<Candle>, StoreError> {
        self.opened().await?.history(symbol).await
    }

    async fn journal(&self, newest: usize) -> Result<Vec<JournalLine>, StoreError> {
        self.opened().await?.journal(newest).await
    }

    async fn runs(&self, newest: usize) -> Result<Vec<RunRow>, StoreError> {
        self.opened().await?.runs(newest).await
    }

    async fn leave_order(&self, order: &Order, now: Moment) -> Result<Option<Left>, StoreError> {
        self.opened().await?.leave_order(order, now).await
    }

    async fn order_taken(&self, id: i64) -> Result<bool, StoreError> {
        self.opened().await?.order_taken(id).await
    }
}
