//! The open file: its connection, and whether the path still leads to it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::room;
use super::trouble::Trouble;
use crate::domain::moment::Moment;
use crate::limits::{
    SQLITE_BUSY_MS, SQLITE_CACHE_KIB, SQLITE_CHECKPOINT_PAGES, SQLITE_LOG_RETRY_MS, SQLITE_LOG_TRIES_MAX,
    SQLITE_PAGE_BYTES, SQLITE_SYNC_MS, SQLITE_WAL_BYTES,
};
use crate::store::adoption::Style;
use crate::store::{Mode, StoreError};

/// Statements that are kept prepared: more than there are.
const STATEMENTS: usize = 64;

/// An open database.
pub(super) struct File {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    pub(super) style: Style,
    identity: Option<(u64, u64)>,
    /// When a commit last went to the disk itself.
    synced_at: Option<Moment>,
    /// Whether commits wait for the disk, as the connection is set now; `None` where it was not set.
    waits: Option<bool>,
    /// Pages at which the log is folded into the file, as the connection is set now.
    log_pages: Option<i64>,
}

impl File {
    /// Opens the file; in [`Mode::Write`] it is made where there is none.
    pub(super) fn open(path: &Path, place: &str, mode: Mode) -> Result<File, Trouble> {
        let exists = path.metadata().is_ok_and(|metadata| metadata.len() > 0);
        let flags = match mode {
            Mode::Read if !exists => return Err(StoreError::Nothing { place: place.to_owned() }.into()),
            Mode::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Mode::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        };
        let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        prepare(&connection)?;
        let identity = if mode == Mode::Write { identity(path) } else { None };
        Ok(File {
            connection,
            path: path.to_owned(),
            style: Style::default(),
            identity,
            synced_at: None,
            waits: None,
            log_pages: None,
        })
    }

    /// Sets the file up for one writer beside many readers.
    pub(super) fn set_up_writing(&mut self) -> Result<(), Trouble> {
        let mode = self.set_log()?;
        if mode != "wal" {
            return Err(Trouble::Unfit(
                format!("SQLite cannot keep a write-ahead log beside it (it says {mode:?})"),
                "put the file on a local disk".to_owned(),
            ));
        }
        self.wait_for_disk(true)?;
        self.bound_log()
    }

    /// Says how long the log beside the file may become. Only a change is said.
    fn bound_log(&mut self) -> Result<(), Trouble> {
        let pages = match room::left_bytes(&self.path) {
            Some(left_bytes) => room::log_pages(left_bytes, self.log_bytes()),
            None => SQLITE_CHECKPOINT_PAGES,
        };
        if self.log_pages != Some(pages) {
            let kept_bytes = SQLITE_WAL_BYTES.min(pages.saturating_mul(SQLITE_PAGE_BYTES.cast_signed()) * 3 / 2);
            self.connection.pragma_update(None, "wal_autocheckpoint", pages)?;
            self.connection.pragma_update(None, "journal_size_limit", kept_bytes)?;
            self.log_pages = Some(pages);
        }
        Ok(())
    }

    fn log_bytes(&self) -> u64 {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        Path::new(&log).metadata().map_or(0, |metadata| metadata.len())
    }

    /// SQLite does not wait by itself for those who look at the file while it changes its way of writing.
    fn set_log(&self) -> Result<String, Trouble> {
        let mut tries = 1;
        loop {
            match self.connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0)) {
                Err(error)
                    if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tries < SQLITE_LOG_TRIES_MAX =>
                {
                    tries += 1;
                    std::thread::sleep(Duration::from_millis(SQLITE_LOG_RETRY_MS));
                }
                result => return Ok(result?),
            }
        }
    }

    /// Runs a transaction that may write. Nothing of it stays where it fails.
    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&Connection, &Style) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let writing = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = work(&writing, &self.style)?;
        // SQLite would go on writing into a file that nobody finds any more (B10).
        if self.identity.is_some() && self.identity != identity(&self.path) {
            let what = format!("{} was moved, replaced or deleted under the run", self.path.display());
            return Err(Trouble::Unfit(what, "put the file back, with its -wal beside it, and start again".to_owned()));
        }
        writing.commit()?;
        Ok(result)
    }

    /// The same for one batch of many. In a burst only one commit in [`SQLITE_SYNC_MS`] waits for the disk, and
    /// takes those before it along: a killed process loses nothing, and a power cut what came since the last one
    /// that waited, up to a pause in the burst; the file is whole after either. At the vendor's own pace every commit waits for the disk.
    pub(super) fn write_batch<T>(
        &mut self,
        at: Moment,
        work: impl FnOnce(&Connection, &Style) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let due = self.synced_at.is_none_or(|synced| !(0..SQLITE_SYNC_MS).contains(&synced.until_ms(at)));
        self.wait_for_disk(due)?;
        self.bound_log()?;
        let result = self.write(work);
        if let Err(Trouble::Sql(error)) = &result
            && error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        {
            // What stands in the log may find room in the file, and then its place is free for the next try.
            let _ = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        }
        let result = result?;
        if due {
            self.synced_at = Some(at);
        }
        Ok(result)
    }

    /// Says whether commits wait for the disk. Only a change is said: SQLite parses it each time.
    fn wait_for_disk(&mut self, waits: bool) -> Result<(), Trouble> {
        if self.waits != Some(waits) {
            self.connection.pragma_update(None, "synchronous", if waits { "FULL" } else { "NORMAL" })?;
            self.waits = Some(waits);
        }
        Ok(())
    }

    /// Runs reads that all see the same state.
    pub(super) fn read<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, Trouble>) -> Result<T, Trouble> {
        let reading = self.connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        work(&reading)
    }

    /// Leaves the file as other programs like it best: without a log beside it. A read-only shell of another
    /// user fails on a left WAL. Where a reader is at it now, it stays as it is.
    pub(super) fn fold_log(&mut self) {
        self.connection.flush_prepared_statement_cache();
        let _ = self.connection.busy_timeout(std::time::Duration::ZERO);
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        let _ = self.connection.query_row("PRAGMA journal_mode=DELETE", [], |_| Ok(()));
        let _ = self.connection.busy_timeout(std::time::Duration::from_millis(u64::from(SQLITE_BUSY_MS)));
    }
}

/// A second connection, for the one thing that a reader may write.
pub(super) fn second(path: &Path) -> Result<Connection, Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    prepare(&connection)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> Result<(), Trouble> {
    connection.busy_timeout(std::time::Duration::from_millis(u64::from(SQLITE_BUSY_MS)))?;
    connection.pragma_update(None, "cache_size", -SQLITE_CACHE_KIB)?;
    // Else SQLite plans a kept statement anew for each value that is bound to it, in case that one is special.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
