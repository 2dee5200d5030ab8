//! Tests of the store: the contract of the ports, crashes and full disks, and files that it must not
//! touch.

#![expect(clippy::unwrap_used, reason = "a test stops at an unexpected error")]

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
mod uncounted;
