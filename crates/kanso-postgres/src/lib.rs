//! Edge out: the storage ports on PostgreSQL.
//!
//! A push of entries is two statements: one loads, and one stores if the user's row has not changed since.
//! Any other write is one transaction that begins with the lock on the user's row. The reads are sent
//! together with the lock, and the writes together with the commit, so a write takes two round
//! trips for any number of records. A read sees one snapshot. Every transaction runs in a task of
//! its own, so a cancelled caller leaves nothing half done. A connection whose transaction did not
//! end properly is closed and never used again.
//!
//! Locks are taken in one order: the user's row first, then other rows of that user. Sweeps over
//! many users skip rows that are locked.
//!
//! **Invariant:** no clock and no rule of the domain here; the only random value is the length of
//! the pause before a retry. No SQL and no type of the driver leaves this crate, and no
//! transaction outlives a call of a port.

mod accounts;
mod admission;
mod attempts;
mod backfill;
mod columns;
mod compare;
mod connection;
mod delta;
mod devices;
mod emails;
mod encryption;
mod entries;
mod erased_texts;
mod erasure;
mod error;
mod events;
mod fitness;
mod habits;
mod history;
mod journal;
mod load;
mod measure;
mod migrate;
mod newest;
mod open;
mod options;
mod page;
mod pipeline;
mod pool;
mod primary;
mod provenance;
mod purge;
mod push;
mod receipts;
mod records;
mod rights;
mod sessions;
mod snapshot;
mod statements;
mod storage;
mod streak_queue;
mod streaks;
mod tls;
mod usage;
mod users;
mod witness;
mod writers;

pub use open::{OpenError, finish_mixed_phase, migrate, oldest_server, schema};
pub use options::{DatabaseUrl, FreshEpoch, PostgresOptions, UrlError};
pub use storage::PostgresStorage;
