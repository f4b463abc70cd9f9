-- Actions are told apart by a number, as on PostgreSQL, where an order of a thousand names fits into no index.
CREATE TABLE chainfill_action_numbered (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    action TEXT NOT NULL,
    epoch  INTEGER NOT NULL
);
INSERT INTO chainfill_action_numbered (at, action, epoch) SELECT at, action, epoch FROM chainfill_action ORDER BY at, action;
DROP TABLE chainfill_action;
ALTER TABLE chainfill_action_numbered RENAME TO chainfill_action;
CREATE INDEX chainfill_action_at ON chainfill_action (at);
