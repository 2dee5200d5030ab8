-- 1 if this replica has read a history that began with a restore of the server. A record of such a
-- history may have been given back.
ALTER TABLE replica ADD COLUMN was_restored INTEGER NOT NULL DEFAULT 0
    CONSTRAINT replica_was_restored_ck CHECK (was_restored IN (0, 1));
