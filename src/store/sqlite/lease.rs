//! Who may write: the lease, and what is left for its holder.

use rusqlite::{Connection, params};

use super::adopt;
use super::read::run;
use super::trouble::Trouble;
use crate::domain::moment::Moment;
use crate::domain::order::Order;
use crate::domain::run::{Claimed, claim};
use crate::store::row::{order_of, order_text};
use crate::store::text::plain;
use crate::store::{Claim, Epoch, Holder, Left, RunEnd, StoreError};

/// Above every epoch before, whatever became of the lease's own number: the newest run is the one with the highest, and a
/// request under a number that stands in the journal would not be written there (I5).
const TAKE: &str = "UPDATE chainfill_lease SET held = 1, beat_at = ?1, \
     epoch = max(CAST(epoch AS INTEGER), (SELECT coalesce(max(epoch), 0) FROM chainfill_run), \
     (SELECT coalesce(CAST(max(epoch) AS INTEGER), 0) FROM chainfill_attempt)) + 1";

/// Counts the ledger anew. Nothing but a hand in the tables, or a flipped bit, makes the kept counts others than these; from
/// then on every page would be wrong by as much (B13).
const RECOUNT: &str = "DELETE FROM chainfill_tally; \
     INSERT INTO chainfill_tally (currency, listed, pending, stored, empty, attention, bars) \
     SELECT currency, count(*), sum(state = 'pending'), sum(state = 'stored'), sum(state = 'empty'), \
     sum(state = 'attention'), sum(max(0, min(row_count, 4294967295))) FROM chainfill_option \
     WHERE typeof(currency) = 'text' GROUP BY currency";

/// Takes the lease.
pub(super) fn begin(connection: &Connection, wish: &Claim) -> Result<Epoch, Trouble> {
    if let Some(holder) = holder(connection)? {
        // An earlier claim of this very run was written, though its caller never heard of it.
        if holder.identity == wish.identity {
            return Ok(holder.epoch);
        }
        let beat_age_ms = holder.beat.age_ms(&holder.identity, &wish.vantage());
        match claim(true, beat_age_ms, (wish.alive)(&holder.identity)) {
            Claimed::Held(_) => return Err(StoreError::Held(Box::new(holder)).into()),
            Claimed::Free | Claimed::TakenOver => {}
        }
    }
    // Of runs before the last one this was done when the last one began.
    connection.execute(
        "UPDATE chainfill_attempt SET outcome = 'unknown', counted = 1 \
         WHERE epoch IN ((SELECT epoch FROM chainfill_lease), (SELECT max(epoch) FROM chainfill_run)) \
         AND outcome IS NULL",
        [],
    )?;
    let identity = serde_json::to_string(&wish.identity).map_err(|error| Trouble::odd(error.to_string()))?;
    connection.execute(TAKE, [wish.now.0])?;
    let epoch = connection.query_row("SELECT epoch FROM chainfill_lease", [], |row| row.get(0));
    let epoch: i64 = epoch.map_err(in_lease)?;
    connection.execute(
        "INSERT INTO chainfill_run (epoch, identity, started_at) VALUES (?1, ?2, ?3)",
        params![epoch, plain(&identity), wish.now.0],
    )?;
    // The older script may have run again since.
    adopt::adopt(connection)?;
    connection.execute_batch(RECOUNT)?;
    Ok(Epoch(epoch))
}

/// Gives the lease back.
pub(super) fn end(connection: &Connection, epoch: Epoch, end: &RunEnd) -> Result<(), Trouble> {
    // An end that was written, though its caller never heard of it, may be written again.
    let sql = "UPDATE chainfill_lease SET held = 0, beat_at = max(beat_at, ?2) WHERE epoch = ?1";
    if connection.execute(sql, params![epoch.0, end.at.0])? == 0 {
        return Err(StoreError::Fenced.into());
    }
    connection.execute(
        "UPDATE chainfill_run SET ended_at = ?2, ending = ?3, progress = coalesce(?4, progress) WHERE epoch = ?1",
        params![epoch.0, end.at.0, end.ending.word(), end.progress.as_deref().map(plain)],
    )?;
    Ok(())
}

/// Leaves an order.
pub(super) fn leave_order(connection: &Connection, order: &Order, now: Moment) -> Result<Option<Left>, Trouble> {
    let Some(holder) = holder(connection)? else { return Ok(None) };
    connection.execute(
        "INSERT INTO chainfill_order (epoch, what, at) VALUES (?1, ?2, ?3)",
        params![holder.epoch.0, plain(&order_text(order)), now.0],
    )?;
    Ok(Some(Left { id: connection.last_insert_rowid(), holder }))
}

/// Marks orders of this epoch as taken.
pub(super) fn mark_taken(connection: &Connection, epoch: Epoch, followed: &[i64]) -> Result<(), Trouble> {
    let mut statement =
        connection.prepare_cached("UPDATE chainfill_order SET taken = 1 WHERE epoch = ?1 AND id = ?2")?;
    for id in followed {
        statement.execute([epoch.0, *id])?;
    }
    Ok(())
}

/// What was left for this epoch and is not taken yet.
pub(super) fn untaken(connection: &Connection, epoch: Epoch) -> Result<Vec<(i64, Order)>, Trouble> {
    let sql = "SELECT id, what FROM chainfill_order WHERE epoch = ?1 AND NOT taken ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([epoch.0], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    let rows = rows.collect::<Result<_, _>>();
    let rows: Vec<(i64, String)> = rows.map_err(|error| Trouble::from(error).in_table("chainfill_order"))?;
    Ok(rows.into_iter().map(|(id, text)| (id, order_of(&text))).collect())
}

/// Who holds the store.
fn holder(connection: &Connection) -> Result<Option<Holder>, Trouble> {
    let held = connection.query_row("SELECT held FROM chainfill_lease", [], |row| row.get(0));
    let held: bool = held.map_err(in_lease)?;
    let run = run(connection)?.filter(|_| held);
    Ok(run.map(|run| Holder { identity: run.identity, epoch: run.epoch, beat: run.beat }))
}

fn in_lease(error: rusqlite::Error) -> Trouble {
    Trouble::from(error).in_table("chainfill_lease")
}
