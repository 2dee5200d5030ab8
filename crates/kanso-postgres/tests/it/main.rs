//! Tests of the store: the contract of the ports on plain and partitioned tables, several nodes on one
//! database, and the loss of the server.

#![expect(clippy::unwrap_used, reason = "a test stops at an unexpected error")]

mod cancelling;
mod contract;
mod encryption;
mod formats;
mod nodes;
mod opening;
mod outage;
mod partitioned;
mod pooling;
mod restoring;
mod rights;
mod rows_touched;
mod standby_away;
mod store;
mod two_primaries;
mod uncounted;
