//! The life of the process: connections that cannot be held, and a shutdown that has an end.
//!
//! `axum::serve` waits for ever for a client that sent half a header or half a body. Here every
//! wait of a connection has a deadline, and a shutdown runs through three stages:
//!
//! 1. **draining**: readiness answers 503 and responses carry `Connection: close`; after the drain
//!    delay a load balancer sends nothing new.
//! 2. **closing**: the listener is gone; connections without a running request end at once, the
//!    others when their response is out.
//! 3. **cut**: what still runs is dropped. Then the writes that were spawned finish, the
//!    workers, which take nothing new since the draining began, have ended, and the storage closes.
//!
//! A second signal goes straight to the third stage. A storage that is broken for good begins the
//! same shutdown, so that a supervisor starts another process.

mod accept;
mod body;
mod connection;
mod listener;
mod pulse;
mod running;
mod service;
mod signals;
mod stages;
mod stream;
mod watchdog;

use std::time::Duration;

pub use accept::Doorway;
pub use listener::Listener;
pub use running::{Ending, Running, Site};
pub use signals::Signals;
pub use stages::{DrainPlan, Stages};

/// What one client, or all of them, may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time; more wait in the kernel's queue.
    pub connections: usize,
    /// From a request's first byte (or the connection's beginning) to its complete header.
    pub header: Duration,
    /// From one response to the next request's first byte.
    pub idle: Duration,
    /// How long a request's body may pause.
    pub body_pause: Duration,
    /// The same once the server is closing.
    pub body_pause_closing: Duration,
    /// How long a client may refuse to read its response.
    pub write_stall: Duration,
    /// Bytes of a header, its request line included.
    pub header_bytes: u32,
    /// Fields of a header.
    pub headers: usize,
    /// HTTP/2 streams a connection.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            header: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body_pause: Duration::from_secs(15),
            body_pause_closing: Duration::from_secs(1),
            write_stall: Duration::from_secs(30),
            header_bytes: 32 * 1024,
            headers: 100,
            streams: 100,
        }
    }
}
