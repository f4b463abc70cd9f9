//! The store on a server: PostgreSQL, where people share the data.

mod adopt;
mod columns;
mod commit;
mod inspect;
mod lease;
mod link;
mod listing;
mod outside;
mod pooler;
mod read;
mod rights;
mod schema;
mod trouble;
mod value;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::civil::Date;
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::config::Config;

use super::adoption::Style;
use super::row::storable_symbol;
use super::{
    Batch, Claim, Committed, EachBar, Epoch, Glance, JournalLine, Ledger, Left, Loaded, Mode, Opened, Order, Outside,
    RunEnd, RunRow, Store, StoreError, Story,
};
use crate::domain::candle::Candle;
use crate::domain::coverage::ExpiryCover;
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::ledger::OptionRecord;
use crate::domain::moment::Moment;
use crate::limits::PG_ANSWER_MS_MAX;
use link::Link;
use trouble::Trouble;

/// A store in a PostgreSQL database.
struct PostgresStore {
    place: String,
    config: Config,
    style: Style,
    link: Mutex<Option<Link>>,
}

/// The connection for one call. It goes back only when the call went well: after an error, or where the call
/// was dropped half way, the server rolls back by itself, and the next call connects anew (B3).
struct Held<'a> {
    place: &'a str,
    shelf: MutexGuard<'a, Option<Link>>,
    link: Link,
}

/// Connects and makes the tables ready.
pub(super) async fn open(config: &Config, place: String, mode: Mode) -> Result<Opened, StoreError> {
    let mut link = Link::connect(config).await.map_err(|trouble| trouble.at(&place))?;
    let ready = schema::ready(&mut link, &place, mode).await.map_err(|trouble| trouble.at(&place))?;
    let link = Mutex::new(Some(link));
    let store = Arc::new(PostgresStore { place, config: config.clone(), style: ready.style, link });
    Ok(Opened { store, adopted: ready.adopted, migrated: ready.migrated })
}

impl PostgresStore {
    async fn hold(&self) -> Result<Held<'_>, StoreError> {
        let mut shelf = self.link.lock().await;
        let link = match shelf.take().filter(Link::is_open) {
            Some(link) => link,
            None => Link::connect(&self.config).await.map_err(|trouble| trouble.at(&self.place))?,
        };
        Ok(Held { place: &self.place, shelf, link })
    }
}

impl Held<'_> {
    /// Makes a call of a run, which a server that is there and does not answer must not hold for ever (I10). What it
    /// had written by then the server rolls back, or it is written, and both are well (B2).
    async fn answer<T>(mut self, call: impl AsyncFnOnce(&mut Link) -> Result<T, Trouble>) -> Result<T, StoreError> {
        let patience = Duration::from_millis(PG_ANSWER_MS_MAX);
        match tokio::time::timeout(patience, call(&mut self.link)).await {
            Ok(result) => self.done(result),
            Err(_) => {
                self.link.abandon();
                let what = format!("it did not answer within {} s", patience.as_secs());
                Err(StoreError::Away { place: self.place.to_owned(), what })
            }
        }
    }

    fn done<T>(mut self, result: Result<T, Trouble>) -> Result<T, StoreError> {
        match result {
            Ok(what) => {
                *self.shelf = Some(self.link);
                Ok(what)
            }
            Err(trouble) => Err(trouble.at(self.place)),
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn begin(&self, wish: &Claim) -> Result<Epoch, StoreError> {
        self.hold().await?.answer(async |link| lease::begin(link, wish).await).await
    }

    async fn commit(&self, epoch: Epoch, batch: &Batch) -> Result<Committed, StoreError> {
        self.hold().await?.answer(async |link| commit::commit(link, &self.style, epoch, batch).await).await
    }

    async fn end(&self, epoch: Epoch, end: &RunEnd) -> Result<(), StoreError> {
        self.hold().await?.answer(async |link| lease::end(link, epoch, end).await).await
    }

    async fn load(&self, counted_since: Moment) -> Result<Loaded, StoreError> {
        let mut held = self.hold().await?;
        let result = read::load(&mut held.link, counted_since).await;
        held.done(result)
    }

    async fn take_orders(&self, epoch: Epoch, followed: &[i64]) -> Result<Vec<(i64, Order)>, StoreError> {
        self.hold().await?.answer(async |link| lease::take_orders(link, epoch, followed).await).await
    }

    async fn audit(&self, each: &mut EachBar<'_>) -> Result<Ledger, StoreError> {
        let mut held = self.hold().await?;
        let result = read::audit(&mut held.link, each).await;
        held.done(result)
    }
}

#[async_trait]
impl Outside for PostgresStore {
    fn place(&self) -> &str {
        &self.place
    }

    async fn glance(&self, now: Moment) -> Result<Glance, StoreError> {
        let mut held = self.hold().await?;
        let result = read::glance(&mut held.link, now).await;
        held.done(result)
    }

    async fn coverage(&self, currency: &Currency) -> Result<Vec<ExpiryCover>, StoreError> {
        let mut held = self.hold().await?;
        let result = outside::coverage(&mut held.link, currency).await;
        held.done(result)
    }

    async fn chain(&self, currency: &Currency, expiry: Option<Date>) -> Result<Vec<OptionRecord>, StoreError> {
        let mut held = self.hold().await?;
        let result = outside::chain(&mut held.link, currency, expiry).await;
        held.done(result)
    }

    async fn story(&self, symbol: &Symbol) -> Result<Option<Story>, StoreError> {
        let mut held = self.hold().await?;
        let result = outside::story(&mut held.link, &storable_symbol(symbol)).await;
        held.done(result)
    }

    async fn history(&self, symbol: &Symbol) -> Result<Vec<Candle>, StoreError> {
        let mut held = self.hold().await?;
        let result = read::history(&mut held.link, &storable_symbol(symbol)).await;
        held.done(result)
    }

    async fn journal(&self, newest: usize) -> Result<Vec<JournalLine>, StoreError> {
        let mut held = self.hold().await?;
        let result = outside::journal(&mut held.link, newest).await;
        held.done(result)
    }

    async fn runs(&self, newest: usize) -> Result<Vec<RunRow>, StoreError> {
        let mut held = self.hold().await?;
        let result = outside::runs(&mut held.link, newest).await;
        held.done(result)
    }

    async fn leave_order(&self, order: &Order, now: Moment) -> Result<Option<Left>, StoreError> {
        self.hold().await?.answer(async |link| lease::leave_order(link, order, now).await).await
    }

    async fn order_taken(&self, id: i64) -> Result<bool, StoreError> {
        let mut held = self.hold().await?;
        let result = outside::order_taken(&mut held.link, id).await;
        held.done(result)
    }
}
