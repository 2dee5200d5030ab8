//! Real processes under real faults, and a comparison of the result with the acknowledgements.
//!
//! A round starts servers with their PostgreSQL, Redis and nginx, lets devices write, injects a
//! fault, and compares the final records with the operations that servers acknowledged. These
//! operations are in a log ([`acknowledged`]) on a disk that no fault touches. `cargo xtask chaos`
//! builds the program and runs it.
//!
//! **Invariant:** servers are seen from outside only, over HTTP and as processes. All traffic stays
//! on the loopback interface, and every wait has a deadline. Imports point one way: scenario →
//! round → fleet, load, verify → device → account, replica, log.

pub mod account;
pub mod acknowledged;
pub mod api;
pub mod checks;
pub mod device;
pub mod fault_proxy;
pub mod fleet;
pub mod load;
pub mod nginx;
mod planner;
pub mod progress;
pub mod replica;
pub mod report;
mod round;
pub mod scenario;
pub mod setup;
pub mod verify;
