//! A candle table that is there already: whether it can hold what comes, and what mends it where not (B5, B14).

use super::link::Link;
use super::trouble::Trouble;
use crate::store::adoption::{CANDLES, COLUMNS, VALUES};

/// What to do with a column.
enum Fit {
    /// Nothing.
    Good,
    /// This changes nothing that people see, and loses nothing: it is done at once.
    Widen(String),
    /// A person must decide.
    Mend(String),
}

const COLUMNS_OF_TABLE: &str = "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), \
     a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attgenerated = '', a.attnotnull FROM pg_attribute AS a \
     WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

const IS_UNIQUE: &str = "SELECT EXISTS (SELECT 1 FROM pg_index AS i WHERE i.indrelid = to_regclass($1) AND i.indisunique \
     AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = 2 \
     AND (SELECT count(*) FROM pg_attribute AS a WHERE a.attrelid = i.indrelid \
          AND a.attnum IN (i.indkey[0], i.indkey[1]) AND a.attname IN ('symbol', 'date')) = 2)";

/// Looks at the table. Returns the statement that widens what is too narrow, where anything is.
pub(super) async fn inspect(link: &Link) -> Result<Option<String>, Trouble> {
    let kind = "SELECT relkind::text FROM pg_class WHERE oid = to_regclass($1)";
    let kind: String = link.ask_one(kind, &[&CANDLES]).await?.try_get(0)?;
    if !["r", "p"].contains(&kind.as_str()) {
        return Err(Trouble::Unfit(
            format!("{CANDLES} is a view, not a table"),
            format!("rename it, so that chainfill can make the table: ALTER VIEW {CANDLES} RENAME TO {CANDLES}_view;"),
        ));
    }
    let mut missing = COLUMNS.to_vec();
    let (mut widen, mut mend, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for row in link.ask(COLUMNS_OF_TABLE, &[&CANDLES]).await? {
        let (name, kind, is_demanded): (String, String, bool) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if let Some(at) = missing.iter().position(|column| *column == name) {
            missing.remove(at);
            // A price that the vendor leaves open is stored as NULL.
            if row.try_get(3)? && VALUES.contains(&name.as_str()) {
                widen.push(format!("ALTER COLUMN {name} DROP NOT NULL"));
            }
            match fit(&name, &kind) {
                Fit::Good => {}
                Fit::Widen(how) => widen.push(how),
                Fit::Mend(how) => {
                    wrong.push(format!("the column {name} is {kind}"));
                    mend.push(how);
                }
            }
        } else if is_demanded {
            wrong.push(format!("the column {name} must not be null and has no default"));
            mend.push(format!("ALTER COLUMN \"{}\" DROP NOT NULL", name.replace('"', "\"\"")));
        }
    }
    for column in missing {
        wrong.push(format!("the column {column} is missing"));
        mend.push(format!("ADD COLUMN {column} {}", kind_of(column)));
    }
    if !wrong.is_empty() {
        let what = format!("in the table {CANDLES} {}", wrong.join(", "));
        return Err(Trouble::Unfit(what, format!("ALTER TABLE {CANDLES} {};", mend.join(", "))));
    }
    let is_unique: bool = link.ask_one(IS_UNIQUE, &[&CANDLES]).await?.try_get(0)?;
    if !is_unique {
        return Err(Trouble::Unfit(
            format!("the table {CANDLES} has no unique index on (symbol, date), so bars could be doubled"),
            format!(
                "CREATE UNIQUE INDEX {CANDLES}_symbol_date ON {CANDLES} (symbol, date);\n-- where that fails, this shows \
                 the doubled bars:\nSELECT symbol, date, count(*) FROM {CANDLES} GROUP BY symbol, date HAVING count(*) > 1;"
            ),
        ));
    }
    Ok((!widen.is_empty()).then(|| format!("ALTER TABLE {CANDLES} {};", widen.join(", "))))
}

fn fit(column: &str, kind: &str) -> Fit {
    let to = |how: &str| format!("ALTER COLUMN {column} TYPE {how}");
    let is_whole = ["smallint", "integer", "bigint"].contains(&kind);
    match (kind_of(column), kind) {
        (wanted, kind) if wanted.eq_ignore_ascii_case(kind) => Fit::Good,
        ("BIGINT", "smallint" | "integer") => Fit::Widen(to("BIGINT")),
        ("NUMERIC", kind) if is_whole || kind.starts_with("numeric(") => Fit::Widen(to("NUMERIC")),
        // By way of text: a direct cast keeps 15 digits of a double's 17.
        ("NUMERIC", "double precision" | "real") => Fit::Widen(to(&format!("NUMERIC USING {column}::text::numeric"))),
        ("TEXT", kind) if kind.starts_with("character") => {
            if column == "option_type" {
                Fit::Good
            } else {
                Fit::Widen(to("TEXT"))
            }
        }
        ("TIMESTAMPTZ", "timestamp with time zone" | "timestamp without time zone") => Fit::Good,
        ("TIMESTAMPTZ", _) => Fit::Mend(to(&format!("TIMESTAMPTZ USING {column}::timestamptz"))),
        (wanted, _) => Fit::Mend(to(&format!("{wanted} USING {column}::{}", wanted.to_ascii_lowercase()))),
    }
}

fn kind_of(column: &str) -> &'static str {
    match column {
        "unix_timestamp" => "BIGINT",
        "date" | "expiry_date" => "DATE",
        "symbol" | "currency" | "option_type" | "data_source" => "TEXT",
        "downloaded_at" => "TIMESTAMPTZ",
        _ => "NUMERIC",
    }
}
