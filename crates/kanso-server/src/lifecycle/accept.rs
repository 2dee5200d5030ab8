//! Accepts connections, up to the limit.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use super::connection::ConnectionServer;
use super::open::OpenConnections;
use super::{Limits, Listener, Shutdown};

/// First pause after an error that an immediate retry would repeat, such as EMFILE: no file
/// descriptor is left. Doubles with each further error.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Longest pause, so that a recovered server accepts again within a second.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Pause between two attempts to find idle connections while all are taken.
const EVICTION_PAUSE: Duration = Duration::from_millis(100);

/// Accepts the connections of a listener and serves a router on each.
pub struct Acceptor {
    server: Arc<ConnectionServer>,
    open: Arc<OpenConnections>,
    connections: TaskTracker,
}

impl Acceptor {
    /// Creates an acceptor for `router` that stops with `shutdown`. `proxies` may have any number of
    /// connections.
    pub fn new(router: Router, shutdown: Shutdown, limits: Limits, proxies: Vec<IpNet>) -> Self {
        Self {
            open: OpenConnections::new(&limits, proxies),
            server: Arc::new(ConnectionServer::new(router, shutdown, limits)),
            connections: TaskTracker::new(),
        }
    }

    /// Returns the tracker of all open connections.
    pub fn connections(&self) -> TaskTracker {
        self.connections.clone()
    }

    /// Accepts connections until the shutdown closes the listener. Open connections continue after
    /// that and end by themselves.
    pub async fn serve(self, mut listener: impl Listener) {
        let permits = Arc::new(Semaphore::new(self.server.limits.connections));
        let closing = self.server.shutdown.closing().clone();
        let mut pause = FIRST_PAUSE;
        loop {
            let next = async {
                let accepted = listener.accept().await;
                // One connection waits here over the limit, and all others in the kernel's queue,
                // where they cost no memory of this process.
                Some((self.permit(&permits).await?, accepted))
            };
            let (permit, accepted) = tokio::select! {
                // Under load `next` is always ready; unbiased, a shutdown could lose some rounds.
                biased;
                () = closing.cancelled() => break,
                next = next => match next {
                    Some(next) => next,
                    None => break,
                },
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = FIRST_PAUSE;
                    // Dropped, which closes it: an answer would cost what the limit saves.
                    let Some(guard) = self.open.open(peer.ip()) else {
                        tracing::debug!("connection refused, its client has too many");
                        continue;
                    };
                    let server = Arc::clone(&self.server);
                    self.connections.spawn(async move {
                        server.serve(stream, peer, &guard).await;
                        drop((guard, permit));
                    });
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "accept failed, pausing");
                    tokio::select! {
                        () = closing.cancelled() => break,
                        () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                    }
                }
            }
        }
        self.connections.close();
    }

    /// Waits for a free connection, and closes idle ones if there is none. `None` only for a closed
    /// semaphore, and this one is never closed.
    async fn permit(&self, permits: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        loop {
            let free = Arc::clone(permits).acquire_owned();
            if permits.available_permits() > 0 {
                return free.await.ok();
            }
            self.open.evict_idle();
            // All may be busy now, and idle in a moment.
            if let Ok(free) = timeout(EVICTION_PAUSE, free).await {
                return free.ok();
            }
        }
    }
}

/// Returns true if the error concerns only the accepted peer, which left too early. The next
/// `accept` can succeed at once, so no pause is needed (accept(2), "Error handling").
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NotConnected
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::Interrupted
    )
}
