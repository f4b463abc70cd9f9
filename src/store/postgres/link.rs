//! A connection, made anew by itself when it broke, and several statements in one round trip.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio_postgres::config::{Config, Host, SslMode};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, NoTls, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::trouble::Trouble;
use crate::limits::{PG_CONNECT_MS_MAX, PG_LOCK_MS_MAX, PG_SILENCE_MS_MAX};

/// A connection and the statements that are prepared on it.
pub(super) struct Link {
    pub(super) client: Client,
    statements: HashMap<&'static str, Statement>,
}

/// Parameters of a statement.
pub(super) type Values<'a> = Vec<&'a (dyn ToSql + Sync)>;

type Call<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, Error>> + Send + 'a>>;

/// Statements that go out together and are answered together.
pub(super) struct Pipeline<'a> {
    client: &'a Client,
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
                drive(connection);
                Ok::<Client, Trouble>(client)
            } else {
                let (client, connection) = config.connect(tls()?).await?;
                drive(connection);
                Ok(client)
            }
        };
        // The driver bounds the connection only; a server that takes it and says nothing is bounded here.
        let patience = Duration::from_millis(PG_CONNECT_MS_MAX * 2);
        let client = tokio::time::timeout(patience, connecting).await.map_err(|_| {
            let what = "the server took the connection and did not answer".to_owned();
            Trouble::Store(crate::store::StoreError::Away { place: place(&config), what })
        })??;
        // A time without a zone is UTC; no wait for a lock is without an end. A table that grows from nothing has
        // no statistics: left to itself the planner reads all of it to find one option's bars, 20 times slower.
        let session = format!(
            "SET TIME ZONE 'UTC'; SET lock_timeout = {PG_LOCK_MS_MAX}; SET client_min_messages = warning; \
             SET plan_cache_mode = force_custom_plan; SET enable_seqscan = off; SET jit = off"
        );
        client.batch_execute(&session).await?;
        Ok(Link { client, statements: HashMap::new() })
    }

    /// The statement, prepared once a connection.
    pub(super) async fn prepare(&mut self, sql: &'static str) -> Result<Statement, Trouble> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    /// Prepares all of these that are not prepared yet, in one round trip.
    pub(super) async fn prepare_all<const N: usize>(
        &mut self,
        all: [&'static str; N],
    ) -> Result<[Statement; N], Trouble> {
        let missing: Vec<&'static str> = all.into_iter().filter(|sql| !self.statements.contains_key(sql)).collect();
        let prepared = try_join_all(missing.iter().map(|sql| self.client.prepare(sql))).await?;
        self.statements.extend(missing.into_iter().zip(prepared));
        let statements: Vec<Statement> = all.iter().filter_map(|sql| self.statements.get(sql).cloned()).collect();
        statements.try_into().map_err(|_| Trouble::odd("a statement was not prepared"))
    }

    /// Statements that go out together.
    pub(super) fn pipeline(&self) -> Pipeline<'_> {
        Pipeline { client: &self.client, calls: Vec::with_capacity(8) }
    }

    /// Whether it can be used.
    pub(super) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }
}

impl<'a> Pipeline<'a> {
    /// Adds a statement.
    pub(super) fn add(&mut self, statement: &'a Statement, values: Values<'a>) {
        let client = self.client;
        self.calls.push(Box::pin(async move { client.query(statement, &values).await }));
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

fn drive<C>(connection: C)
where
    C: Future<Output = Result<(), Error>> + Send + 'static,
{
    // When it ends, whoever uses the client hears why.
    tokio::spawn(async move {
        let _ = connection.await;
    });
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
