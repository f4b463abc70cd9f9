//! Every bound of the program, with its unit in its name and the reason beside it.
//!
//! Nothing in chainfill waits, queues or grows without one of these (invariant I12).

mod views;

pub use views::*;

/// Longest symbol that is taken for a name; the longest real one has 26 characters.
pub const SYMBOL_BYTES_MAX: usize = 64;

/// Longest name that is kept word for word (PostgreSQL's index takes 2,704 bytes), and bytes of a longer one's hash.
pub const NAME_BYTES_MAX: usize = 256;
/// See [`NAME_BYTES_MAX`].
pub const NAME_HASH_BYTES: usize = 16;

/// Most names that one listing may hold, all its years together: seven times the real one; so many fit into 128 MB.
pub const LISTING_NAMES_MAX: usize = 125_000;

/// Most decoded bytes that one answer may hold: eight times the largest honest page, far below a bomb.
pub const BODY_BYTES_MAX: usize = 8 << 20;

/// Most decoded bytes of a listing: more than its names take, each as long as the longest that is taken for one.
pub const LISTING_BYTES_MAX: usize = 9 << 20;

/// Decoded bytes that each answer may hold while it comes in, whatever the others hold: one option's whole life.
pub const BODY_BYTES_FREE: usize = 128 << 10;

/// What a longer one may hold, a page of 5,000 rows at the most, and how many such there may be at once.
pub const BODY_BYTES_PAGE: usize = 2 << 20;
/// See [`BODY_BYTES_PAGE`].
pub const BODIES_PAGE_MAX: usize = 8;
/// How many that are longer still, up to their bound; and what all answers together may hold while they come in.
pub const BODIES_LONG_MAX: usize = 1;
/// See [`BODIES_LONG_MAX`].
pub const BODIES_BYTES_MAX: usize = 40 << 20;

/// Rows that wait to be committed while others are: from so many on no further answer is taken in before that is done.
pub const ROWS_WAITING_MAX: usize = 30_000;

/// Shortest key that is taken out of answers that say it back: a shorter one is no secret, and in every number.
pub const KEY_BYTES_REDACTED_MIN: usize = 8;

/// Rows that an expiry query asks for on one page (the vendor's own clients send 5000).
pub const PAGE_ROWS: u32 = 5_000;

/// Most rows that one answer may hold: twice what is asked for. One option's whole life has some 400.
pub const ANSWER_ROWS_MAX: usize = 10_000;

/// Most pages that one query may take: 152 options of 400 days at one tenth of the page size.
pub const PAGES_MAX: u32 = 128;

/// Queries that wait to be tried again with some of their pages read: a page of 5,000 bars takes half a megabyte.
pub const BEGUN_QUERIES_MAX: usize = 8;

/// Most rows that one query may hold in memory before it is committed: 152 options of 400 days.
pub const QUERY_ROWS_MAX: usize = 65_000;

/// Bytes of a vendor's text that are quoted in a message.
pub const QUOTE_CHARS_MAX: usize = 120;

/// Time to open a connection to the vendor, TLS included.
pub const CONNECT_MS_MAX: u64 = 10_000;

/// Time from the first byte sent to the last byte of an answer: one byte every ten seconds ends here (S15).
pub const REQUEST_MS_MAX: u64 = 60_000;

/// Requests in flight at once, at the most.
pub const CONCURRENCY_MAX: u32 = 64;

/// Requests in flight at once unless told otherwise.
pub const CONCURRENCY_DEFAULT: u32 = 4;

/// Without a pace, requests in the journal for each one that may be in flight.
pub const ANNOUNCED_AHEAD: u32 = 4;

/// Requests a second unless told otherwise.
pub const RATE_PER_S_DEFAULT: f64 = 5.0;

/// Smallest and largest rate that may be asked for, requests a second.
pub const RATE_PER_S_RANGE: (f64, f64) = (0.001, 10_000.0);

/// Tries of one query before its options need attention; at 10 % faults one in 10^8 gets there.
pub const TRIES_MAX: u32 = 8;

/// Tries of a query that the vendor refuses (400, 404, redirect): each one spends quota.
pub const REFUSED_TRIES_MAX: u32 = 3;

/// Different queries refused alike, with no good answer between, that mean "all of them" (S6, S8, S21).
pub const ALIKE_MAX: u32 = 5;

/// How often that number doubles while options that hold data are answered well between.
pub const ALIKE_DOUBLED_MAX: u32 = 5;

/// Options known to hold data that are remembered, to be asked before anything is concluded from thin evidence.
pub const WITNESSES_MAX: usize = 3;

/// Options that nobody knows anything of and that are asked, where none of those answers or there is none.
pub const SCOUTS_MAX: usize = 8;

/// Empty answers in a row of options that are known to hold data; then the run ends (S5). About an hour.
pub const WITNESS_EMPTIES_MAX: u32 = 64;

/// Refusals in a row of options that are known to hold data; then the run ends (S8, S21).
pub const WITNESS_REFUSALS_MAX: u32 = 3;

/// Failures in a row, over all queries, after which the vendor counts as down and is probed one at a time.
pub const FAILURES_DOWN: u32 = 6;

/// First and longest pause after a failure, before jitter.
pub const BACKOFF_MS_FIRST: i64 = 1_000;
/// See [`BACKOFF_MS_FIRST`].
pub const BACKOFF_MS_MAX: i64 = 60_000;

/// How long a vendor may be down in the middle of a run before the run ends (exit 4).
pub const OUTAGE_MS_MAX: i64 = 6 * HOUR_MS;

/// How long a vendor that has not answered once may be tried at the start of a run.
pub const FIRST_ANSWER_MS_MAX: i64 = 20_000;

/// What the time between two tries in vain counts at the most as an outage, of the vendor or of the store: a little more
/// than the longest pause and the longest try. The rest of a longer one was a wait, a pause or a machine's sleep (C1).
pub const TRY_GAP_MS_MAX: i64 = 150_000;

/// The same until a vendor has said its first word: a connection that is not made, and the pause after it.
pub const FIRST_ANSWER_GAP_MS_MAX: i64 = 15_000;

/// Tries that the back-off counts at the most until a vendor has said its first word: four seconds of pause.
pub const SILENT_TRIES: u32 = 3;

/// Empty answers in a row that are doubted until an option known to hold data has answered (S5): answers, be they of an
/// option or of a whole expiry.
pub const EMPTIES_DOUBTED: usize = 8;

/// Empty answers that are held back while no option is known to hold data; then the run ends (S5).
pub const EMPTIES_HELD_MAX: usize = 64;

/// Days after which a vendor that could not answer expiries is asked again, if so many options are missing.
pub const REPROBE_DAYS: i64 = 7;
/// See [`REPROBE_DAYS`].
pub const REPROBE_OPTIONS_MIN: usize = 100;

/// Expiries that are asked for at the most to find out whether the vendor answers expiries.
pub const PROBES_MAX: u32 = 2;

/// Shortest wait that is told as a cooldown.
pub const COOLDOWN_TOLD_MS: i64 = 1_000;

/// Shortest wait for a slot of the window that is told: so long, or one part in twenty of the window. A shorter one is
/// over before anybody wonders (I10).
pub const QUOTA_WAIT_TOLD_MS: i64 = 30_000;
/// See [`QUOTA_WAIT_TOLD_MS`].
pub const COOLDOWN_TOLD_PARTS: i64 = 20;

/// How old a request of a dead run is taken to have been when the vendor counted it.
pub const UNKNOWN_DELAY_MS: i64 = 1_000;

/// Longest wait that a `Retry-After` is believed for: no window of the vendor's throttle is longer (T2).
pub const RETRY_AFTER_S_MAX: i64 = 86_400;

/// A smaller step of the wall clock is none to somebody who looks: two clocks are never read at the same instant.
pub const CLOCK_STEP_MS_MIN: i64 = 1_000;

/// Runs whose clock is looked up when their requests are counted again; older ones are taken to have had the last one's.
pub const RUNS_SHIFTED_MAX: usize = 64;

/// Wait after a 429 that names no time, doubled with each one up to [`BLIND_WAIT_MS_MAX`] (T1, T13).
pub const BLIND_WAIT_MS_FIRST: i64 = 60_000;
/// See [`BLIND_WAIT_MS_FIRST`].
pub const BLIND_WAIT_MS_MAX: i64 = HOUR_MS;

/// Successes without a 429 after which an unknown throttle is no longer feared: until then one request
/// is in flight at a time, so that meeting the limit costs one 429 and not one for each request in flight.
pub const SERIAL_SUCCESSES: usize = 1_200;

/// A learned quota is tried for one request more this often, so that a raised one is noticed (T7).
pub const RAISE_PROBE_MS: i64 = 6 * HOUR_MS;

/// A window shorter than a part of that is tried each so many windows: a stray 429 is easily read as a window of some
/// seconds, and would make a job of minutes last for hours. A true one costs a part of the time in waits.
pub const RAISE_PROBE_WINDOWS: i64 = 60;

/// Requests that the governor remembers: more than any window seen holds.
pub const LOG_REQUESTS_MAX: usize = 100_000;

/// Slack for two clocks that do not run alike, per window: 20 ms and one part in 10,000.
pub const WINDOW_SLACK_MS: i64 = 20;
/// See [`WINDOW_SLACK_MS`].
pub const WINDOW_SLACK_PARTS: i64 = 10_000;

/// Slices in which a wait is slept, so that a suspended machine wakes on time (C1).
pub const WAIT_SLICE_MS: i64 = 10_000;

/// How long the vendor may take to publish a bar after it closed.
pub const PUBLISH_LAG_MS: i64 = HOUR_MS;

/// Age at which an `empty` is looked at again, unless told otherwise: the archive grows.
pub const EMPTY_DAYS_DEFAULT: u32 = 30;

/// How long a run's lease lives without a beat, and how often it beats.
pub const LEASE_MS: i64 = 30_000;
/// See [`LEASE_MS`].
pub const BEAT_MS: i64 = 5_000;

/// How often a holder that cannot be seen is looked at for a sign of life, by whoever wants the store.
pub const LEASE_LOOK_MS: u64 = 2_000;

/// So long before its lease may end a run sends nothing more until it has asserted it anew: a request that leaves by then
/// still has its connection to make (I6, P6).
pub const LEASE_MARGIN_MS: i64 = 10_000;

/// How old the progress in the store may be while requests are answered.
pub const PROGRESS_MS: i64 = 1_000;

/// How often a run looks for a command from outside (`stop`).
pub const CONTROL_MS: i64 = 1_000;

/// How long a stopping run may take to finish what is under way (P4).
pub const STOP_MS_MAX: i64 = 4_000;

/// How long `chainfill stop` waits for the run to end.
pub const STOP_WAIT_MS_MAX: u64 = 30_000;

/// How long `pause`, `resume`, `pace` and `retry` wait until the run has taken the order: it looks each second.
pub const ORDER_WAIT_MS_MAX: u64 = 10_000;

/// What a bar and an option take on the disk, indexes included and rounded up, to say how much room is needed (B11);
/// and bars of an option where none is stored yet.
pub const ROW_BYTES_STORED: u64 = 300;
/// See [`ROW_BYTES_STORED`].
pub const OPTION_BYTES_STORED: u64 = 1_000;
/// See [`ROW_BYTES_STORED`].
pub const ROWS_OPTION_TYPICAL: u64 = 15;

/// Below so much room on the store's disk `status` worries about a run (B11): a commit may take some hundred kilobytes.
pub const ROOM_BYTES_MIN: u64 = 256 << 10;

/// Pause between two tries to reach a store that went away, first and longest (B3).
pub const STORE_RETRY_MS_FIRST: u64 = 250;
/// See [`STORE_RETRY_MS_FIRST`].
pub const STORE_RETRY_MS_MAX: u64 = 10_000;

/// How long a store may be away before the run ends (exit 8).
pub const STORE_AWAY_MS_MAX: i64 = 6 * HOUR_MS;

/// How long a lock of another program on the SQLite file is waited for (B8).
pub const SQLITE_BUSY_MS: u32 = 30_000;

/// Tries to give the file its log while others look at it, and the pause between two: five seconds.
pub const SQLITE_LOG_TRIES_MAX: u32 = 250;
/// See [`SQLITE_LOG_TRIES_MAX`].
pub const SQLITE_LOG_RETRY_MS: u64 = 20;

/// Memory that the SQLite page cache may take: the whole process stays under 32 MB.
pub const SQLITE_CACHE_KIB: i64 = 3_072;

/// Bytes to which the SQLite WAL is cut after a checkpoint (B9): more than it holds by then, see
/// [`SQLITE_CHECKPOINT_PAGES`], or each round would give the disk's blocks back and take them again.
pub const SQLITE_WAL_BYTES: i64 = 24 << 20;

/// Calls that may wait for the SQLite thread.
pub const SQLITE_CALLS_MAX: usize = 16;

/// How far a time without a zone may be ahead of UTC: an older script wrote its own zone's time.
pub const ZONE_AHEAD_MS_MAX: i64 = 14 * HOUR_MS;

/// Bars that are handed over at once when a whole table is read.
pub const AUDIT_ROWS: usize = 512;

/// Tries of one commit that meets a deadlock or a serialization failure (B4).
pub const STORE_TRIES_MAX: u32 = 5;

/// Longest wait for a lock of another program in PostgreSQL.
pub const PG_LOCK_MS_MAX: u64 = 30_000;

/// How long a transaction in PostgreSQL may wait for its run: less than the lease lives, so that whoever takes it over
/// finds its row free (P6).
pub const PG_IDLE_MS_MAX: u64 = 20_000;

/// How long PostgreSQL may take for one call of a run: longer than a lock may be waited for. Then it counts as away (B3).
pub const PG_ANSWER_MS_MAX: u64 = 60_000;

/// How long a connection to PostgreSQL may be silent before it is probed, and how long unanswered before it is given up.
pub const PG_SILENCE_MS_MAX: u64 = 30_000;

/// In a burst, time between two commits to SQLite that wait for the disk.
pub const SQLITE_SYNC_MS: i64 = 100;

/// Pages of SQLite's log after which it is folded into the file: 16 MB.
pub const SQLITE_CHECKPOINT_PAGES: i64 = 4_000;

/// The log is folded at the latest when it has one part in so many of the room on its disk, and not below so many pages
/// of this size, which is SQLite's own (B11).
pub const SQLITE_LOG_SHARE: u64 = 8;
/// See [`SQLITE_LOG_SHARE`].
pub const SQLITE_CHECKPOINT_PAGES_MIN: i64 = 64;
/// See [`SQLITE_LOG_SHARE`].
pub const SQLITE_PAGE_BYTES: u64 = 4_096;

/// How long answers are gathered for one commit while others are on their way.
pub const GATHER_MS: i64 = 3;

/// Longest wait for PostgreSQL to accept a connection.
pub const PG_CONNECT_MS_MAX: u64 = 10_000;

/// Most options that one commit covers: bounds the transaction and its memory.
pub const COMMIT_OPTIONS_MAX: usize = 512;

/// Most new names of a listing that one statement adds on PostgreSQL: bounds what stands in memory beside the listing.
pub const LISTING_PART_NAMES_MAX: usize = 8_192;

/// Remarks on a run that are kept for the tail of its log.
pub const TAIL_KEPT_MAX: usize = 64;

/// Error lines of a run that are kept in memory for its closing summary.
pub const ERRORS_KEPT_MAX: usize = 32;

/// Years back from now that a listing by year is asked for (Deribit opened in 2016).
pub const LISTING_FIRST_YEAR: i16 = 2016;

/// Years in a row without a name after which a listing by year, newest first, has reached its beginning.
pub const LISTING_BARREN_YEARS: u32 = 2;

/// Years, newest first, that may be refused before any has brought a name: then the vendor refuses them all.
pub const LISTING_REFUSED_YEARS: u32 = 5;

/// A run that may work, and whose answers were all refused, for so long is a worry.
pub const STALLED_MS_MAX: i64 = 2 * HOUR_MS;

/// How long a vendor or a store may be away before a person is told to look.
pub const AWAY_WORRY_MS: i64 = 300_000;

/// Failed answers in a row after which a person is told to look: well past what a back-off mends.
pub const FAILURES_WORRY: u64 = 20;

/// How long a live process may give no sign of life before a person is told to look: a suspended machine is
/// back at work within half a minute of waking.
pub const SILENCE_MS_MAX: i64 = 120_000;

/// Options after which a line of the log says how far the run is.
pub const PROGRESS_LINE_OPTIONS: u64 = 50;

/// Vanished options that one line names.
pub const NAMES_SHOWN_MAX: usize = 20;

/// Groups of errors that a summary shows.
pub const ERROR_GROUPS_MAX: usize = 10;

/// A second, an hour and a day in milliseconds.
pub const SECOND_MS: i64 = 1_000;
/// See [`SECOND_MS`].
pub const HOUR_MS: i64 = 3_600_000;
/// See [`SECOND_MS`].
pub const DAY_MS: i64 = 86_400_000;

const _: () = assert!(SYMBOL_BYTES_MAX + NAME_HASH_BYTES * 2 + 8 < NAME_BYTES_MAX, "a name cut short must not parse");
const _: () = assert!((SYMBOL_BYTES_MAX + 3) * LISTING_NAMES_MAX <= LISTING_BYTES_MAX);
const _: () = assert!(BODY_BYTES_FREE < BODY_BYTES_PAGE && BODY_BYTES_PAGE < BODY_BYTES_MAX && BODIES_LONG_MAX > 0);
const BODIES_FREE: usize = CONCURRENCY_MAX as usize * BODY_BYTES_FREE;
const BODIES_MORE: usize = BODIES_PAGE_MAX * BODY_BYTES_PAGE + BODIES_LONG_MAX * LISTING_BYTES_MAX;
const _: () = assert!(BODIES_FREE + BODIES_MORE <= BODIES_BYTES_MAX);
const _: () = assert!(PAGE_ROWS as usize <= ANSWER_ROWS_MAX && ANSWER_ROWS_MAX <= QUERY_ROWS_MAX);
const _: () = assert!(BEAT_MS * 3 <= LEASE_MS, "a lease must outlive two missed beats");
const _: () = assert!(CONNECT_MS_MAX.cast_signed() <= LEASE_MARGIN_MS && BEAT_MS * 3 <= LEASE_MS - LEASE_MARGIN_MS);
const _: () = assert!(BACKOFF_MS_FIRST <= BACKOFF_MS_MAX && BLIND_WAIT_MS_FIRST <= BLIND_WAIT_MS_MAX);
const _: () = assert!(PG_IDLE_MS_MAX.cast_signed() < LEASE_MS && PG_LOCK_MS_MAX < PG_ANSWER_MS_MAX);
const _: () = assert!(REFUSED_TRIES_MAX <= TRIES_MAX);
const _: () = assert!(BACKOFF_MS_MAX + REQUEST_MS_MAX.cast_signed() <= TRY_GAP_MS_MAX);
const _: () = assert!((STORE_RETRY_MS_MAX + PG_ANSWER_MS_MAX).cast_signed() <= TRY_GAP_MS_MAX);
const _: () = assert!(TRY_GAP_MS_MAX < OUTAGE_MS_MAX && FIRST_ANSWER_GAP_MS_MAX < FIRST_ANSWER_MS_MAX);
const _: () = assert!(CONCURRENCY_DEFAULT <= CONCURRENCY_MAX);
const _: () = assert!(CONTROL_MS < STOP_MS_MAX);
const _: () = assert!(NOTICE_TRY_MS_MAX < NOTICES_END_MS_MAX);
