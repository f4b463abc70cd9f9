//! What is read at once: for a run, and for a person.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use serde::de::DeserializeOwned;
use tokio_postgres::{Error, Row};

use super::link::Link;
use super::trouble::{Trouble, caused};
use super::wire::{Day, Exact};
use crate::domain::candle::Candle;
use crate::domain::governor;
use crate::domain::governor::quota::Counted;
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::kept;
use crate::domain::ledger::OptionRecord;
use crate::domain::moment::Moment;
use crate::domain::vantage::Beat;
use crate::limits::LOG_REQUESTS_MAX;
use crate::store::row::{Line, Lines, counted_span_ms, open_count};
use crate::store::{EachBar, Epoch, Glance, Ledger, ListingRow, Loaded, RunRow, merge};

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const COMMIT: &str = "COMMIT";

const LEDGER: &str = "SELECT symbol, currency, state, row_count, first_bar, last_bar, print, fetched_at, listed, reason \
     FROM chainfill_option";
const MEMORY: &str = "SELECT name, value FROM chainfill_memory";
const COUNTED: &str = "SELECT epoch, sent, coalesce(done, sent) FROM chainfill_attempt WHERE sent >= $1 \
     AND (counted OR outcome IS NULL) ORDER BY sent DESC LIMIT $2";
const LISTING: &str =
    "SELECT fetched_at, names, unparsed, added, vanished FROM chainfill_listing ORDER BY fetched_at DESC LIMIT 1";
const TALLIES: &str = "SELECT currency, listed, pending, stored, empty, attention, bars FROM chainfill_tally \
     WHERE listed > 0";
const NUMBERS: &str = "SELECT (SELECT max(sent) FROM chainfill_attempt), \
     (SELECT coalesce(sum(greatest(0, least(requests, 4294967295))), 0)::bigint FROM chainfill_run), \
     pg_total_relation_size('cryptodatadownload_options_daily')";
const DUE: &str = "SELECT currency, count(*) FROM chainfill_option WHERE due_at <= $1 AND listed GROUP BY currency";

/// The newest runs. A beat at no time at all is one of long ago: else nobody could ever take the store over (B13).
pub(super) const RUNS: &str = "SELECT r.epoch, r.identity, \
     CASE WHEN isfinite(l.beat_at) THEN (extract(epoch FROM clock_timestamp() - l.beat_at) * 1000)::bigint \
     ELSE 4102444800000 END, r.ended_at, r.ending, r.progress \
     FROM chainfill_run AS r, chainfill_lease AS l ORDER BY r.epoch DESC LIMIT $1";

/// One option's bars.
pub(super) const BARS_OF: &str = "SELECT date, unix_timestamp, price_open, price_high, price_low, price_close, \
     volume_traded, symbol FROM cryptodatadownload_options_daily WHERE symbol = ANY($1) ORDER BY date";

/// Lines of the ledger, by name.
pub(super) const LINES_OF: &str = "SELECT symbol, currency, state, row_count, first_bar, last_bar, print, fetched_at, \
     listed, reason FROM chainfill_option WHERE symbol = ANY($1)";

/// Everything that a run needs.
pub(super) async fn load(link: &mut Link, counted_since: Moment) -> Result<Loaded, Trouble> {
    let [memory, counted_sql, listing_sql, run_sql, commit] =
        link.prepare_all([MEMORY, COUNTED, LISTING, RUNS, COMMIT]).await?;
    link.begin(BEGIN).await?;
    let records = ledger(link).await?;
    let most = i64::try_from(LOG_REQUESTS_MAX).unwrap_or(i64::MAX);
    let mut pipeline = link.pipeline();
    pipeline.add(&memory, vec![]);
    pipeline.add(&counted_sql, vec![&counted_since.0, &most]);
    pipeline.add(&listing_sql, vec![]);
    pipeline.add(&run_sql, vec![&1_i64]);
    pipeline.add(&commit, vec![]);
    let mut answers = pipeline.run().await?;
    let mut next = || answers.next().unwrap_or_default();
    let memory = next();
    Ok(Loaded {
        records,
        throttle: remembered(&memory, "throttle")?.unwrap_or_default(),
        ability: remembered(&memory, "ability")?.unwrap_or_default(),
        counted: counted(&next())?,
        listing: listing(&next())?,
        run: run(&next())?,
    })
}

/// Every option of the ledger, by symbol.
pub(super) async fn ledger(link: &mut Link) -> Result<Vec<OptionRecord>, Trouble> {
    let mut records = Vec::new();
    {
        // Row by row: all rows of the wire beside all lines would be the most memory that a run ever takes.
        let mut rows = pin!(link.rows(LEDGER).await?);
        let mut lines = Lines::default();
        while let Some(row) = rows.try_next().await? {
            records.push(record(&row, &mut lines)?);
        }
    }
    // By bytes, whatever the database's language is.
    records.sort_unstable_by(|a, b| a.symbol.cmp(&b.symbol));
    Ok(records)
}

/// The state of things, cheap.
pub(super) async fn glance(link: &mut Link, now: Moment) -> Result<Glance, Trouble> {
    let [begin, memory, numbers, due, tallies, counted_sql, listing_sql, run_sql, commit] =
        link.prepare_all([BEGIN, MEMORY, NUMBERS, DUE, TALLIES, COUNTED, LISTING, RUNS, COMMIT]).await?;
    let mut pipeline = link.pipeline();
    pipeline.begin(&begin);
    pipeline.add(&memory, vec![]);
    pipeline.add(&numbers, vec![]);
    pipeline.add(&due, vec![&now.0]);
    pipeline.add(&tallies, vec![]);
    pipeline.add(&listing_sql, vec![]);
    pipeline.add(&run_sql, vec![&1_i64]);
    let mut answers = pipeline.run().await?.skip(1);
    let mut next = || answers.next().unwrap_or_default();
    let (memory, numbers, due) = (next(), next(), next());
    let numbers = numbers.first().ok_or_else(|| Trouble::odd("no numbers"))?;
    let throttle: governor::Memory = remembered(&memory, "throttle")?.unwrap_or_default();
    let ability = remembered(&memory, "ability")?.unwrap_or_default();
    let count = |row: &Row| Ok((Currency::stored(row.try_get(0)?), row.try_get::<_, i64>(1)?.unsigned_abs()));
    let due = due.iter().map(count).collect::<Result<Vec<_>, Trouble>>()?;
    let since = Moment(numbers.try_get::<_, Option<i64>>(0)?.unwrap_or(0)) - counted_span_ms(&throttle);
    let most = i64::try_from(LOG_REQUESTS_MAX).unwrap_or(i64::MAX);
    let mut pipeline = link.pipeline();
    pipeline.add(&counted_sql, vec![&since.0, &most]);
    pipeline.add(&commit, vec![]);
    let within = pipeline.run().await?.next().unwrap_or_default();
    let mut tallies = next().iter().map(tally).collect::<Result<Vec<_>, Trouble>>()?;
    tallies.sort_unstable_by(|a, b| a.currency.cmp(&b.currency));
    Ok(Glance {
        open: open_count(&tallies, &due, &ability),
        tallies,
        listing: listing(&next())?,
        run: run(&next())?,
        counted: counted(&within)?,
        ability,
        throttle,
        bytes: numbers.try_get::<_, i64>(2)?.unsigned_abs(),
        room_bytes: None,
        requests: numbers.try_get::<_, i64>(1)?.unsigned_abs(),
    })
}

/// Hands every row to `each`, by symbol and date. The ledger is of the same moment.
pub(super) async fn audit(link: &mut Link, each: &mut EachBar<'_>) -> Result<Ledger, Trouble> {
    link.begin(BEGIN).await?;
    each_row(link, each).await?;
    let records = ledger(link).await?;
    let ability = memory(link, "ability").await?.unwrap_or_default();
    link.batch(COMMIT).await?;
    Ok(Ledger { records, ability })
}

async fn each_row(link: &Link, each: &mut EachBar<'_>) -> Result<(), Trouble> {
    let sql = "SELECT date, unix_timestamp, price_open, price_high, price_low, price_close, volume_traded, symbol \
         FROM cryptodatadownload_options_daily ORDER BY symbol COLLATE \"C\", date";
    let mut rows = pin!(link.rows(sql).await?);
    let mut symbol = Symbol::new("");
    while let Some(row) = rows.try_next().await? {
        let name = row.try_get::<_, Option<&str>>(7)?.unwrap_or_default();
        if symbol.as_str() != name {
            symbol = Symbol::new(name);
        }
        match bar(&row) {
            Ok(bar) => each(&symbol, Ok(&bar)),
            Err(what) => each(&symbol, Err(&what)),
        }
    }
    Ok(())
}

/// One option's bars, by date.
pub(super) async fn history(link: &mut Link, symbol: &Symbol) -> Result<Vec<Candle>, Trouble> {
    let statement = link.prepare(BARS_OF).await?;
    let rows = link.query(&statement, &[&[symbol.as_str()].as_slice()]).await?;
    let odd = |what| Trouble::odd(format!("{symbol}: {what}"));
    rows.iter().map(|row| bar(row).map_err(odd)).collect()
}

/// Reads a bar from the first seven columns of [`BARS_OF`]; or says why it is none.
pub(super) fn bar(row: &Row) -> Result<Candle, String> {
    let Ok(Day(date)) = row.try_get(0) else { return Err("a date that is none".to_owned()) };
    let odd = |error: Error| format!("{date}: {}", caused(&error));
    // An older script may have left it out; the date says the same.
    let open_ms: Option<i64> = row.try_get(1).map_err(odd)?;
    let number = |at: usize| Ok::<_, String>(row.try_get::<_, Option<Exact>>(at).map_err(odd)?.map(|exact| exact.0));
    Ok(Candle {
        open_ms: open_ms.unwrap_or_else(|| Moment::opening_of(date).0),
        date,
        open: number(2)?,
        high: number(3)?,
        low: number(4)?,
        close: number(5)?,
        volume: number(6)?,
    })
}

/// A ledger line, from the columns in the order of [`Line`].
pub(super) fn record(row: &Row, lines: &mut Lines) -> Result<OptionRecord, Trouble> {
    let symbol = row.try_get(0)?;
    let day = |at| Ok::<_, Error>(row.try_get::<_, Option<Day>>(at)?.map(|day| day.0));
    let line = || {
        Ok(Line {
            symbol,
            currency: row.try_get(1)?,
            state: row.try_get(2)?,
            row_count: row.try_get(3)?,
            first_bar: day(4)?,
            last_bar: day(5)?,
            print: row.try_get(6)?,
            fetched_at: row.try_get(7)?,
            listed: row.try_get(8)?,
            reason: row.try_get(9)?,
        })
    };
    let line = line().map_err(|error: Error| Trouble::line(symbol, &caused(&error)))?;
    lines.read(&line).map_err(|what| Trouble::line(symbol, &what))
}

/// The newest run, from the answer to [`RUNS`].
pub(super) fn run(rows: &[Row]) -> Result<Option<RunRow>, Trouble> {
    rows.first().map(run_row).transpose()
}

/// A run, from the columns of [`RUNS`].
pub(super) fn run_row(row: &Row) -> Result<RunRow, Trouble> {
    read_run(row).map_err(|trouble| trouble.in_table("chainfill_run, or of chainfill_lease beside it,"))
}

fn read_run(row: &Row) -> Result<RunRow, Trouble> {
    let identity = kept::read(row.try_get(1)?);
    let ended = row.try_get::<_, Option<i64>>(3)?.zip(row.try_get(4)?);
    Ok(RunRow {
        epoch: Epoch(row.try_get(0)?),
        identity: identity.map_err(|error| Trouble::row("chainfill_run", error))?,
        beat: Beat::Ago(row.try_get(2)?),
        ended: ended.map(|(at, ending)| (Moment(at), ending)),
        progress: row.try_get(5)?,
    })
}

/// What is kept under a name.
pub(super) async fn memory<T: DeserializeOwned>(link: &Link, name: &str) -> Result<Option<T>, Trouble> {
    remembered(&link.ask(MEMORY, &[]).await?, name)
}

fn remembered<T: DeserializeOwned>(rows: &[Row], name: &str) -> Result<Option<T>, Trouble> {
    let Some(row) = rows.iter().find(|row| row.try_get(0).is_ok_and(|found: &str| found == name)) else {
        return Ok(None);
    };
    let value = kept::read(row.try_get(1)?);
    value.map(Some).map_err(|error| Trouble::memory(name, error))
}

fn counted(rows: &[Row]) -> Result<Vec<(Epoch, Counted)>, Trouble> {
    let read = |row: &Row| {
        let (sent, done) = (Moment(row.try_get(1)?), Moment(row.try_get(2)?));
        Ok((Epoch(row.try_get(0)?), Counted { sent, done }))
    };
    let counted = rows.iter().map(read).collect::<Result<Vec<_>, Trouble>>();
    let mut counted = counted.map_err(|trouble| trouble.in_table("chainfill_attempt"))?;
    counted.sort_unstable_by_key(|(_, counted)| (counted.done, counted.sent));
    Ok(counted)
}

fn listing(rows: &[Row]) -> Result<Option<ListingRow>, Trouble> {
    let Some(row) = rows.first() else { return Ok(None) };
    let count = |at| Ok::<_, Trouble>(u32::try_from(row.try_get::<_, i64>(at)?).unwrap_or(u32::MAX));
    Ok(Some(ListingRow {
        fetched_at: Moment(row.try_get(0)?),
        names: count(1)?,
        unparsed: count(2)?,
        new: count(3)?,
        vanished: count(4)?,
    }))
}

fn tally(row: &Row) -> Result<crate::store::Tally, Trouble> {
    let mut numbers = [0_i64; 6];
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = row.try_get(at + 1)?;
    }
    Ok(merge::tally(row.try_get(0)?, numbers))
}
