-- A row of these tables is only written under the lock on its user's row, and so are the rows that it refers to
-- (ADR 0026). The foreign keys would look up, and lock, the same rows again for each insert.
ALTER TABLE entries DROP CONSTRAINT IF EXISTS entries_habit_fk;
ALTER TABLE receipts DROP CONSTRAINT IF EXISTS receipts_user_fk;
ALTER TABLE streak_dirty DROP CONSTRAINT IF EXISTS streak_dirty_habit_fk;
-- Every write updates the row of its user, and no column with an index. With room on the page the new version
-- of the row needs no new entry in an index. A partitioned table itself has no pages, so the setting is made
-- on its partitions.
DO $$
DECLARE part regclass;
BEGIN
    FOR part IN
        SELECT c.oid::regclass FROM pg_class c
        WHERE c.relkind = 'r' AND (c.oid = 'users'::regclass OR c.oid IN (
            SELECT inhrelid FROM pg_inherits WHERE inhparent = 'users'::regclass))
    LOOP
        EXECUTE format('ALTER TABLE %s SET (fillfactor = 70)', part);
    END LOOP;
END
$$;
