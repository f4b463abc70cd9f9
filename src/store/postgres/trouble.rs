//! What PostgreSQL's errors mean for a run.

use std::error::Error as _;

use tokio_postgres::error::{DbError, Error, SqlState};

use crate::store::StoreError;
use crate::store::mend;

/// An error inside a call, before it knows its store's place.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server's or the driver's own.
    Server(Error),
    /// One that is ready to be told.
    Store(StoreError),
    /// Something is wrong with the database or its tables, and this mends it.
    Unfit(String, String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Server(error)
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

    /// The same, and where it is a value that no run can have written, or a row is gone, the table in which that is (B13).
    pub(super) fn in_table(self, table: &str) -> Trouble {
        match self {
            // A number beyond what its type holds, a time without an end.
            Trouble::Server(error) if error.code().is_some_and(|code| code.code().starts_with("22")) => {
                Trouble::row(table, &error)
            }
            // The driver keeps its kinds of errors to itself.
            Trouble::Server(error)
                if error.as_db_error().is_none() && error.to_string().starts_with("error deserial") =>
            {
                Trouble::row(table, caused(&error))
            }
            Trouble::Server(error) if error.to_string().starts_with("query returned an unexpected number of rows") => {
                let mend = "INSERT INTO chainfill_lease VALUES (1, 0, FALSE, now())";
                Trouble::Unfit(format!("{table} has lost its row"), mend.to_owned())
            }
            other => other,
        }
    }

    /// The server's code, where the server said it.
    pub(super) fn code(&self) -> Option<&SqlState> {
        match self {
            Trouble::Server(error) => error.code(),
            Trouble::Store(_) | Trouble::Unfit(..) => None,
        }
    }

    /// Whether the same transaction may pass at the next try (B4).
    pub(super) fn is_passing(&self) -> bool {
        let again = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
        self.code().is_some_and(|code| again.contains(code))
    }

    /// The error as the port tells it.
    pub(super) fn at(self, place: &str) -> StoreError {
        let place = place.to_owned();
        match self {
            Trouble::Store(error) => error,
            Trouble::Unfit(what, mend) => StoreError::Unfit { place, what, mend },
            Trouble::Server(error) => match error.as_db_error() {
                Some(said) => server_said(said, place),
                None => driver_said(&error, place),
            },
        }
    }
}

/// What a value could not be read for: the driver's own words say only in which column.
pub(super) fn caused(error: &Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

fn server_said(said: &DbError, place: String) -> StoreError {
    let what = match said.detail() {
        Some(detail) => format!("{} ({detail})", said.message()),
        None => said.message().to_owned(),
    };
    let code = said.code().code();
    let mend = match code {
        "53100" => return StoreError::Full { place, what },
        // A session begins with a small file that it writes. On a full disk the server says only this, without a reason
        // (B11); whatever the reason is, waiting may help.
        "XX000" if what.contains("could not write init file") => return StoreError::Full { place, what },
        // Shut down, crashed, starting, cancelled, locked, in use, idle in a transaction for too long.
        "57P01" | "57P02" | "57P03" | "57014" | "55P03" | "55006" | "25P03" => return StoreError::Away { place, what },
        _ if ["08", "40", "53", "58"].contains(&&code[..2]) => return StoreError::Away { place, what },
        "28P01" | "28000" => "check the user and the password in the URL, and pg_hba.conf on the server".to_owned(),
        "3D000" => format!("createdb {}", place.rsplit('/').next().unwrap_or("crypto_data")),
        "42501" => "GRANT the user CREATE on the schema, and SELECT, INSERT, UPDATE on the tables".to_owned(),
        // P9: a pooler gave this connection's statements to another one, or another one's to this.
        "26000" | "42P05" => {
            "a pooler in transaction mode stands between that keeps no prepared statements: connect to \
             PostgreSQL itself, or set max_prepared_statements in PgBouncer 1.21 or newer"
                .to_owned()
        }
        _ if code.starts_with("54") => {
            "something is longer than the server takes; the tables are well. This is a fault of chainfill, please report it"
                .to_owned()
        }
        "25006" => "the server takes no writes: it is a standby, or set to read-only; use the primary".to_owned(),
        _ => {
            let what = format!("its tables are not as they were left: {what} [{code}]");
            return StoreError::Unfit { place, what, mend: "restore a backup, or use another database".to_owned() };
        }
    };
    StoreError::Unfit { place, what: format!("{what} [{code}]"), mend }
}

fn driver_said(error: &Error, place: String) -> StoreError {
    let mut what = error.to_string();
    let mut cause = error.source();
    let mut is_network = error.is_closed();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            // A certificate that does not hold is no matter of waiting (P2).
            is_network |= io.kind() != std::io::ErrorKind::InvalidData;
        }
        let text = inner.to_string();
        if !what.contains(&text) {
            what = format!("{what}: {text}");
        }
        cause = inner.source();
    }
    if is_network || what.contains("timed out") || what.contains("timeout") {
        return StoreError::Away { place, what };
    }
    StoreError::Unfit {
        place,
        what,
        mend: "check the URL: postgres://USER:PASSWORD@HOST/DATABASE?sslmode=…".to_owned(),
    }
}
