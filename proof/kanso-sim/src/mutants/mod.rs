//! Bugs that are put in on purpose, to see that the checks find them. Each is a wrapper around the
//! real storage, feed, limiter or wire: no shipped code knows of any.

mod background;
mod bugs;
mod feed;
mod memory;
mod reads;
mod storage;
mod streams;
mod writes;

pub use bugs::Bug;
pub use memory::{EvictableThrottle, EvictableTickets};
pub use storage::MutantStorage;
