-- Merging by field, digests, deletions that are forgotten, and devices.
--
-- field_edits holds, by the numbers that the domain gives the fields, the version at which each was
-- edited last, 8 bytes, big-endian, and by which device, 16 bytes, all zero when it is not known.
-- NULL means: all of them at the record's own version by edited_by, which is so for every record
-- that was never edited, and is the careful guess for those that were before this was kept.

ALTER TABLE habits ADD COLUMN field_edits BLOB;
ALTER TABLE habits ADD COLUMN edited_by BLOB; -- the device; NULL when it is not known
ALTER TABLE entries ADD COLUMN field_edits BLOB;
ALTER TABLE entries ADD COLUMN edited_by BLOB;

-- The sum of the hashes of the user's live records, as a signed number. NULL until the server
-- that brings this schema has summed them up, before it answers anybody.
ALTER TABLE users ADD COLUMN digest INTEGER;
-- Tombstones up to here were purged.
ALTER TABLE users ADD COLUMN floor_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN floor_at INTEGER;
-- Where the newest change of the settings stands in the history; 0 while they are as registered.
ALTER TABLE users ADD COLUMN settings_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN settings_at INTEGER;

-- How many commits this database has seen. The file beside it knows the number too, so that one
-- that was put back shows.
ALTER TABLE server ADD COLUMN commits INTEGER NOT NULL DEFAULT 0;

-- What is left of a purged tombstone: enough to keep a late device from bringing it back.
CREATE TABLE graves (
    user_id BLOB NOT NULL,
    id      BLOB NOT NULL,
    entity  TEXT NOT NULL,
    CONSTRAINT graves_pk PRIMARY KEY (user_id, id, entity),
    CONSTRAINT graves_user_fk FOREIGN KEY (user_id) REFERENCES users (user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
    user_id       BLOB    NOT NULL,
    id            BLOB    NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    position      INTEGER NOT NULL, -- what it said that it had read
    CONSTRAINT devices_pk PRIMARY KEY (user_id, id),
    CONSTRAINT devices_user_fk FOREIGN KEY (user_id) REFERENCES users (user_id),
    CONSTRAINT devices_id_is_a_uuid CHECK (length(id) = 16)
) STRICT, WITHOUT ROWID;

-- What is old enough to be purged is found without a look at what is not.
CREATE INDEX receipts_by_age ON receipts (created_at);
CREATE INDEX habits_by_deletion ON habits (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX entries_by_deletion ON entries (deleted_at) WHERE deleted_at IS NOT NULL;
