-- Instants are microseconds since 1970-01-01T00:00:00Z, dates are days since 1970-01-01, times of day
-- are 'HH:MM', amounts are thousandths. Text is compared by its bytes, whatever the database's locale.
--
-- Every table's primary key begins with user_id, except what belongs to nobody: the server's own
-- row, and the directory from which a log-in learns whose account it is about. No statement about a
-- person needs rows of another, so every table may be partitioned by user_id.

CREATE TABLE server (
    id      BIGINT NOT NULL,
    epoch   BIGINT NOT NULL, -- 64 bits that say which history the positions belong to
    witness TEXT   NOT NULL, -- of which cluster, timeline, database and table the epoch is
    CONSTRAINT server_pk PRIMARY KEY (id),
    CONSTRAINT server_is_one_row CHECK (id = 1)
);

CREATE TABLE emails (
    email   TEXT COLLATE "C" NOT NULL,
    user_id UUID NOT NULL,
    CONSTRAINT emails_pk PRIMARY KEY (email)
);

CREATE TABLE users (
    user_id        UUID   NOT NULL,
    email          TEXT   COLLATE "C" NOT NULL,
    password_hash  TEXT   NOT NULL,
    timezone       TEXT   COLLATE "C" NOT NULL,
    week_start     TEXT   NOT NULL,
    day_start      TEXT   COLLATE "C" NOT NULL,
    created_at     BIGINT NOT NULL,
    head_seq       BIGINT NOT NULL,
    last_change_at BIGINT NOT NULL,
    -- The sum of the hashes of the user's live records, as a signed number.
    digest         BIGINT NOT NULL,
    -- Tombstones up to here were purged.
    floor_seq      BIGINT NOT NULL DEFAULT 0,
    floor_at       BIGINT,
    -- Where the newest change of the settings stands in the history; 0 while they are as registered.
    settings_seq   BIGINT NOT NULL DEFAULT 0,
    settings_at    BIGINT,
    -- The newest day that was begun for a person; the default lies before every date.
    day_begun      BIGINT NOT NULL DEFAULT -5000000,
    CONSTRAINT users_pk PRIMARY KEY (user_id),
    CONSTRAINT users_head_seq_is_a_position CHECK (head_seq >= 0)
);

CREATE INDEX users_by_day_border ON users (timezone, day_start, day_begun);

CREATE TABLE sessions (
    user_id          UUID   NOT NULL,
    id               UUID   NOT NULL,
    current_hash     BYTEA  NOT NULL,
    previous_hash    BYTEA,
    previous_used_at BIGINT,
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    CONSTRAINT sessions_pk PRIMARY KEY (user_id, id),
    CONSTRAINT sessions_user_fk FOREIGN KEY (user_id) REFERENCES users (user_id),
    CONSTRAINT sessions_previous_is_whole
        CHECK ((previous_hash IS NULL) = (previous_used_at IS NULL))
);

-- schedule_history is an array of objects, oldest first, with the names and the units of the
-- columns that they are about. Those columns hold the newest version, for queries.
-- archived_spans is an array of [first day, day of return or null].
--
-- field_edits holds, by the numbers that the domain gives the fields, the version at which each was
-- edited last, 8 bytes, big-endian, and by which device, 16 bytes, all zero when it is not known.
-- NULL means: all of them at the record's own version by edited_by.
CREATE TABLE habits (
    user_id           UUID   NOT NULL,
    id                UUID   NOT NULL,
    title             TEXT   NOT NULL,
    description       TEXT   NOT NULL,
    color             TEXT   NOT NULL,
    icon              TEXT   NOT NULL,
    sort_order        BIGINT NOT NULL,
    type              TEXT   NOT NULL,
    frequency_type    TEXT   NOT NULL,
    weekdays          BIGINT, -- bit 0 is Sunday
    interval          BIGINT, -- days
    times_per_week    BIGINT,
    target_value      BIGINT NOT NULL,
    target_direction  TEXT   NOT NULL,
    schedule_history  JSONB  NOT NULL,
    unit              TEXT   NOT NULL,
    reminder_time     TEXT,
    start_date        BIGINT,
    end_date          BIGINT,
    archived_at       BIGINT,
    archived_spans    JSONB  NOT NULL,
    seq               BIGINT NOT NULL,
    version           BIGINT NOT NULL,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    deleted_at        BIGINT,
    current_streak    BIGINT NOT NULL,
    longest_streak    BIGINT NOT NULL,
    streak_day        BIGINT, -- NULL when it was never computed
    streak_generation BIGINT NOT NULL DEFAULT 0, -- the last finished one
    field_edits       BYTEA,
    edited_by         UUID, -- the device; NULL when it is not known
    CONSTRAINT habits_pk PRIMARY KEY (user_id, id),
    CONSTRAINT habits_user_fk FOREIGN KEY (user_id) REFERENCES users (user_id)
);

CREATE UNIQUE INDEX habits_by_seq ON habits (user_id, seq);
CREATE INDEX habits_by_deletion ON habits (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE entries (
    user_id              UUID    NOT NULL,
    id                   UUID    NOT NULL,
    habit_id             UUID    NOT NULL,
    completion_date      BIGINT  NOT NULL, -- of a date: its midnight in UTC
    completion_is_a_date BOOLEAN NOT NULL,
    timezone             TEXT,
    local_date           BIGINT  NOT NULL,
    kind                 TEXT    NOT NULL,
    value                BIGINT  NOT NULL,
    notes                TEXT    NOT NULL,
    seq                  BIGINT  NOT NULL,
    version              BIGINT  NOT NULL,
    created_at           BIGINT  NOT NULL,
    updated_at           BIGINT  NOT NULL,
    deleted_at           BIGINT,
    field_edits          BYTEA,
    edited_by            UUID,
    CONSTRAINT entries_pk PRIMARY KEY (user_id, id),
    CONSTRAINT entries_habit_fk FOREIGN KEY (user_id, habit_id) REFERENCES habits (user_id, id)
);

CREATE UNIQUE INDEX entries_by_seq ON entries (user_id, seq);
CREATE INDEX entries_by_habit ON entries (user_id, habit_id, local_date)
    WHERE deleted_at IS NULL;
CREATE INDEX entries_by_deletion ON entries (deleted_at) WHERE deleted_at IS NOT NULL;

-- What became of the operations that devices handed in, so that a retry gets the same answer.
CREATE TABLE receipts (
    user_id     UUID   NOT NULL,
    op_id       UUID   NOT NULL,
    fingerprint BYTEA  NOT NULL,
    device_id   UUID,
    outcome     TEXT   NOT NULL,
    version     BIGINT,
    seq         BIGINT,
    rejection   TEXT, -- JSON: the code and the members at fault, which may be named by any text
    created_at  BIGINT NOT NULL, -- by the user's history, so never before an older receipt's
    CONSTRAINT receipts_pk PRIMARY KEY (user_id, op_id),
    CONSTRAINT receipts_user_fk FOREIGN KEY (user_id) REFERENCES users (user_id),
    CONSTRAINT receipts_outcome_is_whole CHECK (
        CASE outcome
            WHEN 'done' THEN version IS NOT NULL AND seq IS NOT NULL AND rejection IS NULL
            WHEN 'rejected' THEN version IS NULL AND seq IS NULL AND rejection IS NOT NULL
            ELSE version IS NULL AND seq IS NULL AND rejection IS NULL
        END)
);

CREATE INDEX receipts_by_age ON receipts (created_at);

-- Streaks that must be computed anew, one row a habit.
CREATE TABLE streak_dirty (
    user_id      UUID   NOT NULL,
    habit_id     UUID   NOT NULL,
    generation   BIGINT NOT NULL, -- rises with every change, also over rows that are gone
    available_at BIGINT NOT NULL,
    lease_until  BIGINT, -- NULL when nobody holds it
    attempts     BIGINT NOT NULL, -- since the last change
    CONSTRAINT streak_dirty_pk PRIMARY KEY (user_id, habit_id),
    CONSTRAINT streak_dirty_habit_fk
        FOREIGN KEY (user_id, habit_id) REFERENCES habits (user_id, id)
);

-- Parked rows are not in the way of those that wait.
CREATE INDEX streak_dirty_by_turn ON streak_dirty (available_at, user_id, habit_id)
    WHERE attempts < 10;

-- What is left of a purged tombstone: enough to keep a late device from bringing it back.
CREATE TABLE graves (
    user_id UUID NOT NULL,
    id      UUID NOT NULL,
    entity  TEXT NOT NULL,
    CONSTRAINT graves_pk PRIMARY KEY (user_id, id, entity),
    CONSTRAINT graves_user_fk FOREIGN KEY (user_id) REFERENCES users (user_id)
);

CREATE TABLE devices (
    user_id       UUID   NOT NULL,
    id            UUID   NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at  BIGINT NOT NULL,
    position      BIGINT NOT NULL, -- what it said that it had read
    CONSTRAINT devices_pk PRIMARY KEY (user_id, id),
    CONSTRAINT devices_user_fk FOREIGN KEY (user_id) REFERENCES users (user_id)
);
