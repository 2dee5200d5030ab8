//! One connection, from its first byte to its end.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};

use super::activity::Activity;
use super::deadline::Deadline;
use super::open::ConnectionGuard;
use super::service::ConnectionService;
use super::stream::{Protocol, TrackedStream};
use super::{Limits, Shutdown};

/// Time for the peer of an idle HTTP/2 connection to receive GOAWAY and close its side.
const GOAWAY_GRACE: Duration = Duration::from_secs(1);

/// Serves connections: the router, the limits and the HTTP settings that all of them share.
#[derive(Clone)]
pub(super) struct ConnectionServer {
    pub(super) router: Router,
    pub(super) shutdown: Shutdown,
    pub(super) limits: Limits,
    http1: auto::Builder<TokioExecutor>,
    http2: auto::Builder<TokioExecutor>,
}

impl ConnectionServer {
    pub(super) fn new(router: Router, shutdown: Shutdown, limits: Limits) -> Self {
        let mut protocol = auto::Builder::new(TokioExecutor::new());
        protocol
            .http1()
            .timer(TokioTimer::new())
            // `Deadline` limits this time, and also covers a peer that never sends a byte.
            .header_read_timeout(None)
            .max_buf_size(usize::try_from(limits.header_bytes).unwrap_or(usize::MAX))
            .max_headers(limits.headers);
        protocol
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(limits.header_bytes)
            .max_concurrent_streams(limits.streams)
            // Bytes a stream: with all streams open, a connection buffers 6.4 MB at most.
            .max_send_buf_size(64 * 1024)
            // A PING finds a peer that is gone while an event stream waits for a notice, which can
            // take hours without a byte from the peer.
            .keep_alive_interval(limits.write_stall)
            .keep_alive_timeout(limits.header);
        Self {
            router,
            shutdown,
            limits,
            http1: protocol.clone().http1_only(),
            http2: protocol.http2_only(),
        }
    }

    /// Serves `stream` until the peer closes it, a deadline passes, or the server shuts down.
    pub(super) async fn serve<S>(&self, stream: S, peer: SocketAddr, guard: &ConnectionGuard)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Arc::clone(&guard.activity);
        let service = ConnectionService {
            router: self.router.clone(),
            peer,
            activity: activity.clone(),
            shutdown: self.shutdown.clone(),
            limits: self.limits,
        };
        let mut stream = TrackedStream::new(stream, activity.clone(), self.limits);
        let mut deadline = Deadline::new(&activity, self.limits);
        let protocol = tokio::select! {
            biased;
            protocol = stream.protocol() => match protocol {
                Ok(Protocol::Http1) => &self.http1,
                Ok(Protocol::Http2) => &self.http2,
                // The peer left before it sent anything.
                Err(_) => return,
            },
            () = self.shutdown.cut().cancelled() => return,
            () = self.shutdown.closing().cancelled() => return,
            () = deadline.elapsed(&activity) => return,
            () = guard.evicted.cancelled() => return,
        };
        let mut connection = pin!(protocol.serve_connection(TokioIo::new(stream), service));

        tokio::select! {
            // The connection is polled first, because `deadline` reads the activity that this poll
            // updates. In another order a deadline could pass although its request has just begun.
            biased;
            ended = connection.as_mut() => return log_end(ended),
            () = self.shutdown.cut().cancelled() => return,
            () = self.shutdown.closing().cancelled() => {}
            () = timed_out_or_evicted(&mut deadline, guard) => {
                tracing::debug!("connection timed out");
                // An idle HTTP/2 peer gets GOAWAY. Any other peer is in the middle of a message,
                // where no answer would be understood, or is an idle HTTP/1 peer, which expects
                // the close (RFC 9112 §9.8).
                if !(activity.is_http2() && activity.is_idle()) {
                    return;
                }
                connection.as_mut().graceful_shutdown();
                if let Ok(ended) = timeout(GOAWAY_GRACE, connection).await {
                    log_end(ended);
                }
                return;
            }
        }

        // hyper answers the running requests and refuses new ones. It does not limit how long that
        // takes, so the same deadlines and the cut stay in force.
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            biased;
            ended = connection.as_mut() => log_end(ended),
            () = self.shutdown.cut().cancelled() => {}
            () = deadline.elapsed(&activity) => {}
            () = until_idle(&activity) => {}
        }
    }
}

/// Waits for the deadline, or until the connection is idle and has to make room for another.
async fn timed_out_or_evicted(deadline: &mut Deadline, guard: &ConnectionGuard) {
    tokio::select! {
        () = deadline.elapsed(&guard.activity) => {}
        // A request may begin between the choice of the connection and its end.
        () = async { guard.evicted.cancelled().await; no_request(&guard.activity).await } => {}
    }
}

/// Waits until a closing connection runs no request. hyper ends an idle connection by itself, but
/// waits for the rest of a header that has begun; here such a header is dropped.
async fn until_idle(activity: &Activity) {
    no_request(activity).await;
    if activity.is_http2() {
        sleep(GOAWAY_GRACE).await;
    }
}

async fn no_request(activity: &Activity) {
    // Registers no waker, which is sound only in a `select!` after the connection: the activity
    // changes only when the connection is polled, and that poll runs in the same task just before
    // this one. Nothing else can make the connection idle.
    poll_fn(|_| {
        if activity.is_idle() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Logs at debug level: the peer reset the connection or does not speak HTTP, which an operator
/// cannot change.
fn log_end<E: AsRef<dyn std::error::Error + Send + Sync>>(ended: Result<(), E>) {
    if let Err(error) = ended {
        tracing::debug!(
            error = error.as_ref() as &dyn std::error::Error,
            "connection failed"
        );
    }
}
