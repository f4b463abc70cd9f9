//! One batch, one transaction, three round trips, more with a listing: look and journal, write, commit.

use std::collections::HashMap;

use super::columns::{BarColumns, LedgerColumns, NoteColumns, SentColumns, SettledColumns, TallyColumns};
use super::link::Link;
use super::listing::{self, ListingCalls};
use super::read::{self, BARS_OF, LINES_OF};
use super::trouble::Trouble;
use crate::domain::candle::Candle;
use crate::domain::instrument::Symbol;
use crate::domain::ledger::OptionRecord;
use crate::limits::{COMMIT_OPTIONS_MAX, STORE_TRIES_MAX};
use crate::store::adoption::Style;
use crate::store::merge::{Deltas, Fold};
use crate::store::row::{Lines, storable_symbol};
use crate::store::text::plain;
use crate::store::{Batch, Committed, Epoch, StoreError};

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
const COMMIT: &str = "COMMIT";

const BEAT: &str = "UPDATE chainfill_lease SET beat_at = clock_timestamp() WHERE epoch = $1 AND held RETURNING epoch";

// A batch that is committed again must not count its requests again (I3).
const SENT: &str = "WITH added AS (INSERT INTO chainfill_attempt (epoch, seq, kind, query, sent) \
     SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[]) ON CONFLICT DO NOTHING RETURNING 1) \
     UPDATE chainfill_run SET requests = requests + (SELECT count(*) FROM added) WHERE epoch = $1";

const SETTLED: &str = "WITH settled AS (UPDATE chainfill_attempt AS a SET done = n.done, outcome = n.outcome, \
     status = n.status, counted = n.counted, bytes = n.bytes, rows = n.rows, wait_s = n.wait_s, note = n.note \
     FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::boolean[], $7::bigint[], $8::bigint[], \
     $9::bigint[], $10::text[]) AS n (seq, done, outcome, status, counted, bytes, rows, wait_s, note) \
     WHERE a.epoch = $1 AND a.seq = n.seq AND a.outcome IS NULL RETURNING n.outcome) \
     UPDATE chainfill_run SET requests = requests - (SELECT count(*) FROM settled WHERE outcome = 'unsent') \
     WHERE epoch = $1 AND EXISTS (SELECT 1 FROM settled WHERE outcome = 'unsent')";

const REMEMBER: &str = "INSERT INTO chainfill_memory (name, value) VALUES ($1, $2) \
     ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const PROGRESS: &str = "UPDATE chainfill_run SET progress = $2 WHERE epoch = $1";
// No index could hold it: whoever commits a batch again has the lease, and finds what was written before (I3).
const ACTION: &str = "INSERT INTO chainfill_action (at, action, epoch) SELECT $1::bigint, $2::text, $3::bigint \
     WHERE NOT EXISTS (SELECT 1 FROM chainfill_action WHERE at = $1 AND action = $2)";

const BARS: &str = "INSERT INTO cryptodatadownload_options_daily (unix_timestamp, date, symbol, currency, expiry_date, \
     strike, option_type, price_open, price_high, price_low, price_close, volume_traded, data_source, downloaded_at) \
     SELECT * FROM unnest($1::bigint[], $2::date[], $3::text[], $4::text[], $5::date[], $6::numeric[], $7::text[], \
     $8::numeric[], $9::numeric[], $10::numeric[], $11::numeric[], $12::numeric[], $13::text[], $14::timestamptz[]) \
     ON CONFLICT (symbol, date) DO UPDATE SET unix_timestamp = excluded.unix_timestamp, \
     price_open = excluded.price_open, price_high = excluded.price_high, price_low = excluded.price_low, \
     price_close = excluded.price_close, volume_traded = excluded.volume_traded, \
     data_source = excluded.data_source, downloaded_at = excluded.downloaded_at";

const LINES: &str = "INSERT INTO chainfill_option (symbol, currency, expiry, strike, option_type, state, row_count, \
     first_bar, last_bar, print, fetched_at, listed, reason, due_at) SELECT * FROM unnest($1::text[], $2::text[], $3::date[], \
     $4::numeric[], $5::text[], $6::text[], $7::bigint[], $8::date[], $9::date[], $10::bigint[], $11::bigint[], \
     $12::boolean[], $13::text[], $14::bigint[]) ON CONFLICT (symbol) DO UPDATE SET state = excluded.state, \
     row_count = excluded.row_count, first_bar = excluded.first_bar, last_bar = excluded.last_bar, \
     print = excluded.print, fetched_at = excluded.fetched_at, reason = excluded.reason, due_at = excluded.due_at";

const TALLY: &str = "INSERT INTO chainfill_tally AS t (currency, listed, pending, stored, empty, attention, bars) \
     SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) \
     ON CONFLICT (currency) DO UPDATE SET listed = t.listed + excluded.listed, pending = t.pending + excluded.pending, \
     stored = t.stored + excluded.stored, empty = t.empty + excluded.empty, \
     attention = t.attention + excluded.attention, bars = t.bars + excluded.bars";

const REVISIONS: &str = "INSERT INTO chainfill_revision (symbol, date, at, old, new) \
     SELECT * FROM unnest($1::text[], $2::date[], $3::bigint[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING";
const FLAGS: &str = "INSERT INTO chainfill_flag (symbol, date, word) \
     SELECT * FROM unnest($1::text[], $2::date[], $3::text[]) ON CONFLICT DO NOTHING";

/// Writes a batch. A transaction that only met another one is tried again (B4).
pub(super) async fn commit(link: &mut Link, style: &Style, epoch: Epoch, batch: &Batch) -> Result<Committed, Trouble> {
    let mut tries = 1;
    loop {
        match try_commit(link, style, epoch, batch).await {
            Err(trouble) if trouble.is_passing() && tries < STORE_TRIES_MAX => {
                link.batch("ROLLBACK").await?;
                tries += 1;
            }
            result => return result,
        }
    }
}

async fn try_commit(link: &mut Link, style: &Style, epoch: Epoch, batch: &Batch) -> Result<Committed, Trouble> {
    let symbols: Vec<Symbol> = batch.options.iter().map(|news| storable_symbol(&news.symbol)).collect();
    let mut fold = look(link, epoch, batch, &symbols).await?;
    let mut committed = Committed { options: Vec::with_capacity(batch.options.len()) };
    let (mut revisions, mut flags) = (NoteColumns::default(), NoteColumns::default());
    for (symbol, news) in symbols.iter().zip(&batch.options) {
        let Some(applied) = fold.apply(symbol, news) else { continue };
        for revision in &applied.revised {
            let (old, new) = (revision.old.canonical(symbol), revision.new.canonical(symbol));
            revisions.revise(symbol.as_str(), revision.new.date, news.at, old, new);
        }
        for (date, flaw) in &news.flaws {
            flags.flag(symbol.as_str(), *date, flaw.word());
        }
        committed.options.push(applied);
    }
    write(link, style, &fold, &revisions, &flags).await?;
    let commit = link.prepare(COMMIT).await?;
    // Alone, when all before it is known to be well: what is left is written or not, and nothing between (B2).
    link.query(&commit, &[]).await?;
    Ok(committed)
}

/// Asserts the epoch, writes what depends on nothing, and reads what the batch speaks of: one round trip; more where a
/// listing goes before, which a batch may speak of.
async fn look(link: &mut Link, epoch: Epoch, batch: &Batch, symbols: &[Symbol]) -> Result<Fold, Trouble> {
    let [begin, beat, sent, settled, remember, progress, action, lines_of, bars_of] =
        link.prepare_all([BEGIN, BEAT, SENT, SETTLED, REMEMBER, PROGRESS, ACTION, LINES_OF, BARS_OF]).await?;
    let listing = match &batch.listing {
        Some(news) => Some(ListingCalls::of(link, news).await?),
        None => None,
    };
    let (sent_columns, settled_columns) = (SentColumns::of(&batch.sent), SettledColumns::of(&batch.settled));
    let throttle = batch.throttle.as_ref().map(serde_json::to_string).transpose();
    let ability = batch.ability.as_ref().map(serde_json::to_string).transpose();
    let odd = |error: serde_json::Error| Trouble::odd(error.to_string());
    let memories = [("throttle", throttle.map_err(odd)?), ("ability", ability.map_err(odd)?)];
    let (progress_text, action_text) = (batch.progress.as_deref().map(plain), batch.action.as_deref().map(plain));
    let names: Vec<&str> = symbols.iter().map(Symbol::as_str).collect();
    let with_bars: Vec<&str> =
        if batch.options.iter().all(|news| news.candles.is_empty()) { vec![] } else { names.clone() };

    let mut pipeline = link.pipeline();
    pipeline.begin(&begin);
    pipeline.add(&beat, vec![&epoch.0]);
    if !batch.sent.is_empty() {
        pipeline.add(&sent, sent_columns.values(&epoch.0));
    }
    if !batch.settled.is_empty() {
        pipeline.add(&settled, settled_columns.values(&epoch.0));
    }
    for (name, value) in &memories {
        if let Some(value) = value {
            pipeline.add(&remember, vec![name, value]);
        }
    }
    if progress_text.is_some() {
        pipeline.add(&progress, vec![&epoch.0, &progress_text]);
    }
    if action_text.is_some() {
        pipeline.add(&action, vec![&batch.at.0, &action_text, &epoch.0]);
    }
    if let Some(listing) = &listing {
        listing.add_to(&mut pipeline);
    }
    let reads = [(&lines_of, &names), (&bars_of, &with_bars)];
    if listing.is_none() && !names.is_empty() {
        for (read, names) in &reads {
            pipeline.add(read, vec![*names]);
        }
    }
    let mut answers = pipeline.run().await?;
    if answers.nth(1).is_none_or(|beaten| beaten.is_empty()) {
        return Err(StoreError::Fenced.into());
    }
    drop(listing);
    if let Some(news) = &batch.listing {
        listing::add_new(link, news).await?;
    }
    let mut fold = Fold::default();
    if names.is_empty() {
        return Ok(fold);
    }
    if batch.listing.is_some() {
        let mut pipeline = link.pipeline();
        for (read, names) in &reads {
            pipeline.add(read, vec![*names]);
        }
        answers = pipeline.run().await?;
    }
    let (bar_rows, line_rows) = (answers.next_back().unwrap_or_default(), answers.next_back().unwrap_or_default());
    let mut lines = Lines::default();
    let mut records: HashMap<Symbol, OptionRecord> = HashMap::with_capacity(line_rows.len());
    for row in &line_rows {
        let record = read::record(row, &mut lines)?;
        records.insert(record.symbol.clone(), record);
    }
    let mut bars: HashMap<&str, Vec<Candle>> = HashMap::new();
    for row in &bar_rows {
        let name: &str = row.try_get(7)?;
        // A row that is no bar counts as none; the statement that writes takes its place like any other's (B14).
        if let Ok(bar) = read::bar(row) {
            bars.entry(name).or_default().push(bar);
        }
    }
    for symbol in symbols {
        if !fold.knows(symbol) {
            fold.know(symbol, records.remove(symbol), bars.remove(symbol.as_str()).unwrap_or_default());
        }
    }
    Ok(fold)
}

/// Writes bars, lines, tallies and notes: one round trip, one statement a table.
async fn write(
    link: &mut Link,
    style: &Style,
    fold: &Fold,
    revisions: &NoteColumns,
    flags: &NoteColumns,
) -> Result<(), Trouble> {
    let [bars, lines, tally, revise, flag] = link.prepare_all([BARS, LINES, TALLY, REVISIONS, FLAGS]).await?;
    let bar_columns = BarColumns::of(fold, style);
    let line_columns = LedgerColumns::of(fold.changed().map(|entry| &entry.record));
    let deltas = fold.deltas();
    let tally_columns = TallyColumns::of(&deltas);
    let mut pipeline = link.pipeline();
    if !bar_columns.is_empty() {
        pipeline.add(&bars, bar_columns.values());
    }
    if !line_columns.is_empty() {
        pipeline.add(&lines, line_columns.values());
    }
    if !tally_columns.is_empty() {
        pipeline.add(&tally, tally_columns.values());
    }
    if !revisions.is_empty() {
        pipeline.add(&revise, revisions.revision_values());
    }
    if !flags.is_empty() {
        pipeline.add(&flag, flags.flag_values());
    }
    pipeline.run().await.map(|_| ())
}

/// Adds lines to the ledger, in the caller's transaction.
pub(super) async fn write_records(link: &mut Link, records: &[OptionRecord]) -> Result<(), Trouble> {
    let statement = link.prepare(LINES).await?;
    let columns = LedgerColumns::of(records);
    link.query(&statement, &columns.values()).await?;
    Ok(())
}

/// Notes of every option when it is due again: an older version did not.
pub(super) async fn note_due(link: &mut Link) -> Result<(), Trouble> {
    let records = read::ledger(link).await?;
    for part in records.chunks(COMMIT_OPTIONS_MAX) {
        write_records(link, part).await?;
    }
    Ok(())
}

/// Adds to the tallies, in the caller's transaction.
pub(super) async fn write_deltas(link: &mut Link, deltas: &Deltas) -> Result<(), Trouble> {
    let statement = link.prepare(TALLY).await?;
    let columns = TallyColumns::of(deltas);
    link.query(&statement, &columns.values()).await?;
    Ok(())
}
