//! A step from an older version that fails at its end leaves the store as it was.

use chainfill::store::{Mode, StoreError};

use super::home::Home;

/// A store as the first version made it.
async fn first_version(home: &Home) {
    let step = match home {
        Home::Sqlite(_) => include_str!("../../../src/store/sql/sqlite/001_begin.sql"),
        _ => include_str!("../../../src/store/sql/postgres/001_begin.sql"),
    };
    home.sql(step).await;
    home.sql("CREATE TABLE chainfill_schema (version INTEGER NOT NULL); INSERT INTO chainfill_schema VALUES (1)").await;
}

async fn a_step_that_fails_at_its_last_statement_leaves_nothing_of_it(home: &Home) {
    // F-P10: in one transaction
    first_version(home).await;
    // What the step makes last is there already, as somebody else's.
    home.sql("CREATE TABLE of_others (epoch BIGINT); CREATE INDEX chainfill_order_epoch ON of_others (epoch)").await;
    home.sql("INSERT INTO chainfill_order (epoch, word, at) VALUES (1, 'stop', 7)").await;
    let error = home.try_open(Mode::Write).await.err().unwrap();
    assert!(matches!(&error, StoreError::Unfit { what, .. } if what.contains("already exists")), "{error}");
    assert_eq!(home.ask("SELECT version AS c FROM chainfill_schema").await, ["1"]);
    // The older program's table, and what is in it; and no column of the newer one.
    assert_eq!(home.ask("SELECT word AS c FROM chainfill_order").await, ["stop"]);
    let columns = match home {
        Home::Sqlite(_) => "SELECT name AS c FROM pragma_table_info('chainfill_option') WHERE name = 'due_at'",
        _ => "SELECT column_name AS c FROM information_schema.columns WHERE column_name = 'due_at'",
    };
    assert_eq!(home.ask(columns).await, Vec::<String>::new());
    home.sql("DROP TABLE of_others").await;
    let opened = home.try_open(Mode::Write).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(opened.migrated.map(|(from, _)| from), Some(1));
    super::is_true(&*opened.store).await;
}

#[tokio::test]
async fn on_sqlite() {
    a_step_that_fails_at_its_last_statement_leaves_nothing_of_it(&Home::sqlite()).await;
}

#[tokio::test]
async fn on_postgres() {
    a_step_that_fails_at_its_last_statement_leaves_nothing_of_it(&Home::postgres()).await;
}
