-- A disabled account keeps its records and opens no session. A server of 0.1.0 does not know that.
ALTER TABLE users ADD COLUMN is_disabled BOOLEAN NOT NULL DEFAULT FALSE;
-- True if there were accounts before this step. Registration was open to every client then, and stays so
-- unless the operator says otherwise. A new database has no row yet, so it gets the default.
ALTER TABLE server ADD COLUMN was_open BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE server SET was_open = TRUE WHERE EXISTS (SELECT 1 FROM emails);
