//! Edge out: the storage ports on PostgreSQL.
//!
//! A write is one transaction that begins with the lock on the user's row. What it must see is
//! sent together with the lock, and what it stores together with the commit, so it takes two round
//! trips however many records it is about. A read sees one snapshot. Whatever runs in a
//! transaction runs in a task of its own, so that a caller who goes away leaves nothing half done,
//! and a connection whose transaction did not end as it should is never used again.
//!
//! Locks are taken in one order: the user's row first, then anything else of that user. Work on
//! many people takes only what nobody holds.
//!
//! **Invariant:** no clock and no rule of the domain here; nothing but the length of a pause before
//! another attempt is left to chance. No SQL and no type of the driver leaves this crate, and no
//! transaction outlives a call of a port.

mod accounts;
mod attempts;
mod columns;
mod compare;
mod connection;
mod delta;
mod devices;
mod dirty;
mod entries;
mod error;
mod graves;
mod habits;
mod history;
mod journal;
mod measure;
mod migrate;
mod open;
mod options;
mod pool;
mod provenance;
mod purge;
mod receipts;
mod records;
mod sessions;
mod snapshot;
mod statements;
mod storage;
mod streaks;
mod tls;
mod users;
mod witness;

pub use open::{OpenError, finish_mixed_phase, migrate, oldest_server, schema};
pub use options::{DatabaseUrl, FreshEpoch, PostgresOptions, UrlError};
pub use storage::PostgresStorage;
