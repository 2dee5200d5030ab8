//! Settings of the server, resolved once at the start.

mod caution;
mod origin;
mod report;
mod secret;
mod secret_file;
mod settings;
mod sources;
mod values;

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use kanso_application::disk::DiskReserve;
use kanso_application::housekeeping::Retention;
use kanso_application::ports::devices::MAX_DEVICES;
use kanso_application::ports::limiter::{AccountLimits, LimitScope, RateLimit};
use kanso_domain::sessions::SessionLimits;
use kanso_domain::sync::Quota;
use kanso_http::RegistrationMode;
use kanso_postgres::DatabaseUrl;

pub use secret::Secret;
pub use settings::{CONFIG_VARIABLE, Key, SETTINGS, Setting};
pub use sources::{Environment, Flags};
pub(crate) use values::{habit_quota, record_quota, space_quota};

use sources::{SettingValues, ValueLocation};

/// An invalid setting. Printed, it is one line that names the place and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ConfigError {
    place: String,
    problem: String,
}

impl ConfigError {
    /// Creates an error for the value at `place`.
    pub fn invalid(place: impl fmt::Display, problem: impl Into<String>) -> Self {
        Self {
            place: place.to_string(),
            problem: problem.into(),
        }
    }
}

/// Database that holds the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseConfig {
    /// SQLite, in the given file.
    Sqlite(PathBuf),
    /// PostgreSQL.
    Postgres {
        /// Connection URL.
        url: DatabaseUrl,
        /// Maximum number of open connections.
        connections: NonZeroUsize,
    },
}

impl fmt::Display for DatabaseConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite {}", path.display()),
            Self::Postgres { url, .. } => write!(f, "{url}"),
        }
    }
}

/// Key that signs access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signing {
    /// HS256 with the key in the data folder, generated on the first start.
    Generated,
    /// HS256 with the given secret.
    Secret(Secret),
    /// The private key in the given file, which decides on its algorithm.
    PrivateKeyFile(PathBuf),
}

/// Keys that signed access tokens before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormerKeys {
    /// Secret of HS256.
    pub secret: Option<Secret>,
    /// File with a private key.
    pub key_file: Option<PathBuf>,
}

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Human-readable lines.
    Text,
    /// One JSON object per line.
    Json,
}

/// All settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Folder for the database and the signing key.
    pub data_dir: PathBuf,
    /// Database that holds the records.
    pub database: DatabaseConfig,
    /// URL of the Redis that several servers share.
    pub redis_url: Option<Secret>,
    /// Limit on the requests of one address; `None` is unlimited.
    pub rate_limit: Option<RateLimit>,
    /// Limit on the requests of one user from all addresses; `None` is unlimited.
    pub user_rate_limit: Option<RateLimit>,
    /// Limits on log-ins, registrations and refreshes of one address; `None` is unlimited.
    pub account_limits: Option<AccountLimits>,
    /// Bounds of every account.
    pub quota: Quota,
    /// Bounds of the sessions of an account.
    pub sessions: SessionLimits,
    /// Most devices of an account.
    pub most_devices: u32,
    /// Free space that a server on SQLite leaves on its disk; `None` does not look at it.
    pub disk_reserve: Option<DiskReserve>,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Most open connections of one address; `usize::MAX` is unlimited.
    pub client_connections: usize,
    /// Web origins that may call the API (CORS).
    pub cors_origins: Vec<String>,
    /// Mode of registration; `None` for the default, which depends on the database.
    pub registration: Option<RegistrationMode>,
    /// True if the pages under `/swagger/` are served.
    pub serves_swagger: bool,
    /// Key that signs access tokens.
    pub signing: Signing,
    /// Keys that signed them before; their tokens stay valid.
    pub former_keys: FormerKeys,
    /// `iss` claim of access tokens.
    pub jwt_issuer: String,
    /// Retention of receipts, tombstones and security events.
    pub retention: Retention,
    /// Address that reports metrics; `None` reports none.
    pub metrics_listen: Option<SocketAddr>,
    /// Time that a shutdown waits before it closes the listener.
    pub drain_delay: Duration,
    /// Filter of log lines.
    pub log: String,
    /// Format of log lines.
    pub log_format: LogFormat,
    /// True if the line of every request has the address of its client.
    pub logs_clients: bool,
}

/// Resolved settings with warnings and a report.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Settings.
    pub config: Config,
    /// Warnings, one line each.
    pub warnings: Vec<String>,
    /// Settings as TOML with masked secrets and the source of each.
    pub report: String,
}

impl Config {
    /// Resolves the settings. Precedence: flag, variable, file, default.
    ///
    /// # Errors
    /// The first invalid value.
    pub fn resolve(flags: Flags, environment: &Environment) -> Result<Resolved, ConfigError> {
        let values = SettingValues::merge(flags, environment)?;
        let config = Self::from_values(&values)?;
        // A warning, not an error: orchestrators set variables of their own, such as Kubernetes'
        // `KANSO_PORT` for a service named `kanso`. In the file an unknown name is an error.
        let warnings = environment
            .unknown()
            .map(|name| format!("{name} is not a setting and is ignored"))
            .chain(caution::warnings(&config))
            .collect();
        let report = report::toml(&config, &values);
        Ok(Resolved {
            config,
            warnings,
            report,
        })
    }

    /// Returns settings for a test: any free port, all files in `data_dir`, no rate limit, open registration.
    pub fn for_testing(data_dir: &Path) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: data_dir.to_owned(),
            database: DatabaseConfig::Sqlite(data_dir.join("kanso.db")),
            redis_url: None,
            rate_limit: None,
            user_rate_limit: None,
            account_limits: None,
            quota: Quota::default(),
            sessions: SessionLimits::default(),
            most_devices: MAX_DEVICES,
            // The disk of a machine that runs tests may be nearly full.
            disk_reserve: None,
            trusted_proxies: Vec::new(),
            client_connections: usize::MAX,
            cors_origins: Vec::new(),
            registration: Some(RegistrationMode::Open),
            serves_swagger: true,
            signing: Signing::Generated,
            former_keys: FormerKeys::default(),
            jwt_issuer: "kanso".into(),
            retention: Retention::default(),
            metrics_listen: None,
            drain_delay: Duration::ZERO,
            log: "off".into(),
            log_format: LogFormat::Text,
            logs_clients: false,
        }
    }

    fn from_values(values: &SettingValues) -> Result<Self, ConfigError> {
        let data_dir = values.read(Key::DataDir, |text| {
            if text.is_empty() {
                Err("must name a folder".into())
            } else {
                Ok(PathBuf::from(text))
            }
        })?;
        // Parsed even if the database is SQLite: an invalid value is reported at once, not when the
        // database is changed later.
        let connections = values.read(Key::DatabaseConnections, values::connections)?;
        let database = match values.find(Key::DatabaseUrl) {
            Some(_) => values.read(Key::DatabaseUrl, |text| values::database(text, connections))?,
            None => DatabaseConfig::Sqlite(data_dir.join("kanso.db")),
        };
        let rate_limit = values.read(Key::RateLimit, values::rate_limit)?;
        Ok(Self {
            listen: values.read(Key::Listen, values::listen)?,
            data_dir,
            database,
            redis_url: values
                .find(Key::RedisUrl)
                .map(|url| Secret::new(url.text.clone())),
            rate_limit,
            user_rate_limit: values
                .read(Key::UserRateLimit, values::rate_limit)?
                .map(|limit| RateLimit {
                    scope: LimitScope::User,
                    ..limit
                }),
            // `off` switches every limit by address off.
            account_limits: rate_limit.map(|_| AccountLimits::default()),
            quota: Quota {
                live_habits: values.read(Key::HabitQuota, habit_quota)?,
                records: values.read(Key::RecordQuota, record_quota)?,
                bytes: values.read(Key::SpaceQuota, space_quota)?,
            },
            sessions: SessionLimits {
                most: values.read(Key::SessionQuota, values::bound)?,
                idle_seconds: seconds(values.read(Key::SessionIdle, values::days)?),
                lifetime_seconds: seconds(values.read(Key::SessionLifetime, values::days)?),
            },
            most_devices: values.read(Key::DeviceQuota, values::bound)?,
            disk_reserve: values.read(Key::DiskReserve, values::disk_reserve)?,
            client_connections: values.read(Key::ClientConnections, values::client_connections)?,
            trusted_proxies: values.read(Key::TrustedProxies, values::proxies)?,
            cors_origins: values.read(Key::CorsOrigins, values::origins)?,
            registration: match values.find(Key::Registration) {
                Some(_) => Some(values.read(Key::Registration, values::registration)?),
                None => None,
            },
            serves_swagger: values.read(Key::Swagger, values::switch)?,
            signing: signing(values)?,
            former_keys: former_keys(values),
            jwt_issuer: values.read(Key::JwtIssuer, values::issuer)?,
            retention: Retention {
                receipts_days: values.read(Key::OperationRetention, values::days)?,
                tombstones_days: values.read(Key::TombstoneRetention, values::days)?,
                events_days: values.read(Key::EventRetention, values::days)?,
                deleted_texts_days: values.read(Key::DeletedTextRetention, values::days)?,
            },
            metrics_listen: values.read(Key::MetricsListen, values::optional_listen)?,
            drain_delay: values.read(Key::DrainDelay, values::drain_delay)?,
            log: values.read(Key::Log, values::log_filter)?,
            log_format: values.read(Key::LogFormat, values::log_format)?,
            logs_clients: values.read(Key::LogClients, values::switch)?,
        })
    }
}

/// Returns the seconds of some days.
fn seconds(days: u32) -> i64 {
    i64::from(days) * 86_400
}

fn signing(values: &SettingValues) -> Result<Signing, ConfigError> {
    match (
        values.find(Key::JwtSecret),
        values.find(Key::JwtPrivateKeyFile),
    ) {
        (None, None) => Ok(Signing::Generated),
        (Some(secret), None) => Ok(Signing::Secret(Secret::new(secret.text.clone()))),
        (None, Some(file)) => Ok(Signing::PrivateKeyFile(PathBuf::from(&file.text))),
        // An error, not a precedence: the operator believes that both are in use, and the ignored key
        // would be noticed only when its tokens fail.
        (Some(secret), Some(file)) => Err(ConfigError::invalid(
            ValueLocation(Key::JwtSecret.setting(), &secret.source),
            format!(
                "is set, and so is {}; a server signs with one key, unset one of them",
                ValueLocation(Key::JwtPrivateKeyFile.setting(), &file.source)
            ),
        )),
    }
}

fn former_keys(values: &SettingValues) -> FormerKeys {
    let secret = values.find(Key::JwtFormerSecret);
    let file = values.find(Key::JwtFormerKeyFile);
    FormerKeys {
        secret: secret.map(|secret| Secret::new(secret.text.clone())),
        key_file: file.map(|file| PathBuf::from(&file.text)),
    }
}

#[cfg(test)]
mod tests;
