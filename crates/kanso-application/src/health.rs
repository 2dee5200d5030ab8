//! Whether the server can do its work.

use std::sync::Arc;

use kanso_domain::Timestamp;

use crate::ports::clock::Clock;
use crate::ports::shared_service::SharedService;
use crate::ports::storage::Storage;

/// What an operator wants to know first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthReport {
    /// Whether the storage answers.
    pub database_connected: bool,
    /// Whether Redis answers; none when the server has none.
    pub redis_connected: Option<bool>,
    /// Seconds since the server started.
    pub uptime_seconds: i64,
}

/// Looks after the server's own state.
#[derive(Clone)]
pub struct Health {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    redis: Option<Arc<dyn SharedService>>,
    started_at: Timestamp,
}

impl Health {
    /// The feature over its ports; the server counts as started now.
    pub fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        let started_at = clock.now();
        Self {
            storage,
            clock,
            redis: None,
            started_at,
        }
    }

    /// The same for a server that has a Redis.
    #[must_use]
    pub fn with_redis(self, redis: Option<Arc<dyn SharedService>>) -> Self {
        Self { redis, ..self }
    }

    /// Asks the storage and reads the clock.
    pub async fn report(&self) -> HealthReport {
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
