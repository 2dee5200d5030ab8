-- What a quota compares: the stored records of the user, and the bytes of the records and receipts. NULL until
-- the next write of the user counts them, so that this step need not read every record of the database.
-- A server of 0.1.0 does not count what it writes. The end of the mixed phase sets NULL again.
ALTER TABLE users ADD COLUMN stored_records BIGINT;
ALTER TABLE users ADD COLUMN stored_bytes BIGINT;
-- Bounds of this user; NULL where the bounds of the server apply.
ALTER TABLE users ADD COLUMN quota_live_habits BIGINT;
ALTER TABLE users ADD COLUMN quota_records BIGINT;
ALTER TABLE users ADD COLUMN quota_bytes BIGINT;
