//! What is read for people and other processes.

use jiff::civil::Date;
use tokio_postgres::Row;

use super::link::Link;
use super::read::{self, LINES_OF, RUNS};
use super::trouble::Trouble;
use super::wire::Day;
use crate::domain::coverage::{self, ExpiryCover};
use crate::domain::instrument::{Currency, Symbol};
use crate::domain::ledger::{OptionRecord, OptionState};
use crate::domain::moment::Moment;
use crate::limits::STORY_ATTEMPTS_MAX;
use crate::store::outside::{JournalLine, Story, queries_of};
use crate::store::row::Lines;
use crate::store::{Epoch, RunRow};

// By bytes, whatever the database's language is.
const COVERAGE: &str = "SELECT expiry, state, row_count FROM chainfill_option WHERE currency = $1 \
     ORDER BY expiry NULLS LAST, strike, option_type COLLATE \"C\", symbol COLLATE \"C\"";

const CHAIN: &str = "SELECT symbol, currency, state, row_count, first_bar, last_bar, print, fetched_at, listed, reason \
     FROM chainfill_option WHERE currency = $1 AND expiry IS NOT DISTINCT FROM $2 \
     ORDER BY strike, option_type COLLATE \"C\", symbol COLLATE \"C\"";

const JOURNAL: &str = "SELECT epoch, seq, kind, query, sent, done, outcome, status, bytes, rows, wait_s, note \
     FROM chainfill_attempt ORDER BY epoch DESC, seq DESC LIMIT $1";

const JOURNAL_OF: &str = "SELECT epoch, seq, kind, query, sent, done, outcome, status, bytes, rows, wait_s, note \
     FROM chainfill_attempt WHERE query = $2 OR ($3 <> '' AND (query = $3 OR starts_with(query, $3 || ' +'))) \
     ORDER BY epoch DESC, seq DESC LIMIT $1";

/// The expiries of a currency.
pub(super) async fn coverage(link: &mut Link, currency: &Currency) -> Result<Vec<ExpiryCover>, Trouble> {
    let statement = link.prepare(COVERAGE).await?;
    let mut found = Vec::new();
    for row in link.query(&statement, &[&currency.as_str()]).await? {
        let expiry = row.try_get::<_, Option<Day>>(0);
        let expiry = expiry.map_err(|error| Trouble::from(error).in_table("chainfill_option"))?.map(|day| day.0);
        let word: &str = row.try_get(1)?;
        let odd = || Trouble::row(&format!("chainfill_option, of {currency},"), format!("unknown state {word:?}"));
        let state = OptionState::from_word(word).ok_or_else(odd)?;
        coverage::add(&mut found, expiry, state, row.try_get::<_, i64>(2)?.unsigned_abs());
    }
    Ok(found)
}

/// The options of one expiry.
pub(super) async fn chain(
    link: &mut Link,
    currency: &Currency,
    expiry: Option<Date>,
) -> Result<Vec<OptionRecord>, Trouble> {
    let statement = link.prepare(CHAIN).await?;
    let rows = link.query(&statement, &[&currency.as_str(), &expiry.map(Day)]).await?;
    let mut lines = Lines::default();
    rows.iter().map(|row| read::record(row, &mut lines)).collect()
}

/// One option's own story.
pub(super) async fn story(link: &mut Link, symbol: &Symbol) -> Result<Option<Story>, Trouble> {
    let [line, journal] = link.prepare_all([LINES_OF, JOURNAL_OF]).await?;
    let rows = link.query(&line, &[&[symbol.as_str()].as_slice()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let record = read::record(row, &mut Lines::default())?;
    let (name, expiry) = queries_of(&record);
    let most = i64::try_from(STORY_ATTEMPTS_MAX).unwrap_or(i64::MAX);
    let attempts = link.query(&journal, &[&most, &name, &expiry]).await?;
    let attempts = attempts.iter().map(journal_line).collect::<Result<_, _>>()?;
    let bars = read::history(link, &record.symbol).await?;
    Ok(Some(Story { record, attempts, bars }))
}

/// The newest requests.
pub(super) async fn journal(link: &mut Link, newest: usize) -> Result<Vec<JournalLine>, Trouble> {
    let statement = link.prepare(JOURNAL).await?;
    let most = i64::try_from(newest).unwrap_or(i64::MAX);
    link.query(&statement, &[&most]).await?.iter().map(journal_line).collect()
}

/// The newest runs.
pub(super) async fn runs(link: &mut Link, newest: usize) -> Result<Vec<RunRow>, Trouble> {
    let statement = link.prepare(RUNS).await?;
    let most = i64::try_from(newest).unwrap_or(i64::MAX);
    link.query(&statement, &[&most]).await?.iter().map(read::run_row).collect()
}

/// Whether an order was taken.
pub(super) async fn order_taken(link: &mut Link, id: i64) -> Result<bool, Trouble> {
    let rows = link.ask("SELECT taken FROM chainfill_order WHERE id = $1", &[&id]).await?;
    rows.first().map_or(Ok(false), |row| Ok(row.try_get(0)?))
}

fn journal_line(row: &Row) -> Result<JournalLine, Trouble> {
    let number = |at: usize| Ok::<_, Trouble>(row.try_get::<_, Option<i64>>(at)?);
    let small = |at: usize| Ok::<_, Trouble>(number(at)?.map(|value| u32::try_from(value).unwrap_or(u32::MAX)));
    Ok(JournalLine {
        epoch: Epoch(row.try_get(0)?),
        seq: row.try_get(1)?,
        kind: row.try_get(2)?,
        query: row.try_get(3)?,
        sent_at: Moment(row.try_get(4)?),
        done_at: number(5)?.map(Moment),
        outcome: row.try_get(6)?,
        status: number(7)?.and_then(|status| u16::try_from(status).ok()),
        bytes: small(8)?,
        rows: small(9)?,
        wait_s: number(10)?,
        note: row.try_get(11)?,
    })
}
