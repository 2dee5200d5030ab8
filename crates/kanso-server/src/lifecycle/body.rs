//! Request bodies with a time-out, and response bodies that mark their request as running.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body as AnyBody, Bytes};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::Limits;
use super::activity::RequestGuard;

/// Request body that fails with [`io::ErrorKind::TimedOut`] if no bytes arrive for `pause`.
///
/// The limit is on a pause, not on the whole body: a slow client that makes progress may finish.
pub(super) struct TimedBody {
    body: Incoming,
    pause: Duration,
    pause_closing: Duration,
    closing: CancellationToken,
    /// Created at the first pause: most bodies arrive with their header and need no timer.
    pause_timer: Option<PauseTimer>,
}

/// Time limit of one pause.
struct PauseTimer {
    timer: Pin<Box<Sleep>>,
    /// `None` once the server is closing: then the timer has the shorter limit.
    closing: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl TimedBody {
    pub(super) const fn new(
        body: Incoming,
        pause: Duration,
        pause_closing: Duration,
        closing: CancellationToken,
    ) -> Self {
        Self {
            body,
            pause,
            pause_closing,
            closing,
            pause_timer: None,
        }
    }

    /// Ready once the pause has lasted too long.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let pause = self.pause_timer.get_or_insert_with(|| PauseTimer {
            timer: Box::pin(sleep(self.pause)),
            closing: Some(Box::pin(self.closing.clone().cancelled_owned())),
        });
        if let Some(closing) = &mut pause.closing
            && closing.as_mut().poll(cx).is_ready()
        {
            // A fused future must not be polled again after it is ready.
            pause.closing = None;
            // Only ever shortens the wait: the pause may already be nearly over.
            let soon = Instant::now() + self.pause_closing;
            if soon < pause.timer.deadline() {
                pause.timer.as_mut().reset(soon);
            }
        }
        pause.timer.as_mut().poll(cx)
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        // The body first: bytes that have arrived count even if the timer has fired meanwhile.
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.pause_timer = None;
            return Poll::Ready(frame.map(|result| result.map_err(Into::into)));
        }
        ready!(self.poll_pause(cx));
        let error = io::Error::new(io::ErrorKind::TimedOut, "request body stopped arriving");
        Poll::Ready(Some(Err(error.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Carries the Content-Length, by which the edge refuses a large body before it is read.
        self.body.size_hint()
    }
}

/// Response body that counts its request as running until it is dropped. hyper drops it when the
/// last byte is written or the connection ends, so a slow reader counts too.
pub(super) struct GuardedBody {
    body: AnyBody,
    guard: RequestGuard,
    limits: Limits,
}

impl GuardedBody {
    pub(super) fn new(body: AnyBody, guard: RequestGuard, limits: Limits) -> Self {
        guard.waits_for_peer(0, &limits);
        Self {
            body,
            guard,
            limits,
        }
    }
}

impl Body for GuardedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.guard.peer_is_ready();
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            self.guard.waits_for_peer(bytes, &self.limits);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
