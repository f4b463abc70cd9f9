//! Rows of an older script, read into the ledger (B14).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::trouble::Trouble;
use super::{candles, commit, remember};
use crate::domain::moment::Moment;
use crate::limits::ZONE_AHEAD_MS_MAX;
use crate::store::Adopted;
use crate::store::adoption::{Adoption, OldRow, Style};
use crate::store::merge::Deltas;

/// The name under which the way of writing call and put is kept.
pub(super) const STYLE: &str = "option_type";

/// Finds out how the table writes call and put, and keeps it.
pub(super) fn learn_style(connection: &Connection) -> Result<(), Trouble> {
    let mut statement = connection
        .prepare("SELECT DISTINCT option_type FROM cryptodatadownload_options_daily WHERE option_type IS NOT NULL")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let ValueRef::Text(text) = row.get_ref(0)?
            && let Some(style) = Style::seen(&String::from_utf8_lossy(text))
        {
            return remember(connection, STYLE, &style);
        }
    }
    Ok(())
}

/// Makes a line for every option of the table that has none.
pub(super) fn adopt(connection: &Connection) -> Result<Adopted, Trouble> {
    let mut adoption = Adoption::default();
    let nameless = "SELECT count(*) FROM cryptodatadownload_options_daily WHERE symbol IS NULL";
    adoption.add_nameless(connection.query_row(nameless, [], |row| row.get::<_, i64>(0))?.unsigned_abs());
    let sql = format!(
        "SELECT symbol, currency, downloaded_at, {} FROM cryptodatadownload_options_daily AS c WHERE symbol IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM chainfill_option AS o WHERE o.symbol = c.symbol) ORDER BY symbol, date",
        candles::BAR
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Some(symbol) = candles::symbol_of(row, 0)? else {
            adoption.add_nameless(1);
            continue;
        };
        let currency: Option<String> = row.get(1).ok();
        adoption.add(OldRow {
            symbol: symbol.as_str(),
            currency: currency.as_deref(),
            fetched_at: moment(row.get_ref(2)?),
            candle: candles::read_bar(row, 3)?,
        });
    }
    let (records, told) = adoption.finish();
    let mut deltas = Deltas::default();
    for record in &records {
        deltas.moved(None, record);
        commit::write_record(connection, record, None)?;
    }
    commit::write_deltas(connection, &deltas)?;
    Ok(told)
}

/// A time as scripts write it: with a zone, or as a number. Without a zone it is taken as early as it can have been: an
/// option that seemed fetched after its expiry, and was not, would never be asked for again.
fn moment(value: ValueRef<'_>) -> Option<Moment> {
    match value {
        ValueRef::Integer(number) => {
            let is_in_seconds = number.unsigned_abs() < 100_000_000_000;
            Some(Moment(if is_in_seconds { number * 1_000 } else { number }))
        }
        ValueRef::Text(text) => {
            let text = std::str::from_utf8(text).ok()?.trim();
            let with_zone = text.parse::<Timestamp>().ok();
            let in_utc = || TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok();
            let moment = |at: Timestamp| Moment(at.as_millisecond());
            with_zone.map(moment).or_else(|| Some(moment(in_utc()?) - ZONE_AHEAD_MS_MAX))
        }
        _ => None,
    }
}
