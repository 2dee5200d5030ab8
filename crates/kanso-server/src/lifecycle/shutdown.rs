//! The stages of a shutdown, and the clockwork that walks through them.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// After the cut a connection only has to notice.
const NOTICE: Duration = Duration::from_secs(1);

/// The three stages of a shutdown. Each is reached once and never left; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Stages {
    draining: CancellationToken,
    closing: CancellationToken,
    cut: CancellationToken,
    broken: CancellationToken,
}

impl Stages {
    /// All three ahead.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when the server asks to be left alone: readiness answers 503, streams end.
    pub const fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Cancelled when the listener closes and idle connections end.
    pub const fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Cancelled when what still runs is dropped.
    pub const fn cut(&self) -> &CancellationToken {
        &self.cut
    }

    /// Asks for the shutdown because something broke that only another process can mend.
    pub(super) fn break_down(&self) {
        self.broken.cancel();
        self.draining.cancel();
    }

    /// Whether that was asked for.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_cancelled()
    }

    /// Asks for the shutdown; asked again, demands it at once.
    pub fn advance(&self) {
        if self.draining.is_cancelled() {
            self.cut.cancel();
        }
        self.draining.cancel();
    }
}

/// How long each stage may take.
#[derive(Clone, Copy, Debug)]
pub struct DrainPlan {
    /// From the signal to the closing of the listener, for load balancers to notice.
    pub delay: Duration,
    /// For running requests.
    pub requests: Duration,
    /// For write transactions that outlive their requests, and for workers.
    pub writes: Duration,
    /// For the storage to close.
    pub storage: Duration,
}

impl DrainPlan {
    /// The plan with `delay` before the listener closes; everything after takes 22 s at most.
    pub const fn with_delay(delay: Duration) -> Self {
        Self {
            delay,
            requests: Duration::from_secs(15),
            writes: Duration::from_secs(3),
            storage: Duration::from_secs(3),
        }
    }

    /// Waits for the shutdown to be asked for, then walks through it. `listening` is the accept
    /// loop, `writes` the spawned transactions, `workers` the loops that the draining ends, and
    /// `close_storage` what comes last.
    pub(crate) async fn walk(
        self,
        stages: Stages,
        listening: impl Future<Output = ()>,
        connections: TaskTracker,
        (writes, workers): (TaskTracker, TaskTracker),
        close_storage: impl Future<Output = ()>,
    ) {
        stages.draining.cancelled().await;
        tracing::info!(delay = ?self.delay, "shutting down: no longer ready");
        tokio::select! {
            () = stages.cut.cancelled() => {}
            () = sleep(self.delay) => {}
        }

        stages.closing.cancel();
        listening.await;
        connections.close();
        tracing::info!(connections = connections.len(), "the listener is closed");
        tokio::select! {
            biased;
            () = connections.wait() => {}
            () = stages.cut.cancelled() => {}
            () = sleep(self.requests) => {}
        }

        stages.cut.cancel();
        if !connections.is_empty() {
            tracing::warn!(connections = connections.len(), "cutting what still runs");
        }
        if timeout(NOTICE, connections.wait()).await.is_err() {
            tracing::warn!("a connection did not end");
        }

        writes.close();
        workers.close();
        let finished = async {
            writes.wait().await;
            workers.wait().await;
        };
        if timeout(self.writes, finished).await.is_err() {
            let (writes, workers) = (writes.len(), workers.len());
            tracing::warn!(writes, workers, "writes or workers did not finish");
        }
        if timeout(self.storage, close_storage).await.is_err() {
            tracing::warn!("the storage did not close in time");
        }
        tracing::info!("stopped");
    }
}
