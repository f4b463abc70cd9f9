//! Rows of an older script, read into the ledger (B14).

use std::pin::pin;

use futures_util::TryStreamExt as _;

use super::link::Link;
use super::trouble::Trouble;
use super::wire::Stamp;
use super::{commit, read};
use crate::limits::{COMMIT_OPTIONS_MAX, ZONE_AHEAD_MS_MAX};
use crate::store::Adopted;
use crate::store::adoption::{Adoption, OldRow, Style};
use crate::store::merge::Deltas;

/// The name under which the way of writing call and put is kept.
pub(super) const STYLE: &str = "option_type";

const UNKNOWN: &str = "SELECT date, unix_timestamp, price_open, price_high, price_low, price_close, volume_traded, \
     symbol, currency, downloaded_at::timestamptz, \
     pg_typeof(downloaded_at) = 'timestamp'::regtype FROM cryptodatadownload_options_daily AS c WHERE symbol IS NOT NULL \
     AND NOT EXISTS (SELECT 1 FROM chainfill_option AS o WHERE o.symbol = c.symbol) ORDER BY symbol COLLATE \"C\", date";

/// Finds out how the table writes call and put, and keeps it.
pub(super) async fn learn_style(link: &mut Link) -> Result<(), Trouble> {
    let sql = "SELECT DISTINCT option_type::text FROM cryptodatadownload_options_daily WHERE option_type IS NOT NULL";
    for row in link.ask(sql, &[]).await? {
        let text: String = row.try_get(0)?;
        if let Some(style) = Style::seen(text.trim_end()) {
            let value = serde_json::to_string(&style).map_err(|error| Trouble::odd(error.to_string()))?;
            let sql = "INSERT INTO chainfill_memory (name, value) VALUES ($1, $2)";
            link.tell(sql, &[&STYLE, &value]).await?;
            return Ok(());
        }
    }
    Ok(())
}

/// Makes a line for every option of the table that has none, in the caller's transaction.
pub(super) async fn adopt(link: &mut Link) -> Result<Adopted, Trouble> {
    let mut adoption = Adoption::default();
    let nameless = "SELECT count(*) FROM cryptodatadownload_options_daily WHERE symbol IS NULL";
    let nameless: i64 = link.ask_one(nameless, &[]).await?.try_get(0)?;
    adoption.add_nameless(nameless.unsigned_abs());
    {
        let mut rows = pin!(link.rows(UNKNOWN).await?);
        while let Some(row) = rows.try_next().await? {
            let fetched_at: Option<Stamp> = row.try_get(9).unwrap_or_default();
            // Without a zone it is taken as early as it can have been: an option that seemed fetched after its expiry,
            // and was not, would never be asked for again.
            let ahead_ms = if row.try_get(10)? { ZONE_AHEAD_MS_MAX } else { 0 };
            adoption.add(OldRow {
                symbol: row.try_get(7)?,
                currency: row.try_get(8)?,
                fetched_at: fetched_at.map(|at| at.0 - ahead_ms),
                candle: read::bar(&row),
            });
        }
    }
    let (records, told) = adoption.finish();
    let mut deltas = Deltas::default();
    for record in &records {
        deltas.moved(None, record);
    }
    for part in records.chunks(COMMIT_OPTIONS_MAX) {
        commit::write_records(link, part).await?;
    }
    commit::write_deltas(link, &deltas).await?;
    Ok(told)
}
