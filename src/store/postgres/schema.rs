//! The tables: made, brought up to date, and looked at before they are used.

use tokio_postgres::error::SqlState;

use super::link::Link;
use super::trouble::Trouble;
use super::{adopt, commit, inspect, read, rights};
use crate::store::adoption::{CANDLES, Style};
use crate::store::{Adopted, Mode, StoreError};

/// The steps from nothing to now; a step never changes once it is released.
const STEPS: [&str; 4] = [
    include_str!("../sql/postgres/001_begin.sql"),
    include_str!("../sql/postgres/002_outside.sql"),
    include_str!("../sql/postgres/003_actions.sql"),
    include_str!("../sql/postgres/004_room.sql"),
];

/// The version that keeps when an option is due again.
const DUE: i32 = 2;

/// Two that open a new database at once make its tables one after the other.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7161726413651)";

/// What making the tables ready did.
pub(super) struct Ready {
    pub(super) adopted: Option<Adopted>,
    pub(super) migrated: Option<(i32, i32)>,
    pub(super) style: Style,
}

/// Makes the tables ready for a mode, in one transaction.
pub(super) async fn ready(link: &mut Link, place: &str, mode: Mode) -> Result<Ready, Trouble> {
    if mode == Mode::Read {
        check_version(link, place, mode).await?;
        return Ok(Ready { adopted: None, migrated: None, style: Style::default() });
    }
    link.begin("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
    link.batch(LOCK).await?;
    let ready = make(link, place).await?;
    link.batch("COMMIT").await?;
    Ok(ready)
}

async fn make(link: &mut Link, place: &str) -> Result<Ready, Trouble> {
    rights::check(link).await?;
    let found = check_version(link, place, Mode::Write).await?;
    let known = known();
    let had_candles = exists(link, CANDLES).await?;
    if found > 0 && !had_candles {
        return Err(Trouble::Unfit(
            format!("the table {CANDLES} is gone, though the ledger speaks of its bars"),
            "restore it from a backup, or use another database".to_owned(),
        ));
    }
    if had_candles && let Some(widening) = inspect::inspect(link).await? {
        widen(link, &widening).await?;
    }
    for (at, step) in STEPS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        link.batch(step).await?;
        if at == 0 {
            let sql =
                "CREATE TABLE chainfill_schema (version INTEGER NOT NULL); INSERT INTO chainfill_schema VALUES (0)";
            link.batch(sql).await?;
        }
    }
    if found < known {
        link.tell("UPDATE chainfill_schema SET version = $1", &[&known]).await?;
    }
    if (1..DUE).contains(&found) {
        commit::note_due(link).await?;
    }
    let mut adopted = None;
    if found == 0 && had_candles {
        adopt::learn_style(link).await?;
        adopted = Some(adopt::adopt(link).await?);
    }
    let style = read::memory(link, adopt::STYLE).await?.unwrap_or_default();
    Ok(Ready { adopted, migrated: (found > 0 && found < known).then_some((found, known)), style })
}

/// Makes columns hold every digit. PostgreSQL refuses that where a view looks at one.
async fn widen(link: &Link, widening: &str) -> Result<(), Trouble> {
    link.batch(widening).await.map_err(|error| match error.code() {
        Some(&SqlState::FEATURE_NOT_SUPPORTED) => Trouble::Unfit(
            format!("columns of {CANDLES} cannot hold every digit, and a view keeps them from being widened: {error}"),
            format!("-- drop the view, run this, and create the view again:\n{widening}"),
        ),
        _ => error.into(),
    })
}

async fn check_version(link: &Link, place: &str, mode: Mode) -> Result<i32, Trouble> {
    let known = known();
    let mut found = 0;
    if exists(link, "chainfill_schema").await? {
        let newest = link.ask_one("SELECT max(version) FROM chainfill_schema", &[]).await?.try_get(0);
        found = newest.map_err(|error| Trouble::from(error).in_table("chainfill_schema"))?;
    }
    if found > known {
        return Err(Trouble::Unfit(
            format!("its tables were written by a newer chainfill (version {found}; this one knows {known})"),
            "use that newer chainfill".to_owned(),
        ));
    }
    if mode == Mode::Read && found == 0 {
        return Err(StoreError::Nothing { place: place.to_owned() }.into());
    }
    if mode == Mode::Read && found < known {
        let what = format!("its tables are of an older version ({found}; this one needs {known})");
        return Err(Trouble::Unfit(what, "run `chainfill backfill` on it: that brings them up to date".to_owned()));
    }
    Ok(found)
}

async fn exists(link: &Link, table: &str) -> Result<bool, Trouble> {
    Ok(link.ask_one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await?.try_get(0)?)
}

fn known() -> i32 {
    i32::try_from(STEPS.len()).unwrap_or(i32::MAX)
}
