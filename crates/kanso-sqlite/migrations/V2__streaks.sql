-- What habits asked for over time, when they were away, and their streaks.
--
-- schedule_history is an array of objects, oldest first, with the names and the units of the
-- columns that they are about. Those columns stay and hold the newest version, for queries.
-- archived_spans is an array of [first day, day of return or null].

ALTER TABLE habits ADD COLUMN schedule_history  TEXT    NOT NULL DEFAULT '[]';
ALTER TABLE habits ADD COLUMN archived_spans    TEXT    NOT NULL DEFAULT '[]';
ALTER TABLE habits ADD COLUMN current_streak    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE habits ADD COLUMN longest_streak    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE habits ADD COLUMN streak_day        INTEGER; -- NULL when it was never computed
ALTER TABLE habits ADD COLUMN streak_generation INTEGER NOT NULL DEFAULT 0; -- the last finished one

-- What a habit asks for was not kept over time before: it is taken to be what it always asked
-- for. In which zone a habit was made or put away is not known either, so the days are UTC's.
-- Of an instant before 1970 too, the day is the floor of the quotient.
UPDATE habits SET schedule_history = json_array(json_object(
    'effective_from', (created_at - (created_at % 86400000000 + 86400000000) % 86400000000)
                          / 86400000000,
    'type', type,
    'frequency_type', frequency_type,
    'weekdays', weekdays,
    'interval', interval,
    'times_per_week', times_per_week,
    'target_value', target_value,
    'target_direction', target_direction));

UPDATE habits SET archived_spans = json_array(json_array(
    (archived_at - (archived_at % 86400000000 + 86400000000) % 86400000000) / 86400000000,
    NULL))
WHERE archived_at IS NOT NULL;

-- Streaks that must be computed anew, one row a habit.
CREATE TABLE streak_dirty (
    user_id      BLOB    NOT NULL,
    habit_id     BLOB    NOT NULL,
    generation   INTEGER NOT NULL, -- rises with every change, also over rows that are gone
    available_at INTEGER NOT NULL,
    lease_until  INTEGER, -- NULL when nobody holds it
    attempts     INTEGER NOT NULL, -- since the last change
    CONSTRAINT streak_dirty_pk PRIMARY KEY (user_id, habit_id),
    CONSTRAINT streak_dirty_habit_fk
        FOREIGN KEY (user_id, habit_id) REFERENCES habits (user_id, id)
) STRICT, WITHOUT ROWID;

-- Parked rows are not in the way of those that wait.
CREATE INDEX streak_dirty_by_turn ON streak_dirty (available_at) WHERE attempts < 10;

INSERT INTO streak_dirty (user_id, habit_id, generation, available_at, lease_until, attempts)
SELECT user_id, id, 1, updated_at, NULL, 0 FROM habits WHERE deleted_at IS NULL;

-- The newest day that was begun for a person; the default lies before every date.
ALTER TABLE users ADD COLUMN day_begun INTEGER NOT NULL DEFAULT -5000000;
CREATE INDEX users_by_day_border ON users (timezone, day_start, day_begun);

-- A streak is computed from the entries of one habit, and that far more often than a range of
-- days is listed, which takes a look for each habit here. Still one index, so still one page.
-- With deleted_at, though always NULL, it can be searched by itself.
DROP INDEX entries_by_day;
CREATE INDEX entries_by_habit ON entries (user_id, habit_id, local_date, deleted_at)
    WHERE deleted_at IS NULL;
