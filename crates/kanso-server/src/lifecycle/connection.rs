//! One connection, from its first byte to its end.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};

use super::pulse::Pulse;
use super::service::ConnectionService;
use super::stream::{Protocol, WatchedStream};
use super::watchdog::Watchdog;
use super::{Limits, Stages};

/// How long an HTTP/2 peer has to notice that its idle connection is being closed.
const GOAWAY_GRACE: Duration = Duration::from_secs(1);

/// What every connection is served with.
#[derive(Clone)]
pub(super) struct Host {
    pub(super) router: Router,
    pub(super) stages: Stages,
    pub(super) limits: Limits,
    http1: auto::Builder<TokioExecutor>,
    http2: auto::Builder<TokioExecutor>,
}

impl Host {
    pub(super) fn new(router: Router, stages: Stages, limits: Limits) -> Self {
        let mut protocol = auto::Builder::new(TokioExecutor::new());
        protocol
            .http1()
            .timer(TokioTimer::new())
            // The watchdog does this, and also sees a peer that never sends a byte.
            .header_read_timeout(None)
            .max_buf_size(usize::try_from(limits.header_bytes).unwrap_or(usize::MAX))
            .max_headers(limits.headers);
        protocol
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(limits.header_bytes)
            .max_concurrent_streams(limits.streams)
            .max_send_buf_size(64 * 1024)
            .keep_alive_interval(limits.write_stall)
            .keep_alive_timeout(limits.header);
        Self {
            router,
            stages,
            limits,
            http1: protocol.clone().http1_only(),
            http2: protocol.http2_only(),
        }
    }

    /// Serves `stream` until the peer leaves, stands still for too long, or the server closes.
    pub(super) async fn serve<S>(&self, stream: S, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let pulse = Pulse::new();
        let service = ConnectionService {
            router: self.router.clone(),
            peer,
            pulse: pulse.clone(),
            stages: self.stages.clone(),
            limits: self.limits,
        };
        let mut stream = WatchedStream::new(stream, pulse.clone());
        let mut watchdog = Watchdog::new(&pulse, self.limits);
        let protocol = tokio::select! {
            biased;
            protocol = stream.protocol() => match protocol {
                Ok(Protocol::Http1) => &self.http1,
                Ok(Protocol::Http2) => &self.http2,
                // It left before it said anything.
                Err(_) => return,
            },
            () = self.stages.cut().cancelled() => return,
            () = self.stages.closing().cancelled() => return,
            () = watchdog.barks(&pulse) => return,
        };
        let mut connection = pin!(protocol.serve_connection(TokioIo::new(stream), service));

        tokio::select! {
            // The connection first: the others judge by what it has just done.
            biased;
            ended = connection.as_mut() => return log_end(ended),
            () = self.stages.cut().cancelled() => return,
            () = self.stages.closing().cancelled() => {}
            () = watchdog.barks(&pulse) => {
                tracing::debug!("a connection stood still for too long and is closed");
                if !(pulse.is_http2() && pulse.is_quiet()) {
                    return;
                }
                connection.as_mut().graceful_shutdown();
                if let Ok(ended) = timeout(GOAWAY_GRACE, connection).await {
                    log_end(ended);
                }
                return;
            }
        }

        connection.as_mut().graceful_shutdown();
        tokio::select! {
            biased;
            ended = connection.as_mut() => log_end(ended),
            () = self.stages.cut().cancelled() => {}
            () = watchdog.barks(&pulse) => {}
            () = falls_quiet(&pulse) => {}
        }
    }
}

/// Waits until nothing runs on a closing connection. hyper ends an idle one by itself, but would
/// wait for the rest of a header that has begun.
async fn falls_quiet(pulse: &Pulse) {
    poll_fn(|_| {
        if pulse.is_quiet() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    if pulse.is_http2() {
        sleep(GOAWAY_GRACE).await;
    }
}

/// A connection that breaks is the peer's affair: it reset, or does not speak HTTP.
fn log_end<E: AsRef<dyn std::error::Error + Send + Sync>>(ended: Result<(), E>) {
    if let Err(error) = ended {
        tracing::debug!(
            error = error.as_ref() as &dyn std::error::Error,
            "a connection broke off"
        );
    }
}
