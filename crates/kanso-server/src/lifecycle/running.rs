//! A server that runs.

use std::net::SocketAddr;
use std::pin::Pin;

use axum::Router;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::{Doorway, DrainPlan, Limits, Listener, Stages};

/// What there is to run.
pub struct Site {
    /// Answers requests.
    pub router: Router,
    /// The stages that the router reads and the server walks through.
    pub stages: Stages,
    /// Where the router puts the write transactions that must outlive their requests.
    pub writes: TaskTracker,
    /// The loops that nobody asks for. They end by themselves when the draining begins.
    pub workers: TaskTracker,
    /// Ends when the storage is broken for good: then the server shuts down by itself.
    pub broken: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Closes the storage. Runs last.
    pub close_storage: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Why a server has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was asked to.
    Asked,
    /// Something broke that only another process can mend.
    Broken,
}

/// A server that runs in the background. Dropping this does not stop it.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    stages: Stages,
    walk: JoinHandle<()>,
}

impl Running {
    /// Runs `site` on `listener`, which listens on `address`.
    pub fn start(
        site: Site,
        (listener, address): (impl Listener, SocketAddr),
        limits: Limits,
        plan: DrainPlan,
    ) -> Self {
        let Site {
            router,
            stages,
            writes,
            workers,
            broken,
            close_storage,
        } = site;
        let doorway = Doorway::new(router, stages.clone(), limits);
        let connections = doorway.connections();
        let accepting = tokio::spawn(doorway.serve(listener));
        let listening = async {
            if let Err(error) = accepting.await {
                tracing::error!(%error, "the accept loop broke");
            }
        };
        tokio::spawn(end_if(broken, stages.clone()));
        let walk = plan.walk(
            stages.clone(),
            listening,
            connections,
            (writes, workers),
            close_storage,
        );
        Self {
            address,
            metrics: None,
            stages,
            walk: tokio::spawn(walk),
        }
    }

    /// The same server, which tells metrics on `address`.
    pub(crate) fn with_metrics_on(mut self, address: SocketAddr) -> Self {
        self.metrics = Some(address);
        self
    }

    /// Where it tells metrics, if it does.
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The stages of its shutdown.
    pub const fn stages(&self) -> &Stages {
        &self.stages
    }

    /// Asks for the shutdown; asked again, demands it at once.
    pub fn shut_down(&self) {
        self.stages.advance();
    }

    /// Waits until it has stopped, and says why.
    pub async fn stopped(self) -> Ending {
        if let Err(error) = self.walk.await {
            tracing::error!(%error, "the shutdown broke");
        }
        if self.stages.is_broken() {
            Ending::Broken
        } else {
            Ending::Asked
        }
    }
}

/// Begins the shutdown when the storage is broken, unless another has begun.
async fn end_if(broken: impl Future<Output = ()>, stages: Stages) {
    tokio::select! {
        biased;
        () = stages.draining().cancelled() => {}
        () = broken => {
            tracing::error!(
                "the database can no longer be written to by this process, which ends; nothing \
                 that was acknowledged is lost, and the next start finds what is wrong"
            );
            stages.break_down();
        }
    }
}
