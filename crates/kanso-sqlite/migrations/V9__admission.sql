-- A disabled account keeps its records and opens no session.
ALTER TABLE users ADD COLUMN is_disabled INTEGER NOT NULL DEFAULT 0;
-- 1 if there were accounts before this step. Registration was open to every client then, and stays so
-- unless the operator says otherwise. A new database has no row yet, so it gets the default.
ALTER TABLE server ADD COLUMN was_open INTEGER NOT NULL DEFAULT 0;
UPDATE server SET was_open = 1 WHERE EXISTS (SELECT 1 FROM emails);
