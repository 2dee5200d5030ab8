//! A running server.

use std::net::SocketAddr;
use std::pin::Pin;

use axum::Router;
use ipnet::IpNet;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::{Acceptor, DrainPlan, Limits, Listener, Shutdown};

/// Components of a server that [`Running`] runs and stops.
pub struct Components {
    /// Answers requests.
    pub router: Router,
    /// Proxies in front of the server, whose connections are not limited.
    pub proxies: Vec<IpNet>,
    /// Shutdown that the router observes and the server runs through.
    pub shutdown: Shutdown,
    /// Write transactions that continue after their request ended.
    pub writes: TaskTracker,
    /// Worker loops. They end by themselves when the draining begins.
    pub workers: TaskTracker,
    /// Ends when the storage is permanently broken. The server then shuts down.
    pub broken: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Closes the storage. Runs last.
    pub close_storage: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Why a server stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// A signal or [`Running::shut_down`] requested it.
    Requested,
    /// The storage is broken in a way that only a restart can repair.
    StorageBroken,
}

/// A server that runs in the background. Dropping this value does not stop it.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    shutdown: Shutdown,
    draining: JoinHandle<()>,
}

impl Running {
    /// Runs `components` on `listener`, which listens on `address`.
    pub fn start(
        components: Components,
        (listener, address): (impl Listener, SocketAddr),
        limits: Limits,
        plan: DrainPlan,
    ) -> Self {
        let Components {
            router,
            proxies,
            shutdown,
            writes,
            workers,
            broken,
            close_storage,
        } = components;
        let acceptor = Acceptor::new(router, shutdown.clone(), limits, proxies);
        let connections = acceptor.connections();
        let accepting = tokio::spawn(acceptor.serve(listener));
        let listening = async {
            if let Err(error) = accepting.await {
                tracing::error!(%error, "accept loop panicked");
            }
        };
        // Ends with the draining at the latest, so this task is never left behind.
        tokio::spawn(shut_down_if(broken, shutdown.clone()));
        let draining = plan.run(
            shutdown.clone(),
            listening,
            connections,
            (writes, workers),
            close_storage,
        );
        Self {
            address,
            metrics: None,
            shutdown,
            draining: tokio::spawn(draining),
        }
    }

    /// Records that the server reports metrics on `address`.
    pub(crate) fn with_metrics_on(mut self, address: SocketAddr) -> Self {
        self.metrics = Some(address);
        self
    }

    /// Returns the address of the metrics, if the server reports them.
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Returns the address that the server listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the shutdown of this server.
    pub const fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Begins the shutdown. A second call ends it at once.
    pub fn shut_down(&self) {
        self.shutdown.advance();
    }

    /// Waits until the server has stopped and returns the reason.
    pub async fn stopped(self) -> StopReason {
        if let Err(error) = self.draining.await {
            tracing::error!(%error, "shutdown panicked");
        }
        if self.shutdown.is_broken() {
            StopReason::StorageBroken
        } else {
            StopReason::Requested
        }
    }
}

/// Begins the shutdown when the storage is broken, unless the shutdown has already begun.
async fn shut_down_if(broken: impl Future<Output = ()>, shutdown: Shutdown) {
    tokio::select! {
        // Biased: the end of a requested shutdown must not be reported as a broken storage.
        biased;
        () = shutdown.draining().cancelled() => {}
        () = broken => {
            tracing::error!(
                "the database is no longer writable by this process, shutting down; no \
                 acknowledged operation is lost, and the next start reports the cause"
            );
            shutdown.break_down();
        }
    }
}
