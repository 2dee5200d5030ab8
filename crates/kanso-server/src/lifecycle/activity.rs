//! What a connection is doing, as far as its deadlines depend on it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::Limits;

/// The state of one connection, shared by its stream, its service and its watchdog.
#[derive(Debug)]
pub(super) struct Pulse(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Since when the connection has been waiting for what it waits for now.
    since: Instant,
    waits_for: Waits,
    /// Requests whose header is complete and whose response is not yet out.
    requests: usize,
    /// Since when the peer has not taken a byte that we want to send.
    write_blocked: Option<Instant>,
    is_http2: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    /// The peer connected and has not yet sent a whole header.
    FirstHeader,
    /// The peer got a response and may send another request, or not.
    NextRequest,
    /// The peer has begun another request.
    NextHeader,
}

impl Pulse {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            since: Instant::now(),
            waits_for: Waits::FirstHeader,
            requests: 0,
            write_blocked: None,
            is_http2: false,
        })))
    }

    /// Bytes arrived.
    pub(super) fn heard(&self, bytes: &[u8]) {
        let mut state = self.state();
        match state.waits_for {
            Waits::FirstHeader if bytes.starts_with(b"PRI ") => state.is_http2 = true,
            // HTTP/2 talks between requests (settings, pings): only silence in requests counts.
            Waits::NextRequest if state.requests == 0 && !state.is_http2 => {
                state.waits_for = Waits::NextHeader;
                state.since = Instant::now();
            }
            _ => {}
        }
    }

    /// The peer took bytes, or had none to take.
    pub(super) fn write_moved(&self) {
        self.state().write_blocked = None;
    }

    /// The peer does not take the bytes that wait.
    pub(super) fn write_stuck(&self) {
        self.state().write_blocked.get_or_insert_with(Instant::now);
    }

    /// A request's header is complete. It runs until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> RequestGuard {
        self.state().requests += 1;
        RequestGuard(Arc::clone(self))
    }

    /// When the connection has to be given up if nothing changes; `None` while a request runs.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let state = self.state();
        if let Some(since) = state.write_blocked {
            return Some(since + limits.write_stall);
        }
        match state.waits_for {
            _ if state.requests > 0 => None,
            Waits::FirstHeader | Waits::NextHeader => Some(state.since + limits.header),
            Waits::NextRequest => Some(state.since + limits.idle),
        }
    }

    /// Whether ending the connection now would cost no request and no response.
    pub(super) fn is_quiet(&self) -> bool {
        let state = self.state();
        state.requests == 0 && state.write_blocked.is_none()
    }

    /// Whether the peer speaks HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        self.state().is_http2
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete in itself, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that runs.
#[derive(Debug)]
pub(super) struct RequestGuard(Arc<Pulse>);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.requests -= 1;
        if state.requests == 0 {
            state.waits_for = Waits::NextRequest;
            state.since = Instant::now();
        }
    }
}
