//! An archive as somebody else reads it, compared with the vendor's truth: what was lost, doubled or made up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chainfill::clock::{Clock, SystemClock};
use chainfill::domain::candle::Candle;
use chainfill::domain::instrument::Symbol;
use chainfill::domain::ledger::OptionState;
use chainfill::domain::moment::Moment;
use chainfill::domain::run::{Ending, Identity};
use chainfill::store::{Claim, Epoch, Glance, Loaded, Mode, RunEnd, Store, StoreUrl, open};
use rusqlite::{Connection, OpenFlags};

use super::postgres::Postgres;

/// Where an archive is.
pub enum Archive<'a> {
    /// In a file.
    Sqlite(PathBuf),
    /// In a database: the server and the URL.
    Postgres(&'a Postgres, String),
}

/// A line of the journal.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// What was asked for.
    pub query: String,
    /// What came of it; empty while that is open.
    pub outcome: String,
}

/// Everything that a kill could do to an archive. All zeros is what is promised.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Bars of the vendor that are not there, or with other digits.
    pub rows_missing: usize,
    /// Bars that the vendor never had, or that are there twice.
    pub rows_made_up: usize,
    /// Options that hold bars and are taken for empty.
    pub false_empties: usize,
    /// Options that are neither stored nor empty.
    pub unknown: usize,
    /// Ledger lines and tallies that do not say what the table holds (I4).
    pub miscounted: usize,
    /// Requests that reached the vendor and are not in the journal (I5).
    pub not_journaled: u64,
    /// Requests whose answer is in the journal, and that the vendor never saw.
    pub never_sent: u64,
}

impl Loss {
    /// All of it, as one number.
    pub fn sum(&self) -> u64 {
        let Loss { rows_missing, rows_made_up, false_empties, unknown, miscounted, not_journaled, never_sent } = self;
        (rows_missing + rows_made_up + false_empties + unknown + miscounted) as u64 + not_journaled + never_sent
    }
}

struct Found {
    rows: BTreeMap<Symbol, Vec<Candle>>,
    loaded: Loaded,
    glance: Glance,
}

impl Archive<'_> {
    /// Its URL, for `--store`.
    pub fn url(&self) -> String {
        match self {
            Archive::Sqlite(path) => format!("sqlite:{}", path.display()),
            Archive::Postgres(_, url) => url.clone(),
        }
    }

    /// The journal.
    pub fn attempts(&self) -> Vec<Attempt> {
        let sql = "SELECT query, coalesce(outcome, '') FROM chainfill_attempt ORDER BY epoch, seq";
        match self {
            Archive::Sqlite(path) => {
                let file = reader(path);
                let mut statement = file.prepare(sql).expect("a journal");
                let lines = statement.query_map([], |row| Ok(Attempt { query: row.get(0)?, outcome: row.get(1)? }));
                lines.expect("a journal").map(|line| line.expect("a line")).collect()
            }
            Archive::Postgres(pg, url) => {
                let lines = pg.psql(url, sql);
                let line = |line: &str| line.rsplit_once('|').map(|(q, o)| (q.to_owned(), o.to_owned()));
                let lines = lines.lines().filter_map(line);
                lines.map(|(query, outcome)| Attempt { query, outcome }).collect()
            }
        }
    }

    /// The journal's last lines in full, for a test that fails.
    pub fn last_words(&self) -> String {
        let sql = "SELECT epoch || '.' || seq || ' ' || query || ' ' || sent || ' ' || coalesce(outcome, 'open') \
                   || ' ' || coalesce(note, '') FROM chainfill_attempt ORDER BY epoch DESC, seq DESC LIMIT 30";
        match self {
            Archive::Sqlite(path) => {
                let file = reader(path);
                let mut statement = file.prepare(sql).expect("a journal");
                let lines = statement.query_map([], |row| row.get::<_, String>(0)).expect("a journal");
                lines.map(|line| line.expect("a line")).collect::<Vec<_>>().join("\n")
            }
            Archive::Postgres(pg, url) => pg.psql(url, sql),
        }
    }

    /// Options whose line in the ledger does not say what the table holds (I2, I4), as a killed run left them. A run
    /// that goes on asks for them again, and hides it. None where there are no tables yet.
    pub fn torn(&self) -> u64 {
        let sql = "SELECT count(*) FROM chainfill_option o WHERE row_count <> \
                   (SELECT count(*) FROM cryptodatadownload_options_daily c WHERE c.symbol = o.symbol)";
        match self {
            Archive::Sqlite(path) => {
                // In a copy: what is left in the logs beside the file is for the next run to take up.
                let copy = tempfile::tempdir().expect("a folder");
                let name = |end: &str| format!("{}{end}", path.file_name().expect("a name").to_string_lossy());
                for end in ["", "-wal", "-journal"] {
                    let from = path.with_file_name(name(end));
                    if from.exists() {
                        std::fs::copy(&from, copy.path().join(name(end))).expect("a copy");
                    }
                }
                let file = Connection::open(copy.path().join(name(""))).expect("the store's file");
                let exists = "SELECT count(*) FROM sqlite_schema WHERE name = 'chainfill_option'";
                let count =
                    |sql: &str| file.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a count").unsigned_abs();
                if count(exists) == 0 { 0 } else { count(sql) }
            }
            Archive::Postgres(pg, url) => {
                let count = |sql: &str| pg.psql(url, sql).parse::<u64>().expect("a count");
                let exists = "SELECT count(*) FROM pg_tables WHERE tablename = 'chainfill_option'";
                if count(exists) == 0 { 0 } else { count(sql) }
            }
        }
    }

    /// The attempts that left, or may have.
    pub fn sent(&self) -> Vec<Attempt> {
        let mut attempts = self.attempts();
        attempts.retain(|attempt| attempt.outcome != "unsent");
        attempts
    }

    /// Compares it with the truth, and the journal with what the vendor served, by query.
    pub fn compare(&self, mut truth: BTreeMap<String, Vec<Candle>>, served: &BTreeMap<String, u64>) -> Loss {
        let Found { mut rows, loaded, glance } = self.read();
        let mut loss = Loss::default();
        let mut in_ledger = 0;
        for record in &loaded.records {
            let stored = rows.remove(&record.symbol).unwrap_or_default();
            let true_bars = truth.remove(record.symbol.as_str()).unwrap_or_default();
            loss.rows_missing += true_bars.iter().filter(|bar| !stored.contains(bar)).count();
            loss.rows_made_up += stored.len() - true_bars.iter().filter(|bar| stored.contains(bar)).count();
            loss.false_empties += usize::from(record.state == OptionState::Empty && !true_bars.is_empty());
            loss.unknown += usize::from(!matches!(record.state, OptionState::Stored | OptionState::Empty));
            loss.miscounted += usize::from(record.row_count as usize != stored.len());
            in_ledger += stored.len() as u64;
        }
        loss.unknown += truth.len();
        loss.rows_missing += truth.values().map(Vec::len).sum::<usize>();
        loss.rows_made_up += rows.values().map(Vec::len).sum::<usize>();
        let tally = |count: fn(&chainfill::store::Tally) -> u64| glance.tallies.iter().map(count).sum::<u64>();
        let listed = tally(|tally| tally.listed);
        let parts = tally(|tally| tally.pending + tally.stored + tally.empty + tally.attention);
        loss.miscounted += usize::from(tally(|tally| tally.rows) != in_ledger);
        loss.miscounted += usize::from(listed != parts || listed != loaded.records.len() as u64);
        self.compare_journal(served, &mut loss);
        loss
    }

    fn compare_journal(&self, served: &BTreeMap<String, u64>, loss: &mut Loss) {
        // For each query: those that left, and of them those whose outcome was written.
        let mut journaled: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for attempt in self.sent() {
            let counts = journaled.entry(attempt.query).or_default();
            counts.0 += 1;
            // Where no answer came the request may have been lost on its way.
            counts.1 += u64::from(!["", "unknown", "no_answer"].contains(&attempt.outcome.as_str()));
        }
        for (query, count) in served {
            let (left, _) = journaled.get(query).copied().unwrap_or_default();
            if *count > left {
                println!("not journaled: {query}, {count} times at the vendor, {left} times in the journal");
            }
            loss.not_journaled += count.saturating_sub(left);
        }
        for (query, (_, known)) in &journaled {
            let came = served.get(query).copied().unwrap_or_default();
            if *known > came {
                println!("never sent: {query}, {known} times in the journal, {came} times at the vendor");
            }
            loss.never_sent += known.saturating_sub(served.get(query).copied().unwrap_or_default());
        }
    }

    fn read(&self) -> Found {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let url = self.url().parse().expect("a store's URL");
            let store = open(&url, Mode::Read).await.unwrap_or_else(|error| panic!("{error}")).store;
            let mut rows: BTreeMap<Symbol, Vec<Candle>> = BTreeMap::new();
            let mut take = |symbol: &Symbol, row: Result<&Candle, &str>| {
                rows.entry(symbol.clone()).or_default().push(row.expect("a bar").clone());
            };
            store.audit(&mut take).await.expect("the table can be read");
            let loaded = store.load(Moment(0)).await.expect("the ledger can be read");
            let glance = store.glance(Moment(0)).await.expect("the tallies can be read");
            Found { rows, loaded, glance }
        })
    }
}

/// A connection that writes nothing, as a user's shell has it beside a run.
pub fn reader(path: &std::path::Path) -> Connection {
    let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the store's file");
    file.busy_timeout(std::time::Duration::from_secs(10)).expect("a time-out");
    file
}

/// A run on another host that holds a store, and whose last sign of life is so old.
pub async fn held_elsewhere(database: &Path, beat_age_ms: i64) -> (Arc<dyn Store>, Epoch) {
    let store = open(&StoreUrl::sqlite(database), Mode::Write).await.unwrap().store;
    let clock = SystemClock::start();
    let now = clock.now() - beat_age_ms;
    let mine = chainfill::process::identity(&clock, "chainfill backfill".to_owned());
    let identity = Identity {
        host: "elsewhere".to_owned(),
        pid: 7,
        started_at: now,
        started_boot_ms: mine.started_boot_ms - beat_age_ms,
        ..mine
    };
    let epoch = store.begin(&Claim { identity, now, alive: |_| None }).await.unwrap();
    (store, epoch)
}

/// Ends such a run as soon as an order was left for it, which it does not take.
pub async fn end_at_an_order(store: Arc<dyn Store>, epoch: Epoch) {
    let from = std::time::Instant::now();
    while store.take_orders(epoch, &[]).await.unwrap().is_empty() {
        assert!(from.elapsed().as_secs() < 20, "no order came");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let end = RunEnd { at: SystemClock::start().now(), ending: Ending::Complete, progress: None };
    store.end(epoch, &end).await.unwrap();
}
