-- For erasing the texts of tombstones. The condition is that of the statements; "…" is the title of a
-- habit whose texts were erased.
CREATE INDEX habits_with_deleted_texts ON habits (deleted_at)
    WHERE deleted_at IS NOT NULL
      AND (title <> '…' OR description <> '' OR icon <> '' OR unit <> '');
CREATE INDEX entries_with_deleted_notes ON entries (deleted_at)
    WHERE deleted_at IS NOT NULL AND notes <> '';
-- The entries of a deleted habit have no tombstones of their own.
CREATE INDEX entries_with_notes ON entries (user_id, habit_id)
    WHERE deleted_at IS NULL AND notes <> '';
