-- Position of the head at the beginning of the history `history_epoch`, in which the newest change
-- of the user was written. Both are NULL until the first change under this schema. A server of 0.1.0
-- leaves them as they are.
ALTER TABLE users ADD COLUMN history_epoch BIGINT;
ALTER TABLE users ADD COLUMN history_start BIGINT;
