-- A deleted account is marked at once and erased in short steps: one write for all of its rows would keep
-- the single writer from all other users.
ALTER TABLE users ADD COLUMN is_deleted INTEGER NOT NULL DEFAULT 0;
CREATE INDEX users_deleted ON users (user_id) WHERE is_deleted = 1;
