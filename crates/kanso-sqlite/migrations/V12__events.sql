-- Security events of an account. Attempts can be caused without a session, so they are bounded by themselves.
CREATE TABLE events (
    user_id    BLOB    NOT NULL,
    id         BLOB    NOT NULL,
    at         INTEGER NOT NULL, -- microseconds since 1970
    kind       TEXT    NOT NULL,
    is_attempt INTEGER NOT NULL,
    session_id BLOB,
    client     TEXT,             -- an address
    CONSTRAINT events_pk PRIMARY KEY (user_id, id),
    CONSTRAINT events_user_fk FOREIGN KEY (user_id) REFERENCES users (user_id),
    CONSTRAINT events_id_is_a_uuid CHECK (length(id) = 16)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_newest ON events (user_id, at, id);
CREATE INDEX events_bounded ON events (user_id, is_attempt, at, id);
-- For the purge.
CREATE INDEX events_oldest ON events (at);
