-- What was done on this device, newest last, to undo it. `changes` is JSON, a list of records with
-- their members before and after; NULL if it cannot be undone, such as an import.
CREATE TABLE deeds (
    position INTEGER NOT NULL,
    done_at  INTEGER NOT NULL,
    changes  TEXT,
    CONSTRAINT deeds_pk PRIMARY KEY (position AUTOINCREMENT)
) STRICT;
