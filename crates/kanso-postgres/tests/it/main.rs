//! The store keeps the contract of the ports on PostgreSQL, whole and partitioned, shares its database
//! with other nodes, and survives the loss of its server.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect stops there"
)]

mod cancelling;
mod contract;
mod formats;
mod nodes;
mod opening;
mod outage;
mod partitioned;
mod restoring;
mod store;
