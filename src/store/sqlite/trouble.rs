//! What SQLite's errors mean for a run.

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::StoreError;
use crate::store::mend;

/// An error inside a call, before it knows its store's place.
#[derive(Debug)]
pub(super) enum Trouble {
    /// SQLite's own.
    Sql(rusqlite::Error),
    /// One that is ready to be told.
    Store(StoreError),
    /// Something is wrong with the file or its tables, and this mends it.
    Unfit(String, String),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Trouble {
        Trouble::Sql(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Trouble {
        Trouble::Store(error)
    }
}

impl Trouble {
    /// The table holds what cannot be.
    pub(super) fn odd(what: impl Into<String>) -> Trouble {
        Trouble::Unfit(what.into(), "look at that row; `chainfill verify` names the options".to_owned())
    }

    /// A line of the ledger holds what cannot be.
    pub(super) fn line(symbol: &str, what: &str) -> Trouble {
        Trouble::Unfit(format!("the ledger's line of {symbol:?}: {what}"), mend::LINE.to_owned())
    }

    /// A row of that table holds what cannot be.
    pub(super) fn row(table: &str, what: impl std::fmt::Display) -> Trouble {
        Trouble::Unfit(format!("a row of {table} cannot be read: {what}"), mend::row(table).to_owned())
    }

    /// Something that is kept under a name holds what cannot be.
    pub(super) fn memory(name: &str, what: impl std::fmt::Display) -> Trouble {
        Trouble::Unfit(format!("chainfill_memory, {name}: {what}"), mend::memory(name).to_owned())
    }

    /// The same, and where it is a value that no run can have written, the table in which that stands (B13).
    pub(super) fn in_table(self, table: &str) -> Trouble {
        match self {
            Trouble::Sql(
                error @ (Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::InvalidColumnType(..)
                | Error::Utf8Error(..)),
            ) => Trouble::row(table, error),
            Trouble::Sql(Error::QueryReturnedNoRows) => Trouble::Unfit(
                format!("{table} has lost its row"),
                "INSERT INTO chainfill_lease VALUES (1, 0, 0, 0)".to_owned(),
            ),
            other => other,
        }
    }

    /// The error as the port tells it.
    pub(super) fn at(self, place: &str) -> StoreError {
        let place = place.to_owned();
        let error = match self {
            Trouble::Store(error) => return error,
            Trouble::Unfit(what, mend) => return StoreError::Unfit { place, what, mend },
            Trouble::Sql(error) => error,
        };
        let what = error.to_string();
        // SQLite has a code of its own for a disk that has no room for the memory that it shares beside the file.
        if error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE) {
            return StoreError::Full { place, what: format!("{what} while its -shm file was made longer") };
        }
        let mend = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
                return StoreError::Away { place, what: format!("another program keeps it locked ({what})") };
            }
            Some(ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory) => return StoreError::Away { place, what },
            Some(ErrorCode::DiskFull) => return StoreError::Full { place, what },
            Some(ErrorCode::NotADatabase) => "the file is not an SQLite database: choose another path",
            Some(ErrorCode::DatabaseCorrupt) => "the file is damaged: restore a backup, or try `sqlite3 FILE .recover`",
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "make the file and its directory writable",
            Some(ErrorCode::CannotOpen) => "make the directory, and see that it may be read and written",
            _ => {
                let what = format!("its tables are not as they were left: {what}");
                return StoreError::Unfit {
                    place,
                    what,
                    mend: "restore a backup, or start with a new file".to_owned(),
                };
            }
        };
        StoreError::Unfit { place, what, mend: mend.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_a_lock_and_a_wrong_file_are_different_things() {
        // F-B11, F-B8
        let told = |code| Trouble::Sql(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)).at("x");
        assert!(matches!(told(rusqlite::ffi::SQLITE_FULL), StoreError::Full { .. }));
        assert!(matches!(told(ffi::SQLITE_IOERR_SHMSIZE), StoreError::Full { .. }));
        assert!(matches!(told(ffi::SQLITE_IOERR_READ), StoreError::Away { .. }));
        assert!(matches!(told(rusqlite::ffi::SQLITE_BUSY_SNAPSHOT), StoreError::Away { .. }));
        assert!(matches!(told(rusqlite::ffi::SQLITE_NOTADB), StoreError::Unfit { .. }));
        assert!(matches!(told(rusqlite::ffi::SQLITE_CORRUPT), StoreError::Unfit { .. }));
    }
}
