-- Bars, by the name and the columns that people query. NUMERIC without a scale keeps every digit.
CREATE TABLE IF NOT EXISTS cryptodatadownload_options_daily (
    unix_timestamp  BIGINT,
    date            DATE NOT NULL,
    symbol          TEXT NOT NULL,
    currency        TEXT,
    expiry_date     DATE,
    strike          NUMERIC,
    option_type     TEXT,
    price_open      NUMERIC,
    price_high      NUMERIC,
    price_low       NUMERIC,
    price_close     NUMERIC,
    volume_traded   NUMERIC,
    data_source     TEXT,
    downloaded_at   TIMESTAMPTZ,
    PRIMARY KEY (symbol, date)
);

-- The ledger: a line for every option that was ever listed or adopted. Times are milliseconds since 1970.
CREATE TABLE chainfill_option (
    symbol        TEXT PRIMARY KEY,
    currency      TEXT NOT NULL,
    expiry        DATE,
    strike        NUMERIC,
    option_type   TEXT,
    state         TEXT NOT NULL CHECK (state IN ('pending', 'stored', 'empty', 'attention')),
    row_count     BIGINT NOT NULL,
    first_bar     DATE,
    last_bar      DATE,
    print         BIGINT NOT NULL,
    fetched_at    BIGINT,
    listed        BOOLEAN NOT NULL,
    reason        TEXT,
    first_listing BIGINT
);

-- Kept by every commit, never counted.
CREATE TABLE chainfill_tally (
    currency  TEXT PRIMARY KEY,
    listed    BIGINT NOT NULL,
    pending   BIGINT NOT NULL,
    stored    BIGINT NOT NULL,
    empty     BIGINT NOT NULL,
    attention BIGINT NOT NULL,
    bars      BIGINT NOT NULL
);

CREATE TABLE chainfill_run (
    epoch      BIGINT PRIMARY KEY,
    identity   TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at   BIGINT,
    ending     TEXT,
    progress   TEXT,
    requests   BIGINT NOT NULL DEFAULT 0
);

-- One row: who may write.
CREATE TABLE chainfill_lease (
    id      BIGINT PRIMARY KEY CHECK (id = 1),
    epoch   BIGINT NOT NULL,
    held    BOOLEAN NOT NULL,
    beat_at TIMESTAMPTZ NOT NULL
);
INSERT INTO chainfill_lease VALUES (1, 0, FALSE, now());

-- The journal: every request, written before it leaves.
CREATE TABLE chainfill_attempt (
    epoch   BIGINT NOT NULL,
    seq     BIGINT NOT NULL,
    kind    TEXT NOT NULL,
    query   TEXT NOT NULL,
    sent    BIGINT NOT NULL,
    done    BIGINT,
    outcome TEXT,
    status  BIGINT,
    counted BOOLEAN,
    bytes   BIGINT,
    rows    BIGINT,
    wait_s  BIGINT,
    note    TEXT,
    PRIMARY KEY (epoch, seq)
);
CREATE INDEX chainfill_attempt_sent ON chainfill_attempt (sent);

CREATE TABLE chainfill_listing (
    fetched_at BIGINT PRIMARY KEY,
    names      BIGINT NOT NULL,
    unparsed   BIGINT NOT NULL,
    added      BIGINT NOT NULL,
    vanished   BIGINT NOT NULL,
    requests   BIGINT NOT NULL
);
CREATE TABLE chainfill_listing_change (
    fetched_at BIGINT NOT NULL,
    symbol     TEXT NOT NULL,
    change     TEXT NOT NULL,
    PRIMARY KEY (fetched_at, symbol)
);

CREATE TABLE chainfill_memory (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE chainfill_order (
    epoch BIGINT NOT NULL,
    word  TEXT NOT NULL,
    at    BIGINT NOT NULL,
    taken BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (epoch, word)
);

-- What people asked for, word for word.
CREATE TABLE chainfill_action (
    at     BIGINT NOT NULL,
    action TEXT NOT NULL,
    epoch  BIGINT NOT NULL,
    PRIMARY KEY (at, action)
);

-- Bars whose values changed, as symbol|date|unix_ms|open|high|low|close|volume.
CREATE TABLE chainfill_revision (
    symbol TEXT NOT NULL,
    date   DATE NOT NULL,
    at     BIGINT NOT NULL,
    old    TEXT NOT NULL,
    new    TEXT NOT NULL,
    PRIMARY KEY (symbol, date, at, old)
);

CREATE TABLE chainfill_flag (
    symbol TEXT NOT NULL,
    date   DATE NOT NULL,
    word   TEXT NOT NULL,
    PRIMARY KEY (symbol, date, word)
);
