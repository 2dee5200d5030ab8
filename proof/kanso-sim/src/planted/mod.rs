//! Bugs that are put in on purpose, to see that the checks find them. Each is a wrapper around the
//! real storage, feed, limiter or wire: no shipped code knows of any.

mod bugs;
mod reading;
mod remembering;
mod sending;
mod storage;
mod waking;
mod working;
mod writing;

pub use bugs::Bug;
pub use remembering::{LoginMemory, TicketMemory};
pub use storage::Planted;
