//! One server: the real router, use cases and workers over the shared storage.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use kanso_application::devices::Devices;
use kanso_application::disk::DiskGuard;
use kanso_application::housekeeping::{Housekeeping, Retention};
use kanso_application::ports::clock::Clock;
use kanso_application::ports::devices::MAX_DEVICES;
use kanso_application::ports::feed::Feed;
use kanso_application::ports::ids::Ids;
use kanso_application::ports::limiter::RateLimit;
use kanso_application::ports::storage::Storage;
use kanso_credentials::{Entropy, SigningKey};
use kanso_domain::sessions::SessionLimits;
use kanso_domain::sync::Quota;
use kanso_server::assembly::{
    self, Assembly, AssemblyOptions, CredentialPorts, ServerPorts, SharedPorts, SigningKeys,
};
use kanso_testkit::PlainPasswords;
use kanso_worker::WorkerSchedule;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use crate::chance::Chance;
use crate::memories::Memories;
use crate::mutants::Bug;

/// Every server of a world signs with the same key.
const SECRET: &[u8] = b"q1HhXW0s5F0yZr1j8m3c0cQXo2i7mBk7jVtYzKq9aPw";

/// Far above the rate of the simulated devices. Only a window that never expires reaches it, so a 429
/// in a run shows that the limiter keeps old requests.
const LIMIT: RateLimit = RateLimit::new(400, 60);

/// Body of an answer.
pub type Body = UnsyncBoxBody<Bytes, String>;
/// Grace period of a server that was asked to stop, in which it finishes the requests it has.
const DRAIN: Duration = Duration::from_secs(15);

/// Interval between two sweeps for commits of other servers, as in a real server.
const SWEEP: Duration = Duration::from_secs(2);

type Service = BoxCloneSyncService<Request<Full<Bytes>>, Response<Body>, Infallible>;

/// The simulated parts that a server is assembled with.
pub struct ServerParts {
    /// The storage as this server sees it.
    pub storage: Arc<dyn Storage>,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// Its randomness.
    pub chance: Arc<Chance>,
    /// Feed that carries notices of new heads to waiting requests.
    pub feed: Arc<dyn Feed>,
    /// Planted bug, if the run has one.
    pub bug: Option<Bug>,
    /// True if the server sweeps the storage for commits that it received no notice of: commits of other
    /// servers, and commits whose result was lost with the connection.
    pub sweeps: bool,
    /// Retention periods of tombstones, receipts and sessions.
    pub retention: Retention,
}

/// A running server.
pub struct SimServer {
    service: Service,
    housekeeping: Housekeeping,
    devices: Devices,
    memories: Memories,
    /// Cancelled to stop the workers.
    stop: CancellationToken,
    workers: TaskTracker,
}

/// An answer whose body has not been read yet.
pub struct Opened {
    /// The status.
    pub status: u16,
    /// In how many seconds to ask again.
    pub retry_after: Option<u64>,
    /// The body, read piece by piece.
    pub body: Body,
}

/// A complete answer of a server.
pub struct ServerAnswer {
    /// The status.
    pub status: u16,
    /// In how many seconds to ask again.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

impl SimServer {
    /// Assembles the product's server over simulated adapters and starts its workers.
    ///
    /// # Errors
    /// The signing key is refused.
    pub fn start(parts: &ServerParts) -> anyhow::Result<Self> {
        let stop = CancellationToken::new();
        let memories = Memories::new(parts.bug, &parts.clock);
        let Assembly {
            router,
            workers,
            devices,
            housekeeping,
            ..
        } = assembly::assemble(ports(parts, &memories)?, options(parts), &stop);
        Ok(Self {
            service: service(router),
            housekeeping,
            devices,
            memories,
            stop,
            workers,
        })
    }
}

impl SimServer {
    /// Answers one request. Returns none if the body broke off.
    pub async fn serve(&self, request: Request<Full<Bytes>>) -> Option<ServerAnswer> {
        let opened = self.open(request).await;
        Some(ServerAnswer {
            status: opened.status,
            retry_after: opened.retry_after,
            body: opened.body.collect().await.ok()?.to_bytes().into(),
        })
    }

    /// Starts to answer a request. The body is produced while the caller reads it.
    pub async fn open(&self, request: Request<Full<Bytes>>) -> Opened {
        let Ok(response) = self.service.clone().oneshot(request).await;
        let (head, body) = response.into_parts();
        let retry_after = head.headers.get(http::header::RETRY_AFTER);
        Opened {
            status: head.status.as_u16(),
            retry_after: retry_after.and_then(|value| value.to_str().ok()?.parse().ok()),
            body,
        }
    }

    /// Removes data whose retention has ended, as the worker does once an hour.
    pub async fn purge(&self) {
        // A storage fault may interrupt this at any point. The result is dropped because the next call
        // removes the rest, as the next run of the real worker does.
        let stored = self.devices.store_sightings().await;
        if stored.is_ok() {
            drop(self.housekeeping.step().await);
        }
    }

    /// Shuts down gracefully: streams end with a hint to reconnect, workers take no new work, and
    /// requests under way get the grace period.
    pub async fn drain(&self) {
        self.kill();
        tokio::time::sleep(DRAIN).await;
    }

    /// Returns the sizes of the in-memory collections by name.
    pub fn kept(&self) -> [(&'static str, usize); 4] {
        let [limiter, throttle, tickets] = self.memories.kept();
        let sightings = ("sightings of devices", self.devices.unstored());
        [limiter, throttle, tickets, sightings]
    }

    /// Stops the workers without waiting for them.
    pub fn kill(&self) {
        self.stop.cancel();
        self.workers.close();
    }
}

fn ports(parts: &ServerParts, memories: &Memories) -> anyhow::Result<ServerPorts> {
    let ids: Arc<dyn Ids> = Arc::clone(&parts.chance) as _;
    let entropy: Arc<dyn Entropy> = Arc::clone(&parts.chance) as _;
    let keys = SigningKeys {
        current: SigningKey::hs256(SECRET)?,
        former: Vec::new(),
    };
    let passwords = Arc::new(PlainPasswords);
    Ok(ServerPorts {
        storage: Arc::clone(&parts.storage),
        clock: Arc::clone(&parts.clock),
        credentials: CredentialPorts::new(keys, "kanso", passwords, &ids, &entropy),
        ids,
        feed: Arc::clone(&parts.feed),
        throttle: Arc::clone(&memories.throttle) as _,
        tickets: Arc::clone(&memories.tickets) as _,
        limiter: Bug::limiter(parts.bug, Arc::clone(&memories.limiter) as _),
        evictable: memories.all(),
        // As in a server without Redis. Each simulated user opens one event stream, so the limit of
        // slots is never reached, and reads no statistics, so a cache would never be used.
        shared: SharedPorts::default(),
        disk: DiskGuard::default(),
    })
}

fn options(parts: &ServerParts) -> AssemblyOptions {
    AssemblyOptions {
        quota: Quota::default(),
        sessions: SessionLimits::default(),
        most_devices: MAX_DEVICES,
        http: kanso_http::Options {
            rate_limit: Some(LIMIT),
            retention: parts.retention,
            ..kanso_http::Options::default()
        },
        workers: Some(schedule()),
        sweeps_storage: parts.sweeps,
        // Small pieces, because a world has few records and faults must hit between two pieces.
        snapshot_piece: u32::try_from(parts.chance.between(1, 6)).ok(),
    }
}

/// Returns intervals that are longer than a real server's: each timer costs real time in every
/// simulated hour.
fn schedule() -> WorkerSchedule {
    WorkerSchedule {
        poll: Duration::from_secs(20),
        settle: Duration::from_millis(500),
        days: Duration::from_mins(1),
        report: Duration::from_mins(30),
        sweep: SWEEP,
    }
}

/// Boxes the router: `assemble` returns an opaque type, which a field cannot name.
fn service<S, B>(router: S) -> Service
where
    S: tower::Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: http_body_util::BodyExt<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display,
{
    let readable = |body: B| body.map_err(|error| error.to_string()).boxed_unsync();
    BoxCloneSyncService::new(router.map_response(move |response| response.map(readable)))
}
