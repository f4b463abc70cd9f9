//! Who may write: the lease, and what is left for its holder.

use super::link::Link;
use super::trouble::Trouble;
use super::{adopt, read};
use crate::domain::moment::Moment;
use crate::domain::order::Order;
use crate::domain::run::{Claimed, claim};
use crate::store::row::{order_of, order_text};
use crate::store::text::plain;
use crate::store::{Claim, Epoch, Holder, Left, RunEnd, StoreError};

/// Above every epoch before, whatever became of the lease's own number: the newest run is the one with the highest, and a
/// request under a number that stands in the journal would not be written there (I5).
const TAKE: &str = "UPDATE chainfill_lease SET epoch = greatest(epoch, (SELECT max(epoch) FROM chainfill_run), \
     (SELECT max(epoch) FROM chainfill_attempt)) + 1, held = TRUE, beat_at = clock_timestamp() RETURNING epoch";

/// Counts the ledger anew. Nothing but a hand in the tables, or a flipped bit, makes the kept counts others than these; from
/// then on every page would be wrong by as much (B13).
const RECOUNT: &str = "INSERT INTO chainfill_tally AS t (currency, listed, pending, stored, empty, attention, bars) \
     SELECT currency, sum(one), count(*) FILTER (WHERE state = 'pending'), count(*) FILTER (WHERE state = 'stored'), \
     count(*) FILTER (WHERE state = 'empty'), count(*) FILTER (WHERE state = 'attention'), \
     sum(greatest(0, least(row_count, 4294967295))) FROM (SELECT currency, 1 AS one, state, row_count FROM chainfill_option \
     UNION ALL SELECT currency, 0, '', 0 FROM chainfill_tally) AS counted GROUP BY currency \
     ON CONFLICT (currency) DO UPDATE SET listed = excluded.listed, pending = excluded.pending, \
     stored = excluded.stored, empty = excluded.empty, attention = excluded.attention, bars = excluded.bars \
     WHERE t IS DISTINCT FROM excluded";

/// Takes the lease. Its row is locked from the look to the end: of many at once one wins (P8).
pub(super) async fn begin(link: &mut Link, wish: &Claim) -> Result<Epoch, Trouble> {
    link.begin("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
    link.batch("SELECT epoch FROM chainfill_lease FOR UPDATE").await?;
    if let Some(holder) = holder(link).await? {
        // An earlier claim of this very run was written, though its caller never heard of it.
        if holder.identity == wish.identity {
            link.batch("ROLLBACK").await?;
            return Ok(holder.epoch);
        }
        let beat_age_ms = holder.beat.age_ms(&holder.identity, &wish.vantage());
        match claim(true, beat_age_ms, (wish.alive)(&holder.identity)) {
            Claimed::Held(_) => {
                // The holder's beat waits for the row until then.
                link.batch("ROLLBACK").await?;
                return Err(StoreError::Held(Box::new(holder)).into());
            }
            Claimed::Free | Claimed::TakenOver => {}
        }
    }
    // Of runs before the last one this was done when the last one began.
    let unknown = "UPDATE chainfill_attempt SET outcome = 'unknown', counted = TRUE \
         WHERE epoch IN ((SELECT epoch FROM chainfill_lease), (SELECT max(epoch) FROM chainfill_run)) \
         AND outcome IS NULL";
    link.batch(unknown).await?;
    let taken = link.ask_one(TAKE, &[]).await;
    let epoch: i64 = taken.map_err(|error| Trouble::from(error).in_table("chainfill_lease"))?.try_get(0)?;
    let identity = serde_json::to_string(&wish.identity).map_err(|error| Trouble::odd(error.to_string()))?;
    let run = "INSERT INTO chainfill_run (epoch, identity, started_at) VALUES ($1, $2, $3)";
    link.tell(run, &[&epoch, &plain(&identity), &wish.now.0]).await?;
    // The older script may have run again since.
    adopt::adopt(link).await?;
    link.batch(RECOUNT).await?;
    link.batch("COMMIT").await?;
    Ok(Epoch(epoch))
}

/// Gives the lease back.
pub(super) async fn end(link: &mut Link, epoch: Epoch, end: &RunEnd) -> Result<(), Trouble> {
    // An end that was written, though its caller never heard of it, may be written again.
    let sql = "WITH lease AS (UPDATE chainfill_lease SET held = FALSE, beat_at = clock_timestamp() WHERE epoch = $1 \
         RETURNING epoch) UPDATE chainfill_run AS r SET ended_at = $2, ending = $3, progress = coalesce($4, r.progress) \
         FROM lease WHERE r.epoch = lease.epoch";
    let progress = end.progress.as_deref().map(plain);
    let ended = link.tell(sql, &[&epoch.0, &end.at.0, &end.ending.word(), &progress]).await?;
    if ended == 0 { Err(StoreError::Fenced.into()) } else { Ok(()) }
}

/// Leaves an order.
pub(super) async fn leave_order(link: &mut Link, order: &Order, now: Moment) -> Result<Option<Left>, Trouble> {
    let Some(holder) = holder(link).await? else { return Ok(None) };
    let sql = "INSERT INTO chainfill_order (epoch, what, at) VALUES ($1, $2, $3) RETURNING id";
    let text = order_text(order);
    let row = link.ask_one(sql, &[&holder.epoch.0, &plain(&text), &now.0]).await?;
    Ok(Some(Left { id: row.try_get(0)?, holder }))
}

/// Marks what was followed as taken, and reads what else was left for this epoch. By number and not up to a number:
/// of two that are left at once the later one may be seen first.
pub(super) async fn take_orders(link: &mut Link, epoch: Epoch, followed: &[i64]) -> Result<Vec<(i64, Order)>, Trouble> {
    let sql = "WITH followed AS (UPDATE chainfill_order SET taken = TRUE WHERE epoch = $1 AND id = ANY($2)) \
         SELECT id, what FROM chainfill_order WHERE epoch = $1 AND NOT taken AND id <> ALL($2) ORDER BY id";
    let statement = link.prepare(sql).await?;
    let rows = link.query(&statement, &[&epoch.0, &followed]).await?;
    let mut orders = Vec::new();
    for row in &rows {
        orders.push((row.try_get(0)?, order_of(row.try_get(1)?)));
    }
    Ok(orders)
}

/// Who holds the store.
async fn holder(link: &mut Link) -> Result<Option<Holder>, Trouble> {
    let held = link.ask_one("SELECT held FROM chainfill_lease", &[]).await;
    let held: bool = held.map_err(|error| Trouble::from(error).in_table("chainfill_lease"))?.try_get(0)?;
    if !held {
        return Ok(None);
    }
    let rows = link.ask(read::RUNS, &[&1_i64]).await?;
    let run = read::run(&rows)?;
    Ok(run.map(|run| Holder { identity: run.identity, epoch: run.epoch, beat: run.beat }))
}
