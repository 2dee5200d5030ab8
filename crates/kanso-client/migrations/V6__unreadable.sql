-- Records that this version reads only in part, or not at all. They are stored as they were
-- delivered, so that a later version can read them.

-- 0: read. 1: read in part, a stand-in is shown. 2: not read, nothing is shown.
ALTER TABLE base ADD COLUMN reading INTEGER NOT NULL DEFAULT 0;
ALTER TABLE staged ADD COLUMN reading INTEGER NOT NULL DEFAULT 0;
ALTER TABLE shown ADD COLUMN is_stand_in INTEGER NOT NULL DEFAULT 0;

CREATE INDEX base_by_reading ON base (reading) WHERE reading <> 0;

-- Changes of an entity that this version does not know.
CREATE TABLE foreign_records (
    entity    TEXT    NOT NULL,
    id        BLOB    NOT NULL, -- the 16 bytes of a UUID, or the text that is there instead
    seq       INTEGER NOT NULL,
    record    TEXT    NOT NULL, -- the whole change
    is_staged INTEGER NOT NULL, -- delivered by a resync that is not complete
    CONSTRAINT foreign_records_pk PRIMARY KEY (entity, id)
) STRICT, WITHOUT ROWID;

-- Version of this library and of its zones that last read the records.
ALTER TABLE replica ADD COLUMN reader TEXT;
-- Zone of the device: used while the account has none, or one that is not known here.
ALTER TABLE replica ADD COLUMN device_zone TEXT;
-- Position of the account's settings in its history; NULL while the user has chosen none.
ALTER TABLE replica ADD COLUMN settings_seq INTEGER;
-- Number of results that this version could not read in the last sync.
ALTER TABLE replica ADD COLUMN unread_results INTEGER NOT NULL DEFAULT 0;
-- 1: the zone of the device, 2: the stored settings are sent to the account, unless the user has
-- chosen settings there.
ALTER TABLE replica ADD COLUMN offers_settings INTEGER NOT NULL DEFAULT 0;
