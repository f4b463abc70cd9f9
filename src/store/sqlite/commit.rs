//! One batch, one transaction.

use rusqlite::{Connection, params};

use super::candles::{self, Terms};
use super::trouble::Trouble;
use super::{read, remember};
use crate::domain::instrument::kept_name;
use crate::domain::ledger::OptionRecord;
use crate::domain::listing::ListingNews;
use crate::domain::moment::Moment;
use crate::store::adoption::Style;
use crate::store::merge::{Deltas, Fold};
use crate::store::row::{Lines, due_at, print_bits, storable, storable_symbol};
use crate::store::text::plain;
use crate::store::{Batch, Committed, Epoch, ListingRow, StoreError};

/// Writes a batch; the caller's transaction makes it all or nothing.
pub(super) fn commit(
    connection: &Connection,
    style: &Style,
    epoch: Epoch,
    batch: &Batch,
) -> Result<Committed, Trouble> {
    let beat = "UPDATE chainfill_lease SET beat_at = max(beat_at, ?2) WHERE epoch = ?1 AND held";
    if connection.prepare_cached(beat)?.execute(params![epoch.0, batch.at.0])? == 0 {
        return Err(StoreError::Fenced.into());
    }
    write_journal(connection, epoch, batch)?;
    if let Some(news) = &batch.listing {
        write_listing(connection, news)?;
    }
    if let Some(throttle) = &batch.throttle {
        remember(connection, "throttle", throttle)?;
    }
    if let Some(ability) = &batch.ability {
        remember(connection, "ability", ability)?;
    }
    if let Some(progress) = &batch.progress {
        connection
            .prepare_cached("UPDATE chainfill_run SET progress = ?2 WHERE epoch = ?1")?
            .execute(params![epoch.0, plain(progress)])?;
    }
    if let Some(action) = &batch.action {
        connection
            .prepare_cached(
                "INSERT INTO chainfill_action (at, action, epoch) SELECT ?1, ?2, ?3 \
                 WHERE NOT EXISTS (SELECT 1 FROM chainfill_action WHERE at = ?1 AND action = ?2)",
            )?
            .execute(params![batch.at.0, plain(action), epoch.0])?;
    }
    write_options(connection, style, batch)
}

fn write_journal(connection: &Connection, epoch: Epoch, batch: &Batch) -> Result<(), Trouble> {
    let mut left = 0_i64;
    // A batch that is committed again must not count its requests again (I3).
    let sql = "INSERT OR IGNORE INTO chainfill_attempt (epoch, seq, kind, query, sent) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut send = connection.prepare_cached(sql)?;
    for attempt in &batch.sent {
        let row = params![epoch.0, attempt.seq, attempt.kind, plain(&attempt.query), attempt.sent.0];
        left += i64::from(send.execute(row)? > 0);
    }
    let sql = "UPDATE chainfill_attempt SET done = ?3, outcome = ?4, status = ?5, counted = ?6, bytes = ?7, rows = ?8, \
         wait_s = ?9, note = ?10 WHERE epoch = ?1 AND seq = ?2 AND outcome IS NULL";
    let mut settle = connection.prepare_cached(sql)?;
    for settled in &batch.settled {
        let changed = settle.execute(params![
            epoch.0,
            settled.seq,
            settled.done.0,
            settled.outcome,
            settled.status,
            settled.counted,
            settled.bytes,
            settled.rows,
            settled.wait_s,
            settled.note.as_deref().map(plain),
        ])?;
        left -= i64::from(changed > 0 && settled.outcome == "unsent");
    }
    if left != 0 {
        connection
            .prepare_cached("UPDATE chainfill_run SET requests = requests + ?2 WHERE epoch = ?1")?
            .execute(params![epoch.0, left])?;
    }
    Ok(())
}

fn write_listing(connection: &Connection, news: &ListingNews) -> Result<(), Trouble> {
    let at = news.fetched_at.0;
    let row = ListingRow::of(news);
    let sql = "INSERT OR IGNORE INTO chainfill_listing (fetched_at, names, unparsed, added, vanished, requests) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(sql)?.execute(params![
        at,
        row.names,
        row.unparsed,
        row.new,
        row.vanished,
        news.requests
    ])?;
    let mut list = connection.prepare_cached("UPDATE chainfill_option SET listed = ?2 WHERE symbol = ?1")?;
    let sql = "INSERT OR REPLACE INTO chainfill_listing_change (fetched_at, symbol, change) VALUES (?1, ?2, ?3)";
    let mut note = connection.prepare_cached(sql)?;
    for (symbols, listed, change) in [(&news.vanished, false, "vanished"), (&news.returned, true, "returned")] {
        for symbol in symbols {
            let symbol = kept_name(symbol.as_str());
            list.execute(params![symbol, listed])?;
            note.execute(params![at, symbol, change])?;
        }
    }
    let mut deltas = Deltas::default();
    for record in &news.new {
        let record = storable(record);
        if list.execute(params![record.symbol.as_str(), true])? == 0 {
            write_record(connection, &record, Some(news.fetched_at))?;
            deltas.moved(None, &record);
        }
    }
    write_deltas(connection, &deltas)
}

fn write_options(connection: &Connection, style: &Style, batch: &Batch) -> Result<Committed, Trouble> {
    let mut fold = Fold::default();
    let mut lines = Lines::default();
    let has_bars = batch.options.iter().any(|news| !news.candles.is_empty());
    for news in &batch.options {
        let symbol = storable_symbol(&news.symbol);
        if !fold.knows(&symbol) {
            let before = read::record_of(connection, &symbol, &mut lines)?;
            let (bars, odd) =
                if has_bars { candles::with_odd(connection, symbol.as_str())? } else { Default::default() };
            fold.know(&symbol, before, bars);
            for date in odd {
                fold.know_odd(&symbol, date);
            }
        }
    }
    let mut committed = Committed::default();
    for news in &batch.options {
        let symbol = storable_symbol(&news.symbol);
        let Some(applied) = fold.apply(&symbol, news) else { continue };
        for revision in &applied.revised {
            connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO chainfill_revision (symbol, date, at, old, new) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    symbol.as_str(),
                    revision.new.date.to_string(),
                    news.at.0,
                    revision.old.canonical(&symbol),
                    revision.new.canonical(&symbol),
                ])?;
        }
        for (date, flaw) in &news.flaws {
            connection
                .prepare_cached("INSERT OR IGNORE INTO chainfill_flag (symbol, date, word) VALUES (?1, ?2, ?3)")?
                .execute(params![symbol.as_str(), date.to_string(), flaw.word()])?;
        }
        committed.options.push(applied);
    }
    for entry in fold.written() {
        candles::write(connection, &entry.record, style, &entry.writes)?;
    }
    for entry in fold.changed() {
        match entry.before {
            Some(_) => update_record(connection, &entry.record)?,
            None => write_record(connection, &entry.record, None)?,
        }
    }
    write_deltas(connection, &fold.deltas())?;
    Ok(committed)
}

/// Adds a line to the ledger.
pub(super) fn write_record(
    connection: &Connection,
    record: &OptionRecord,
    first: Option<Moment>,
) -> Result<(), Trouble> {
    let terms = Terms::of(record);
    let sql = "INSERT INTO chainfill_option (symbol, currency, expiry, strike, option_type, state, row_count, first_bar, \
         last_bar, print, fetched_at, listed, reason, first_listing, due_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    connection.prepare_cached(sql)?.execute(params![
        record.symbol.as_str(),
        record.currency.as_str(),
        terms.expiry,
        terms.strike,
        record.instrument.as_ref().map(|instrument| instrument.option_type.letter()),
        record.state.word(),
        record.row_count,
        record.first_bar.map(|date| date.to_string()),
        record.last_bar.map(|date| date.to_string()),
        print_bits(record.print),
        record.fetched_at.map(|at| at.0),
        record.listed,
        record.reason.as_deref(),
        first.map(|at| at.0),
        due_at(record),
    ])?;
    Ok(())
}

fn update_record(connection: &Connection, record: &OptionRecord) -> Result<(), Trouble> {
    let sql = "UPDATE chainfill_option SET state = ?2, row_count = ?3, first_bar = ?4, last_bar = ?5, print = ?6, \
         fetched_at = ?7, reason = ?8, due_at = ?9 WHERE symbol = ?1";
    connection.prepare_cached(sql)?.execute(params![
        record.symbol.as_str(),
        record.state.word(),
        record.row_count,
        record.first_bar.map(|date| date.to_string()),
        record.last_bar.map(|date| date.to_string()),
        print_bits(record.print),
        record.fetched_at.map(|at| at.0),
        record.reason.as_deref(),
        due_at(record),
    ])?;
    Ok(())
}

/// Notes of every option when it is due again: an older version did not.
pub(super) fn note_due(connection: &Connection) -> Result<(), Trouble> {
    let records = read::load(connection, Moment(i64::MAX))?.records;
    let mut note = connection.prepare("UPDATE chainfill_option SET due_at = ?2 WHERE symbol = ?1")?;
    for record in &records {
        if let Some(at) = due_at(record) {
            note.execute(params![record.symbol.as_str(), at])?;
        }
    }
    Ok(())
}

/// Adds to the tallies.
pub(super) fn write_deltas(connection: &Connection, deltas: &Deltas) -> Result<(), Trouble> {
    for (currency, counts) in deltas.each() {
        let [listed, pending, stored, empty, attention, bars] = counts.numbers();
        let sql = "INSERT INTO chainfill_tally (currency, listed, pending, stored, empty, attention, bars) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (currency) DO UPDATE SET listed = listed + excluded.listed, \
             pending = pending + excluded.pending, stored = stored + excluded.stored, empty = empty + excluded.empty, \
             attention = attention + excluded.attention, bars = bars + excluded.bars";
        connection.prepare_cached(sql)?.execute(params![
            currency.as_str(),
            listed,
            pending,
            stored,
            empty,
            attention,
            bars
        ])?;
    }
    Ok(())
}
