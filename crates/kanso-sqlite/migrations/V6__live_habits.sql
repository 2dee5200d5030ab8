-- A create counts the live habits of its user. Without this index it would read the deleted ones too.
CREATE INDEX habits_live ON habits (user_id) WHERE deleted_at IS NULL;
