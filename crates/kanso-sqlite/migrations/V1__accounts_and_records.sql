-- Ids are the 16 bytes of a UUID. Instants are microseconds since 1970-01-01T00:00:00Z, dates are
-- days since 1970-01-01, times of day are 'HH:MM', amounts are thousandths.
--
-- Every table's primary key begins with user_id, except what belongs to nobody: the server's own
-- row, and the directory from which a log-in learns whose account it is about.

CREATE TABLE server (
    id    INTEGER NOT NULL,
    epoch INTEGER NOT NULL, -- 64 bits that say which history the positions belong to
    CONSTRAINT server_pk PRIMARY KEY (id),
    CONSTRAINT server_is_one_row CHECK (id = 1)
) STRICT;

CREATE TABLE emails (
    email   TEXT NOT NULL,
    user_id BLOB NOT NULL,
    CONSTRAINT emails_pk PRIMARY KEY (email)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    user_id        BLOB    NOT NULL,
    email          TEXT    NOT NULL,
    password_hash  TEXT    NOT NULL,
    timezone       TEXT    NOT NULL,
    week_start     TEXT    NOT NULL,
    day_start      TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    head_seq       INTEGER NOT NULL,
    last_change_at INTEGER NOT NULL,
    CONSTRAINT users_pk PRIMARY KEY (user_id),
    CONSTRAINT users_user_id_is_a_uuid CHECK (length(user_id) = 16),
    CONSTRAINT users_head_seq_is_a_position CHECK (head_seq >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    user_id          BLOB    NOT NULL,
    id               BLOB    NOT NULL,
    current_hash     BLOB    NOT NULL,
    previous_hash    BLOB,
    previous_used_at INTEGER,
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    CONSTRAINT sessions_pk PRIMARY KEY (user_id, id),
    CONSTRAINT sessions_user_fk FOREIGN KEY (user_id) REFERENCES users (user_id),
    CONSTRAINT sessions_id_is_a_uuid CHECK (length(id) = 16),
    CONSTRAINT sessions_previous_is_whole
        CHECK ((previous_hash IS NULL) = (previous_used_at IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE habits (
    user_id          BLOB    NOT NULL,
    id               BLOB    NOT NULL,
    title            TEXT    NOT NULL,
    description      TEXT    NOT NULL,
    color            TEXT    NOT NULL,
    icon             TEXT    NOT NULL,
    sort_order       INTEGER NOT NULL,
    type             TEXT    NOT NULL,
    frequency_type   TEXT    NOT NULL,
    weekdays         INTEGER, -- bit 0 is Sunday
    interval         INTEGER, -- days
    times_per_week   INTEGER,
    target_value     INTEGER NOT NULL,
    target_direction TEXT    NOT NULL,
    unit             TEXT    NOT NULL,
    reminder_time    TEXT,
    start_date       INTEGER,
    end_date         INTEGER,
    archived_at      INTEGER,
    seq              INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    deleted_at       INTEGER,
    CONSTRAINT habits_pk PRIMARY KEY (user_id, id),
    CONSTRAINT habits_user_fk FOREIGN KEY (user_id) REFERENCES users (user_id),
    CONSTRAINT habits_id_is_a_uuid CHECK (length(id) = 16)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX habits_by_seq ON habits (user_id, seq);

CREATE TABLE entries (
    user_id              BLOB    NOT NULL,
    id                   BLOB    NOT NULL,
    habit_id             BLOB    NOT NULL,
    completion_date      INTEGER NOT NULL, -- of a date: its midnight in UTC
    completion_is_a_date INTEGER NOT NULL,
    timezone             TEXT,
    local_date           INTEGER NOT NULL,
    kind                 TEXT    NOT NULL,
    value                INTEGER NOT NULL,
    notes                TEXT    NOT NULL,
    seq                  INTEGER NOT NULL,
    version              INTEGER NOT NULL,
    created_at           INTEGER NOT NULL,
    updated_at           INTEGER NOT NULL,
    deleted_at           INTEGER,
    CONSTRAINT entries_pk PRIMARY KEY (user_id, id),
    CONSTRAINT entries_habit_fk FOREIGN KEY (user_id, habit_id) REFERENCES habits (user_id, id),
    CONSTRAINT entries_id_is_a_uuid CHECK (length(id) = 16)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX entries_by_seq ON entries (user_id, seq);
-- One index for a range of days and for a habit in it: each further one is a further page to
-- write and to flush for every entry. With deleted_at, though always NULL, it can count by itself.
CREATE INDEX entries_by_day ON entries (user_id, local_date, habit_id, deleted_at)
    WHERE deleted_at IS NULL;

-- What became of the operations that devices handed in, so that a retry gets the same answer.
CREATE TABLE receipts (
    user_id     BLOB    NOT NULL,
    op_id       BLOB    NOT NULL,
    fingerprint BLOB    NOT NULL,
    device_id   BLOB,
    outcome     TEXT    NOT NULL,
    version     INTEGER,
    seq         INTEGER,
    rejection   TEXT, -- JSON: the code and the members at fault
    created_at  INTEGER NOT NULL, -- by the user's history, so never before an older receipt's
    CONSTRAINT receipts_pk PRIMARY KEY (user_id, op_id),
    CONSTRAINT receipts_user_fk FOREIGN KEY (user_id) REFERENCES users (user_id),
    CONSTRAINT receipts_op_id_is_a_uuid CHECK (length(op_id) = 16),
    CONSTRAINT receipts_outcome_is_whole CHECK (
        CASE outcome
            WHEN 'done' THEN version IS NOT NULL AND seq IS NOT NULL AND rejection IS NULL
            WHEN 'rejected' THEN version IS NULL AND seq IS NULL AND rejection IS NOT NULL
            ELSE version IS NULL AND seq IS NULL AND rejection IS NULL
        END)
) STRICT, WITHOUT ROWID;
