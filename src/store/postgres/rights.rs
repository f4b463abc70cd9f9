//! Whether this user may do what a run does: found out before the vendor is asked for anything (B5).

use super::link::Link;
use super::trouble::Trouble;
use crate::store::adoption::CANDLES;

/// What is lacking, and the statement that gives it. The version is only read: who brings it up to date owns the tables.
/// An older script's table numbers its rows by a sequence (`SERIAL`), which has rights of its own; asked
/// of anything but a sequence the server refuses to answer, hence the CASE.
const LACKING: &str = "SELECT current_user::text, \
     format('%s on %s', string_agg(r.word, ', ' ORDER BY r.word), c.oid::regclass), \
     format('GRANT %s ON %s TO %I;', string_agg(r.word, ', ' ORDER BY r.word), c.oid::regclass, current_user) \
     FROM pg_class AS c CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE')) AS r (word) \
     WHERE c.relkind IN ('r', 'p') AND (c.relname::text = $1 OR c.relname LIKE 'chainfill\\_%') AND pg_table_is_visible(c.oid) \
     AND (c.relname <> 'chainfill_schema' OR r.word = 'SELECT') AND NOT has_table_privilege(c.oid, r.word) \
     GROUP BY c.oid, c.relname \
     UNION ALL SELECT current_user::text, format('CREATE on the schema %I', current_schema()), \
     format('GRANT CREATE ON SCHEMA %I TO %I;', current_schema(), current_user) \
     WHERE to_regclass('chainfill_schema') IS NULL AND NOT has_schema_privilege(current_schema(), 'CREATE') \
     UNION ALL SELECT current_user::text, format('USAGE on %s', s.oid::regclass), \
     format('GRANT USAGE ON SEQUENCE %s TO %I;', s.oid::regclass, current_user) FROM pg_class AS s JOIN pg_depend AS d \
     ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype = 'a' AND d.refobjid = to_regclass($1) \
     WHERE CASE s.relkind WHEN 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE') ELSE FALSE END \
     ORDER BY 2";

/// Looks at the tables that are there, and at the schema where they are still to be made.
pub(super) async fn check(link: &Link) -> Result<(), Trouble> {
    let (mut user, mut lacking, mut grants) = (String::new(), Vec::new(), Vec::new());
    for row in link.ask(LACKING, &[&CANDLES]).await? {
        user = row.try_get(0)?;
        lacking.push(row.try_get::<_, String>(1)?);
        grants.push(row.try_get::<_, String>(2)?);
    }
    if lacking.is_empty() {
        return Ok(());
    }
    let what = format!("the user {user} may not do all that a run does: {} is lacking", lacking.join("; "));
    Err(Trouble::Unfit(what, format!("-- as the owner of the tables:\n{}", grants.join("\n"))))
}
