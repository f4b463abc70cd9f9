//! An archive in a database: any cell of any table, as far as its type and the checks take it, and rows gone.

use std::collections::BTreeMap;

use chainfill::store::StoreUrl;
use fastrand::Rng;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::{Place, garbled};
use crate::rig::postgres::Postgres;

pub struct Database {
    server: Postgres,
    template: String,
    url: String,
    runtime: tokio::runtime::Runtime,
}

impl Database {
    pub fn new() -> Database {
        let server = Postgres::start();
        let template = server.database();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Database { server, url: template.clone(), template, runtime }
    }

    /// The database from which others are made and dropped.
    fn all(&self) -> String {
        self.template.replace(name(&self.template), "postgres")
    }

    /// Rows of a database's answer as texts; `None` where it refuses.
    fn ask(&self, url: &str, sql: &str) -> Option<Vec<Vec<Option<String>>>> {
        self.runtime.block_on(async {
            let (client, connection): (Client, _) = tokio_postgres::connect(url, NoTls).await.unwrap();
            let driver = tokio::spawn(connection);
            let answer = client.simple_query(sql).await;
            drop(client);
            driver.await.unwrap().unwrap();
            let rows = answer.ok()?.into_iter().filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect()),
                _ => None,
            });
            Some(rows.collect())
        })
    }
}

impl Place for Database {
    fn url(&self) -> StoreUrl {
        self.url.parse().unwrap()
    }

    fn keep(&mut self) {
        // A database that somebody is connected to is no template.
        let leave = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname LIKE 'db%'";
        self.ask(&self.all(), leave).unwrap();
    }

    fn put_back(&mut self) {
        let all = self.all();
        self.ask(&all, "DROP DATABASE IF EXISTS copy WITH (FORCE)").unwrap();
        let copy = format!("CREATE DATABASE copy TEMPLATE {}", name(&self.template));
        self.ask(&all, &copy).unwrap_or_else(|| panic!("{}", self.server.log()));
        self.url = self.template.replace(name(&self.template), "copy");
    }

    fn alter(&self, rng: &mut Rng) -> Option<(String, Vec<String>)> {
        let columns = "SELECT table_name, column_name, data_type FROM information_schema.columns \
             WHERE table_schema = 'public' ORDER BY 1, 2";
        let columns = self.ask(&self.url, columns)?;
        let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
        let mut tables: Vec<String> = columns.iter().map(|column| text(&column[0])).collect();
        tables.dedup();
        let table = &tables[rng.usize(..tables.len())];
        let columns: Vec<_> = columns.iter().filter(|column| text(&column[0]) == *table).collect();
        let column = columns[rng.usize(..columns.len())];
        let (name, kind) = (text(&column[1]), text(&column[2]));
        let has_symbol = columns.iter().any(|column| text(&column[1]) == "symbol");
        let symbol = if has_symbol { "symbol" } else { "NULL" };
        let draw = format!("SELECT ctid, {name}, {symbol} FROM {table} ORDER BY random() LIMIT 1");
        // The database's own chance would tell another story the next time.
        let draw = draw.replace("random()", &format!("md5(ctid::text || '{}')", rng.u32(..)));
        let row = self.ask(&self.url, &draw)?.into_iter().next()?;
        let (place, was) = (text(&row[0]), row[1].clone());
        let is_gone = rng.u8(..16) == 0;
        let other = other(&kind, &name, &text(&row[1]), rng);
        let sql = if is_gone {
            format!("DELETE FROM {table} WHERE ctid = '{place}'")
        } else {
            format!("UPDATE {table} SET {name} = {other} WHERE ctid = '{place}' RETURNING {symbol}")
        };
        let now = self.ask(&self.url, &sql)?.into_iter().next();
        let what = if is_gone { "is gone".to_owned() } else { format!("{was:?} is {other}") };
        let symbols = [row[2].clone(), now.and_then(|row| row[0].clone())];
        Some((format!("{table}.{name} at {place}: {what}"), symbols.into_iter().flatten().collect()))
    }

    fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let sql = "SELECT symbol, t::text FROM cryptodatadownload_options_daily AS t ORDER BY symbol, date";
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in self.ask(&self.url, sql).unwrap() {
            let [symbol, bar] = [&row[0], &row[1]].map(|cell| cell.clone().unwrap_or_default());
            all.entry(symbol).or_default().push(bar);
        }
        all
    }
}

fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

/// Another value for a column of that type, as SQL.
fn other(kind: &str, name: &str, was: &str, rng: &mut Rng) -> String {
    let near_numbers = [format!("{name} + 1"), format!("-{name}"), format!("{name} # (1::bigint << {})", rng.u8(..63))];
    let (near, far): (&[String], &[&str]) = match kind {
        "bigint" | "integer" => (&near_numbers, &["0", "-1", "9223372036854775807", "-9223372036854775808"]),
        "boolean" => (&[format!("NOT {name}")], &["TRUE", "FALSE"]),
        "date" => (&[format!("{name} + 1")], &["'infinity'", "'-infinity'", "'0001-01-01 BC'", "'9999-12-31'"]),
        "numeric" => (&[format!("{name} + 0.1"), format!("-{name}")], &["'NaN'", "'Infinity'", "1e100", "1e-100", "0"]),
        "double precision" => (&[format!("{name} + 0.1"), format!("-{name}")], &["'NaN'", "'Infinity'", "1e300", "0"]),
        "text" => (
            &[format!("'{}'", garbled(was, rng).replace('\'', "''"))],
            &["''", "'{}'", "'null'", "'BTC-1JAN30-1-C'", "U&'\\001b[2J\\202e'"],
        ),
        _ => (&[format!("{name} + interval '1 day'")], &["'infinity'", "'-infinity'", "now()"]),
    };
    match rng.u8(..10) {
        0..6 => near[rng.usize(..near.len())].clone(),
        6..9 => far[rng.usize(..far.len())].to_owned(),
        _ => "NULL".to_owned(),
    }
}
