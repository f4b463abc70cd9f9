//! What is read for people and other processes.

use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};

use super::trouble::Trouble;
use super::{candles, read};
use crate::domain::coverage::{self, ExpiryCover};
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::ledger::{OptionRecord, OptionState};
use crate::domain::moment::Moment;
use crate::limits::STORY_ATTEMPTS_MAX;
use crate::store::outside::{JournalLine, Story, queries_of};
use crate::store::row::Lines;
use crate::store::{Epoch, RunRow};

/// The expiries of a currency.
pub(super) fn coverage(connection: &Connection, currency: &Currency) -> Result<Vec<ExpiryCover>, Trouble> {
    let sql = "SELECT expiry, state, row_count FROM chainfill_option WHERE currency = ?1 \
         ORDER BY expiry IS NULL, expiry, strike, option_type, symbol";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([currency.as_str()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let mut read = || {
            let text = row.get_ref(0)?.as_str_or_null().map_err(|_| "an expiry that is no text")?;
            let expiry: Option<Date> = text.map(str::parse).transpose()?;
            let word = row.get_ref(1)?.as_str().unwrap_or_default();
            let state = OptionState::from_word(word).ok_or_else(|| format!("unknown state {word:?}"))?;
            coverage::add(&mut found, expiry, state, row.get::<_, i64>(2)?.unsigned_abs());
            Ok(())
        };
        read().map_err(|what: Box<dyn std::error::Error>| {
            Trouble::row(&format!("chainfill_option, of {currency},"), what)
        })?;
    }
    Ok(found)
}

/// The options of one expiry.
pub(super) fn chain(
    connection: &Connection,
    currency: &Currency,
    expiry: Option<Date>,
) -> Result<Vec<OptionRecord>, Trouble> {
    let sql = "SELECT symbol, currency, state, row_count, first_bar, last_bar, print, fetched_at, listed, reason \
         FROM chainfill_option WHERE currency = ?1 AND expiry IS ?2 ORDER BY strike, option_type, symbol";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query(params![currency.as_str(), expiry.map(|date| date.to_string())])?;
    let mut lines = Lines::default();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read::record(row, &mut lines)?);
    }
    Ok(found)
}

/// One option's own story.
pub(super) fn story(connection: &Connection, symbol: &Symbol) -> Result<Option<Story>, Trouble> {
    let Some(record) = read::record_of(connection, symbol, &mut Lines::default())? else { return Ok(None) };
    let (name, expiry) = queries_of(&record);
    let sql = "WHERE query = ?1 OR (?2 <> '' AND (query = ?2 OR substr(query, 1, length(?2) + 2) = ?2 || ' +'))";
    let attempts = journal_where(connection, sql, params![name, expiry], STORY_ATTEMPTS_MAX)?;
    let bars = candles::of_symbol(connection, record.symbol.as_str())?;
    Ok(Some(Story { record, attempts, bars }))
}

/// The newest requests.
pub(super) fn journal(connection: &Connection, newest: usize) -> Result<Vec<JournalLine>, Trouble> {
    journal_where(connection, "", [], newest)
}

fn journal_where(
    connection: &Connection,
    which: &str,
    values: impl Params,
    newest: usize,
) -> Result<Vec<JournalLine>, Trouble> {
    let sql = format!(
        "SELECT epoch, seq, kind, query, sent, done, outcome, status, bytes, rows, wait_s, note FROM chainfill_attempt \
         {which} ORDER BY epoch DESC, seq DESC LIMIT {newest}"
    );
    let read = |row: &Row<'_>| {
        Ok(JournalLine {
            epoch: Epoch(row.get(0)?),
            seq: row.get(1)?,
            kind: row.get(2)?,
            query: row.get(3)?,
            sent_at: Moment(row.get(4)?),
            done_at: row.get::<_, Option<i64>>(5)?.map(Moment),
            outcome: row.get(6)?,
            status: row.get(7)?,
            bytes: row.get(8)?,
            rows: row.get(9)?,
            wait_s: row.get(10)?,
            note: row.get(11)?,
        })
    };
    let mut statement = connection.prepare(&sql)?;
    let lines = statement.query_map(values, read)?;
    lines.collect::<Result<_, _>>().map_err(|error| Trouble::from(error).in_table("chainfill_attempt"))
}

/// The newest runs.
pub(super) fn runs(connection: &Connection, newest: usize) -> Result<Vec<RunRow>, Trouble> {
    let mut statement = connection.prepare_cached(read::RUNS)?;
    let mut rows = statement.query([i64::try_from(newest).unwrap_or(i64::MAX)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read::run_row(row)?);
    }
    Ok(found)
}

/// Whether an order was taken.
pub(super) fn order_taken(connection: &Connection, id: i64) -> Result<bool, Trouble> {
    let sql = "SELECT taken FROM chainfill_order WHERE id = ?1";
    Ok(connection.query_row(sql, [id], |row| row.get(0)).optional()?.unwrap_or(false))
}
