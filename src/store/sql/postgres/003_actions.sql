-- An order may name a thousand options, and an entry of an index holds 2,704 bytes: actions are told apart by a number.
ALTER TABLE chainfill_action DROP CONSTRAINT chainfill_action_pkey;
ALTER TABLE chainfill_action ADD COLUMN id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
CREATE INDEX chainfill_action_at ON chainfill_action (at);
