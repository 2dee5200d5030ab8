//! Ring 2: the use cases of the server, one struct per feature, and the ports that they need.
//!
//! A use case takes typed input, asks the ports, and returns values. A result that a user can cause
//! is a value. Only a failure of the machinery is a [`Fault`].
//!
//! **Invariant:** no HTTP, SQL, JSON or runtime here. Ports are traits over domain types; no driver
//! type, status code or `anyhow` crosses one. Time, ids and secrets come through ports.

pub mod accounts;
pub mod devices;
pub mod disk;
pub mod entries;
mod fault;
pub mod habits;
pub mod health;
pub mod housekeeping;
pub mod live;
pub mod operator;
pub mod ports;
pub mod quotas;
mod records;
pub mod replicas;
pub mod security;
pub mod stats;
pub mod streaks;
pub mod sync;
pub mod tickets;

pub use fault::{Fault, Outcome};
pub use records::{RecordPorts, RetryKey};
