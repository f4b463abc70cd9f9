//! The tables: made, brought up to date, and looked at before they are used.

use rusqlite::{Connection, OptionalExtension as _};

use super::trouble::Trouble;
use super::{adopt, commit, memory};
use crate::store::adoption::{CANDLES, COLUMNS, Style, VALUES};
use crate::store::{Adopted, Mode, StoreError};

/// The steps from nothing to now; a step never changes once it is released.
const STEPS: [&str; 3] = [
    include_str!("../sql/sqlite/001_begin.sql"),
    include_str!("../sql/sqlite/002_outside.sql"),
    include_str!("../sql/sqlite/003_actions.sql"),
];

/// The version that keeps when an option is due again.
const DUE: i32 = 2;

/// What making the tables ready did.
pub(super) struct Ready {
    pub(super) adopted: Option<Adopted>,
    pub(super) migrated: Option<(i32, i32)>,
    pub(super) style: Style,
}

/// Makes the tables ready for a mode, all of it in the caller's transaction.
pub(super) fn ready(connection: &Connection, place: &str, mode: Mode) -> Result<Ready, Trouble> {
    let known = i32::try_from(STEPS.len()).unwrap_or(i32::MAX);
    let found = version(connection)?;
    if found > known {
        return Err(Trouble::Unfit(
            format!("its tables were written by a newer chainfill (version {found}; this one knows {known})"),
            "use that newer chainfill".to_owned(),
        ));
    }
    if mode == Mode::Read {
        if found == 0 {
            return Err(StoreError::Nothing { place: place.to_owned() }.into());
        }
        if found < known {
            let what = format!("its tables are of an older version ({found}; this one needs {known})");
            return Err(Trouble::Unfit(what, "run `chainfill backfill` on it: that brings them up to date".to_owned()));
        }
        return Ok(Ready { adopted: None, migrated: None, style: Style::default() });
    }
    let had_candles = exists(connection, CANDLES)?;
    if found > 0 && !had_candles {
        return Err(Trouble::Unfit(
            format!("the table {CANDLES} is gone, though the ledger speaks of its bars"),
            "restore it from a backup, or start with a new file".to_owned(),
        ));
    }
    if had_candles {
        inspect(connection)?;
    }
    for (at, step) in STEPS.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        connection.execute_batch(step)?;
        if at == 0 {
            connection.execute_batch("CREATE TABLE chainfill_schema (version INTEGER NOT NULL)")?;
            connection.execute("INSERT INTO chainfill_schema VALUES (0)", [])?;
        }
    }
    if found < known {
        connection.execute("UPDATE chainfill_schema SET version = ?1", [known])?;
    }
    if (1..DUE).contains(&found) {
        commit::note_due(connection)?;
    }
    let mut adopted = None;
    if found == 0 && had_candles {
        adopt::learn_style(connection)?;
        adopted = Some(adopt::adopt(connection)?);
    }
    let style = memory(connection, adopt::STYLE)?.unwrap_or_default();
    Ok(Ready { adopted, migrated: (found > 0 && found < known).then_some((found, known)), style })
}

/// A cheap look before a transaction that would wait for other writers: whether all is as it should be.
pub(super) fn is_current(connection: &Connection) -> Result<bool, Trouble> {
    Ok(usize::try_from(version(connection)?).is_ok_and(|version| version == STEPS.len()))
}

fn version(connection: &Connection) -> Result<i32, Trouble> {
    if !exists(connection, "chainfill_schema")? {
        return Ok(0);
    }
    let newest = connection.query_row("SELECT max(version) FROM chainfill_schema", [], |row| row.get(0));
    newest.map_err(|error| Trouble::from(error).in_table("chainfill_schema"))
}

fn exists(connection: &Connection, table: &str) -> Result<bool, Trouble> {
    let found =
        connection.query_row("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1", [table], |_| Ok(()));
    Ok(found.optional()?.is_some())
}

/// Looks at a candle table that is there already, and says what would go wrong with it (B5).
fn inspect(connection: &Connection) -> Result<(), Trouble> {
    let mut missing: Vec<&str> = COLUMNS.to_vec();
    let mut statement =
        connection.prepare("SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info(?1)")?;
    let mut rows = statement.query([CANDLES])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let kind: String = row.get(1)?;
        if let Some(at) = missing.iter().position(|column| *column == name) {
            missing.remove(at);
            check_kind(&name, &kind)?;
            // A vendor may leave a price out, and a default does not stand in for it.
            if row.get::<_, bool>(2)? && VALUES.contains(&name.as_str()) {
                return Err(Trouble::Unfit(
                    format!("the column {name} of {CANDLES} must not be null"),
                    format!("make the table anew with `{name} {kind}`, without NOT NULL, and copy the rows"),
                ));
            }
        } else if !COLUMNS.contains(&name.as_str())
            && row.get::<_, bool>(2)?
            && row.get::<_, Option<String>>(3)?.is_none()
        {
            let is_rowid = row.get::<_, i64>(4)? > 0 && kind.eq_ignore_ascii_case("INTEGER");
            if !is_rowid {
                return Err(Trouble::Unfit(
                    format!("the column {name} of {CANDLES} must not be null and has no default"),
                    format!("give it a default: make the table anew with `{name} {kind} DEFAULT …`"),
                ));
            }
        }
    }
    if !missing.is_empty() {
        let mend = missing.iter().map(|column| format!("ALTER TABLE {CANDLES} ADD COLUMN {column};"));
        return Err(Trouble::Unfit(
            format!("the table {CANDLES} has no column {}", missing.join(", ")),
            mend.collect::<Vec<_>>().join("\n"),
        ));
    }
    if !is_unique(connection)? {
        return Err(Trouble::Unfit(
            format!("the table {CANDLES} has no unique index on (symbol, date), so bars could be doubled"),
            format!(
                "CREATE UNIQUE INDEX {CANDLES}_symbol_date ON {CANDLES} (symbol, date);\n-- where that fails, this shows \
                 the doubled bars:\nSELECT symbol, date, count(*) FROM {CANDLES} GROUP BY symbol, date HAVING count(*) > 1;"
            ),
        ));
    }
    let odd: i64 = connection.query_row(
        "SELECT count(*) FROM cryptodatadownload_options_daily WHERE date IS NOT NULL AND date IS NOT date(date)",
        [],
        |row| row.get(0),
    )?;
    if odd > 0 {
        return Err(Trouble::Unfit(
            format!("{odd} dates in {CANDLES} are not written as YYYY-MM-DD, so their bars would be doubled"),
            format!("UPDATE {CANDLES} SET date = date(date) WHERE date IS NOT date(date) AND date(date) IS NOT NULL;"),
        ));
    }
    Ok(())
}

/// A number in a column of text affinity would become a text that sorts wrongly, and loses digits on the way.
fn check_kind(name: &str, kind: &str) -> Result<(), Trouble> {
    let upper = kind.to_ascii_uppercase();
    let is_text = ["CHAR", "CLOB", "TEXT"].iter().any(|word| upper.contains(word));
    let is_number = matches!(name, "unix_timestamp" | "strike" | "volume_traded") || name.starts_with("price_");
    if is_number && is_text && !upper.contains("INT") {
        return Err(Trouble::Unfit(
            format!("the column {name} of {CANDLES} is declared {kind}, so its numbers are kept as text"),
            format!("make the table anew with `{name} REAL` and copy the rows"),
        ));
    }
    Ok(())
}

fn is_unique(connection: &Connection) -> Result<bool, Trouble> {
    let found: i64 = connection.query_row(
        "SELECT count(*) FROM pragma_index_list(?1) AS i WHERE i.\"unique\" AND NOT i.partial \
         AND (SELECT group_concat(name, ',' ORDER BY name) FROM pragma_index_info(i.name)) = 'date,symbol'",
        [CANDLES],
        |row| row.get(0),
    )?;
    Ok(found > 0)
}
