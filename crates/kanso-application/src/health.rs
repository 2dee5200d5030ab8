//! Health: the state of the storage and of Redis.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// Microseconds for which a report is valid.
const REPORT_MICROS: i64 = 1_000_000;

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
    last: Arc<Mutex<Option<(Timestamp, HealthReport)>>>,
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
            last: Arc::default(),
        }
    }

    /// Returns the feature for a server with a Redis.
    #[must_use]
    pub fn with_redis(self, redis: Option<Arc<dyn SharedService>>) -> Self {
        Self { redis, ..self }
    }

    /// Returns the state of the storage and of Redis, which are asked at most once a second.
    ///
    /// Every client may ask, without a limit, so the answer must cost nothing.
    pub async fn report(&self) -> HealthReport {
        let now = self.clock.now();
        if let Some(report) = self.last_report(now) {
            let uptime_seconds = now.seconds_since(self.started_at);
            return HealthReport {
                uptime_seconds,
                ..report
            };
        }
        let report = self.ask().await;
        *self.last() = Some((now, report));
        report
    }

    fn last_report(&self, now: Timestamp) -> Option<HealthReport> {
        let mut last = self.last();
        let (at, report) = last.as_mut()?;
        // A clock that went back must not keep a report for longer.
        if (0..REPORT_MICROS).contains(&(now.as_micros() - at.as_micros())) {
            return Some(*report);
        }
        // The caller asks. Others get the older report meanwhile: an outage must not collect them.
        *at = now;
        None
    }

    fn last(&self) -> MutexGuard<'_, Option<(Timestamp, HealthReport)>> {
        // Each change is a single assignment, so a poisoned lock guards a whole report.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self) -> HealthReport {
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
