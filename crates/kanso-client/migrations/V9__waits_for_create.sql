-- 1 for an edit that is sent only after the create of its record was answered: another device may have
-- created the record first, with values that this device does not know.
ALTER TABLE outbox ADD COLUMN waits_for_create INTEGER NOT NULL DEFAULT 0
    CONSTRAINT outbox_waits_for_create_ck CHECK (waits_for_create IN (0, 1));
