-- Bars, by the name and the columns that people query. REAL, so that prices sort and compute.
CREATE TABLE IF NOT EXISTS cryptodatadownload_options_daily (
    unix_timestamp  INTEGER,
    date            TEXT NOT NULL,
    symbol          TEXT NOT NULL,
    currency        TEXT,
    expiry_date     TEXT,
    strike          REAL,
    option_type     TEXT,
    price_open      REAL,
    price_high      REAL,
    price_low       REAL,
    price_close     REAL,
    volume_traded   REAL,
    data_source     TEXT,
    downloaded_at   TEXT,
    PRIMARY KEY (symbol, date)
) WITHOUT ROWID;

-- The digits of numbers that a REAL cannot hold.
CREATE TABLE chainfill_exact (
    symbol TEXT NOT NULL,
    date   TEXT NOT NULL,
    field  INTEGER NOT NULL,
    digits TEXT NOT NULL,
    PRIMARY KEY (symbol, date, field)
) WITHOUT ROWID;

-- The ledger: a line for every option that was ever listed or adopted. Times are milliseconds since 1970.
CREATE TABLE chainfill_option (
    symbol        TEXT PRIMARY KEY,
    currency      TEXT NOT NULL,
    expiry        TEXT,
    strike        REAL,
    option_type   TEXT,
    state         TEXT NOT NULL CHECK (state IN ('pending', 'stored', 'empty', 'attention')),
    row_count     INTEGER NOT NULL,
    first_bar     TEXT,
    last_bar      TEXT,
    print         INTEGER NOT NULL,
    fetched_at    INTEGER,
    listed        INTEGER NOT NULL,
    reason        TEXT,
    first_listing INTEGER
) WITHOUT ROWID;

-- Kept by every commit, never counted.
CREATE TABLE chainfill_tally (
    currency  TEXT PRIMARY KEY,
    listed    INTEGER NOT NULL,
    pending   INTEGER NOT NULL,
    stored    INTEGER NOT NULL,
    empty     INTEGER NOT NULL,
    attention INTEGER NOT NULL,
    bars      INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE chainfill_run (
    epoch      INTEGER PRIMARY KEY,
    identity   TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    ending     TEXT,
    progress   TEXT,
    requests   INTEGER NOT NULL DEFAULT 0
);

-- One row: who may write.
CREATE TABLE chainfill_lease (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    epoch   INTEGER NOT NULL,
    held    INTEGER NOT NULL,
    beat_at INTEGER NOT NULL
);
INSERT INTO chainfill_lease VALUES (1, 0, 0, 0);

-- The journal: every request, written before it leaves.
CREATE TABLE chainfill_attempt (
    epoch   INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    query   TEXT NOT NULL,
    sent    INTEGER NOT NULL,
    done    INTEGER,
    outcome TEXT,
    status  INTEGER,
    counted INTEGER,
    bytes   INTEGER,
    rows    INTEGER,
    wait_s  INTEGER,
    note    TEXT,
    PRIMARY KEY (epoch, seq)
) WITHOUT ROWID;
CREATE INDEX chainfill_attempt_sent ON chainfill_attempt (sent);

CREATE TABLE chainfill_listing (
    fetched_at INTEGER PRIMARY KEY,
    names      INTEGER NOT NULL,
    unparsed   INTEGER NOT NULL,
    added      INTEGER NOT NULL,
    vanished   INTEGER NOT NULL,
    requests   INTEGER NOT NULL
);
CREATE TABLE chainfill_listing_change (
    fetched_at INTEGER NOT NULL,
    symbol     TEXT NOT NULL,
    change     TEXT NOT NULL,
    PRIMARY KEY (fetched_at, symbol)
) WITHOUT ROWID;

CREATE TABLE chainfill_memory (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE chainfill_order (
    epoch INTEGER NOT NULL,
    word  TEXT NOT NULL,
    at    INTEGER NOT NULL,
    taken INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (epoch, word)
) WITHOUT ROWID;

-- What people asked for, word for word.
CREATE TABLE chainfill_action (
    at     INTEGER NOT NULL,
    action TEXT NOT NULL,
    epoch  INTEGER NOT NULL,
    PRIMARY KEY (at, action)
) WITHOUT ROWID;

-- Bars whose values changed, as symbol|date|unix_ms|open|high|low|close|volume.
CREATE TABLE chainfill_revision (
    symbol TEXT NOT NULL,
    date   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    old    TEXT NOT NULL,
    new    TEXT NOT NULL,
    PRIMARY KEY (symbol, date, at, old)
) WITHOUT ROWID;

CREATE TABLE chainfill_flag (
    symbol TEXT NOT NULL,
    date   TEXT NOT NULL,
    word   TEXT NOT NULL,
    PRIMARY KEY (symbol, date, word)
) WITHOUT ROWID;
