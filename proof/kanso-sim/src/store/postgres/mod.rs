//! A database that a fleet shares, as `kanso-postgres` sees one: transactions that take time, hold
//! row locks, fail and break off, on connections of which each server has few.
//!
//! What is stored is kept by `MemoryStorage`, which passes the storage contract. A transaction looks
//! at it when its statements would, and changes it in one moment, that of its commit. In between it
//! holds the rows that PostgreSQL would have locked, so what it saw still holds.
//!
//! **Invariant:** nothing is stored but by a commit, and no connection outlives the database that it
//! was opened to. Waiting is in the order of arrival, so a seed gives one trace.

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
