//! The storage of the simulated servers: the real one, seen by servers that may die within a call.

mod delegate;
mod file;
mod port;

pub(crate) use delegate::delegated;
pub use file::Disk;
pub use port::{Life, Port};
