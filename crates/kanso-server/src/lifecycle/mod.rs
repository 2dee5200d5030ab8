//! Runs a server in the process: connections with deadlines and a shutdown with an end.
//!
//! `axum::serve` waits without limit for a client that sent half a header or half a body. Here every
//! wait of a connection has a deadline, and a shutdown runs through three stages:
//!
//! 1. **draining**: readiness answers 503 and responses carry `Connection: close`. After the drain
//!    delay a load balancer sends no new requests.
//! 2. **closing**: the listener is closed. Idle connections end at once, the others after their
//!    response.
//! 3. **cut**: requests that still run are dropped. Then the spawned writes finish, and the workers,
//!    which take no new work since the draining began. The storage closes last.
//!
//! A second signal goes straight to the third stage. A storage that is permanently broken begins the
//! same shutdown, so that a supervisor starts a new process.

mod accept;
mod activity;
mod body;
mod connection;
mod deadline;
mod listener;
mod open;
mod own_answers;
mod running;
mod service;
mod shutdown;
mod signals;
mod stream;

use std::time::Duration;

pub use accept::Acceptor;
pub use listener::Listener;
pub use running::{Components, Running, StopReason};
pub use shutdown::{DrainPlan, Shutdown};
pub use signals::Signals;

/// Limits on the resources of connections.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections. If all are taken, the one that waits longest for a request is closed.
    pub connections: usize,
    /// Open connections of one client: an IPv4 address or an IPv6 /64 block. Further ones are closed at
    /// once. Proxies are not counted.
    pub client_connections: usize,
    /// Time from a request's first byte (or the connection's start) to its complete header.
    pub header: Duration,
    /// Time from one response to the next request's first byte.
    pub idle: Duration,
    /// Time without a byte in a request's body.
    pub body_pause: Duration,
    /// The same limit once the server is closing.
    pub body_pause_closing: Duration,
    /// Time for which a client may accept no byte of its response.
    pub write_stall: Duration,
    /// Bytes of a response that a client must accept in `write_stall` of waiting for it.
    pub write_bytes: u64,
    /// Bytes of a request header, including the request line.
    pub header_bytes: u32,
    /// Fields of a request header.
    pub headers: usize,
    /// HTTP/2 streams of a connection.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            client_connections: 256,
            header: Duration::from_secs(10),
            // Longer than the 60 s after which load balancers usually close idle connections (AWS ALB,
            // nginx upstreams): if the server closed first, a request could meet the closing socket.
            idle: Duration::from_secs(75),
            body_pause: Duration::from_secs(15),
            body_pause_closing: Duration::from_secs(1),
            write_stall: Duration::from_secs(30),
            // About 1 KiB a second, less than the slowest phone network.
            write_bytes: 30 * 1024,
            header_bytes: 32 * 1024,
            headers: 100,
            streams: 100,
        }
    }
}
