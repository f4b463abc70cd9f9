//! A connection, made anew by itself when it broke, and several statements in one round trip.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::task::JoinHandle;
use tokio_postgres::config::{Config, Host, SslMode};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, NoTls, Row, RowStream, SimpleQueryMessage, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::pooler;
use super::trouble::Trouble;
use super::value::{Value, Values};
use crate::limits::{PG_CONNECT_MS_MAX, PG_IDLE_MS_MAX, PG_LOCK_MS_MAX, PG_SILENCE_MS_MAX};

/// A connection and the statements that are prepared on it.
pub(super) struct Link {
    client: Client,
    /// Whether the server's session is this connection's own, and no pooler's.
    is_own: bool,
    statements: HashMap<&'static str, Statement>,
    driver: JoinHandle<()>,
}

/// A statement, ready to be sent: by its name on an own session, else by its text.
#[derive(Clone)]
pub(super) struct Ready {
    sql: &'static str,
    prepared: Option<Statement>,
}

type Call<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, Error>> + Send + 'a>>;

/// Statements that go out together and are answered together.
pub(super) struct Pipeline<'a> {
    link: &'a Link,
    calls: Vec<Call<'a>>,
}

impl Link {
    /// Connects: one try.
    pub(super) async fn connect(config: &Config) -> Result<Link, Trouble> {
        let mut config = config.clone();
        let silence = Duration::from_millis(PG_SILENCE_MS_MAX);
        config.connect_timeout(Duration::from_millis(PG_CONNECT_MS_MAX)).application_name("chainfill");
        config.keepalives_idle(silence).keepalives_interval(silence / 3).tcp_user_timeout(silence);
        let connecting = async {
            if is_near(&config) && config.get_ssl_mode() != SslMode::Require {
                config.ssl_mode(SslMode::Disable);
                let (client, connection) = config.connect(NoTls).await?;
                let driver = drive(connection);
                Ok::<_, Trouble>((client, driver))
            } else {
                let (client, connection) = config.connect(tls()?).await?;
                let driver = drive(connection);
                Ok((client, driver))
            }
        };
        // The driver bounds the connection only; a server that takes it and says nothing is bounded here.
        let patience = Duration::from_millis(PG_CONNECT_MS_MAX * 2);
        let (client, driver) = tokio::time::timeout(patience, connecting).await.map_err(|_| {
            let what = "the server took the connection and did not answer".to_owned();
            Trouble::Store(crate::store::StoreError::Away { place: place(&config), what })
        })??;
        let mut link = Link { client, is_own: false, statements: HashMap::new(), driver };
        link.is_own = link.set_own_session().await?;
        Ok(link)
    }

    /// Sets what holds for the session, where it is this connection's own; says whether it is.
    async fn set_own_session(&self) -> Result<bool, Trouble> {
        let Some(process) = pooler::greeted_by(&self.client).await else { return Ok(false) };
        // One statement: through a pooler the next one may meet another session.
        let is_own = format!("pg_backend_pid() = {process}");
        let sql = format!("SELECT {is_own}, CASE WHEN {is_own} THEN concat({}) END", settings(false));
        for message in self.client.simple_query(&sql).await? {
            if let SimpleQueryMessage::Row(row) = message {
                return Ok(row.get(0) == Some("t"));
            }
        }
        Err(Trouble::odd("the server did not say which process it is"))
    }

    /// Begins a transaction.
    pub(super) async fn begin(&self, begin: &str) -> Result<(), Error> {
        if self.is_own { self.batch(begin).await } else { self.batch(&begun(begin)).await }
    }

    /// Runs statements without values or rows.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).await
    }

    /// Runs a statement that is not kept, in one round trip.
    pub(super) async fn ask(&self, sql: &str, values: &[&(dyn Value + Sync)]) -> Result<Vec<Row>, Error> {
        self.client.query_typed(sql, &typed(values)).await
    }

    /// The same for one that has one row.
    pub(super) async fn ask_one(&self, sql: &str, values: &[&(dyn Value + Sync)]) -> Result<Row, Error> {
        self.client.query_typed_one(sql, &typed(values)).await
    }

    /// The same for one that has no rows; says how many it wrote.
    pub(super) async fn tell(&self, sql: &str, values: &[&(dyn Value + Sync)]) -> Result<u64, Error> {
        self.client.execute_typed(sql, &typed(values)).await
    }

    /// The rows of a statement without values, one after the other: all at once would be more memory than a run has.
    pub(super) async fn rows(&self, sql: &str) -> Result<RowStream, Error> {
        let none: [(i64, Type); 0] = [];
        self.client.query_typed_raw(sql, none).await
    }

    /// Runs a statement that is ready.
    pub(super) async fn query(&self, ready: &Ready, values: &[&(dyn Value + Sync)]) -> Result<Vec<Row>, Error> {
        match &ready.prepared {
            Some(statement) => {
                let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| *value as _).collect();
                self.client.query(statement, &values).await
            }
            None => self.ask(ready.sql, values).await,
        }
    }

    /// The statement, prepared once a connection.
    pub(super) async fn prepare(&mut self, sql: &'static str) -> Result<Ready, Trouble> {
        let [ready] = self.prepare_all([sql]).await?;
        Ok(ready)
    }

    /// Prepares all of these that are not prepared yet, in one round trip.
    pub(super) async fn prepare_all<const N: usize>(&mut self, all: [&'static str; N]) -> Result<[Ready; N], Trouble> {
        if self.is_own {
            let missing: Vec<&'static str> = all.into_iter().filter(|sql| !self.statements.contains_key(sql)).collect();
            let prepared = try_join_all(missing.iter().map(|sql| self.client.prepare(sql))).await?;
            self.statements.extend(missing.into_iter().zip(prepared));
        }
        Ok(all.map(|sql| Ready { sql, prepared: self.statements.get(sql).cloned() }))
    }

    /// Statements that go out together.
    pub(super) fn pipeline(&self) -> Pipeline<'_> {
        Pipeline { link: self, calls: Vec::with_capacity(8) }
    }

    /// Whether it can be used.
    pub(super) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// Leaves a server that does not answer: the driver would wait for what it owes.
    pub(super) fn abandon(self) {
        self.driver.abort();
    }
}

impl<'a> Pipeline<'a> {
    /// Begins a transaction with it.
    pub(super) fn begin(&mut self, ready: &'a Ready) {
        if self.link.is_own {
            self.add(ready, vec![]);
            return;
        }
        let (link, sql) = (self.link, begun(ready.sql));
        self.calls.push(Box::pin(async move { link.batch(&sql).await.map(|()| Vec::new()) }));
    }

    /// Adds a statement.
    pub(super) fn add(&mut self, ready: &'a Ready, values: Values<'a>) {
        let link = self.link;
        self.calls.push(Box::pin(async move { link.query(ready, &values).await }));
    }

    /// Sends all, and waits for all. The first one that fails is the error: those after it fail for its sake.
    pub(super) async fn run(self) -> Result<std::vec::IntoIter<Vec<Row>>, Trouble> {
        let mut failed = None;
        let mut answers = Vec::with_capacity(self.calls.len());
        // All are polled in their order at first, which sends them in their order.
        for answer in futures_util::future::join_all(self.calls).await {
            match answer {
                Ok(rows) => answers.push(rows),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or_else(|| Ok(answers.into_iter()), |error| Err(error.into()))
    }
}

/// A transaction's beginning on a session that is not its own: what holds for it ends with it.
fn begun(begin: &str) -> String {
    format!("{begin}; SELECT {}", settings(true))
}

/// Calls that set what holds for a session, or for a transaction. A time without a zone is UTC; no wait for a lock is
/// without an end. A table that grows from nothing has no statistics: left to itself the planner reads all of it to
/// find one option's bars, 20 times slower. And a run that was stopped within a transaction, or whose host is gone,
/// keeps the lease's row from nobody once its lease has run out (P6).
fn settings(is_local: bool) -> String {
    let lock_ms = PG_LOCK_MS_MAX.to_string();
    let idle_ms = PG_IDLE_MS_MAX.to_string();
    let all = [
        ("TimeZone", "UTC"),
        ("lock_timeout", &lock_ms),
        ("idle_in_transaction_session_timeout", &idle_ms),
        ("client_min_messages", "warning"),
        ("plan_cache_mode", "force_custom_plan"),
        ("enable_seqscan", "off"),
        ("jit", "off"),
    ];
    all.map(|(name, value)| format!("set_config('{name}', '{value}', {is_local})")).join(", ")
}

fn typed<'a>(values: &[&'a (dyn Value + Sync)]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    values.iter().map(|value| (*value as _, value.kind())).collect()
}

fn drive<C>(connection: C) -> JoinHandle<()>
where
    C: Future<Output = Result<(), Error>> + Send + 'static,
{
    // When it ends, whoever uses the client hears why.
    tokio::spawn(async move {
        let _ = connection.await;
    })
}

fn tls() -> Result<MakeRustlsConnect, Trouble> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Trouble::odd(error.to_string()))?;
    Ok(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// Whether every host is this machine.
fn is_near(config: &Config) -> bool {
    let near_ip = |ip: &IpAddr| ip.is_loopback();
    config.get_hostaddrs().iter().all(near_ip)
        && config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip| near_ip(&ip)),
            #[cfg(unix)]
            Host::Unix(_) => true,
        })
}

fn place(config: &Config) -> String {
    crate::store::url::shown(config)
}
