//! Storage of the simulated servers: SQLite or a simulated PostgreSQL, seen by servers that may die
//! within a call.

mod delegate;
pub mod postgres;
mod server_storage;
mod shared;
mod sqlite;

pub(crate) use delegate::delegated;
pub use server_storage::{Process, ServerStorage};
pub use shared::SharedStore;
pub use sqlite::FileLoss;
