-- What a quota compares: the stored records of the user, and the bytes of the records and receipts. NULL until
-- the next write of the user counts them, so that this step need not read every record of the database.
ALTER TABLE users ADD COLUMN stored_records INTEGER;
ALTER TABLE users ADD COLUMN stored_bytes INTEGER;
-- Bounds of this user; NULL where the bounds of the server apply.
ALTER TABLE users ADD COLUMN quota_live_habits INTEGER;
ALTER TABLE users ADD COLUMN quota_records INTEGER;
ALTER TABLE users ADD COLUMN quota_bytes INTEGER;
