-- What a replica knows about its own health: a digest of the live records of base, a checksum of
-- each row, when all of it was last looked through, and what it offers to a server that lost it.

ALTER TABLE replica ADD COLUMN digest INTEGER;      -- of base; NULL until it has been counted
ALTER TABLE replica ADD COLUMN checked_at INTEGER;
ALTER TABLE replica ADD COLUMN offers_back INTEGER NOT NULL DEFAULT 0;

ALTER TABLE base ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE base ADD COLUMN is_live INTEGER NOT NULL DEFAULT 1;
ALTER TABLE base ADD COLUMN checksum INTEGER;       -- of the row; NULL until it has been checked

UPDATE base
SET version = CAST(record ->> 'version' AS INTEGER), is_live = record ->> 'deleted_at' IS NULL
WHERE json_valid(record) AND record ->> 'version' IS NOT NULL;

-- What was put aside so far is delivered once more.
DROP TABLE staged;
UPDATE replica SET resync_cursor = NULL;

CREATE TABLE staged (
    entity   TEXT    NOT NULL,
    id       BLOB    NOT NULL,
    habit_id BLOB    NOT NULL,
    seq      INTEGER NOT NULL,
    record   TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    is_live  INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    CONSTRAINT staged_pk PRIMARY KEY (entity, id)
) STRICT, WITHOUT ROWID;

-- Nobody wrote an offer: a record is offered back to a server that lost it.
ALTER TABLE outbox ADD COLUMN is_offer INTEGER NOT NULL DEFAULT 0;
-- The server had taken it and did not deliver it.
ALTER TABLE outbox ADD COLUMN is_resent INTEGER NOT NULL DEFAULT 0;

-- Conflicts say since when the server's record is what it is.
UPDATE failures
SET result = json_set(result, '$.conflict.changed_at', result ->> '$.conflict.record.updated_at')
WHERE json_valid(result) AND result ->> '$.conflict.changed_at' IS NULL
  AND result ->> '$.conflict.record.updated_at' IS NOT NULL;
