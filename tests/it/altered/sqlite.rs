//! An archive in a file: any cell of any table, rows gone or there once more.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chainfill::store::StoreUrl;
use fastrand::Rng;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::{Place, garbled};
use crate::rig::home::Home;

pub struct File {
    home: Home,
    kept: Vec<u8>,
}

/// What stands before bytes that are to be stored as a text.
const TEXT: &[u8] = b"text:";

/// A row of a table.
struct Row {
    table: String,
    columns: Vec<String>,
    keys: Vec<usize>,
    cells: Vec<Value>,
}

impl File {
    pub fn new() -> File {
        File { home: Home::new("chainfill-altered-"), kept: Vec::new() }
    }

    fn path(&self) -> PathBuf {
        self.home.path().join("chainfill.db")
    }
}

impl Place for File {
    fn url(&self) -> StoreUrl {
        StoreUrl::sqlite(&self.path())
    }

    fn keep(&mut self) {
        self.kept = std::fs::read(self.path()).unwrap();
    }

    fn put_back(&mut self) {
        for beside in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(self.home.path().join(format!("chainfill.db{beside}")));
        }
        std::fs::write(self.path(), &self.kept).unwrap();
    }

    fn alter(&self, rng: &mut Rng) -> Option<(String, Vec<String>)> {
        let connection = Connection::open(self.path()).unwrap();
        // A flipped bit asks for no check.
        connection.execute_batch("PRAGMA ignore_check_constraints = ON").unwrap();
        let tables = tables(&connection);
        let row = Row::draw(&connection, &tables[rng.usize(..tables.len())], rng)?;
        let before = row.symbol();
        let (words, after) = row.alter(&connection, rng)?;
        Some((words, before.into_iter().chain(after).collect()))
    }

    fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let connection = Connection::open(self.path()).unwrap();
        let sql = "SELECT cast(symbol AS TEXT), * FROM cryptodatadownload_options_daily ORDER BY 1, date";
        let mut statement = connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let symbol = String::from_utf8_lossy(row.get_ref(0).unwrap().as_bytes().unwrap()).into_owned();
            let cells: Vec<_> = (1..columns).map(|at| row.get_ref(at).unwrap()).collect();
            all.entry(symbol).or_default().push(format!("{cells:?}"));
        }
        all
    }
}

fn tables(connection: &Connection) -> Vec<String> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name";
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

impl Row {
    fn draw(connection: &Connection, table: &str, rng: &mut Rng) -> Option<Row> {
        let mut statement = connection.prepare(&format!("PRAGMA table_info({table})")).unwrap();
        let info: Vec<(String, i64)> =
            statement.query_map([], |row| Ok((row.get(1)?, row.get(5)?))).unwrap().map(Result::unwrap).collect();
        let keys: Vec<usize> = (0..info.len()).filter(|at| info[*at].1 > 0).collect();
        let keys = if keys.is_empty() { (0..info.len()).collect() } else { keys };
        let count: i64 = connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        if count == 0 {
            return None;
        }
        let sql = format!("SELECT * FROM {table} LIMIT 1 OFFSET {}", rng.i64(0..count));
        // A row with bytes that are no text was altered already.
        let cells = connection.query_row(&sql, [], |row| (0..info.len()).map(|at| row.get(at)).collect()).ok()?;
        Some(Row { table: table.to_owned(), columns: info.into_iter().map(|(name, _)| name).collect(), keys, cells })
    }

    fn symbol(&self) -> Option<String> {
        let at = self.columns.iter().position(|column| column == "symbol")?;
        Some(text(&self.cells[at]))
    }

    /// Alters a cell, takes the row away, or puts it there once more under another key. What was done, and which option
    /// stands there now; `None` where the table does not take it.
    fn alter(mut self, connection: &Connection, rng: &mut Rng) -> Option<(String, Option<String>)> {
        let key: Vec<Value> = self.keys.iter().map(|at| self.cells[*at].clone()).collect();
        let place: Vec<String> =
            self.keys.iter().enumerate().map(|(n, at)| format!("{} IS ?{}", self.columns[*at], n + 1)).collect();
        let (table, place) = (self.table.clone(), place.join(" AND "));
        match rng.u8(..16) {
            0 => {
                let gone = connection.execute(&format!("DELETE FROM {table} WHERE {place}"), params_from_iter(&key));
                (gone == Ok(1)).then(|| (format!("{table}: {key:?} is gone"), None))
            }
            1 => {
                let at = self.keys[rng.usize(..self.keys.len())];
                self.cells[at] = other(&self.cells[at], rng);
                let marks: Vec<String> = (1..=self.cells.len()).map(|n| format!("?{n}")).collect();
                let sql = format!("INSERT INTO {table} VALUES ({})", marks.join(", "));
                let put = connection.execute(&sql, params_from_iter(&self.cells));
                (put == Ok(1)).then(|| (format!("{table}: {key:?} again as {:?}", self.cells[at]), self.symbol()))
            }
            _ => {
                let at = rng.usize(..self.cells.len());
                let was = std::mem::replace(&mut self.cells[at], Value::Null);
                self.cells[at] = other(&was, rng);
                let mut value = format!("?{}", key.len() + 1);
                if let Value::Blob(bytes) = &mut self.cells[at]
                    && bytes.starts_with(TEXT)
                {
                    value = format!("CAST({value} AS TEXT)");
                    bytes.drain(..TEXT.len());
                }
                let sql = format!("UPDATE {table} SET {} = {value} WHERE {place}", self.columns[at]);
                let set = connection.execute(&sql, params_from_iter(key.iter().chain([&self.cells[at]])));
                let words = || format!("{table}.{} of {key:?}: {was:?} is {:?}", self.columns[at], self.cells[at]);
                (set == Ok(1)).then(|| (words(), self.symbol()))
            }
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Null => String::new(),
    }
}

/// Another value in its place: near it, far off, or of another kind.
fn other(value: &Value, rng: &mut Rng) -> Value {
    match (value, rng.u8(..8)) {
        (Value::Integer(number), 0..5) => match rng.u8(..4) {
            0 => Value::Integer(number ^ (1 << rng.u32(..63))),
            1 => Value::Integer(number.wrapping_add(rng.i64(-2..=2))),
            2 => Value::Integer(number.wrapping_neg()),
            _ => Value::Integer(number.wrapping_mul(1000)),
        },
        (Value::Real(number), 0..5) => Value::Real(f64::from_bits(number.to_bits() ^ (1 << rng.u32(..64)))),
        (Value::Text(text), 0..6) => Value::Text(garbled(text, rng)),
        (Value::Text(text), 6) => Value::Blob(text.clone().into_bytes()),
        (Value::Text(text), 7) if !text.is_empty() => {
            // Stored as a text again: a file takes any bytes for one.
            let mut bytes = text.clone().into_bytes();
            let at = rng.usize(..bytes.len());
            bytes[at] ^= 0x80;
            Value::Blob([TEXT, &bytes].concat())
        }
        _ => [
            Value::Null,
            Value::Integer(0),
            Value::Integer(-1),
            Value::Integer(i64::MAX),
            Value::Integer(i64::MIN),
            Value::Integer(rng.i64(..)),
            Value::Integer(253_402_300_800_000),
            Value::Real(f64::INFINITY),
            Value::Real(1e300),
            Value::Real(-0.0),
            Value::Text(String::new()),
            Value::Text("\u{1b}[2J\u{202e}".to_owned()),
            Value::Text("9999-12-31".to_owned()),
            Value::Text("BTC-1JAN30-1-C".to_owned()),
            Value::Text("{}".to_owned()),
            Value::Text("null".to_owned()),
            Value::Blob(vec![0xff, 0xfe, 0]),
        ][rng.usize(..17)]
        .clone(),
    }
}
