//! Mutation testing: planted bugs that each check must find. Each is a wrapper around the real
//! storage, feed, limiter, throttle, tickets or wire, so no product code knows of them.

mod background;
mod bugs;
mod feed;
mod memory;
mod reads;
mod storage;
mod streams;
mod wire;
mod writes;

pub use bugs::Bug;
pub use memory::{EvictableThrottle, EvictableTickets};
pub use storage::MutantStorage;
