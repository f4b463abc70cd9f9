//! Where a store under test lives, so that it can be opened again and looked at from outside.

use std::sync::Arc;

use crate::rig::postgres::Postgres;
use chainfill::store::{MemoryStore, Mode, Opened, Store, StoreError, StoreUrl, open};

/// One store's home.
pub(super) enum Home {
    Memory(Arc<MemoryStore>),
    Sqlite(tempfile::TempDir),
    Postgres(Postgres, String),
}

impl Home {
    pub(super) fn memory() -> Home {
        Home::Memory(Arc::new(MemoryStore::new()))
    }

    pub(super) fn sqlite() -> Home {
        Home::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(super) fn postgres() -> Home {
        let server = Postgres::start();
        let url = server.database();
        Home::Postgres(server, url)
    }

    pub(super) fn path(&self) -> std::path::PathBuf {
        let Home::Sqlite(directory) = self else { panic!("only a file has a path") };
        directory.path().join("chainfill.db")
    }

    pub(super) fn url(&self) -> StoreUrl {
        match self {
            Home::Memory(_) => panic!("memory has no URL"),
            Home::Sqlite(_) => StoreUrl::sqlite(&self.path()),
            Home::Postgres(_, url) => url.parse().unwrap(),
        }
    }

    /// What the server wrote to its log.
    pub(super) fn log(&self) -> String {
        let Home::Postgres(server, _) = self else { panic!("only a server writes one") };
        server.log()
    }

    pub(super) async fn try_open(&self, mode: Mode) -> Result<Opened, StoreError> {
        open(&self.url(), mode).await
    }

    pub(super) async fn store(&self) -> Arc<dyn Store> {
        match self {
            Home::Memory(store) => Arc::<MemoryStore>::clone(store),
            _ => self.try_open(Mode::Write).await.unwrap().store,
        }
    }

    pub(super) fn has_tables(&self) -> bool {
        !matches!(self, Home::Memory(_))
    }

    /// Runs SQL that somebody else might run.
    pub(super) async fn sql(&self, sql: &str) {
        match self {
            Home::Memory(_) => panic!("memory has no SQL"),
            Home::Sqlite(_) => rusqlite::Connection::open(self.path()).unwrap().execute_batch(sql).unwrap(),
            Home::Postgres(_, url) => {
                let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
                let driver = tokio::spawn(connection);
                client.batch_execute(sql).await.unwrap();
                drop(client);
                driver.await.unwrap().unwrap();
            }
        }
    }

    /// The first column of a query's rows, as text.
    pub(super) async fn ask(&self, sql: &str) -> Vec<String> {
        match self {
            Home::Memory(_) => panic!("memory has no SQL"),
            Home::Sqlite(_) => {
                let connection = rusqlite::Connection::open(self.path()).unwrap();
                let mut statement = connection.prepare(&format!("SELECT CAST(c AS TEXT) FROM ({sql})")).unwrap();
                let rows = statement.query_map([], |row| row.get::<_, Option<String>>(0)).unwrap();
                rows.map(|row| row.unwrap().unwrap_or_default()).collect()
            }
            Home::Postgres(_, url) => {
                let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                let rows = client.query(&format!("SELECT c::text FROM ({sql}) AS q"), &[]).await.unwrap();
                rows.iter().map(|row| row.get::<_, Option<String>>(0).unwrap_or_default()).collect()
            }
        }
    }
}
