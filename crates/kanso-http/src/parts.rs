//! The dependencies and the options of the router.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use kanso_application::Outcome;
use kanso_application::accounts::Accounts;
use kanso_application::devices::Devices;
use kanso_application::disk::DiskGuard;
use kanso_application::entries::Entries;
use kanso_application::habits::Habits;
use kanso_application::health::Health;
use kanso_application::housekeeping::Retention;
use kanso_application::live::Live;
use kanso_application::ports::ids::Ids;
use kanso_application::ports::limiter::{AccountLimits, RateLimit, RateLimiter};
use kanso_application::ports::stream_slots::SharedStreamSlots;
use kanso_application::quotas::Quotas;
use kanso_application::replicas::Replicas;
use kanso_application::security::Security;
use kanso_application::stats::Stats;
use kanso_application::sync::Sync;
use kanso_application::tickets::Tickets;
use kanso_domain::sync::FingerprintForm;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::heavy_reads::HeavyReads;
use crate::problem::{ApiError, Code};
use crate::sync::StreamSlots;

/// Dependencies of the routes: the use cases, and services of the server.
#[derive(Clone)]
pub struct Parts {
    /// Accounts and sessions.
    pub accounts: Accounts,
    /// Security events.
    pub security: Security,
    /// Habits.
    pub habits: Habits,
    /// Entries.
    pub entries: Entries,
    /// Sync.
    pub sync: Sync,
    /// Snapshots and comparisons of replicas.
    pub replicas: Replicas,
    /// Heads of histories, for long polls and event streams.
    pub live: Live,
    /// Tickets that open an event stream without the header `Authorization`.
    pub tickets: Tickets,
    /// Devices of an account.
    pub devices: Devices,
    /// Quotas.
    pub quotas: Quotas,
    /// Statistics.
    pub stats: Stats,
    /// State of the server and its dependencies.
    pub health: Health,
    /// State of the disk.
    pub disk: DiskGuard,
    /// Makes ids for requests that have none.
    pub ids: Arc<dyn Ids>,
    /// Counts requests by client address and by user.
    pub limiter: Arc<dyn RateLimiter>,
    /// Counts the event streams of a user over all servers; `None` for a single server.
    pub stream_slots: Option<Arc<dyn SharedStreamSlots>>,
    /// Tracks running writes, so that a shutdown can wait for them.
    pub writes: TaskTracker,
    /// Cancelled when the server begins to shut down: `/health/ready` then answers 503.
    pub draining: CancellationToken,
    /// Public keys that verify access tokens, as a JWK set (RFC 7517 §5).
    pub jwks: serde_json::Value,
}

/// Settings that an operator chooses.
#[derive(Clone, Debug)]
pub struct Options {
    /// Rate limit per client address under `/api/v1` and `/swagger/`; `None` for no limit.
    pub rate_limit: Option<RateLimit>,
    /// Rate limit per user under `/api/v1`, from all addresses together; `None` for no limit.
    pub user_rate_limit: Option<RateLimit>,
    /// Limits on log-ins, registrations and refreshes per client address; `None` for no limits.
    pub account_limits: Option<AccountLimits>,
    /// Networks of the proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Mode of registration.
    pub registration: RegistrationMode,
    /// True if the pages under `/swagger/` are served.
    pub serves_swagger: bool,
    /// Web origins that may call the API; if empty, there are no CORS headers.
    pub cors_origins: Vec<String>,
    /// True if the line of every request has the address of its client.
    pub logs_clients: bool,
    /// Maximum time until an answer begins. Default: 30 seconds.
    pub time_limit: Duration,
    /// Retention of results of operations and of tombstones.
    pub retention: Retention,
    /// Intervals of an event stream.
    pub stream_intervals: StreamIntervals,
    /// Form of the fingerprints that receipts get.
    pub fingerprints: FingerprintForm,
}

/// Mode of registration: who may register an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RegistrationMode {
    /// Every client may register one.
    #[default]
    Open,
    /// A client with an invitation may register one, and a local client the first one.
    Invite,
    /// No client may register one.
    Closed,
}

impl RegistrationMode {
    /// Returns the name of the mode in the settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Closed => "closed",
        }
    }
}

/// Intervals at which an event stream acts without a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamIntervals {
    /// Time between two heartbeats. Default: 15 seconds, below the idle timeout of common proxies.
    pub heartbeat: Duration,
    /// Time between two checks of the session. Default: 1 minute. A stream ends at most this time and
    /// a heartbeat after its session.
    pub session_check: Duration,
}

impl Default for StreamIntervals {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(15),
            session_check: Duration::from_mins(1),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rate_limit: None,
            user_rate_limit: None,
            account_limits: None,
            trusted_proxies: Vec::new(),
            registration: RegistrationMode::default(),
            serves_swagger: true,
            cors_origins: Vec::new(),
            logs_clients: false,
            // Above the longest wait of a pull, and below the 60 seconds after which proxies give up.
            time_limit: Duration::from_secs(30),
            retention: Retention::default(),
            stream_intervals: StreamIntervals::default(),
            fingerprints: FingerprintForm::default(),
        }
    }
}

/// The state that every handler gets. A clone is one more reference.
#[derive(Clone)]
// One `Arc` for all: axum clones the state for every request.
pub(crate) struct Api(Arc<ApiState>);

pub(crate) struct ApiState {
    pub(crate) parts: Parts,
    pub(crate) options: Options,
    pub(crate) stream_slots: StreamSlots,
    pub(crate) heavy_reads: HeavyReads,
}

impl Api {
    pub(crate) fn new(parts: Parts, options: Options) -> Self {
        let stream_slots = StreamSlots::over(parts.stream_slots.clone());
        Self(Arc::new(ApiState {
            parts,
            options,
            stream_slots,
            heavy_reads: HeavyReads::default(),
        }))
    }

    /// Spawns `change`, so a client that disconnects cannot cancel it.
    ///
    /// hyper drops the handler's future when the connection closes, and the deadline layer drops it
    /// when the time is up. A write that is dropped half way is neither committed nor answered, and
    /// its connection may stay in a stale transaction (ADR 0002). A spawned task does not belong to
    /// the handler: it runs to its end, and the shutdown waits for it.
    pub(crate) async fn to_completion<T: Send + 'static>(
        &self,
        change: impl Future<Output = Outcome<T>> + Send + 'static,
    ) -> Result<T, ApiError> {
        // The span is passed on: a task does not inherit it, and its log lines need the request id.
        let task = self.writes.spawn(change.in_current_span());
        match task.await {
            Ok(outcome) => Ok(outcome?),
            // Nothing aborts these tasks, so a failed join is a panic of the task.
            Err(error) => {
                tracing::error!(%error, "write task panicked");
                Err(Code::Internal.into())
            }
        }
    }
}

impl Deref for Api {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}

impl Api {
    /// Returns the settings of the operator.
    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    /// Returns the heavy reads that run or wait.
    pub(crate) fn heavy_reads(&self) -> &HeavyReads {
        &self.0.heavy_reads
    }

    /// Returns the slots of the open event streams.
    pub(crate) fn stream_slots(&self) -> &StreamSlots {
        &self.0.stream_slots
    }
}
