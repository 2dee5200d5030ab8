-- Security events of an account. Attempts can be caused without a session, so they are bounded by themselves.
-- The rows go with the account where a server of 0.1.0 deletes it, which does not know this table.
CREATE TABLE events (
    user_id    UUID    NOT NULL,
    id         UUID    NOT NULL,
    at         BIGINT  NOT NULL, -- microseconds since 1970
    kind       TEXT    NOT NULL,
    is_attempt BOOLEAN NOT NULL,
    session_id UUID,
    client     TEXT,             -- an address
    CONSTRAINT events_pk PRIMARY KEY (user_id, id),
    CONSTRAINT events_user_fk FOREIGN KEY (user_id) REFERENCES users (user_id) ON DELETE CASCADE
);
CREATE INDEX events_newest ON events (user_id, at, id);
CREATE INDEX events_bounded ON events (user_id, is_attempt, at, id);
-- For the purge.
CREATE INDEX events_oldest ON events (at);
