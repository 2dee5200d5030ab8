-- What one device keeps. Ids are the 16 bytes of a UUID, instants are microseconds since
-- 1970-01-01T00:00:00Z, dates are YYYY-MM-DD, records are the JSON of the wire.

CREATE TABLE replica (
    id                INTEGER NOT NULL,
    device_id         BLOB    NOT NULL,
    server_url        TEXT,
    account_id        BLOB,
    email             TEXT,
    timezone          TEXT    NOT NULL,
    week_start        TEXT    NOT NULL,
    day_start         TEXT    NOT NULL,
    settings_read_at  INTEGER,
    access_token      TEXT,
    access_expires_at INTEGER,
    refresh_token     TEXT,
    cursor            TEXT,
    is_resyncing      INTEGER NOT NULL,
    resync_cursor     TEXT,
    last_sync_at      INTEGER,
    CONSTRAINT replica_pk PRIMARY KEY (id),
    CONSTRAINT replica_is_one_row CHECK (id = 1),
    CONSTRAINT replica_account_is_whole
        CHECK ((account_id IS NULL) = (email IS NULL) AND (account_id IS NULL) = (server_url IS NULL)),
    CONSTRAINT replica_session_is_whole
        CHECK ((access_token IS NULL) = (refresh_token IS NULL)
           AND (access_token IS NULL) = (access_expires_at IS NULL))
) STRICT;

-- The server's records as they were last delivered, tombstones too.
CREATE TABLE base (
    entity   TEXT    NOT NULL,
    id       BLOB    NOT NULL,
    habit_id BLOB    NOT NULL, -- of a habit: its own id
    seq      INTEGER NOT NULL,
    record   TEXT    NOT NULL,
    CONSTRAINT base_pk PRIMARY KEY (entity, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX base_by_habit ON base (habit_id);

-- The same, while everything is delivered anew: it takes the place of base when it is whole.
CREATE TABLE staged (
    entity   TEXT    NOT NULL,
    id       BLOB    NOT NULL,
    habit_id BLOB    NOT NULL,
    seq      INTEGER NOT NULL,
    record   TEXT    NOT NULL,
    CONSTRAINT staged_pk PRIMARY KEY (entity, id)
) STRICT, WITHOUT ROWID;

-- What this device wrote and the server has not delivered back yet, in the order of writing.
CREATE TABLE outbox (
    position         INTEGER NOT NULL,
    op_id            BLOB    NOT NULL,
    entity           TEXT    NOT NULL,
    record_id        BLOB    NOT NULL,
    body             TEXT    NOT NULL, -- sent byte for byte the same at each retry
    created_at       INTEGER NOT NULL,
    acknowledged_seq INTEGER,          -- done on the server, with this position in its history
    CONSTRAINT outbox_pk PRIMARY KEY (position AUTOINCREMENT),
    CONSTRAINT outbox_op_id_once UNIQUE (op_id)
) STRICT;

CREATE INDEX outbox_by_record ON outbox (entity, record_id, position);

-- What a person sees: the live records of base with the outbox applied. Derived from those two
-- in the transaction that changes one of them.
CREATE TABLE shown (
    entity     TEXT    NOT NULL,
    id         BLOB    NOT NULL,
    habit_id   BLOB    NOT NULL,
    local_date TEXT,             -- of an entry
    is_pending INTEGER NOT NULL, -- the outbox has something about it
    record     TEXT    NOT NULL,
    CONSTRAINT shown_pk PRIMARY KEY (entity, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX shown_by_day ON shown (entity, local_date);
CREATE INDEX shown_by_habit ON shown (habit_id, entity, local_date);

-- What the server refused for good, until a person has decided.
CREATE TABLE failures (
    id        INTEGER NOT NULL,
    op_id     BLOB    NOT NULL,
    entity    TEXT    NOT NULL,
    record_id BLOB    NOT NULL,
    body      TEXT    NOT NULL,
    result    TEXT    NOT NULL, -- the server's answer, JSON
    written_at INTEGER NOT NULL,
    failed_at  INTEGER NOT NULL,
    CONSTRAINT failures_pk PRIMARY KEY (id AUTOINCREMENT),
    CONSTRAINT failures_op_id_once UNIQUE (op_id)
) STRICT;
