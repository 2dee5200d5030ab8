-- An answer means that the commit is on the disk.
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
-- What is deleted is overwritten.
PRAGMA secure_delete = ON;
PRAGMA temp_store = MEMORY;
-- 16 MiB of pages; and a longer log between checkpoints, because each costs two more flushes.
PRAGMA cache_size = -16384;
PRAGMA wal_autocheckpoint = 8192;
-- 64 MiB. A foreign reader can make the log grow far beyond that; it shrinks again when the next
-- checkpoint has emptied it.
PRAGMA journal_size_limit = 67108864;
