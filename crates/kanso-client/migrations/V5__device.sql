-- A copy of a replica must not pass for the device that it was copied from.

-- Identity of the database file; NULL until it has been read. Another one means that this is a copy.
ALTER TABLE replica ADD COLUMN file_identity TEXT;
-- The server has refused the session: the next log-in draws a new device id.
ALTER TABLE replica ADD COLUMN is_session_lost INTEGER NOT NULL DEFAULT 0;
-- Device id under which the operation was made; NULL for the replica's present one.
ALTER TABLE outbox ADD COLUMN device_id BLOB;

-- Versions that acknowledged operations made, for as long as the outbox has an operation on the
-- record. They are sent as `seen_versions`.
CREATE TABLE own_versions (
    entity    TEXT    NOT NULL,
    record_id BLOB    NOT NULL,
    version   INTEGER NOT NULL,
    CONSTRAINT own_versions_pk PRIMARY KEY (entity, record_id, version)
) STRICT, WITHOUT ROWID;
