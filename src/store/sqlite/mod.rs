//! The store in a file: SQLite, one thread that writes, any number of programs that read beside it.

mod adopt;
mod candles;
mod commit;
mod file;
mod lease;
mod outside;
mod read;
mod room;
mod schema;
mod thread;
mod trouble;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::civil::Date;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::row::storable_symbol;
use super::{
    Batch, Claim, Committed, EachBar, Epoch, Glance, JournalLine, Ledger, Left, Loaded, Mode, Opened, Order, Outside,
    RunEnd, RunRow, Store, StoreError, Story,
};
use crate::domain::candle::Candle;
use crate::domain::coverage::ExpiryCover;
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::kept;
use crate::domain::ledger::OptionRecord;
use crate::domain::moment::Moment;
use file::File;
use thread::Thread;
use trouble::Trouble;

/// A store in an SQLite file.
struct SqliteStore {
    thread: Thread,
    mode: Mode,
}

/// Opens the file and makes it ready.
pub(super) async fn open(path: &Path, place: String, mode: Mode) -> Result<Opened, StoreError> {
    let path = path.to_owned();
    let (thread, ready) = Thread::start(place, move |place| {
        let mut file = File::open(&path, place, mode)?;
        let ready = match mode {
            Mode::Read => file.read(|connection| schema::ready(connection, place, mode))?,
            Mode::Write => {
                // Fifty runners at once: most find all in order, and need no lock to see it (P8).
                // The log is made where a run begins: who only plans leaves the file as it was.
                if schema::is_current(&file.connection)? {
                    file.read(|connection| schema::ready(connection, place, mode))?
                } else {
                    file.write(|connection, _| schema::ready(connection, place, mode))?
                }
            }
        };
        file.style = ready.style.clone();
        Ok((file, ready))
    })
    .await?;
    let store = Arc::new(SqliteStore { thread, mode });
    Ok(Opened { store, adopted: ready.adopted, migrated: ready.migrated })
}

#[async_trait]
impl Store for SqliteStore {
    async fn begin(&self, wish: &Claim) -> Result<Epoch, StoreError> {
        let wish = wish.clone();
        self.thread
            .call(move |file| {
                // Another run may have left the file without its log since it was opened.
                file.set_up_writing()?;
                file.write(|connection, _| lease::begin(connection, &wish))
            })
            .await
    }

    async fn commit(&self, epoch: Epoch, batch: &Batch) -> Result<Committed, StoreError> {
        let batch = batch.clone();
        self.thread
            .call(move |file| {
                file.write_batch(batch.at, |connection, style| commit::commit(connection, style, epoch, &batch))
            })
            .await
    }

    async fn end(&self, epoch: Epoch, end: &RunEnd) -> Result<(), StoreError> {
        let end = end.clone();
        self.thread
            .call(move |file| {
                file.write(|connection, _| lease::end(connection, epoch, &end))?;
                file.fold_log();
                Ok(())
            })
            .await
    }

    async fn load(&self, counted_since: Moment) -> Result<Loaded, StoreError> {
        self.read(move |connection| read::load(connection, counted_since)).await
    }

    async fn take_orders(&self, epoch: Epoch, followed: &[i64]) -> Result<Vec<(i64, Order)>, StoreError> {
        let followed = followed.to_vec();
        self.thread
            .call(move |file| {
                // A look that finds nothing takes no lock.
                if !followed.is_empty() {
                    file.write(|connection, _| lease::mark_taken(connection, epoch, &followed))?;
                }
                lease::untaken(&file.connection, epoch)
            })
            .await
    }

    async fn audit(&self, each: &mut EachBar<'_>) -> Result<Ledger, StoreError> {
        let (parts, mut coming) = mpsc::channel::<Vec<read::AuditedRow>>(2);
        let reading = self.thread.call(move |file| {
            file.read(|connection| {
                read::audit(connection, &mut |part| parts.blocking_send(part).is_ok())?;
                read::ledger(connection)
            })
        });
        let taking = async {
            while let Some(part) = coming.recv().await {
                for (symbol, row) in &part {
                    each(symbol, row.as_ref().map_err(String::as_str));
                }
            }
        };
        let (result, ()) = tokio::join!(reading, taking);
        result
    }
}

#[async_trait]
impl Outside for SqliteStore {
    fn place(&self) -> &str {
        self.thread.place()
    }

    async fn glance(&self, now: Moment) -> Result<Glance, StoreError> {
        self.read(move |connection| read::glance(connection, now)).await
    }

    async fn coverage(&self, currency: &Currency) -> Result<Vec<ExpiryCover>, StoreError> {
        let currency = currency.clone();
        self.read(move |connection| outside::coverage(connection, &currency)).await
    }

    async fn chain(&self, currency: &Currency, expiry: Option<Date>) -> Result<Vec<OptionRecord>, StoreError> {
        let currency = currency.clone();
        self.read(move |connection| outside::chain(connection, &currency, expiry)).await
    }

    async fn story(&self, symbol: &Symbol) -> Result<Option<Story>, StoreError> {
        let symbol = storable_symbol(symbol);
        self.read(move |connection| outside::story(connection, &symbol)).await
    }

    async fn history(&self, symbol: &Symbol) -> Result<Vec<Candle>, StoreError> {
        let symbol = storable_symbol(symbol);
        self.read(move |connection| candles::of_symbol(connection, symbol.as_str())).await
    }

    async fn journal(&self, newest: usize) -> Result<Vec<JournalLine>, StoreError> {
        self.read(move |connection| outside::journal(connection, newest)).await
    }

    async fn runs(&self, newest: usize) -> Result<Vec<RunRow>, StoreError> {
        self.read(move |connection| outside::runs(connection, newest)).await
    }

    async fn leave_order(&self, order: &Order, now: Moment) -> Result<Option<Left>, StoreError> {
        let (mode, order) = (self.mode, order.clone());
        self.thread
            .call(move |file| match mode {
                Mode::Write => file.write(|connection, _| lease::leave_order(connection, &order, now)),
                Mode::Read => {
                    let mut second = file::second(&file.path)?;
                    let writing = second.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
                    let left = lease::leave_order(&writing, &order, now)?;
                    writing.commit()?;
                    Ok(left)
                }
            })
            .await
    }

    async fn order_taken(&self, id: i64) -> Result<bool, StoreError> {
        self.read(move |connection| outside::order_taken(connection, id)).await
    }
}

impl SqliteStore {
    /// Reads one state of the file on its thread.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.thread.call(move |file| file.read(work)).await
    }
}

/// What is kept under a name.
fn memory<T: DeserializeOwned>(connection: &Connection, name: &str) -> Result<Option<T>, Trouble> {
    let sql = "SELECT value FROM chainfill_memory WHERE name = ?1";
    let value = connection.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional();
    let value: Option<Value> = value.map_err(|error| Trouble::from(error).in_table("chainfill_memory"))?;
    let read = |value| match value {
        Value::Text(text) => kept::read(&text).map_err(|error| error.to_string()),
        _ => Err("it is no text".to_owned()),
    };
    value.map(read).transpose().map_err(|what| Trouble::memory(name, what))
}

/// Keeps something under a name.
fn remember<T: Serialize>(connection: &Connection, name: &str, what: &T) -> Result<(), Trouble> {
    let value = serde_json::to_string(what).map_err(|error| Trouble::odd(format!("{name}: {error}")))?;
    let sql = "INSERT INTO chainfill_memory (name, value) VALUES (?1, ?2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    connection.prepare_cached(sql)?.execute(params![name, value])?;
    Ok(())
}
