//! The stages of a shutdown and the plan that runs through them.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Time for a connection to end after the cut: its task only has to be polled once more.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// The stages of a shutdown: draining, closing, cut. A stage that was reached is never left. Clones
/// share their state.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    draining: CancellationToken,
    closing: CancellationToken,
    cut: CancellationToken,
    broken: CancellationToken,
}

impl Shutdown {
    /// Creates a shutdown that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when the server stops taking new work: readiness answers 503, event streams and
    /// workers end.
    pub const fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Cancelled when the listener closes and idle connections end.
    pub const fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Cancelled when the requests that still run are dropped.
    pub const fn cut(&self) -> &CancellationToken {
        &self.cut
    }

    /// Begins the shutdown because the storage is broken.
    pub(super) fn break_down(&self) {
        // In this order: a task that sees the draining must already see its reason.
        self.broken.cancel();
        self.draining.cancel();
    }

    /// Returns true if a broken storage began the shutdown.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_cancelled()
    }

    /// Begins the shutdown. A second call cuts everything that still runs.
    pub fn advance(&self) {
        if self.draining.is_cancelled() {
            self.cut.cancel();
        }
        self.draining.cancel();
    }
}

/// Time limits of the stages.
#[derive(Clone, Copy, Debug)]
pub struct DrainPlan {
    /// Time from the signal to the closing of the listener, in which load balancers notice that
    /// readiness answers 503.
    pub delay: Duration,
    /// Limit for running requests.
    pub requests: Duration,
    /// Limit for write transactions that continue after their request, and for workers.
    pub writes: Duration,
    /// Limit for closing the storage.
    pub storage: Duration,
}

impl DrainPlan {
    /// Returns the plan with `delay` before the listener closes. All later stages together take at
    /// most 22 s, on which the time-outs of the files in `deploy/` are based.
    pub const fn with_delay(delay: Duration) -> Self {
        Self {
            delay,
            requests: Duration::from_secs(15),
            writes: Duration::from_secs(3),
            storage: Duration::from_secs(3),
        }
    }

    /// Waits until the shutdown begins, then runs it to its end. `listening` is the accept loop,
    /// `writes` are the spawned transactions, `workers` the loops that end with the draining.
    pub(crate) async fn run(
        self,
        shutdown: Shutdown,
        listening: impl Future<Output = ()>,
        connections: TaskTracker,
        (writes, workers): (TaskTracker, TaskTracker),
        close_storage: impl Future<Output = ()>,
    ) {
        shutdown.draining.cancelled().await;
        tracing::info!(delay = ?self.delay, "shutting down, no longer ready");
        // The listener stays open: a load balancer routes here until it sees readiness fail, and a
        // closed port would fail those requests.
        tokio::select! {
            () = shutdown.cut.cancelled() => {}
            () = sleep(self.delay) => {}
        }

        shutdown.closing.cancel();
        // The accept loop ends before its connections are counted: it may still add one.
        listening.await;
        connections.close();
        tracing::info!(connections = connections.len(), "listener closed");
        tokio::select! {
            // If no connection is left, the server stops without a wait for the limit.
            biased;
            () = connections.wait() => {}
            () = shutdown.cut.cancelled() => {}
            () = sleep(self.requests) => {}
        }

        shutdown.cut.cancel();
        if !connections.is_empty() {
            tracing::warn!(
                connections = connections.len(),
                "cutting connections that still run"
            );
        }
        if timeout(CUT_GRACE, connections.wait()).await.is_err() {
            tracing::warn!("a connection did not end");
        }

        // Only now, because a request may spawn a write until its connection has ended.
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
        // Last: a write after this would fail although its client may have been answered.
        if timeout(self.storage, close_storage).await.is_err() {
            tracing::warn!("storage did not close in time");
        }
        tracing::info!("stopped");
    }
}
