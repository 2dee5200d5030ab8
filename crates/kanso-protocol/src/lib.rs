//! Types of the wire contract between clients and server.
//!
//! Requests are read strictly: a member that is unknown or owned by the server is refused, and
//! every invalid member is named. Conversions to and from the domain are the only logic.
//!
//! A client writes a request and reads the answer with the same types as the server:
//!
//! ```
//! use kanso_protocol::sync::{SyncRequest, SyncResponse};
//!
//! let first_pull = SyncRequest { limit: Some(500), ..SyncRequest::default() };
//! assert_eq!(
//!     serde_json::to_string(&first_pull)?,
//!     r#"{"cursor":null,"limit":500,"operations":[]}"#,
//! );
//!
//! let answer: SyncResponse = serde_json::from_str(
//!     r#"{"results": [], "changes": [], "cursor": "k1_ASNFZ4mrze8AAAAAAAAicHNaYSc",
//!         "head": 8816, "has_more": false, "remaining": 0, "digest": "a3eb69ac60122dd5"}"#,
//! )?;
//! assert!(!answer.has_more);
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! **Invariant:** no transport here. The same types serve the server, the clients and the OpenAPI
//! document; nothing depends on HTTP, on a runtime or on a storage.

pub mod accounts;
mod cursor;
mod deletion;
pub mod devices;
pub mod entries;
pub mod export;
mod fingerprint;
#[cfg(test)]
mod formats;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod habits;
pub mod idempotency;
mod json;
mod list_cursor;
mod patch;
pub mod problem;
pub mod quotas;
pub mod service;
pub mod sessions;
pub mod stats;
pub mod sync;
mod text;

pub use cursor::{CursorMalformed, format_cursor, parse_cursor};
pub use deletion::DeleteRequest;
pub use json::{
    MAX_DEPTH, MAX_NAME_CHARS, ReadError, UNKNOWN_MEMBER, read, read_value, shown_name,
};
pub use list_cursor::ListCursor;
pub use patch::Patch;
pub use text::{UuidMalformed, parse_uuid};

/// Maximum number of operations in one push.
// A push is one transaction that holds the user's lock (ADR 0001), so its size is bounded.
pub const MAX_OPERATIONS: usize = 500;
/// Maximum number of versions in the `seen_versions` of one push.
pub const MAX_SEEN_VERSIONS: usize = 500;
/// Maximum number of records in one page.
// A page is in memory as a whole, on the server and on a phone.
pub const MAX_PAGE: u32 = 1000;
/// Maximum size of a request body, in bytes (1 MiB).
// Room for a full push with 2 kB for each operation. A body is in memory as a whole.
pub const MAX_BODY_BYTES: usize = 1_048_576;
/// Maximum time that a pull may wait for a change, in milliseconds.
// Below the 30 seconds that an answer may take, and below the usual 60 seconds of proxies.
pub const MAX_WAIT_MS: u32 = 25_000;
/// Maximum number of event streams that one user may have open at a time.
// Each stream holds a connection and a task for hours. A user has few devices.
pub const MAX_STREAMS: usize = 10;
/// Maximum number of recent days that a snapshot can send first.
// Ten years, which is as good as all days.
pub const MAX_WINDOW_DAYS: u32 = 3_660;
