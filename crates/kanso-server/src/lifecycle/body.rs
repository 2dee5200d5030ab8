//! Bodies: a request's that may not pause for ever, a response's that says when it is out.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body as AnyBody, Bytes};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::pulse::RequestGuard;

/// A request's body that fails with [`io::ErrorKind::TimedOut`] when it pauses for too long.
pub(super) struct PatientBody {
    body: Incoming,
    pause: Duration,
    pause_closing: Duration,
    closing: CancellationToken,
    waiting: Option<Waiting>,
}

/// Made at the first pause: most bodies arrive with their header.
struct Waiting {
    timer: Pin<Box<Sleep>>,
    /// `None` once the server is closing and the timer runs on the shorter pause.
    closing: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl PatientBody {
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
            waiting: None,
        }
    }

    /// Waits on: `Ready` when the patience is over.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let waiting = self.waiting.get_or_insert_with(|| Waiting {
            timer: Box::pin(sleep(self.pause)),
            closing: Some(Box::pin(self.closing.clone().cancelled_owned())),
        });
        if let Some(closing) = &mut waiting.closing
            && closing.as_mut().poll(cx).is_ready()
        {
            waiting.closing = None;
            let soon = Instant::now() + self.pause_closing;
            if soon < waiting.timer.deadline() {
                waiting.timer.as_mut().reset(soon);
            }
        }
        waiting.timer.as_mut().poll(cx)
    }
}

impl Body for PatientBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.waiting = None;
            return Poll::Ready(frame.map(|result| result.map_err(Into::into)));
        }
        ready!(self.poll_patience(cx));
        let error = io::Error::new(io::ErrorKind::TimedOut, "the request body stopped arriving");
        Poll::Ready(Some(Err(error.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response's body; its request runs until it is dropped.
pub(super) struct GuardedBody {
    body: AnyBody,
    _guard: RequestGuard,
}

impl GuardedBody {
    pub(super) const fn new(body: AnyBody, guard: RequestGuard) -> Self {
        Self {
            body,
            _guard: guard,
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
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
