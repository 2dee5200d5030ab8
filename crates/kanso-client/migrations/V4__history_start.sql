-- Where the histories of a restored server part. `history_start` is the newest position that both
-- have; it is set while a resync runs. `earlier` lists states of the record that were delivered
-- before the present one, newest first: [[seq, version], ...].
ALTER TABLE replica ADD COLUMN history_start INTEGER;
ALTER TABLE base ADD COLUMN earlier TEXT;
