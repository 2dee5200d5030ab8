//! The storage of the simulated servers: a real one or one that behaves as PostgreSQL does, seen by
//! servers that may die within a call.

mod base;
mod delegate;
mod file;
mod port;
pub mod rival;

pub use base::Base;
pub(crate) use delegate::delegated;
pub use port::{Life, Port};
