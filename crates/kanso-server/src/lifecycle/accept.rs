//! Lets connections in, as many as the limits say.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use super::connection::Host;
use super::{Limits, Listener, Stages};

/// After an error that more of the same would only repeat (no file descriptor left).
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Serves a router on a listener.
pub struct Doorway {
    host: Arc<Host>,
    connections: TaskTracker,
}

impl Doorway {
    /// A doorway to `router` that obeys `stages`.
    pub fn new(router: Router, stages: Stages, limits: Limits) -> Self {
        Self {
            host: Arc::new(Host::new(router, stages, limits)),
            connections: TaskTracker::new(),
        }
    }

    /// Every connection that is open.
    pub fn connections(&self) -> TaskTracker {
        self.connections.clone()
    }

    /// Accepts connections until the server closes; then the listener is gone, and the
    /// connections that are open end by themselves.
    pub async fn serve(self, mut listener: impl Listener) {
        let permits = Arc::new(Semaphore::new(self.host.limits.connections));
        let closing = self.host.stages.closing().clone();
        let mut pause = FIRST_PAUSE;
        loop {
            let next = async {
                // The semaphore is never closed; were it, the loop would end.
                let permit = Arc::clone(&permits).acquire_owned().await.ok()?;
                Some((permit, listener.accept().await))
            };
            let (permit, accepted) = tokio::select! {
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
                    let host = Arc::clone(&self.host);
                    self.connections.spawn(async move {
                        host.serve(stream, peer).await;
                        drop(permit);
                    });
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted; pausing");
                    tokio::select! {
                        () = closing.cancelled() => break,
                        () = sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
                    }
                }
            }
        }
        self.connections.close();
    }
}

/// Whether the error says that a peer went away before it was accepted: the next one is fine.
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
