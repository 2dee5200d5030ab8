//! Starts a server in this process.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use kanso_application::ports::clock::Clock;
use kanso_application::ports::credentials::PasswordFault;
use kanso_application::ports::ids::Ids;
use kanso_credentials::{Entropy, HashCost, KeyError, SigningKey, SystemEntropy, new_secret};
use kanso_http::StreamIntervals;
use kanso_local::{RandomIds, SystemClock};
use kanso_sqlite::OpenError;
use kanso_worker::Rhythm;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use crate::config::{Config, ConfigError, Database, Signing};
use crate::data_dir::{DataDir, KEY_FILE, read_secret};
use crate::lifecycle::{Doorway, DrainPlan, Limits, Running};
use crate::{metrics, wiring};

/// What a server takes from its machine besides a socket and a disk. A test or the simulation puts
/// its own in.
#[derive(Clone)]
pub struct Parts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn Ids>,
    /// Unpredictable bytes.
    pub entropy: Arc<dyn Entropy>,
    /// How much work a password is.
    pub hash_cost: HashCost,
    /// What one client, or all of them, may take.
    pub limits: Limits,
    /// How often the workers look by themselves; none for no workers at all. What is read is right
    /// without them, but nothing that they would notice reaches other devices.
    pub workers: Option<Rhythm>,
    /// How often an event stream does something by itself.
    pub pace: StreamIntervals,
}

impl Default for Parts {
    /// The machine's own.
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            entropy: Arc::new(SystemEntropy),
            hash_cost: HashCost::RECOMMENDED,
            limits: Limits::default(),
            workers: Some(Rhythm::default()),
            pace: StreamIntervals::default(),
        }
    }
}

/// Why a server did not start. With its sources it is one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting, or what it points at, cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {}", listen_advice(.source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The address for metrics cannot be listened on.
    #[error("cannot listen on {address} for metrics; set KANSO_METRICS_LISTEN to a free address")]
    MetricsListen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Metrics cannot be collected.
    #[error("cannot collect metrics")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The signing key is weak or not a key.
    #[error("the signing key in {place} cannot be used")]
    Key {
        /// The setting or the file that it came from.
        place: String,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The database cannot be opened.
    #[error(transparent)]
    Storage(#[from] OpenError),
    /// The PostgreSQL database cannot be opened.
    #[error(transparent)]
    Postgres(#[from] kanso_postgres::OpenError),
    /// The setting of Redis names none.
    #[error("KANSO_REDIS_URL {0}")]
    Redis(#[source] kanso_redis::InvalidUrl),
    /// The password hasher does not work.
    #[error(transparent)]
    Passwords(#[from] PasswordFault),
    /// The work of starting broke off.
    #[error("starting broke off")]
    BrokeOff(#[source] tokio::task::JoinError),
}

impl StartError {
    /// Whether another start may succeed though nobody changed anything.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.is_passing())
    }
}

/// Starts a server as `config` says, on this machine's clock and randomness.
///
/// # Errors
/// What is said in [`StartError`]; nothing runs then.
pub async fn start(config: Config) -> Result<Running, StartError> {
    start_with(config, Parts::default()).await
}

/// Starts a server as `config` says, made of `parts`.
///
/// # Errors
/// What is said in [`StartError`]; nothing runs then.
pub async fn start_with(config: Config, parts: Parts) -> Result<Running, StartError> {
    let address = config.listen;
    let listen = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let metrics = match config.metrics_listen {
        Some(address) => Some(MetricsDoor::open(address, &config.database).await?),
        None => None,
    };
    let plan = DrainPlan::with_delay(config.drain_delay);
    let limits = parts.limits;
    // Opening a database reads all of it; the first hash takes its time too.
    let site = tokio::task::spawn_blocking(move || {
        let keys = Keys {
            signing: signing_key(&config, &*parts.entropy)?,
            former: former_keys(&config)?,
        };
        wiring::site(&config, keys, &parts)
    });
    let site = site.await.map_err(StartError::BrokeOff)??;
    let running = Running::start(site, (listener, address), limits, plan);
    Ok(match metrics {
        Some(door) => door.serve(running, limits),
        None => running,
    })
}

/// Where metrics are told: a listener of its own, so that a proxy in front of the other one cannot
/// give them away.
struct MetricsDoor {
    listener: TcpListener,
    address: SocketAddr,
    handle: PrometheusHandle,
}

impl MetricsDoor {
    /// As many as ask at a time; each scraper needs one.
    const CONNECTIONS: usize = 16;

    async fn open(address: SocketAddr, database: &Database) -> Result<Self, StartError> {
        let refuse = |source| StartError::MetricsListen { address, source };
        let listener = TcpListener::bind(address).await.map_err(refuse)?;
        let address = listener.local_addr().map_err(refuse)?;
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "metrics are told to everybody who can reach this address");
        }
        Ok(Self {
            listener,
            address,
            handle: metrics::collect(database)?,
        })
    }

    /// Tells them until `running` closes.
    fn serve(self, running: Running, limits: Limits) -> Running {
        let (handle, stages) = (self.handle.clone(), running.stages().clone());
        let router = kanso_http::metrics_router(move || handle.render());
        let limits = Limits {
            connections: Self::CONNECTIONS,
            ..limits
        };
        let doorway = Doorway::new(router, stages.clone(), limits);
        tokio::spawn(doorway.serve(self.listener));
        tokio::spawn(metrics::keep_up(self.handle, stages));
        running.with_metrics_on(self.address)
    }
}

/// The configured key, or the generated one of the data folder. Makes the folder.
fn signing_key(config: &Config, entropy: &dyn Entropy) -> Result<SigningKey, StartError> {
    let folder = DataDir::open(&config.data_dir)?;
    let refuse = |place: &str| {
        let place = place.to_owned();
        |source| StartError::Key { place, source }
    };
    let shown = |path: &Path| path.display().to_string();
    match &config.signing {
        Signing::Generated => {
            let secret = folder.signing_key(|| new_secret(entropy))?;
            let place = shown(&config.data_dir.join(KEY_FILE));
            SigningKey::hs256(secret.as_bytes()).map_err(refuse(&place))
        }
        Signing::Secret(secret) => {
            SigningKey::hs256(secret.expose().as_bytes()).map_err(refuse("KANSO_JWT_SECRET"))
        }
        Signing::PrivateKeyFile(path) => {
            SigningKey::rs256(read_secret(path)?.as_bytes()).map_err(refuse(&shown(path)))
        }
    }
}

/// What signs access tokens, and what signed them before.
pub(crate) struct Keys {
    pub(crate) signing: SigningKey,
    pub(crate) former: Vec<SigningKey>,
}

fn former_keys(config: &Config) -> Result<Vec<SigningKey>, StartError> {
    let mut keys = Vec::new();
    if let Some(secret) = &config.former_keys.secret {
        let place = "KANSO_JWT_FORMER_SECRET".to_owned();
        let key = SigningKey::hs256(secret.expose().as_bytes());
        keys.push(key.map_err(|source| StartError::Key { place, source })?);
    }
    if let Some(path) = &config.former_keys.key_file {
        let place = path.display().to_string();
        let key = SigningKey::rs256(read_secret(path)?.as_bytes());
        keys.push(key.map_err(|source| StartError::Key { place, source })?);
    }
    Ok(keys)
}

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
