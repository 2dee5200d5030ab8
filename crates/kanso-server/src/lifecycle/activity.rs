//! The state of a connection that determines its deadline.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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
    /// Time of earlier waits for the peer, and the bytes that it accepted after them, since it last
    /// accepted [`Limits::write_bytes`].
    waited: Duration,
    accepted: u64,
    /// Event streams among the requests.
    streams: usize,
    /// Time at which each response over HTTP/2 ends that waits for its peer, by the number of its request.
    bodies: BTreeMap<u64, Instant>,
    /// Number of the next request.
    next: u64,
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
            waited: Duration::ZERO,
            accepted: 0,
            streams: 0,
            bodies: BTreeMap::new(),
            next: 0,
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

    /// Records that the peer accepted `bytes` bytes.
    pub(super) fn write_progressed(&self, bytes: usize, limits: &Limits) {
        let mut state = self.state();
        if let Some(since) = state.write_blocked_since.take() {
            state.waited += since.elapsed();
        }
        state.accepted = state.accepted.saturating_add(bytes as u64);
        if state.accepted >= limits.write_bytes {
            (state.waited, state.accepted) = (Duration::ZERO, 0);
        }
    }

    /// Records that the peer accepts no bytes. The time runs from the first call.
    pub(super) fn write_blocked(&self) {
        self.state()
            .write_blocked_since
            .get_or_insert_with(Instant::now);
    }

    /// Records that a request's header is complete. The request runs until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> RequestGuard {
        let mut state = self.state();
        state.requests += 1;
        state.next += 1;
        RequestGuard {
            activity: Arc::clone(self),
            number: state.next,
            is_stream: false,
        }
    }

    /// Returns the time at which to close the connection if nothing changes; `None` while a request
    /// runs, because the HTTP edge limits the time of requests.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let body = self.state().bodies.values().min().copied();
        let other = self.deadline_without_bodies(limits);
        body.into_iter().chain(other).min()
    }

    fn deadline_without_bodies(&self, limits: &Limits) -> Option<Instant> {
        let state = self.state();
        // First: a request also counts as running while its response cannot be written, and a peer
        // that reads nothing would otherwise keep the connection for ever.
        if let Some(since) = state.write_blocked_since {
            // Only the time in which the peer keeps the server waiting counts. A stream of events has
            // few bytes by itself, so only a complete stall ends it.
            let waited = match state.streams {
                0 => state.waited,
                _ => Duration::ZERO,
            };
            return Some(since + limits.write_stall.saturating_sub(waited));
        }
        match state.waiting_for {
            _ if state.requests > 0 => None,
            WaitingFor::FirstHeader | WaitingFor::NextHeader => Some(state.since + limits.header),
            WaitingFor::NextRequest => Some(state.since + limits.idle),
        }
    }

    /// Returns the time since which the connection waits for a request; `None` while one runs.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let state = self.state();
        let is_idle = state.requests == 0 && state.write_blocked_since.is_none();
        is_idle.then_some(state.since)
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
pub(super) struct RequestGuard {
    activity: Arc<Activity>,
    number: u64,
    is_stream: bool,
}

impl RequestGuard {
    /// Records that the response is an event stream.
    pub(super) fn is_stream(&mut self) {
        self.activity.state().streams += 1;
        self.is_stream = true;
    }

    /// Records that `bytes` bytes of the response wait for the peer, from now on.
    ///
    /// Over HTTP/2 a peer that gives no flow-control window blocks no write, so the socket does not show
    /// that it reads nothing.
    pub(super) fn waits_for_peer(&self, bytes: usize, limits: &Limits) {
        /// Slowest peer whose response is not cut.
        const BYTES_PER_SECOND: usize = 4 * 1024;
        let mut state = self.activity.state();
        if state.is_http2 {
            let seconds = u64::try_from(bytes / BYTES_PER_SECOND).unwrap_or(u64::MAX);
            let patience = limits
                .write_stall
                .saturating_add(Duration::from_secs(seconds));
            state.bodies.insert(self.number, Instant::now() + patience);
        }
    }

    /// Records that the peer has room for more of the response.
    pub(super) fn peer_is_ready(&self) {
        self.activity.state().bodies.remove(&self.number);
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.streams -= usize::from(self.is_stream);
        state.bodies.remove(&self.number);
        // HTTP/2 runs several requests at once: the connection is idle after the last one.
        state.requests -= 1;
        if state.requests == 0 {
            (state.waited, state.accepted) = (Duration::ZERO, 0);
            state.waiting_for = WaitingFor::NextRequest;
            state.since = Instant::now();
        }
    }
}
