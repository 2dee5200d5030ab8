//! Health: the state of the storage and of Redis.

use std::sync::Arc;

use kanso_domain::Timestamp;

use crate::ports::clock::Clock;
use crate::ports::shared_service::SharedService;
use crate::ports::storage::Storage;

/// The state of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthReport {
    /// True if the storage answers.
    pub database_connected: bool,
    /// True if Redis answers; `None` for a server without Redis.
    pub redis_connected: Option<bool>,
    /// Seconds since the start of the server.
    pub uptime_seconds: i64,
}

/// The feature: reports the state of the server.
///
/// ```
/// use std::sync::Arc;
///
/// use kanso_application::health::Health;
/// use kanso_testkit::build::noon;
/// use kanso_testkit::{ManualClock, MemoryStorage};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let clock = Arc::new(ManualClock::at(noon()));
/// let health = Health::new(Arc::new(MemoryStorage::default()), clock.clone());
/// clock.advance_seconds(90);
///
/// let report = health.report().await;
/// assert!(report.database_connected);
/// assert_eq!(report.redis_connected, None);
/// assert_eq!(report.uptime_seconds, 90);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Health {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    redis: Option<Arc<dyn SharedService>>,
    started_at: Timestamp,
}

impl Health {
    /// Returns the feature over its ports. The server counts as started now.
    pub fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        let started_at = clock.now();
        Self {
            storage,
            clock,
            redis: None,
            started_at,
        }
    }

    /// Returns the feature for a server with a Redis.
    #[must_use]
    pub fn with_redis(self, redis: Option<Arc<dyn SharedService>>) -> Self {
        Self { redis, ..self }
    }

    /// Asks the storage and Redis, and reads the clock.
    pub async fn report(&self) -> HealthReport {
        // A failure is part of the report and not an error of it: the caller wants to know which
        // part is down.
        let ping = self.storage.ping().await;
        if let Err(error) = &ping {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the database does not answer"
            );
        }
        let redis_connected = match &self.redis {
            Some(redis) => Some(redis.answers().await),
            None => None,
        };
        HealthReport {
            database_connected: ping.is_ok(),
            redis_connected,
            uptime_seconds: self.clock.now().seconds_since(self.started_at),
        }
    }
}
