//! Bounds of what looks on: screens, notices, forecasts, `status`, the dashboard.

use super::SECOND_MS;

/// Lines that wait for a terminal that takes none: more are dropped and counted, and the run goes on (P12). A run at
/// full speed tells some fifty of them in [`SCREEN_GATHER_MS`].
pub const SCREEN_LINES_MAX: usize = 4_096;

/// How long lines are gathered for a screen after some were written.
pub const SCREEN_GATHER_MS: u64 = 3;

/// Bytes that are handed to a slow screen at once.
pub const SCREEN_BYTES_MAX: usize = 1 << 16;

/// How often the live view draws, at the most, and how often without news.
pub const DRAW_MS_MIN: i64 = 100;
/// See [`DRAW_MS_MIN`].
pub const DRAW_MS_IDLE: u64 = 500;

/// How long the end of a run waits for a terminal to take the last lines.
pub const SCREEN_END_MS_MAX: u64 = 1_000;

/// Notices that wait for one target: more drive the oldest out.
pub const NOTICES_QUEUED_MAX: usize = 32;

/// Targets that are notified at the most.
pub const NOTICE_TARGETS_MAX: usize = 16;

/// Characters of a notice's text and of its title: Discord takes 2,000, with each one escaped half of them.
pub const NOTICE_CHARS_MAX: usize = 700;
/// See [`NOTICE_CHARS_MAX`].
pub const NOTICE_TITLE_CHARS_MAX: usize = 100;

/// Tries of one notice, and the pause between two: doubled up to the longest, or as long as the target says.
pub const NOTICE_TRIES_MAX: u32 = 4;
/// See [`NOTICE_TRIES_MAX`].
pub const NOTICE_RETRY_MS_FIRST: u64 = 1_000;
/// See [`NOTICE_TRIES_MAX`].
pub const NOTICE_RETRY_MS_MAX: u64 = 30_000;

/// How long one try of a notice may take, to a service or by a command, which is ended then.
pub const NOTICE_TRY_MS_MAX: u64 = 10_000;

/// How long the end of a run waits for the last notices: one try that is under way, and one of the last notice.
pub const NOTICES_END_MS_MAX: u64 = 15_000;

/// How often it is looked whether there is a reason to worry, how old the run that is looked at may be, and after
/// how many looks without a reason a worry is over.
pub const NOTICES_LOOK_MS: u64 = 30_000;
/// See [`NOTICES_LOOK_MS`].
pub const NOTICES_SIGHT_MS: i64 = 1_000;
/// See [`NOTICES_LOOK_MS`].
pub const NOTICE_FINE_LOOKS: u32 = 2;

/// Options of a currency that a run must ask for before a milestone of it is worth a notice.
pub const MILESTONE_OPTIONS_MIN: u64 = 100;
/// How often `status --watch` looks unless told otherwise, and what it may be told, in seconds.
pub const STATUS_EVERY_S: &str = "2";
/// See [`STATUS_EVERY_S`].
pub const STATUS_EVERY_S_RANGE: (f64, f64) = (0.1, 86_400.0);

/// How often a view from outside looks at the store.
pub const LOOK_EVERY_MS: u64 = 1_000;

/// Age of the last look from which on it is told that the store does not answer.
pub const LOOK_LATE_MS: i64 = 5_000;

/// A look that reads every option is not repeated before so many times the time that it took.
pub const LOOK_SHARE: i64 = 20;

/// Requests that the tail of the journal shows.
pub const LOG_TAIL_MAX: usize = 500;

/// Keys, and answers to orders, that wait for a screen.
pub const SCREEN_NEWS_MAX: usize = 64;

/// Answers after which a pace is told: fewer say nothing.
pub const PACE_ANSWERS_MIN: u64 = 10;

/// Digits of a number that a store keeps in JSON: a thousand terabytes, and milliseconds for thirty thousand years.
pub const KEPT_DIGITS_MAX: usize = 15;

/// Plans and retries in a row behind which the last backfill is still looked for.
pub const ERRANDS_PASSED_MAX: usize = 50;

/// Requests that an option's own story tells of.
pub const STORY_ATTEMPTS_MAX: usize = 50;

/// Points that a run's course is kept in, and how long one is at first: four minutes, then ever coarser.
pub const PULSE_POINTS_MAX: usize = 240;
/// See [`PULSE_POINTS_MAX`].
pub const PULSE_STEP_MS: i64 = SECOND_MS;

/// Over how long a rate is told as the present one, at the most and at the least.
pub const RATE_SPAN_MS: i64 = 60_000;
/// See [`RATE_SPAN_MS`].
pub const RATE_SPAN_MS_MIN: i64 = 5_000;

/// Options that must be known before the bars of all are guessed from them.
pub const ROWS_GUESS_OPTIONS_MIN: u64 = 100;

/// Words on a run's finish: the least time between two, the part of the run's age that it grows to, and how many are
/// kept. At a ninth of its age apart, 128 reach from a minute to years.
pub const FORECAST_EVERY_MS_MIN: i64 = 60_000;
/// See [`FORECAST_EVERY_MS_MIN`].
pub const FORECAST_GAP_PARTS: i64 = 8;
/// See [`FORECAST_EVERY_MS_MIN`].
pub const FORECASTS_KEPT_MAX: usize = 128;

/// How often the dashboard looks at the store while somebody looks at it, and how long one look may take.
pub const LOOK_MS: u64 = 1_000;
/// See [`LOOK_MS`].
pub const LOOK_MS_MAX: u64 = 10_000;

/// Connections to the dashboard at once: more are told to come back.
pub const DASHBOARD_CONNECTIONS_MAX: usize = 512;

/// Bytes of a request's head, and how many fields it may have.
pub const DASHBOARD_HEAD_BYTES_MAX: usize = 16 << 10;
/// See [`DASHBOARD_HEAD_BYTES_MAX`].
pub const DASHBOARD_FIELDS_MAX: usize = 64;

/// How long a client may take to send a request's head; it is also how long it may say nothing between two.
pub const DASHBOARD_HEAD_MS_MAX: u64 = 10_000;

/// Bytes of an order, and how long a client may take to send them.
pub const DASHBOARD_ORDER_BYTES_MAX: usize = 64 << 10;
/// See [`DASHBOARD_ORDER_BYTES_MAX`].
pub const DASHBOARD_ORDER_MS_MAX: u64 = 5_000;

/// How long a client that takes nothing is waited for, and how many bytes the system keeps for it meanwhile (W5).
pub const DASHBOARD_SILENCE_MS_MAX: u64 = 30_000;
/// See [`DASHBOARD_SILENCE_MS_MAX`].
pub const DASHBOARD_SEND_BYTES: u32 = 64 << 10;

/// Without news, how often a stream of events says that it lives.
pub const DASHBOARD_HEARTBEAT_MS: u64 = 5_000;

/// How soon a browser whose stream broke asks again.
pub const DASHBOARD_RETRY_MS: u64 = 2_000;

/// Reads of the store for clients at once, the watcher's own not counted: more wait for their turn.
pub const DASHBOARD_READS_MAX: usize = 4;

/// How long the map of a currency is handed out before it is read again.
pub const DASHBOARD_COVERAGE_MS: i64 = 2_000;

/// Lines of the journal, and runs with their forecasts, that one answer tells of.
pub const DASHBOARD_JOURNAL_MAX: usize = 500;
/// See [`DASHBOARD_JOURNAL_MAX`].
pub const DASHBOARD_RUNS_MAX: usize = 50;

/// How long the end of the program waits until the last news has left.
pub const DASHBOARD_END_MS_MAX: u64 = 1_000;

/// Characters of a dashboard's token: fewer can be guessed, more are no token.
pub const DASHBOARD_TOKEN_CHARS: (usize, usize) = (16, 256);
