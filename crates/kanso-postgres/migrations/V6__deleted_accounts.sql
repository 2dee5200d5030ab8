-- A deleted account is marked at once and erased in short steps. A server of 0.1.0 erases the whole account
-- at once, and reaches no marked one: its sessions and its e-mail address are gone.
ALTER TABLE users ADD COLUMN is_deleted BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX users_deleted ON users (user_id) WHERE is_deleted;
