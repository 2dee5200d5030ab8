//! Options and URL of a database.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use kanso_domain::sync::Epoch;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::encryption::{CertificateCheck, Encryption, EncryptionParameters};

/// Returns a random epoch, which no history had before.
pub type FreshEpoch = Arc<dyn Fn() -> Epoch + Send + Sync>;

/// Options for opening a database.
#[derive(Clone)]
pub struct PostgresOptions {
    /// URL of the database.
    pub url: DatabaseUrl,
    /// Maximum number of connections; further calls wait for a free one.
    pub connections: NonZeroUsize,
    /// Called when the database is new, and when its witness has changed.
    pub fresh_epoch: FreshEpoch,
}

impl PostgresOptions {
    /// Default number of connections.
    pub const CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);

    /// Returns the default options: 16 connections.
    pub fn new(url: DatabaseUrl, fresh_epoch: FreshEpoch) -> Self {
        Self {
            url,
            connections: Self::CONNECTIONS,
            fresh_epoch,
        }
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("url", &self.url)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// URL of a database with its credentials. `Display` and `Debug` omit the password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    /// Boxed: it is large, and this type is part of every server configuration.
    config: Box<Config>,
    encryption: Encryption,
}

/// Error of parsing a database URL. It never repeats the text, which may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The text is not a valid URL.
    #[error("is not a URL such as postgres://user:password@host:5432/kanso?sslmode=verify-full")]
    Unreadable,
    /// The host is missing.
    #[error("names no host, as in postgres://user:password@host:5432/kanso")]
    NoHost,
    /// The user is missing.
    #[error("names no user, as in postgres://user:password@host:5432/kanso")]
    NoUser,
    /// The `sslmode` is unknown.
    #[error("sslmode must be disable, prefer, require, verify-ca or verify-full")]
    UnknownSslMode,
    /// Authorities are named, but the mode checks no certificate.
    #[error("sslrootcert is only used with sslmode=verify-ca or verify-full")]
    UnusedRoots,
    /// The mode needs an authority of one's own.
    #[error("sslmode=verify-ca needs sslrootcert=FILE with your own authority")]
    NoRoots,
    /// A client certificate without its key, or a key without a certificate.
    #[error("sslcert and sslkey are only used together")]
    IncompleteIdentity,
    /// A client certificate is named, but the mode does not encrypt.
    #[error("sslcert and sslkey are not used with sslmode=disable")]
    UnusedIdentity,
    /// A parameter of the encryption stands twice.
    #[error("sslmode, sslrootcert (or ca), sslcert and sslkey may stand once")]
    Repeated,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time after which a silent peer counts as dead. Without it, a connection to a host that lost power
/// would hang until the kernel gives up, on Linux after about two hours.
const SILENCE: Duration = Duration::from_secs(30);

impl DatabaseUrl {
    /// Returns the configuration of the driver.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) const fn encryption(&self) -> &Encryption {
        &self.encryption
    }

    /// Returns this URL as release 0.1.0 read it, which encrypted if the server could and checked no
    /// certificate; `None` if the URL says what it wants, or if the host is this machine.
    pub(crate) fn as_in_0_1_0(&self) -> Option<Self> {
        self.encryption.is_implied.then(|| {
            let mut url = self.clone();
            url.config.ssl_mode(SslMode::Prefer);
            url.encryption.check = CertificateCheck::Skip;
            url.encryption.is_implied = false;
            url
        })
    }
}

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if !["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
        {
            return Err(UrlError::Unreadable);
        }
        let (place, parameters) = text.split_once('?').unwrap_or((text, ""));
        let mut rest = String::new();
        let mut encryption = EncryptionParameters::default();
        for parameter in parameters.split('&').filter(|p| !p.is_empty()) {
            // Removed from the URL: the driver refuses most of these, which are implemented here.
            if let Some((name, value)) = parameter.split_once('=')
                && encryption.take(name, value)?
            {
                continue;
            }
            rest.push(if rest.is_empty() { '?' } else { '&' });
            rest.push_str(parameter);
        }
        let config = format!("{place}{rest}").parse::<Config>();
        let mut config = config.map_err(|_| UrlError::Unreadable)?;
        if config.get_hosts().is_empty() {
            return Err(UrlError::NoHost);
        }
        if config.get_user().is_none() {
            return Err(UrlError::NoUser);
        }
        let (mode, encryption) = encryption.resolve(&config)?;
        config.ssl_mode(mode);
        // With several hosts, connect to the primary, so a failover needs no new configuration.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config.keepalives_idle(SILENCE);
        config.tcp_user_timeout(SILENCE);
        if config.get_application_name().is_none() {
            config.application_name("kanso");
        }
        let config = Box::new(config);
        Ok(Self { config, encryption })
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.config;
        let user = config.get_user().unwrap_or_default();
        write!(f, "postgres://{user}@")?;
        for (index, host) in config.get_hosts().iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match host {
                Host::Tcp(name) if name.contains(':') => write!(f, "[{name}]")?,
                Host::Tcp(name) => f.write_str(name)?,
                #[cfg(unix)]
                Host::Unix(folder) => write!(f, "{}", folder.display())?,
            }
            // A single port applies to every host.
            let ports = config.get_ports();
            if let Some(port) = ports.get(index).or_else(|| ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", config.get_dbname().unwrap_or(user))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_prints_without_its_password() {
        for (text, shown) in [
            (
                "postgres://me:canary@db:5433/kanso",
                "postgres://me@db:5433/kanso",
            ),
            (
                "postgresql://me:can%2Fary@[::1]/kanso?sslmode=require",
                "postgres://me@[::1]:5432/kanso",
            ),
            (
                "postgres://me:canary@a,b/kanso?application_name=x",
                "postgres://me@a:5432,b:5432/kanso",
            ),
            (
                "postgres://me@/kanso?host=/run/postgresql&password=canary",
                "postgres://me@/run/postgresql/kanso",
            ),
        ] {
            let url: DatabaseUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(format!("{url:?}"), shown);
        }
    }

    #[test]
    fn invalid_url_is_refused_and_not_repeated() {
        for (text, refused) in [
            ("postgres://me:canary@db:port/kanso", UrlError::Unreadable),
            (
                "postgres://me:canary@db/kanso?canary=1",
                UrlError::Unreadable,
            ),
            ("mysql://me:canary@db/kanso", UrlError::Unreadable),
            ("postgres://me:canary@/kanso", UrlError::NoHost),
            ("postgres://db/kanso", UrlError::NoUser),
            (
                "postgres://me:canary@db/kanso?sslmode=canary",
                UrlError::UnknownSslMode,
            ),
        ] {
            let error = text.parse::<DatabaseUrl>().unwrap_err();
            assert_eq!(error, refused, "{text}");
            assert!(!error.to_string().contains("canary"));
        }
    }
}
