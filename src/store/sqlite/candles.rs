//! The candle table. A REAL holds a number where its shortest printing is that number; the digits of any
//! other are kept beside it, so that nothing is lost and everything still sorts and computes.

use std::str::FromStr as _;

use jiff::civil::Date;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::trouble::Trouble;
use crate::domain::candle::Candle;
use crate::domain::digits::push_date;
use crate::domain::instrument::Symbol;
use crate::domain::ledger::OptionRecord;
use crate::domain::moment::Moment;
use crate::store::adoption::Style;
use crate::store::mend;
use crate::store::merge::Write;

/// The columns of a bar, in the order of [`read_bar`].
pub(super) const BAR: &str = "date, unix_timestamp, price_open, price_high, price_low, price_close, volume_traded";

const OF_SYMBOL: &str = "SELECT date, unix_timestamp, price_open, price_high, price_low, price_close, volume_traded \
     FROM cryptodatadownload_options_daily WHERE symbol = ?1 ORDER BY date";

const INSERT: &str = "INSERT INTO cryptodatadownload_options_daily \
     (unix_timestamp, date, symbol, currency, expiry_date, strike, option_type, price_open, price_high, price_low, \
      price_close, volume_traded, data_source, downloaded_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

const REPLACE: &str = "UPDATE cryptodatadownload_options_daily SET unix_timestamp = ?1, price_open = ?4, price_high = ?5, \
     price_low = ?6, price_close = ?7, volume_traded = ?8, data_source = ?9, downloaded_at = ?10 \
     WHERE date = ?2 AND symbol = ?3";

/// One option's bars, by date.
pub(super) fn of_symbol(connection: &Connection, symbol: &str) -> Result<Vec<Candle>, Trouble> {
    rows_of(connection, symbol, |_, what| Err(Trouble::odd(format!("{symbol}: {what}"))))
}

/// One option's bars, by date; and the dates of rows that are none, so far as they have one.
pub(super) fn with_odd(connection: &Connection, symbol: &str) -> Result<(Vec<Candle>, Vec<Date>), Trouble> {
    let mut odd = Vec::new();
    let bars = rows_of(connection, symbol, |row, _| {
        odd.extend(read_date(row, 0)?);
        Ok(())
    })?;
    Ok((bars, odd))
}

fn rows_of(
    connection: &Connection,
    symbol: &str,
    mut odd: impl FnMut(&Row<'_>, String) -> Result<(), Trouble>,
) -> Result<Vec<Candle>, Trouble> {
    let mut statement = connection.prepare_cached(OF_SYMBOL)?;
    let mut rows = statement.query([symbol])?;
    let mut bars = Vec::new();
    while let Some(row) = rows.next()? {
        match read_bar(row, 0)? {
            Ok(bar) => bars.push(bar),
            Err(what) => odd(row, what)?,
        }
    }
    overlay(connection, symbol, &mut bars)?;
    Ok(bars)
}

/// Writes bars of one option. What all of them share is made and bound once: a job has a quarter of a million of them.
pub(super) fn write(
    connection: &Connection,
    record: &OptionRecord,
    style: &Style,
    writes: &[Write],
) -> Result<(), Trouble> {
    let terms = Terms::of(record);
    let symbol = record.symbol.as_str();
    let option_type = record.instrument.as_ref().map(|instrument| style.word(instrument.option_type));
    let mut insert = connection.prepare_cached(INSERT)?;
    insert.raw_bind_parameter(3, symbol)?;
    insert.raw_bind_parameter(4, record.currency.as_str())?;
    insert.raw_bind_parameter(5, terms.expiry)?;
    insert.raw_bind_parameter(6, terms.strike)?;
    insert.raw_bind_parameter(7, option_type)?;
    let mut told: Option<(Moment, &str)> = None;
    let mut date = Vec::new();
    for write in writes {
        let bar = &write.candle;
        date.clear();
        push_date(&mut date, bar.date);
        let date = std::str::from_utf8(&date).unwrap_or_default();
        let values = bar.values().map(|value| value.map(Real::of));
        let [open, high, low, close, volume] = [0, 1, 2, 3, 4].map(|at| values[at].as_ref().map(|real| real.nearest));
        if write.replaces {
            connection.prepare_cached(REPLACE)?.execute(params![
                bar.open_ms,
                date,
                symbol,
                open,
                high,
                low,
                close,
                volume,
                write.data_source,
                write.at.rfc3339(),
            ])?;
            connection
                .prepare_cached("DELETE FROM chainfill_exact WHERE symbol = ?1 AND date = ?2")?
                .execute(params![symbol, date])?;
        } else {
            if told != Some((write.at, write.data_source)) {
                insert.raw_bind_parameter(13, write.data_source)?;
                insert.raw_bind_parameter(14, write.at.rfc3339())?;
                told = Some((write.at, write.data_source));
            }
            insert.raw_bind_parameter(1, bar.open_ms)?;
            insert.raw_bind_parameter(2, date)?;
            for (at, value) in (8_usize..).zip([open, high, low, close, volume]) {
                insert.raw_bind_parameter(at, value)?;
            }
            insert.raw_execute()?;
        }
        for (field, real) in (0_i64..).zip(&values) {
            if let Some(Real { exact: Some(digits), .. }) = real {
                connection
                    .prepare_cached("INSERT OR REPLACE INTO chainfill_exact VALUES (?1, ?2, ?3, ?4)")?
                    .execute(params![symbol, date, field, digits])?;
            }
        }
    }
    Ok(())
}

/// An option's terms, as every row of it repeats them.
pub(super) struct Terms {
    pub(super) expiry: Option<String>,
    pub(super) strike: Option<f64>,
}

impl Terms {
    pub(super) fn of(record: &OptionRecord) -> Terms {
        let instrument = record.instrument.as_ref();
        Terms {
            expiry: instrument.map(|instrument| instrument.expiry.to_string()),
            strike: instrument.map(|instrument| Real::of(instrument.strike).nearest),
        }
    }
}

/// Puts the kept digits of an option's bars in their places.
pub(super) fn overlay(connection: &Connection, symbol: &str, bars: &mut [Candle]) -> Result<(), Trouble> {
    if bars.is_empty() {
        return Ok(());
    }
    let mut statement =
        connection.prepare_cached("SELECT date, field, digits FROM chainfill_exact WHERE symbol = ?1")?;
    let mut rows = statement.query([symbol])?;
    while let Some(row) = rows.next()? {
        let what = || format!("chainfill_exact holds a row for {symbol} that cannot be read");
        let odd = || Trouble::Unfit(what(), mend::digits(symbol));
        let date: Date = row.get_ref(0)?.as_str().ok().and_then(|text| text.parse().ok()).ok_or_else(odd)?;
        let field: i64 = row.get(1).map_err(|_| odd())?;
        let digits = row.get_ref(2)?.as_str().ok().and_then(|text| Decimal::from_str_exact(text).ok());
        let digits = digits.ok_or_else(odd)?;
        let Ok(at) = bars.binary_search_by_key(&date, |bar| bar.date) else { continue };
        let bar = &mut bars[at];
        let place = match field {
            0 => &mut bar.open,
            1 => &mut bar.high,
            2 => &mut bar.low,
            3 => &mut bar.close,
            4 => &mut bar.volume,
            _ => return Err(odd()),
        };
        // Somebody may have mended the number by hand since: then that one counts, and `verify` tells of it.
        if place.is_some_and(|held| Real::of(held).nearest.total_cmp(&Real::of(digits).nearest).is_eq()) {
            *place = Some(digits);
        }
    }
    Ok(())
}

/// Reads a bar from the columns [`BAR`], the first of which is at `at`; or says why it is none.
pub(super) fn read_bar(row: &Row<'_>, at: usize) -> Result<Result<Candle, String>, Trouble> {
    let Some(date) = read_date(row, at)? else {
        return Ok(Err("a date that is none".to_owned()));
    };
    let open_ms = match row.get_ref(at + 1)? {
        ValueRef::Integer(ms) => ms,
        // An older script may have left it out; the date says the same.
        ValueRef::Null => Moment::opening_of(date).0,
        _ => return Ok(Err(format!("{date}: a unix_timestamp that is no whole number"))),
    };
    let mut values = [None; 5];
    for (field, value) in values.iter_mut().enumerate() {
        *value = match decimal(row.get_ref(at + 2 + field)?) {
            Ok(number) => number,
            Err(what) => return Ok(Err(format!("{date}: {what}"))),
        };
    }
    let [open, high, low, close, volume] = values;
    Ok(Ok(Candle { open_ms, date, open, high, low, close, volume }))
}

fn read_date(row: &Row<'_>, at: usize) -> Result<Option<Date>, Trouble> {
    Ok(match row.get_ref(at)? {
        ValueRef::Text(text) => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()),
        _ => None,
    })
}

fn decimal(value: ValueRef<'_>) -> Result<Option<Decimal>, String> {
    match value {
        ValueRef::Null => Ok(None),
        ValueRef::Integer(number) => Ok(Some(Decimal::from(number))),
        ValueRef::Real(number) => shortest(number).map(Some).ok_or_else(|| format!("{number} is no decimal")),
        ValueRef::Text(text) => {
            let text = String::from_utf8_lossy(text);
            Decimal::from_str_exact(text.trim()).map(Some).map_err(|_| format!("{text:?} is no number"))
        }
        ValueRef::Blob(_) => Err("bytes are no number".to_owned()),
    }
}

/// A number as SQLite computes with it, and its digits where those are more than that.
struct Real {
    nearest: f64,
    exact: Option<String>,
}

impl Real {
    fn of(number: Decimal) -> Real {
        // Up to 15 digits always come back from a double; and up to here the division is the nearest one.
        let mantissa = number.mantissa();
        if mantissa.unsigned_abs() < 1_000_000_000_000_000
            && let Some(power) = POWERS.get(number.scale() as usize)
            && let Some(mantissa) = mantissa.to_i64()
        {
            #[allow(clippy::cast_precision_loss)]
            return Real { nearest: mantissa as f64 / power, exact: None };
        }
        let digits = number.normalize().to_string();
        let nearest = digits.parse().unwrap_or(f64::NAN);
        let exact = (shortest(nearest) != Some(number)).then_some(digits);
        Real { nearest, exact }
    }
}

/// The powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The shortest decimal that is this double.
fn shortest(number: f64) -> Option<Decimal> {
    #[allow(clippy::cast_possible_truncation)]
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return Some(Decimal::from(number as i64));
    }
    let text = number.to_string();
    if let Ok(decimal) = Decimal::from_str_exact(&text) {
        return Some(decimal);
    }
    // 17 digits can reach beyond a decimal's 28 places, or just above its largest number: what comes nearest stands
    // for the double as long as it leads back to it. The true digits are kept beside it.
    let near = Decimal::from_str(&text).unwrap_or(if number > 0.0 { Decimal::MAX } else { Decimal::MIN });
    (near.to_string().parse() == Ok(number)).then_some(near)
}

/// A name of an option in the table.
pub(super) fn symbol_of(row: &Row<'_>, at: usize) -> Result<Option<Symbol>, Trouble> {
    Ok(match row.get_ref(at)? {
        // Made readable it would be another name than the one in the table, and taken over again by each run.
        ValueRef::Text(text) => std::str::from_utf8(text).ok().map(Symbol::new),
        _ => None,
    })
}
