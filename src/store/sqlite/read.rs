//! What is read at once: for a run, and for a person.

use std::path::Path;

use jiff::civil::Date;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::trouble::Trouble;
use super::{candles, memory, room};
use crate::domain::candle::Candle;
use crate::domain::governor;
use crate::domain::governor::quota::Counted;
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::kept;
use crate::domain::ledger::OptionRecord;
use crate::domain::moment::Moment;
use crate::domain::vantage::Beat;
use crate::limits::{AUDIT_ROWS, LOG_REQUESTS_MAX};
use crate::store::row::{Line, Lines, counted_span_ms, open_count};
use crate::store::{Epoch, Glance, Ledger, ListingRow, Loaded, RunRow, Tally, merge};

/// Everything that a run needs.
pub(super) fn load(connection: &Connection, counted_since: Moment) -> Result<Loaded, Trouble> {
    let Ledger { records, ability } = ledger(connection)?;
    Ok(Loaded {
        records,
        throttle: memory(connection, "throttle")?.unwrap_or_default(),
        counted: counted(connection, counted_since)?,
        ability,
        listing: listing(connection)?,
        run: run(connection)?,
    })
}

/// Every option of the ledger, by symbol.
pub(super) fn ledger(connection: &Connection) -> Result<Ledger, Trouble> {
    let sql = "SELECT symbol, currency, state, row_count, first_bar, last_bar, print, fetched_at, listed, reason \
         FROM chainfill_option ORDER BY symbol";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut lines = Lines::default();
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(record(row, &mut lines)?);
    }
    Ok(Ledger { records, ability: memory(connection, "ability")?.unwrap_or_default() })
}

/// The newest runs.
pub(super) const RUNS: &str = "SELECT r.epoch, r.identity, l.beat_at, r.ended_at, r.ending, r.progress \
     FROM chainfill_run AS r, chainfill_lease AS l ORDER BY r.epoch DESC LIMIT ?1";

/// The state of things, cheap.
pub(super) fn glance(connection: &Connection, now: Moment) -> Result<Glance, Trouble> {
    let throttle: governor::Memory = memory(connection, "throttle")?.unwrap_or_default();
    let newest = "SELECT max(sent) FROM chainfill_attempt";
    let newest = connection.query_row(newest, [], |row| row.get(0));
    let newest: Option<i64> = newest.map_err(|error| Trouble::from(error).in_table("chainfill_attempt"))?;
    let since = Moment(newest.unwrap_or(0)) - counted_span_ms(&throttle);
    let requests = "SELECT coalesce(sum(max(0, min(requests, 4294967295))), 0) FROM chainfill_run";
    let requests: i64 = connection
        .query_row(requests, [], |row| row.get(0))
        .map_err(|error| Trouble::from(error).in_table("chainfill_run"))?;
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let page_bytes: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let ability = memory(connection, "ability")?.unwrap_or_default();
    let due = "SELECT currency, count(*) FROM chainfill_option WHERE due_at <= ?1 AND listed GROUP BY currency";
    let due = connection
        .prepare_cached(due)?
        .query_map([now.0], |row| {
            Ok((Currency::stored(row.get_ref(0)?.as_str()?), row.get::<_, i64>(1)?.unsigned_abs()))
        })?
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Trouble::from(error).in_table("chainfill_option"))?;
    let tallies = tallies(connection)?;
    Ok(Glance {
        open: open_count(&tallies, &due, &ability),
        tallies,
        run: run(connection)?,
        throttle,
        counted: counted(connection, since)?,
        ability,
        listing: listing(connection)?,
        bytes: (pages * page_bytes).unsigned_abs(),
        room_bytes: connection.path().and_then(|path| room::left_bytes(Path::new(path))),
        requests: requests.unsigned_abs(),
    })
}

/// A row of the table: a bar, or why it is none.
pub(super) type AuditedRow = (Symbol, Result<Candle, String>);

/// Hands every row to `each`, in parts of a bounded size, by symbol and date.
pub(super) fn audit(connection: &Connection, each: &mut dyn FnMut(Vec<AuditedRow>) -> bool) -> Result<(), Trouble> {
    let sql = format!("SELECT symbol, {} FROM cryptodatadownload_options_daily ORDER BY symbol, date", candles::BAR);
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut part: Vec<AuditedRow> = Vec::with_capacity(AUDIT_ROWS);
    let mut current: Option<(Symbol, Vec<Candle>, Vec<String>)> = None;
    loop {
        let row = rows.next()?;
        let name = row.map(|row| row.get_ref(0)).transpose()?.map(|name| name.as_str().unwrap_or_default());
        if current.as_ref().is_some_and(|(symbol, ..)| Some(symbol.as_str()) != name)
            && let Some((symbol, mut bars, odd)) = current.take()
        {
            candles::overlay(connection, symbol.as_str(), &mut bars)?;
            part.extend(bars.into_iter().map(|bar| (symbol.clone(), Ok(bar))));
            part.extend(odd.into_iter().map(|what| (symbol.clone(), Err(what))));
            if part.len() >= AUDIT_ROWS && !each(std::mem::replace(&mut part, Vec::with_capacity(AUDIT_ROWS))) {
                return Ok(());
            }
        }
        let (Some(row), Some(name)) = (row, name) else { break };
        let (_, bars, odd) = current.get_or_insert_with(|| (Symbol::new(name), Vec::new(), Vec::new()));
        match candles::read_bar(row, 1)? {
            Ok(bar) => bars.push(bar),
            Err(what) => odd.push(what),
        }
    }
    each(part);
    Ok(())
}

/// A ledger line, from the columns in the order of [`Line`].
pub(super) fn record(row: &Row<'_>, lines: &mut Lines) -> Result<OptionRecord, Trouble> {
    let text = |at| row.get_ref(at).map_err(words)?.as_str_or_null().map_err(words);
    let number = |at| row.get::<_, i64>(at).map_err(words);
    let date = |at| text(at)?.map(str::parse::<Date>).transpose().map_err(words);
    let Ok(Some(symbol)) = text(0) else { return Err(Trouble::row("chainfill_option", "a symbol that is no text")) };
    let mut read = || {
        lines.read(&Line {
            symbol,
            currency: text(1)?.unwrap_or_default(),
            state: text(2)?.unwrap_or_default(),
            row_count: number(3)?,
            first_bar: date(4)?,
            last_bar: date(5)?,
            print: number(6)?,
            fetched_at: row.get(7).map_err(words)?,
            listed: row.get(8).map_err(words)?,
            reason: text(9)?,
        })
    };
    read().map_err(|what: String| Trouble::line(symbol, &what))
}

fn words(error: impl ToString) -> String {
    error.to_string()
}

/// The newest run.
pub(super) fn run(connection: &Connection) -> Result<Option<RunRow>, Trouble> {
    let mut statement = connection.prepare_cached(RUNS)?;
    let mut rows = statement.query([1])?;
    rows.next()?.map(run_row).transpose()
}

/// A run, from the columns of [`RUNS`].
pub(super) fn run_row(row: &Row<'_>) -> Result<RunRow, Trouble> {
    read_run(row).map_err(|trouble| trouble.in_table("chainfill_run, or of chainfill_lease beside it,"))
}

fn read_run(row: &Row<'_>) -> Result<RunRow, Trouble> {
    let identity: String = row.get(1)?;
    let ended = row.get::<_, Option<i64>>(3)?.zip(row.get(4)?).map(|(at, ending)| (Moment(at), ending));
    Ok(RunRow {
        epoch: Epoch(row.get(0)?),
        identity: kept::read(&identity).map_err(|error| Trouble::row("chainfill_run", error))?,
        // By the run's own clock: a file has none.
        beat: Beat::At(Moment(row.get(2)?)),
        ended,
        progress: row.get(5)?,
    })
}

/// One option's line.
pub(super) fn record_of(
    connection: &Connection,
    symbol: &Symbol,
    lines: &mut Lines,
) -> Result<Option<OptionRecord>, Trouble> {
    let sql = "SELECT symbol, currency, state, row_count, first_bar, last_bar, print, fetched_at, listed, reason \
         FROM chainfill_option WHERE symbol = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut read = |row: &Row<'_>| Ok(record(row, lines));
    statement.query_row([symbol.as_str()], &mut read).optional()?.transpose()
}

fn counted(connection: &Connection, since: Moment) -> Result<Vec<(Epoch, Counted)>, Trouble> {
    let sql = "SELECT epoch, sent, coalesce(done, sent) FROM chainfill_attempt WHERE sent >= ?1 \
         AND (counted OR outcome IS NULL) ORDER BY sent DESC LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params![since.0, i64::try_from(LOG_REQUESTS_MAX).unwrap_or(i64::MAX)])?;
    let mut counted = Vec::new();
    while let Some(row) = rows.next()? {
        let read = || Ok((Epoch(row.get(0)?), Counted { sent: Moment(row.get(1)?), done: Moment(row.get(2)?) }));
        counted.push(read().map_err(|error: rusqlite::Error| Trouble::from(error).in_table("chainfill_attempt"))?);
    }
    counted.sort_unstable_by_key(|(_, counted)| (counted.done, counted.sent));
    Ok(counted)
}

fn listing(connection: &Connection) -> Result<Option<ListingRow>, Trouble> {
    let sql =
        "SELECT fetched_at, names, unparsed, added, vanished FROM chainfill_listing ORDER BY fetched_at DESC LIMIT 1";
    let read = |row: &Row<'_>| {
        Ok(ListingRow {
            fetched_at: Moment(row.get(0)?),
            names: row.get(1)?,
            unparsed: row.get(2)?,
            new: row.get(3)?,
            vanished: row.get(4)?,
        })
    };
    let found = connection.prepare_cached(sql)?.query_row([], read).optional();
    found.map_err(|error| Trouble::from(error).in_table("chainfill_listing"))
}

fn tallies(connection: &Connection) -> Result<Vec<Tally>, Trouble> {
    let sql = "SELECT currency, listed, pending, stored, empty, attention, bars FROM chainfill_tally ORDER BY currency";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut tallies = Vec::new();
    while let Some(row) = rows.next()? {
        tallies.push(tally(row).map_err(|error| Trouble::from(error).in_table("chainfill_tally"))?);
    }
    Ok(tallies)
}

fn tally(row: &Row<'_>) -> Result<Tally, rusqlite::Error> {
    let mut numbers = [0; 6];
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = row.get(at + 1)?;
    }
    Ok(merge::tally(&row.get::<_, String>(0)?, numbers))
}
