//! An archive as somebody else reads it, compared with the vendor's truth: what was lost, doubled or made up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chainfill::clock::{Clock, SystemClock};
use chainfill::domain::run::{Ending, Identity};
use chainfill::limits::CONCURRENCY_DEFAULT;
use chainfill::store::{Claim, Epoch, Mode, RunEnd, Store, StoreUrl, open};
use rusqlite::{Connection, OpenFlags};

use super::early;
use super::postgres::Postgres;
use super::simulated::Simulated;
use super::table::{self, Line, Table};

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
    /// The run that made it.
    pub epoch: i64,
    /// What was asked for.
    pub query: String,
    /// What came of it; empty while that is open.
    pub outcome: String,
    /// When it was announced, by the clock of the run, and when its answer was taken in; 0 while that is open.
    pub sent_ms: i64,
    pub done_ms: i64,
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
    /// Requests that reached the vendor inside a wait whose refusal is in the journal (I6).
    pub early: u64,
}

impl Loss {
    /// All of it, as one number.
    pub fn sum(&self) -> u64 {
        let Loss { rows_missing, rows_made_up, false_empties, unknown, miscounted, .. } = self;
        let Loss { not_journaled, never_sent, early, .. } = self;
        (rows_missing + rows_made_up + false_empties + unknown + miscounted) as u64 + not_journaled + never_sent + early
    }
}

/// Lines of the ledger that do not say what the table holds, rows without a line, and tallies that do not say what the
/// ledger holds (I2, I4): what no transaction that is whole can leave, wherever it was killed.
const TORN: &str = "SELECT \
    (SELECT count(*) FROM chainfill_option o LEFT JOIN \
        (SELECT symbol, count(*) AS n, min(date) AS first, max(date) AS last \
         FROM cryptodatadownload_options_daily GROUP BY symbol) c ON c.symbol = o.symbol \
     WHERE o.row_count <> coalesce(c.n, 0) OR (o.state = 'stored' AND c.n IS NULL) OR (o.state = 'empty' AND c.n > 0) \
        OR coalesce(CAST(o.first_bar AS TEXT), '') <> coalesce(CAST(c.first AS TEXT), '') \
        OR coalesce(CAST(o.last_bar AS TEXT), '') <> coalesce(CAST(c.last AS TEXT), '')) + \
    (SELECT count(*) FROM cryptodatadownload_options_daily c \
     WHERE NOT EXISTS (SELECT 1 FROM chainfill_option o WHERE o.symbol = c.symbol)) + \
    (SELECT count(*) FROM chainfill_tally t LEFT JOIN \
        (SELECT currency, count(*) AS n, sum(row_count) AS bars, sum(CASE state WHEN 'pending' THEN 1 ELSE 0 END) AS p, \
            sum(CASE state WHEN 'stored' THEN 1 ELSE 0 END) AS s, sum(CASE state WHEN 'empty' THEN 1 ELSE 0 END) AS e, \
            sum(CASE state WHEN 'attention' THEN 1 ELSE 0 END) AS a \
         FROM chainfill_option GROUP BY currency) o ON o.currency = t.currency \
     WHERE o.n IS NULL OR t.listed <> o.n OR t.bars <> o.bars OR t.pending <> o.p OR t.stored <> o.s \
        OR t.empty <> o.e OR t.attention <> o.a) + \
    (SELECT count(*) FROM (SELECT DISTINCT currency FROM chainfill_option) o \
     WHERE NOT EXISTS (SELECT 1 FROM chainfill_tally t WHERE t.currency = o.currency))";

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
        let sql = "SELECT query || '|' || coalesce(outcome, '') || '|' || sent || '|' || coalesce(done, 0) \
                   || '|' || epoch \
                   FROM chainfill_attempt ORDER BY epoch, seq";
        let attempt = |line: &str| {
            let mut fields = line.rsplitn(5, '|');
            let mut field = || fields.next().expect("five fields").to_owned();
            let (epoch, done_ms, sent_ms, outcome, query) = (field(), field(), field(), field(), field());
            let number = |text: String| text.parse().expect("a number");
            Attempt { epoch: number(epoch), query, outcome, sent_ms: number(sent_ms), done_ms: number(done_ms) }
        };
        self.lines(sql).iter().map(|line| attempt(line)).collect()
    }

    /// The journal's last lines in full, for a test that fails.
    pub fn last_words(&self) -> String {
        let sql = "SELECT epoch || '.' || seq || ' ' || query || ' ' || sent || ' ' || coalesce(outcome, 'open') \
                   || ' ' || coalesce(note, '') FROM chainfill_attempt ORDER BY epoch DESC, seq DESC LIMIT 30";
        self.lines(sql).join("\n")
    }

    /// Options that the ledger takes for listed.
    pub fn listed(&self) -> u64 {
        self.lines("SELECT CAST(count(*) AS TEXT) FROM chainfill_option WHERE listed")[0].parse().expect("a count")
    }

    /// The one column of a statement.
    fn lines(&self, sql: &str) -> Vec<String> {
        match self {
            Archive::Sqlite(path) => {
                let file = reader(path);
                let mut statement = file.prepare(sql).expect("a statement");
                let lines = statement.query_map([], |row| row.get::<_, String>(0)).expect("lines");
                lines.map(|line| line.expect("a line")).collect()
            }
            Archive::Postgres(pg, url) => pg.psql(url, sql).lines().map(str::to_owned).collect(),
        }
    }

    /// What is torn in it as a killed run left it. A run that goes on asks again, and hides it. None where there are no
    /// tables yet.
    pub fn torn(&self) -> u64 {
        let sql = TORN;
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

    /// Compares it with the vendor's truth, and the journal with what the vendor saw.
    pub fn compare(&self, vendor: &Simulated) -> Loss {
        let Table { mut rows, ledger } = match self {
            Archive::Sqlite(path) => table::of_sqlite(&reader(path)),
            Archive::Postgres(pg, url) => table::of_postgres(pg, url),
        };
        let mut truth = vendor.rows();
        let mut loss = Loss { miscounted: usize::try_from(self.torn()).expect("a count"), ..Loss::default() };
        for (symbol, Line { state, row_count }) in &ledger {
            let stored = rows.remove(symbol).unwrap_or_default();
            let true_rows = truth.remove(symbol).unwrap_or_default();
            let missing: Vec<_> = true_rows.iter().filter(|row| !stored.contains(row)).collect();
            if let Some(row) = missing.first() {
                println!("missing: {row:?} of {stored:?}");
            }
            loss.rows_missing += missing.len();
            loss.rows_made_up += stored.len() - true_rows.iter().filter(|row| stored.contains(row)).count();
            loss.false_empties += usize::from(state == "empty" && !true_rows.is_empty());
            loss.unknown += usize::from(!["stored", "empty"].contains(&state.as_str()));
            loss.miscounted += usize::from(*row_count != stored.len());
        }
        loss.unknown += truth.len();
        loss.rows_missing += truth.values().map(Vec::len).sum::<usize>();
        loss.rows_made_up += rows.values().map(Vec::len).sum::<usize>();
        let came = vendor.came();
        assert_eq!(came.len() as u64, vendor.requests(), "a vendor that is compared with keeps its log");
        self.compare_journal(&vendor.served(), &mut loss);
        loss.early = early::early(&self.sent(), &came, CONCURRENCY_DEFAULT as usize);
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

#[test]
fn each_kind_of_loss_is_seen() {
    let faults = "s1@9".parse().unwrap();
    let settings = super::world::small("BTC=20,ETH=20");
    let vendor = Simulated::start(chainfill::vendor::Settings { faults, fault_wait_s: 1, ..settings });
    let desk = super::program::Desk::new();
    let args = ["backfill", "--max-rate", "none", "--api-url", &vendor.base_url];
    desk.chainfill(&args).with_key().ends_with(0);
    let archive = Archive::Sqlite(desk.database());
    assert_eq!(archive.compare(&vendor), Loss::default());
    let file = Connection::open(desk.database()).unwrap();
    let with = |sql: &str| {
        assert!(file.execute(sql, []).unwrap() > 0, "{sql} changes nothing");
        archive.compare(&vendor)
    };
    let bars = "cryptodatadownload_options_daily";
    let one = format!("(symbol, date) = (SELECT symbol, max(date) FROM {bars})");
    let loss = with(&format!("UPDATE {bars} SET price_close = price_close + 0.0001 WHERE {one}"));
    assert_eq!((loss.rows_missing, loss.rows_made_up, loss.miscounted), (1, 1, 0));
    let loss = with(&format!("DELETE FROM {bars} WHERE {one}"));
    assert_eq!((loss.rows_missing, loss.rows_made_up), (1, 0));
    assert!(loss.miscounted >= 2 && archive.torn() == 1, "{loss:?}");
    let loss = with("UPDATE chainfill_tally SET stored = stored + 1 WHERE currency = 'ETH'");
    assert_eq!(archive.torn(), 2, "{loss:?}");
    let loss =
        with("UPDATE chainfill_option SET state = 'empty' WHERE symbol = (SELECT max(symbol) FROM chainfill_option)");
    assert_eq!(loss.false_empties, 1);
    let loss = with("UPDATE chainfill_attempt SET outcome = 'unsent' WHERE seq = 9");
    assert_eq!(loss.not_journaled, 1);
}
