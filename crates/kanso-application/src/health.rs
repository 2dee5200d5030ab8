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
/// Microseconds after which a report is no longer shown while a newer one is on its way.
const STALE_MICROS: i64 = 5_000_000;

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
    last: Arc<Mutex<LastReport>>,
}

/// The newest report, and when the storage and Redis were asked.
#[derive(Debug, Default)]
struct LastReport {
    asked_at: Option<Timestamp>,
    /// Time of the question that `report` answers.
    answered_at: Option<Timestamp>,
    report: Option<HealthReport>,
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
        let mut last = self.last();
        // A slow answer to an older question must not replace a newer one.
        if last.answered_at.is_none_or(|at| at <= now) {
            last.answered_at = Some(now);
            last.report = Some(report);
        }
        report
    }

    fn last_report(&self, now: Timestamp) -> Option<HealthReport> {
        let mut last = self.last();
        // A clock that went back must not keep a report for longer.
        let is_within = |at: Option<Timestamp>, micros| {
            at.is_some_and(|at| (0..micros).contains(&(now.as_micros() - at.as_micros())))
        };
        // Others get the older report while the caller asks: an outage must not collect them. But a
        // dependency that does not answer must show, even if every caller leaves before it would.
        if is_within(last.asked_at, REPORT_MICROS) && is_within(last.answered_at, STALE_MICROS) {
            return last.report;
        }
        last.asked_at = Some(now);
        None
    }

    fn last(&self) -> MutexGuard<'_, LastReport> {
        // A panic between two assignments is impossible, so a poisoned lock guards a whole report.
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
