-- When an option that is known can bring news again: what is due is counted by an index, not by reading the ledger.
ALTER TABLE chainfill_option ADD COLUMN due_at INTEGER;
CREATE INDEX chainfill_option_due ON chainfill_option (due_at) WHERE due_at IS NOT NULL;

-- Orders have an order now, and what goes with them: `{"order":"pace","spacing_ms":200}`.
DROP TABLE chainfill_order;
CREATE TABLE chainfill_order (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch  INTEGER NOT NULL,
    what   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    taken  INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX chainfill_order_epoch ON chainfill_order (epoch) WHERE NOT taken;
