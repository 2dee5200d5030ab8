//! The connection, with a time limit and a pause after failures.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kanso_application::ports::shared_service::SharedService;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ConnectionInfo, IntoConnectionInfo as _, RedisError};
use tokio::time::{Instant, timeout};

use crate::measure;

/// Maximum time that a request waits for Redis. A healthy Redis answers within a millisecond.
pub const TIME_LIMIT: Duration = Duration::from_millis(50);

/// Pause after a failure, in which Redis is not asked. During an outage then only one request per second
/// spends the time limit, not each.
const BACKOFF: Duration = Duration::from_secs(1);

/// Error of parsing a Redis URL. It never repeats the URL, which may contain a password.
#[derive(Debug, thiserror::Error)]
#[error("is not a Redis URL such as redis://:password@127.0.0.1:6379/0 or rediss://…")]
pub struct InvalidUrl(#[source] RedisError);

/// A connection to Redis, opened on first use and reopened after it breaks.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    connection: ConnectionManager,
    time_limit: Duration,
    outage: Arc<Mutex<Outage>>,
}

/// The current outage, if any.
#[derive(Debug, Default)]
struct Outage {
    /// End of the pause; `None` if the last call succeeded.
    ask_again_at: Option<Instant>,
}

/// Redis did not answer in time, or answered with an error.
#[derive(Debug)]
pub(crate) struct Unavailable;

impl Redis {
    /// Makes a connection to `url`, without opening it yet. Needs a tokio runtime.
    ///
    /// # Errors
    /// The URL is not a Redis URL.
    pub fn at(url: &str) -> Result<Self, InvalidUrl> {
        let info: ConnectionInfo = url.into_connection_info().map_err(InvalidUrl)?;
        let client = Client::open(info).map_err(InvalidUrl)?;
        // These limits are those of the background reconnect. They are longer than `TIME_LIMIT`, because
        // a TLS handshake may take longer than a caller waits, and the next caller profits from it.
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(Duration::from_secs(1)))
            .set_min_delay(Duration::from_millis(100))
            .set_max_delay(Duration::from_secs(2));
        let connection = ConnectionManager::new_lazy_with_config(client.clone(), config);
        Ok(Self {
            client,
            connection: connection.map_err(InvalidUrl)?,
            time_limit: TIME_LIMIT,
            outage: Arc::default(),
        })
    }

    /// Sets a time limit other than [`TIME_LIMIT`], for tests on a machine that may be too busy to
    /// answer in time.
    #[must_use]
    pub const fn with_time_limit(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// Returns the client, for connections of other kinds.
    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// Asks Redis. Fails without asking during the pause after a failure.
    pub(crate) async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(ConnectionManager) -> Result<T, RedisError>,
    ) -> Result<T, Unavailable> {
        if self.is_backing_off() {
            return Err(Unavailable);
        }
        match timeout(self.time_limit, question(self.connection.clone())).await {
            Ok(Ok(answer)) => {
                self.note_success();
                measure::set_up(true);
                Ok(answer)
            }
            // An error answer, such as "out of memory", also starts the pause.
            Ok(Err(error)) => {
                self.note_failure(&error.to_string());
                Err(Unavailable)
            }
            Err(_) => {
                self.note_failure("no answer in time");
                Err(Unavailable)
            }
        }
    }

    /// Returns true during the pause after a failure.
    pub(crate) fn is_backing_off(&self) -> bool {
        let ask_again_at = self.outage().ask_again_at;
        ask_again_at.is_some_and(|again| Instant::now() < again)
    }

    /// Starts the pause. Logs the beginning of an outage once, not each failed call.
    fn note_failure(&self, problem: &str) {
        measure::set_up(false);
        let again = Instant::now() + BACKOFF;
        if self.outage().ask_again_at.replace(again).is_none() {
            tracing::warn!(problem, "redis unavailable, using in-process fallbacks");
        }
    }

    /// Ends an outage.
    fn note_success(&self) {
        if self.outage().ask_again_at.take().is_some() {
            tracing::info!("redis available again");
        }
    }

    fn outage(&self) -> std::sync::MutexGuard<'_, Outage> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SharedService for Redis {
    async fn answers(&self) -> bool {
        let ping = async |mut connection: ConnectionManager| {
            redis::cmd("PING").query_async::<()>(&mut connection).await
        };
        self.ask(ping).await.is_ok()
    }
}

impl std::fmt::Debug for Redis {
    // Without the address, which may contain a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}
