//! The wire: what clients and server say to each other, as types.
//!
//! Requests are read strictly: a member that is unknown or owned by the server is refused, and
//! every invalid member is named. Conversions to and from the domain are the only logic.
//!
//! **Invariant:** no transport here. The same types serve the server, the clients and the OpenAPI
//! document; nothing depends on HTTP, on a runtime or on a storage.

pub mod accounts;
mod cursor;
pub mod devices;
pub mod entries;
pub mod export;
mod fingerprint;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod fuzz;
pub mod habits;
pub mod idempotency;
mod json;
mod patch;
pub mod problem;
pub mod service;
pub mod stats;
pub mod sync;
mod text;

pub use cursor::{CursorMalformed, format_cursor, parse_cursor};
pub use json::{MAX_DEPTH, ReadError, read, read_value};
pub use patch::Patch;
pub use text::{NotAUuid, parse_uuid};

/// The most operations of one push.
pub const MAX_OPERATIONS: usize = 500;
/// The most records of one page.
pub const MAX_PAGE: u32 = 1000;
/// The largest request body, in bytes.
pub const MAX_BODY_BYTES: usize = 1_048_576;
/// The most milliseconds that a pull may wait for something new.
pub const MAX_WAIT_MS: u32 = 25_000;
/// The most event streams of one person at a time.
pub const MAX_STREAMS: usize = 10;
/// The most recent days that a snapshot sends first.
pub const MAX_WINDOW_DAYS: u32 = 3_660;
