//! The table and the ledger as somebody else reads them: by SQL, with nothing of the program between.

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row as SqliteRow};

use super::postgres::Postgres;
use crate::fuzz::plain::{Number, number};

/// The columns that people query, the prices last.
const COLUMNS: &str = "symbol, date, unix_timestamp, currency, expiry_date, strike, option_type, data_source, \
                       price_open, price_high, price_low, price_close, volume_traded";

/// How many of them come before the prices.
const LABELS: usize = 8;

/// A bar: its columns before the prices as texts, then open, high, low, close and volume to the last digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub labels: [String; LABELS],
    pub values: [Option<Number>; 5],
}

/// An option's line in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub state: String,
    pub row_count: usize,
}

/// Everything that is kept of options.
#[derive(Debug, Default)]
pub struct Table {
    /// By symbol, in the order of dates.
    pub rows: BTreeMap<String, Vec<Row>>,
    pub ledger: BTreeMap<String, Line>,
}

/// The bar that the vendor tells in these words.
pub fn row_of(symbol: &str, date: &str, unix_ms: i64, values: [&str; 5]) -> Row {
    let mut parts = symbol.split('-');
    let mut part = || parts.next().unwrap_or_default();
    let (currency, expiry, strike, option_type) = (part(), part(), part(), part());
    let labels = [
        symbol.to_owned(),
        date.to_owned(),
        unix_ms.to_string(),
        currency.to_owned(),
        expiry_date(expiry),
        plain_number(&strike.replace('d', ".")),
        option_type.to_owned(),
        "cryptodatadownload".to_owned(),
    ];
    Row { labels, values: values.map(|text| Some(number(text).expect("a number"))) }
}

/// `2024-06-05` of `5JUN24`.
fn expiry_date(code: &str) -> String {
    const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
    let (day, rest) = code.split_at(code.len().saturating_sub(5));
    let (month, year) = rest.split_at(rest.len().min(3));
    let month = MONTHS.iter().position(|known| *known == month).map_or(0, |at| at + 1);
    format!("20{year}-{month:02}-{day:0>2}")
}

/// One form for `3575`, `3575.0` and `0.50`.
fn plain_number(text: &str) -> String {
    match text.split_once('.') {
        Some((whole, fraction)) if fraction.trim_end_matches('0').is_empty() => whole.to_owned(),
        Some((whole, fraction)) => format!("{whole}.{}", fraction.trim_end_matches('0')),
        None => text.to_owned(),
    }
}

/// All of it, out of a file. A `REAL` is its shortest digits; where those are not the vendor's, the digits kept beside
/// it are, and the `REAL` must be the double that is nearest to them.
pub fn of_sqlite(file: &Connection) -> Table {
    let mut table = Table::default();
    let mut exact: BTreeMap<(String, String, usize), String> = BTreeMap::new();
    each(file, "SELECT symbol, date, field, digits FROM chainfill_exact", |row| {
        let field = row.get::<_, u32>(2).expect("a field") as usize;
        exact.insert((text(row, 0), text(row, 1), field), text(row, 3));
    });
    each(file, &format!("SELECT {COLUMNS} FROM cryptodatadownload_options_daily ORDER BY symbol, date"), |row| {
        let labels: [String; LABELS] = std::array::from_fn(|at| text(row, at));
        let values = std::array::from_fn(|field| {
            let real = text(row, LABELS + field);
            let digits = exact.remove(&(labels[0].clone(), labels[1].clone(), field));
            let digits = digits.unwrap_or_else(|| real.clone());
            let nearest = |text: &str| text.parse::<f64>().ok();
            if nearest(&digits) == nearest(&real) { number(&digits) } else { None }
        });
        table.rows.entry(labels[0].clone()).or_default().push(Row { labels, values });
    });
    assert!(exact.is_empty(), "digits of bars that are not there: {exact:?}");
    each(file, "SELECT symbol, state, row_count FROM chainfill_option", |row| {
        let line = Line { state: text(row, 1), row_count: row.get::<_, u32>(2).expect("a count") as usize };
        table.ledger.insert(text(row, 0), line);
    });
    table
}

/// All of it, out of a database.
pub fn of_postgres(pg: &Postgres, url: &str) -> Table {
    let mut table = Table::default();
    let sql = format!("SELECT {COLUMNS} FROM cryptodatadownload_options_daily ORDER BY symbol, date");
    for line in pg.psql(url, &sql).lines() {
        let fields: Vec<&str> = line.split('|').collect();
        let mut labels: [String; LABELS] = std::array::from_fn(|at| fields[at].to_owned());
        labels[5] = plain_number(&labels[5]);
        let row = Row { values: std::array::from_fn(|field| number(fields[LABELS + field])), labels };
        table.rows.entry(row.labels[0].clone()).or_default().push(row);
    }
    for line in pg.psql(url, "SELECT symbol, state, row_count FROM chainfill_option").lines() {
        let fields: Vec<&str> = line.split('|').collect();
        let line = Line { state: fields[1].to_owned(), row_count: fields[2].parse().expect("a count") };
        table.ledger.insert(fields[0].to_owned(), line);
    }
    table
}

fn each(file: &Connection, sql: &str, mut take: impl FnMut(&SqliteRow<'_>)) {
    let mut statement = file.prepare(sql).expect("the tables are there");
    let mut rows = statement.query([]).expect("rows");
    while let Some(row) = rows.next().expect("a row") {
        take(row);
    }
}

fn text(row: &SqliteRow<'_>, at: usize) -> String {
    match row.get_ref(at).expect("a column") {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(_) => "bytes".to_owned(),
    }
}

#[test]
fn a_row_is_read_out_of_a_name_and_told_apart_to_the_last_digit() {
    let row = |open| row_of("ETH-5JUN24-3575d50-C", "2024-06-01", 1_717_200_000_000, [open, "1", "1", "1", "0.0"]);
    assert_eq!(row("1").labels[3..7], ["ETH", "2024-06-05", "3575.5", "C"].map(str::to_owned));
    assert_eq!(row("0.10"), row("0.1"));
    assert_ne!(row("0.1"), row("0.1000000000000000055"));
}
