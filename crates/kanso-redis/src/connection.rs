//! The connection, with a time limit and a pause after failures.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kanso_application::ports::shared_service::SharedService;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError};
use tokio::time::{Instant, timeout};

use crate::{measure, tls};

/// Maximum time that a request waits for Redis. A healthy Redis answers within a millisecond.
pub const TIME_LIMIT: Duration = Duration::from_millis(50);

/// Pause after a failure, in which Redis is not asked. During an outage then only one request per second
/// spends the time limit, not each.
const BACKOFF: Duration = Duration::from_secs(1);

/// Time that the search for the cause of an outage takes at most.
const CAUSE_LIMIT: Duration = Duration::from_secs(3);

/// Error of a Redis URL. It never repeats the URL, which may contain a password.
#[derive(Debug, thiserror::Error)]
pub enum InvalidUrl {
    /// The text is not a valid URL, or its encryption cannot be set up.
    #[error("is not a Redis URL such as redis://:password@127.0.0.1:6379/0 or rediss://…")]
    Malformed(#[from] RedisError),
    /// An authority is named, but the connection is not encrypted.
    #[error("names a ca, which only rediss:// uses")]
    UnusedRoots,
    /// The file with the authorities cannot be used.
    #[error("names the ca {path}: {problem}")]
    Roots {
        /// Path of the file.
        path: String,
        /// Its defect.
        problem: String,
    },
}

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
    /// The URL is not a Redis URL, or the file that it names cannot be used.
    pub fn at(url: &str) -> Result<Self, InvalidUrl> {
        let client = tls::client(url)?;
        // These limits are those of the background reconnect. They are longer than `TIME_LIMIT`, because
        // a TLS handshake may take longer than a caller waits, and the next caller profits from it.
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(Duration::from_secs(1)))
            .set_min_delay(Duration::from_millis(100))
            .set_max_delay(Duration::from_secs(2));
        // Lazy: a server starts also while Redis is unavailable.
        let connection = ConnectionManager::new_lazy_with_config(client.clone(), config);
        Ok(Self {
            client,
            connection: connection?,
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
                self.note_failure(cause(&error), &error.to_string());
                Err(Unavailable)
            }
            Err(_) => {
                // The driver connects in the background and keeps its errors to itself.
                if self.note_failure("timeout", "no answer in time") {
                    tokio::spawn(explain(self.client.clone()));
                }
                Err(Unavailable)
            }
        }
    }

    /// Returns true during the pause after a failure.
    pub(crate) fn is_backing_off(&self) -> bool {
        let ask_again_at = self.outage().ask_again_at;
        ask_again_at.is_some_and(|again| Instant::now() < again)
    }

    /// Starts the pause. Logs the beginning of an outage once, not each failed call. Returns true at
    /// the beginning.
    fn note_failure(&self, cause: &'static str, problem: &str) -> bool {
        measure::set_up(false);
        let again = Instant::now() + BACKOFF;
        let begins = self.outage().ask_again_at.replace(again).is_none();
        if begins {
            tracing::warn!(
                cause,
                problem,
                "redis unavailable, using in-process fallbacks"
            );
        }
        begins
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

/// Logs why no connection can be opened.
async fn explain(client: Client) {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CAUSE_LIMIT))
        .set_response_timeout(Some(CAUSE_LIMIT));
    if let Err(error) = client
        .get_multiplexed_async_connection_with_config(&config)
        .await
    {
        tracing::warn!(cause = cause(&error), %error, "cannot connect to redis");
    }
}

/// Returns the kind of cause, for the log.
fn cause(error: &RedisError) -> &'static str {
    if error.is_connection_refusal() {
        return "nothing listens";
    }
    if error.is_timeout() {
        return "timeout";
    }
    match error.kind() {
        ErrorKind::AuthenticationFailed => "authentication",
        ErrorKind::InvalidClientConfig => "tls",
        // rustls reports a refused certificate as an I/O error with its own text.
        ErrorKind::Io if error.to_string().contains("certificate") => "tls",
        ErrorKind::Io => "network or name",
        ErrorKind::Server(_) => "refused by the server",
        _ => "driver",
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
