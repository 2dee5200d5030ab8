-- Kind and value (in thousandths) of an entry, so that statistics read an index and not the records.
-- NULL in a row whose record cannot be read.
ALTER TABLE shown ADD COLUMN kind TEXT;
ALTER TABLE shown ADD COLUMN value INTEGER;
UPDATE shown
SET kind = json_extract(record, '$.kind'),
    value = CAST(round(json_extract(record, '$.value') * 1000) AS INTEGER)
WHERE entity = 'entry' AND json_valid(record);

DROP INDEX shown_by_habit;
CREATE INDEX shown_by_habit ON shown (habit_id, entity, local_date, kind, value);

-- The status of each habit on the day for which it was computed last. `basis` is what it was computed
-- with, besides the habit and its entries: the day, the settings and the version of the program.
CREATE TABLE today (
    habit_id BLOB NOT NULL,
    basis    TEXT NOT NULL,
    status   TEXT NOT NULL, -- JSON
    CONSTRAINT today_pk PRIMARY KEY (habit_id)
) STRICT, WITHOUT ROWID;

-- In the database and not in the code, so that no change of a record can forget it.
CREATE TRIGGER shown_added AFTER INSERT ON shown BEGIN
    DELETE FROM today WHERE habit_id = new.habit_id;
END;
CREATE TRIGGER shown_changed AFTER UPDATE ON shown BEGIN
    DELETE FROM today WHERE habit_id IN (old.habit_id, new.habit_id);
END;
CREATE TRIGGER shown_removed AFTER DELETE ON shown BEGIN
    DELETE FROM today WHERE habit_id = old.habit_id;
END;
