-- When an increment first went out. One whose answer was lost can be sent again for as long as the
-- server keeps the results of operations; later nobody could tell whether it counts twice.
ALTER TABLE outbox ADD COLUMN first_sent_at INTEGER;
