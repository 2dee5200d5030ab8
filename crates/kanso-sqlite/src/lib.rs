//! Edge out: the storage ports on an embedded SQLite database.
//!
//! One connection of the server writes. Its thread takes the queued writes, gives each a savepoint of its own and
//! ends them all with one commit, so that many users share one flush to the disk. The answers are
//! sent after it. Read-only connections see one snapshot per call and do not wait for the writer.
//!
//! An account's rows are overwritten when it is deleted (`secure_delete`), and the write-ahead
//! log that still holds them is emptied before the deletion is acknowledged.
//!
//! **Invariant:** no clock, no randomness and no rule of the domain here. No SQL and no type of
//! the driver leaves this crate, and no transaction outlives a call of a port.

mod accounts;
mod admission;
mod backfill;
mod background_check;
mod backup;
mod columns;
mod compare;
mod delta;
mod devices;
mod emails;
mod entries;
mod erased_texts;
mod erasure;
mod error;
mod events;
mod file_lock;
mod free_space;
mod habits;
mod held_files;
mod history;
mod journal;
mod measure;
mod migrate;
mod open;
mod options;
mod provenance;
mod purge;
mod purged;
mod readers;
mod receipts;
mod records;
mod sessions;
mod snapshot;
mod statements;
mod storage;
mod streak_queue;
mod streaks;
mod usage;
mod users;
mod witness;
mod writer;

pub use backup::{BackupError, backup};
pub use free_space::DatabaseDisk;
pub use migrate::{migrate, schema};
pub use open::OpenError;
pub use options::{Executor, SqliteOptions};
pub use storage::SqliteStorage;
