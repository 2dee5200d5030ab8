//! The state of a connection that determines its deadline.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::Limits;

/// State of one connection, shared by its stream, its service and its deadline.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Start of the current wait.
    since: Instant,
    waiting_for: WaitingFor,
    /// Requests with a complete header whose response is not yet written.
    requests: usize,
    /// Start of the time in which the peer accepts none of the bytes to send.
    write_blocked_since: Option<Instant>,
    is_http2: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitingFor {
    /// The peer has connected and not yet sent a complete header.
    FirstHeader,
    /// The peer has its response and may send another request.
    NextRequest,
    /// The peer has begun another request.
    NextHeader,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            since: Instant::now(),
            waiting_for: WaitingFor::FirstHeader,
            requests: 0,
            write_blocked_since: None,
            is_http2: false,
        })))
    }

    /// Records that the peer speaks HTTP/2.
    pub(super) fn detected_http2(&self) {
        self.state().is_http2 = true;
    }

    /// Records that bytes arrived.
    pub(super) fn bytes_read(&self) {
        let mut state = self.state();
        let is_idle = state.waiting_for == WaitingFor::NextRequest && state.requests == 0;
        // Only for HTTP/1: an HTTP/2 peer sends frames between requests (SETTINGS, PING), which must
        // not turn the idle time-out into the shorter one of a header.
        if is_idle && !state.is_http2 {
            state.waiting_for = WaitingFor::NextHeader;
            state.since = Instant::now();
        }
    }

    /// Records that the peer accepted bytes.
    pub(super) fn write_progressed(&self) {
        self.state().write_blocked_since = None;
    }

    /// Records that the peer accepts no bytes. The time runs from the first call.
    pub(super) fn write_blocked(&self) {
        self.state()
            .write_blocked_since
            .get_or_insert_with(Instant::now);
    }

    /// Records that a request's header is complete. The request runs until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> RequestGuard {
        self.state().requests += 1;
        RequestGuard(Arc::clone(self))
    }

    /// Returns the time at which to close the connection if nothing changes; `None` while a request
    /// runs, because the HTTP edge limits the time of requests.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let state = self.state();
        // First: a request also counts as running while its response cannot be written, and a peer
        // that reads nothing would otherwise keep the connection for ever.
        if let Some(since) = state.write_blocked_since {
            return Some(since + limits.write_stall);
        }
        match state.waiting_for {
            _ if state.requests > 0 => None,
            WaitingFor::FirstHeader | WaitingFor::NextHeader => Some(state.since + limits.header),
            WaitingFor::NextRequest => Some(state.since + limits.idle),
        }
    }

    /// Returns true if no request runs and no response waits to be written.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.state();
        state.requests == 0 && state.write_blocked_since.is_none()
    }

    /// Returns true if the peer speaks HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        self.state().is_http2
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a single assignment, so a panic under the lock leaves a valid state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running request. Ends when dropped.
#[derive(Debug)]
pub(super) struct RequestGuard(Arc<Activity>);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let mut state = self.0.state();
        // HTTP/2 runs several requests at once: the connection is idle after the last one.
        state.requests -= 1;
        if state.requests == 0 {
            state.waiting_for = WaitingFor::NextRequest;
            state.since = Instant::now();
        }
    }
}
