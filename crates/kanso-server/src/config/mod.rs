//! The server's settings, put together once at the start.

mod report;
mod secret;
mod settings;
mod sources;
mod values;

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use kanso_application::housekeeping::Retention;
use kanso_application::ports::limiter::RateLimit;
use kanso_postgres::DatabaseUrl;

pub use secret::Secret;
pub use settings::{CONFIG_VARIABLE, Key, SETTINGS, Setting};
pub use sources::{Environment, Flags};

use sources::{Layers, Place};

/// A setting that cannot be used. It prints as one line that says where it is and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ConfigError {
    place: String,
    problem: String,
}

impl ConfigError {
    /// A `problem` with what was found at `place`.
    pub fn invalid(place: impl fmt::Display, problem: impl Into<String>) -> Self {
        Self {
            place: place.to_string(),
            problem: problem.into(),
        }
    }
}

/// Which database holds the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// SQLite, in this file.
    Sqlite(PathBuf),
    /// PostgreSQL.
    Postgres {
        /// Where.
        url: DatabaseUrl,
        /// The most connections at a time.
        connections: NonZeroUsize,
    },
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite {}", path.display()),
            Self::Postgres { url, .. } => write!(f, "{url}"),
        }
    }
}

/// What signs access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signing {
    /// HS256 with the key in the data folder, made on the first start.
    Generated,
    /// HS256 with this secret.
    Secret(Secret),
    /// RS256 with the private key in this file.
    PrivateKeyFile(PathBuf),
}

/// What signed access tokens before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormerKeys {
    /// With HS256.
    pub secret: Option<Secret>,
    /// With RS256, the private key in this file.
    pub key_file: Option<PathBuf>,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The folder for database and signing key.
    pub data_dir: PathBuf,
    /// Which database holds the records.
    pub database: Database,
    /// The Redis that several servers share.
    pub redis_url: Option<Secret>,
    /// Requests that one address may make; `None` is unlimited.
    pub rate_limit: Option<RateLimit>,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Which web origins may call.
    pub cors_origins: Vec<String>,
    /// What signs access tokens.
    pub signing: Signing,
    /// What signed them before; its tokens stay good.
    pub former_keys: FormerKeys,
    /// The `iss` of access tokens.
    pub jwt_issuer: String,
    /// How long results of operations and tombstones are kept.
    pub retention: Retention,
    /// Where metrics are told; `None` for nowhere.
    pub metrics_listen: Option<SocketAddr>,
    /// How long a shutdown waits before the listener closes.
    pub drain_delay: Duration,
    /// What is logged.
    pub log: String,
    /// How it is written.
    pub log_format: LogFormat,
}

/// The settings and what is worth saying about them.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The settings.
    pub config: Config,
    /// One line each.
    pub warnings: Vec<String>,
    /// The settings as TOML, secrets masked, each with its source.
    pub report: String,
}

impl Config {
    /// Puts the settings together: flag beats variable beats file beats default.
    ///
    /// # Errors
    /// The first value that cannot be used.
    pub fn resolve(flags: Flags, environment: &Environment) -> Result<Resolved, ConfigError> {
        let layers = Layers::merge(flags, environment)?;
        let config = Self::from_layers(&layers)?;
        let warnings = environment
            .unknown()
            .map(|name| format!("{name} is not a setting and is ignored"))
            .collect();
        let report = report::toml(&config, &layers);
        Ok(Resolved {
            config,
            warnings,
            report,
        })
    }

    /// Settings for a server in a test: any free port, everything in `data_dir`, no limits.
    pub fn for_testing(data_dir: &Path) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: data_dir.to_owned(),
            database: Database::Sqlite(data_dir.join("kanso.db")),
            redis_url: None,
            rate_limit: None,
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            signing: Signing::Generated,
            former_keys: FormerKeys::default(),
            jwt_issuer: "kanso".into(),
            retention: Retention::default(),
            metrics_listen: None,
            drain_delay: Duration::ZERO,
            log: "off".into(),
            log_format: LogFormat::Text,
        }
    }

    fn from_layers(layers: &Layers) -> Result<Self, ConfigError> {
        let data_dir = layers.read(Key::DataDir, |text| {
            if text.is_empty() {
                Err("must name a folder".into())
            } else {
                Ok(PathBuf::from(text))
            }
        })?;
        let connections = layers.read(Key::DatabaseConnections, values::connections)?;
        let database = match layers.find(Key::DatabaseUrl) {
            Some(_) => layers.read(Key::DatabaseUrl, |text| values::database(text, connections))?,
            None => Database::Sqlite(data_dir.join("kanso.db")),
        };
        Ok(Self {
            listen: layers.read(Key::Listen, values::listen)?,
            data_dir,
            database,
            redis_url: layers
                .find(Key::RedisUrl)
                .map(|url| Secret::new(url.text.clone())),
            rate_limit: layers.read(Key::RateLimit, values::rate_limit)?,
            trusted_proxies: layers.read(Key::TrustedProxies, values::proxies)?,
            cors_origins: layers.read(Key::CorsOrigins, values::origins)?,
            signing: signing(layers)?,
            former_keys: former_keys(layers),
            jwt_issuer: layers.read(Key::JwtIssuer, values::issuer)?,
            retention: Retention {
                receipts_days: layers.read(Key::OperationRetention, values::days)?,
                tombstones_days: layers.read(Key::TombstoneRetention, values::days)?,
            },
            metrics_listen: layers.read(Key::MetricsListen, values::optional_listen)?,
            drain_delay: layers.read(Key::DrainDelay, values::drain_delay)?,
            log: layers.read(Key::Log, values::log_filter)?,
            log_format: layers.read(Key::LogFormat, values::log_format)?,
        })
    }
}

fn signing(layers: &Layers) -> Result<Signing, ConfigError> {
    match (
        layers.find(Key::JwtSecret),
        layers.find(Key::JwtPrivateKeyFile),
    ) {
        (None, None) => Ok(Signing::Generated),
        (Some(secret), None) => Ok(Signing::Secret(Secret::new(secret.text.clone()))),
        (None, Some(file)) => Ok(Signing::PrivateKeyFile(PathBuf::from(&file.text))),
        (Some(secret), Some(file)) => Err(ConfigError::invalid(
            Place(Key::JwtSecret.setting(), &secret.source),
            format!(
                "is set, and so is {}; a server signs with one key, so unset one",
                Place(Key::JwtPrivateKeyFile.setting(), &file.source)
            ),
        )),
    }
}

fn former_keys(layers: &Layers) -> FormerKeys {
    let secret = layers.find(Key::JwtFormerSecret);
    let file = layers.find(Key::JwtFormerKeyFile);
    FormerKeys {
        secret: secret.map(|secret| Secret::new(secret.text.clone())),
        key_file: file.map(|file| PathBuf::from(&file.text)),
    }
}

#[cfg(test)]
mod tests;
