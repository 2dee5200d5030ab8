//! What the router is put together from.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use kanso_application::Outcome;
use kanso_application::accounts::Accounts;
use kanso_application::devices::Devices;
use kanso_application::entries::Entries;
use kanso_application::habits::Habits;
use kanso_application::health::Health;
use kanso_application::housekeeping::Retention;
use kanso_application::live::Live;
use kanso_application::ports::ids::Ids;
use kanso_application::ports::limiter::{RateLimit, RateLimiter};
use kanso_application::ports::stream_slots::SharedStreamSlots;
use kanso_application::replicas::Replicas;
use kanso_application::stats::Stats;
use kanso_application::sync::Sync;
use kanso_application::tickets::Tickets;
use kanso_domain::sync::FingerprintForm;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::problem::{ApiError, Code};
use crate::sync::StreamSlots;

/// What the routes need: the use cases, and what the server hands in.
#[derive(Clone)]
pub struct Parts {
    /// Accounts and sessions.
    pub accounts: Accounts,
    /// Habits.
    pub habits: Habits,
    /// Entries.
    pub entries: Entries,
    /// Sync.
    pub sync: Sync,
    /// What a device should hold.
    pub replicas: Replicas,
    /// What devices wait for.
    pub live: Live,
    /// What opens an event stream where no header can be sent.
    pub tickets: Tickets,
    /// Which devices sync.
    pub devices: Devices,
    /// Statistics.
    pub stats: Stats,
    /// The server's own state.
    pub health: Health,
    /// Makes the ids of requests that bring none.
    pub ids: Arc<dyn Ids>,
    /// Counts requests by address.
    pub limiter: Arc<dyn RateLimiter>,
    /// Counts a person's event streams over all servers, if several share a count.
    pub stream_slots: Option<Arc<dyn SharedStreamSlots>>,
    /// Where changes run: whoever stops the server waits for them.
    pub writes: TaskTracker,
    /// Cancelled when the server is about to stop: it then no longer says that it is ready.
    pub draining: CancellationToken,
    /// The public keys that verify access tokens (RFC 7517 §5).
    pub jwks: serde_json::Value,
}

/// What an operator chooses.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many requests an address may make under `/api/v1`; `None` for any number.
    pub rate_limit: Option<RateLimit>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Which web origins may call; with none, there is no CORS at all.
    pub cors_origins: Vec<String>,
    /// How long an answer may take.
    pub time_limit: Duration,
    /// How long results of operations and tombstones are kept.
    pub retention: Retention,
    /// How often an event stream does something by itself.
    pub pace: Pace,
    /// The form of the fingerprints that receipts get.
    pub fingerprints: FingerprintForm,
}

/// How often an event stream does something by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From one heartbeat to the next, so that both sides and whatever is between them know that
    /// the stream is alive.
    pub heartbeat: Duration,
    /// A stream whose session has ended ends within so much time and a heartbeat.
    pub session_check: Duration,
}

impl Default for Pace {
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
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            time_limit: Duration::from_secs(30),
            retention: Retention::default(),
            pace: Pace::default(),
            fingerprints: FingerprintForm::default(),
        }
    }
}

/// The state of the router.
#[derive(Clone)]
pub(crate) struct Api(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) options: Options,
    pub(crate) stream_slots: StreamSlots,
}

impl Api {
    pub(crate) fn new(parts: Parts, options: Options) -> Self {
        let stream_slots = StreamSlots::over(parts.stream_slots.clone());
        Self(Arc::new(Inner {
            parts,
            options,
            stream_slots,
        }))
    }

    /// Runs `change` to its end, whether or not somebody still waits for its answer.
    pub(crate) async fn to_completion<T: Send + 'static>(
        &self,
        change: impl Future<Output = Outcome<T>> + Send + 'static,
    ) -> Result<T, ApiError> {
        let task = self.writes.spawn(change.in_current_span());
        match task.await {
            Ok(outcome) => Ok(outcome?),
            Err(error) => {
                tracing::error!(%error, "a change broke");
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
    /// What the operator chose.
    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    /// Who has how many event streams.
    pub(crate) fn stream_slots(&self) -> &StreamSlots {
        &self.0.stream_slots
    }
}
