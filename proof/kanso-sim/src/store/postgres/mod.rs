//! A database that a fleet of servers shares, as `kanso-postgres` sees it: transactions take time,
//! hold row locks, fail and break off, on a few connections of each server.
//!
//! `MemoryStorage`, which passes the storage contract, holds the records. A transaction reads them
//! when its statements would, and changes them at one moment, its commit. Until then it holds the
//! rows that PostgreSQL would have locked, so the state that it read is still current.
//!
//! Imitated: connection pools, statement latency, row locks in the order of request, `SKIP LOCKED`,
//! snapshots of reads, serialization failures, commits with an unknown outcome, outages and
//! failover. Not imitated: SQL, partial visibility of statements, and deadlock detection.
//!
//! **Invariant:** only a commit changes records, and no connection outlives the run of the database
//! that it was opened to. Locks are granted in the order of request, so a seed gives one trace.

mod attempts;
mod changes;
mod database;
mod pool;
mod reads;
mod rows;
mod transaction;
mod work;

pub use database::{FaultProfile, SimPostgres};
pub use pool::ConnectionPool;
