-- When an option that is known can bring news again: what is due is counted by an index, not by reading the ledger.
ALTER TABLE chainfill_option ADD COLUMN due_at BIGINT;
CREATE INDEX chainfill_option_due ON chainfill_option (due_at) WHERE due_at IS NOT NULL;

-- Orders have an order now, and what goes with them: `{"order":"pace","spacing_ms":200}`.
DROP TABLE chainfill_order;
CREATE TABLE chainfill_order (
    id     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    epoch  BIGINT NOT NULL,
    what   TEXT NOT NULL,
    at     BIGINT NOT NULL,
    taken  BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX chainfill_order_epoch ON chainfill_order (epoch) WHERE NOT taken;
