//! Starts a server in this process.
//!
//! The order of the steps: bind the listeners, read the keys, open the database, start to accept.
//! A wrong address is reported in milliseconds, before the database is touched, and no request is
//! accepted before the server can answer it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use kanso_application::Fault;
use kanso_application::ports::clock::Clock;
use kanso_application::ports::credentials::PasswordFault;
use kanso_application::ports::ids::Ids;
use kanso_application::ports::storage::StorageError;
use kanso_credentials::{
    Entropy, HashCost, KeyError, RECOMMENDED_RSA_BITS, SigningKey, SystemEntropy, new_secret,
};
use kanso_http::StreamIntervals;
use kanso_local::{RandomIds, SystemClock};
use kanso_sqlite::OpenError;
use kanso_worker::WorkerSchedule;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use crate::assembly::SigningKeys;
use crate::config::{Config, ConfigError, DatabaseConfig, Signing};
use crate::data_dir::{DataDir, KEY_FILE, read_secret};
use crate::lifecycle::{Acceptor, DrainPlan, Limits, Running};
use crate::{metrics, wiring};

/// Options that no setting changes: the sources of time and randomness, and limits. Tests replace
/// them.
#[derive(Clone)]
pub struct StartOptions {
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// Source of new ids.
    pub ids: Arc<dyn Ids>,
    /// Source of random bytes for keys, tokens and salts.
    pub entropy: Arc<dyn Entropy>,
    /// Cost of a password hash.
    pub hash_cost: HashCost,
    /// Limits on connections.
    pub limits: Limits,
    /// Intervals of the workers; `None` starts no workers. Reads stay correct without them, but
    /// recomputed streaks are not delivered and nothing is purged.
    pub workers: Option<WorkerSchedule>,
    /// Heartbeat and session check of event streams.
    pub pace: StreamIntervals,
}

impl Default for StartOptions {
    /// System clock, system randomness and the limits of production.
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            entropy: Arc::new(SystemEntropy),
            hash_cost: HashCost::RECOMMENDED,
            limits: Limits::default(),
            workers: Some(WorkerSchedule::default()),
            pace: StreamIntervals::default(),
        }
    }
}

/// Why a server did not start. Printed with its sources, it is one line that names the remedy.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting, or the file that it names, cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {}", listen_advice(.source))]
    Listen {
        /// Address of the setting.
        address: SocketAddr,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The address for metrics cannot be listened on.
    #[error("cannot listen on {address} for metrics; set KANSO_METRICS_LISTEN to a free address")]
    MetricsListen {
        /// Address of the setting.
        address: SocketAddr,
        /// Error of the operating system.
        source: io::Error,
    },
    /// Metrics cannot be collected.
    #[error("cannot collect metrics")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The signing key is weak or malformed.
    #[error("the signing key in {place} cannot be used")]
    Key {
        /// Setting or file that holds the key.
        place: String,
        /// Defect of the key.
        source: KeyError,
    },
    /// The database cannot be opened.
    #[error(transparent)]
    Storage(#[from] OpenError),
    /// The PostgreSQL database cannot be opened.
    #[error(transparent)]
    Postgres(#[from] kanso_postgres::OpenError),
    /// The Redis URL is malformed.
    #[error("KANSO_REDIS_URL {0}")]
    Redis(#[source] kanso_redis::InvalidUrl),
    /// The password hasher does not work.
    #[error(transparent)]
    Passwords(#[from] PasswordFault),
    /// The database does not tell who may register.
    #[error("cannot read the mode of registration from the database")]
    Registration(#[source] Fault),
    /// The start panicked.
    #[error("the start panicked")]
    Panicked(#[source] tokio::task::JoinError),
}

impl StartError {
    /// Returns true if another start can succeed without a change of the configuration: PostgreSQL
    /// was unreachable.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Postgres(error) => error.is_passing(),
            Self::Registration(fault) => {
                matches!(fault, Fault::Storage(StorageError::Unavailable(_)))
            }
            _ => false,
        }
    }
}

/// Starts a server with the default [`StartOptions`].
///
/// # Errors
/// See [`StartError`]. No task is left running.
pub async fn start(config: Config) -> Result<Running, StartError> {
    start_with(config, StartOptions::default()).await
}

/// Starts a server with `options`.
///
/// # Errors
/// See [`StartError`]. No task is left running.
pub async fn start_with(config: Config, options: StartOptions) -> Result<Running, StartError> {
    let address = config.listen;
    let listen = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    // Port 0 in the setting means any free port; only the bound socket knows which one.
    let address = listener.local_addr().map_err(listen)?;
    let metrics = match config.metrics_listen {
        Some(address) => Some(MetricsListener::open(address, &config.database).await?),
        None => None,
    };
    let plan = DrainPlan::with_delay(config.drain_delay);
    let limits = Limits {
        client_connections: config.client_connections,
        ..options.limits
    };
    // On a blocking thread: opening the database reads files and may run migrations, and the hasher
    // computes a hash for the comparison with unknown accounts.
    let components = tokio::task::spawn_blocking(move || {
        let keys = SigningKeys {
            current: signing_key(&config, &*options.entropy)?,
            former: former_keys(&config)?,
        };
        wiring::build(&config, keys, &options)
    });
    let components = components.await.map_err(StartError::Panicked)??;
    let running = Running::start(components, (listener, address), limits, plan);
    Ok(match metrics {
        Some(metrics) => metrics.serve(running, limits),
        None => running,
    })
}

/// Listener of the metrics. Separate from the API's, so that a proxy in front of the API cannot
/// expose them.
struct MetricsListener {
    listener: TcpListener,
    address: SocketAddr,
    handle: PrometheusHandle,
}

impl MetricsListener {
    /// Open connections; each scraper needs one.
    const CONNECTIONS: usize = 16;

    async fn open(address: SocketAddr, database: &DatabaseConfig) -> Result<Self, StartError> {
        let error = |source| StartError::MetricsListen { address, source };
        let listener = TcpListener::bind(address).await.map_err(error)?;
        let address = listener.local_addr().map_err(error)?;
        // Metrics need no authentication: the address is the only protection.
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "metrics are readable by every client that can reach this address");
        }
        Ok(Self {
            listener,
            address,
            handle: metrics::collect(database)?,
        })
    }

    /// Serves the metrics until `running` closes.
    fn serve(self, running: Running, limits: Limits) -> Running {
        let (handle, shutdown) = (self.handle.clone(), running.shutdown().clone());
        let router = kanso_http::metrics_router(move || handle.render());
        let limits = Limits {
            connections: Self::CONNECTIONS,
            client_connections: Self::CONNECTIONS,
            ..limits
        };
        // Nothing waits for these connections: a slow scraper must not delay the shutdown. They use
        // the same stages, so that metrics can be read while the server drains.
        let acceptor = Acceptor::new(router, shutdown.clone(), limits, Vec::new());
        tokio::spawn(acceptor.serve(self.listener));
        tokio::spawn(metrics::keep_up(self.handle, shutdown));
        running.with_metrics_on(self.address)
    }
}

/// Returns the configured key, or the generated one of the data folder. Creates the folder.
fn signing_key(config: &Config, entropy: &dyn Entropy) -> Result<SigningKey, StartError> {
    // Also with a configured key: the folder holds the SQLite database, and a folder that is not
    // writable is reported here with a remedy.
    let folder = DataDir::open(&config.data_dir)?;
    let invalid = |place: &str| {
        let place = place.to_owned();
        |source| StartError::Key { place, source }
    };
    let shown = |path: &Path| path.display().to_string();
    match &config.signing {
        Signing::Generated => {
            let secret = folder.signing_key(|| new_secret(entropy))?;
            let place = shown(&config.data_dir.join(KEY_FILE));
            SigningKey::hs256(secret.as_bytes()).map_err(invalid(&place))
        }
        Signing::Secret(secret) => {
            SigningKey::hs256(secret.expose().as_bytes()).map_err(invalid("KANSO_JWT_SECRET"))
        }
        Signing::PrivateKeyFile(path) => private_key(path),
    }
}

/// Reads a private key, and warns about one that a later release refuses.
fn private_key(path: &Path) -> Result<SigningKey, StartError> {
    let place = path.display().to_string();
    let key = match SigningKey::from_pem(read_secret(path)?.as_bytes()) {
        Ok(key) => key,
        Err(source) => return Err(StartError::Key { place, source }),
    };
    if let Some(bits) = key.short_rsa_bits() {
        tracing::warn!(
            file = %place,
            bits,
            "the RSA key is short; release 1.0 refuses keys under {RECOMMENDED_RSA_BITS} bits: change to a \
             longer one, or to a P-256 or Ed25519 key"
        );
    }
    Ok(key)
}

/// Returns the keys that signed access tokens before.
fn former_keys(config: &Config) -> Result<Vec<SigningKey>, StartError> {
    // Checked like the current key: a weak key must not verify tokens either.
    let mut keys = Vec::new();
    if let Some(secret) = &config.former_keys.secret {
        let place = "KANSO_JWT_FORMER_SECRET".to_owned();
        let key = SigningKey::hs256(secret.expose().as_bytes());
        keys.push(key.map_err(|source| StartError::Key { place, source })?);
    }
    if let Some(path) = &config.former_keys.key_file {
        keys.push(private_key(path)?);
    }
    Ok(keys)
}

/// Returns the remedy for the errors that a wrong setting causes.
fn listen_advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there; stop it, or set KANSO_LISTEN to another port".into()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address; set KANSO_LISTEN to one that it has".into()
        }
        io::ErrorKind::PermissionDenied => {
            "not permitted; set KANSO_LISTEN to a port above 1023".into()
        }
        _ => error.to_string(),
    }
}
