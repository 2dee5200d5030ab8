//! The store keeps the contract of the ports, survives what a machine does to it, and refuses
//! files that it must not touch.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect stops there"
)]

mod backing_up;
mod broken;
mod contract;
mod durability;
mod exhaustion;
mod formats;
mod migrating;
mod opening;
mod privacy;
mod restoring;
mod store;
