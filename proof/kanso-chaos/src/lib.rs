//! Real processes under real faults, and what must be true afterwards.
//!
//! A round starts servers and what stands around them, lets devices write, breaks something, and
//! compares what the devices were promised with what is there in the end. What was promised is in a
//! [`ledger`] on the disk, outside of the system. `cargo xtask chaos` builds and runs it.
//!
//! **Invariant:** servers are seen from outside only, over HTTP and as processes. Everything is on
//! the loopback, and every wait has an end.

pub mod checks;
pub mod device;
pub mod fleet;
mod ids;
pub mod judge;
pub mod ledger;
pub mod link;
pub mod load;
pub mod nginx;
pub mod node;
pub mod person;
mod poke;
pub mod replica;
pub mod row;
pub mod scenario;
pub mod wire;
