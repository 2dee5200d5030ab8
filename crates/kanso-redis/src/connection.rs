//! The connection, and what happens while it is gone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kanso_application::ports::shared_service::SharedService;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, ConnectionInfo, IntoConnectionInfo as _, RedisError};
use tokio::time::{Instant, timeout};

use crate::measure;

/// How long anything waits for Redis.
pub const TIME_LIMIT: Duration = Duration::from_millis(50);

/// How long nobody asks again after Redis did not answer, so that an outage costs one request a
/// second its time limit and not each.
const REST: Duration = Duration::from_secs(1);

/// A URL that names no Redis. It says nothing of the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("is not a Redis URL such as redis://:password@127.0.0.1:6379/0 or rediss://…")]
pub struct InvalidUrl(#[source] RedisError);

/// A connection to Redis that is opened when it is first needed and opened again when it broke.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    connection: ConnectionManager,
    time_limit: Duration,
    outage: Arc<Mutex<Outage>>,
}

/// Since when Redis does not answer.
#[derive(Debug, Default)]
struct Outage {
    ask_again_at: Option<Instant>,
}

/// Redis did not answer in time, or not as it should.
#[derive(Debug)]
pub(crate) struct Away;

impl Redis {
    /// The connection that `url` names; nothing is opened yet. Needs a tokio runtime.
    ///
    /// # Errors
    /// It is no URL of a Redis.
    pub fn at(url: &str) -> Result<Self, InvalidUrl> {
        let info: ConnectionInfo = url.into_connection_info().map_err(InvalidUrl)?;
        let client = Client::open(info).map_err(InvalidUrl)?;
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

    /// The same, which waits so long instead of [`TIME_LIMIT`]: for tests of what Redis answers, on
    /// a machine that may be too busy to answer in time.
    #[must_use]
    pub const fn waiting(mut self, time_limit: Duration) -> Self {
        self.time_limit = time_limit;
        self
    }

    /// For connections of other kinds.
    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// What Redis says, unless it does not say it in time or was away a moment ago.
    pub(crate) async fn ask<T>(
        &self,
        question: impl AsyncFnOnce(ConnectionManager) -> Result<T, RedisError>,
    ) -> Result<T, Away> {
        if self.is_resting() {
            return Err(Away);
        }
        match timeout(self.time_limit, question(self.connection.clone())).await {
            Ok(Ok(answer)) => {
                self.is_back();
                measure::answers(true);
                Ok(answer)
            }
            Ok(Err(error)) => {
                self.is_away(&error.to_string());
                Err(Away)
            }
            Err(_) => {
                self.is_away("no answer in time");
                Err(Away)
            }
        }
    }

    /// Whether it was away a moment ago, so that nothing would be asked.
    pub(crate) fn is_resting(&self) -> bool {
        let ask_again_at = self.outage().ask_again_at;
        ask_again_at.is_some_and(|again| Instant::now() < again)
    }

    /// An outage is said once, and so is its end.
    fn is_away(&self, problem: &str) {
        measure::answers(false);
        let again = Instant::now() + REST;
        if self.outage().ask_again_at.replace(again).is_none() {
            tracing::warn!(problem, "redis is away; this server counts by itself");
        }
    }

    fn is_back(&self) {
        if self.outage().ask_again_at.take().is_some() {
            tracing::info!("redis is back");
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
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}
