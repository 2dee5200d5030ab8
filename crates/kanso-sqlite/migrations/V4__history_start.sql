-- Position of the head at the beginning of the history `history_epoch`, in which the newest change
-- of the user was written. Both are NULL until the first change under this schema.
ALTER TABLE users ADD COLUMN history_epoch INTEGER;
ALTER TABLE users ADD COLUMN history_start INTEGER;
