//! One server: the real router, use cases and workers over the shared storage.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use kanso_application::devices::Devices;
use kanso_application::housekeeping::{Housekeeping, Retention};
use kanso_application::ports::clock::Clock;
use kanso_application::ports::feed::Feed;
use kanso_application::ports::ids::Ids;
use kanso_application::ports::limiter::RateLimit;
use kanso_application::ports::storage::Storage;
use kanso_credentials::{Entropy, SigningKey};
use kanso_server::assembly::{
    self, Assembly, AssemblyOptions, CredentialPorts, ServerPorts, SharedPorts, SigningKeys,
};
use kanso_testkit::LegiblePasswords;
use kanso_worker::WorkerSchedule;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use crate::chance::Chance;
use crate::memories::Memories;
use crate::planted::Bug;

/// Every server of a world signs with the same key.
const SECRET: &[u8] = b"q1HhXW0s5F0yZr1j8m3c0cQXo2i7mBk7jVtYzKq9aPw";

/// Far above what honest devices do; a count that is never forgotten reaches it.
const LIMIT: RateLimit = RateLimit {
    requests: 400,
    window_seconds: 60,
};

/// The body of an answer.
pub type Body = UnsyncBoxBody<Bytes, String>;
/// How long one that is asked to stop goes on with what it has.
const DRAIN: Duration = Duration::from_secs(15);

/// As in a real server: from one look for what other servers committed to the next.
const SWEEP: Duration = Duration::from_secs(2);

type Service = BoxCloneSyncService<Request<Full<Bytes>>, Response<Body>, Infallible>;

/// What a server is made of besides the real code.
pub struct Parts {
    /// The storage as this server sees it.
    pub storage: Arc<dyn Storage>,
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// Its randomness.
    pub chance: Arc<Chance>,
    /// What carries news to those who wait.
    pub feed: Arc<dyn Feed>,
    /// What is wrong with it on purpose, if anything.
    pub bug: Option<Bug>,
    /// Whether it looks by itself for changes that nobody told it of: another server's, or one whose
    /// commit nobody knew the end of.
    pub sweeps: bool,
    /// How long things are kept.
    pub retention: Retention,
}

/// A running server.
pub struct Server {
    service: Service,
    housekeeping: Housekeeping,
    devices: Devices,
    memories: Memories,
    /// Its workers end with it.
    stop: CancellationToken,
    workers: TaskTracker,
}

/// An answer that has begun.
pub struct Opened {
    /// The status.
    pub status: u16,
    /// In how many seconds to ask again.
    pub retry_after: Option<u64>,
    /// What comes of the body.
    pub body: Body,
}

/// What a server answered.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// In how many seconds to ask again.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

impl Server {
    /// Assembles the product's server over simulated adapters, its workers running.
    pub fn start(parts: &Parts) -> anyhow::Result<Self> {
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

impl Server {
    /// Answers one request. None when the answer broke off.
    pub async fn serve(&self, request: Request<Full<Bytes>>) -> Option<Answer> {
        let opened = self.open(request).await;
        Some(Answer {
            status: opened.status,
            retry_after: opened.retry_after,
            body: opened.body.collect().await.ok()?.to_bytes().into(),
        })
    }

    /// Begins to answer a request: the body comes piece by piece, as its reader asks for it.
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

    /// Removes what was kept long enough, as the worker does once an hour.
    pub async fn purge(&self) {
        // What it cannot remove now it removes the next time.
        let stored = self.devices.store_sightings().await;
        if stored.is_ok() {
            drop(self.housekeeping.step().await);
        }
    }

    /// It is asked to stop: streams are told to come back elsewhere, workers take nothing new, and
    /// what is under way gets its time.
    pub async fn drain(&self) {
        self.kill();
        tokio::time::sleep(DRAIN).await;
    }

    /// What it remembers, and how much of it.
    pub fn kept(&self) -> [(&'static str, usize); 4] {
        let [limiter, throttle, tickets] = self.memories.kept();
        let sightings = ("sightings of devices", self.devices.unstored());
        [limiter, throttle, tickets, sightings]
    }

    /// Its workers stop where they are.
    pub fn kill(&self) {
        self.stop.cancel();
        self.workers.close();
    }
}

fn ports(parts: &Parts, memories: &Memories) -> anyhow::Result<ServerPorts> {
    let ids: Arc<dyn Ids> = Arc::clone(&parts.chance) as _;
    let entropy: Arc<dyn Entropy> = Arc::clone(&parts.chance) as _;
    let keys = SigningKeys {
        current: SigningKey::hs256(SECRET)?,
        former: Vec::new(),
    };
    let passwords = Arc::new(LegiblePasswords);
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
        // As in a server without Redis. Simulated users open one event stream each, which no slot
        // count limits, and read no statistics, so a cache of them would never be asked.
        shared: SharedPorts::default(),
    })
}

fn options(parts: &Parts) -> AssemblyOptions {
    AssemblyOptions {
        http: kanso_http::Options {
            rate_limit: Some(LIMIT),
            retention: parts.retention,
            ..kanso_http::Options::default()
        },
        workers: Some(schedule()),
        sweeps_storage: parts.sweeps,
        // Few records make many pieces, so that faults hit between them.
        snapshot_piece: u32::try_from(parts.chance.between(1, 6)).ok(),
    }
}

/// Slower than in a real server, so that a simulated hour costs little.
fn schedule() -> WorkerSchedule {
    WorkerSchedule {
        poll: Duration::from_secs(20),
        settle: Duration::from_millis(500),
        days: Duration::from_mins(1),
        report: Duration::from_mins(30),
        sweep: SWEEP,
    }
}

/// The router as a service whose types can be named here.
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
