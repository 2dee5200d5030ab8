//! How a database is reached.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use kanso_domain::sync::Epoch;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::tls::Trust;

/// Makes an epoch that no history had before: random.
pub type FreshEpoch = Arc<dyn Fn() -> Epoch + Send + Sync>;

/// How a database is opened.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Where it is.
    pub url: DatabaseUrl,
    /// The most connections at a time; more work waits for one of them.
    pub connections: NonZeroUsize,
    /// Asked when the database is made, and when it was restored or replaced.
    pub fresh_epoch: FreshEpoch,
}

impl PostgresOptions {
    /// The connections that there are unless somebody says otherwise.
    pub const CONNECTIONS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);

    /// The usual way: 16 connections.
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

/// Where a database is, and how to log in there. It prints without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    /// Large, and in every configuration.
    config: Box<Config>,
    trust: Trust,
}

/// Why a text is not the URL of a PostgreSQL database. It does not repeat the text, which may hold a
/// password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It cannot be read.
    #[error("is not a URL such as postgres://user:password@host:5432/kanso?sslmode=verify-full")]
    Unreadable,
    /// It names no host.
    #[error("names no host, as in postgres://user:password@host:5432/kanso")]
    NoHost,
    /// It names no user.
    #[error("names no user, as in postgres://user:password@host:5432/kanso")]
    NoUser,
    /// Its `sslmode` is not one of those there are.
    #[error("sslmode must be disable, prefer, require or verify-full")]
    UnknownSslMode,
    /// It names certificates that nothing would be checked against.
    #[error("sslrootcert is only looked at with sslmode=verify-full")]
    UnusedRoots,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the other end may be silent before the connection is given up.
const SILENCE: Duration = Duration::from_secs(30);

impl DatabaseUrl {
    /// What the driver is told.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) const fn trust(&self) -> &Trust {
        &self.trust
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
        let (mut mode, mut roots) = (None, None);
        for parameter in parameters.split('&').filter(|p| !p.is_empty()) {
            match parameter.split_once('=') {
                // The driver knows fewer modes, and no certificates.
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(PathBuf::from(value)),
                _ => {
                    rest.push(if rest.is_empty() { '?' } else { '&' });
                    rest.push_str(parameter);
                }
            }
        }
        let config = format!("{place}{rest}").parse::<Config>();
        let mut config = config.map_err(|_| UrlError::Unreadable)?;
        if config.get_hosts().is_empty() {
            return Err(UrlError::NoHost);
        }
        if config.get_user().is_none() {
            return Err(UrlError::NoUser);
        }
        let (mode, trust) = match (mode, roots) {
            (Some("verify-full"), Some(file)) => (SslMode::Require, Trust::File(file)),
            (Some("verify-full"), None) => (SslMode::Require, Trust::System),
            (_, Some(_)) => return Err(UrlError::UnusedRoots),
            (Some("require"), None) => (SslMode::Require, Trust::Anybody),
            (None | Some("prefer"), None) => (SslMode::Prefer, Trust::Anybody),
            (Some("disable"), None) => (SslMode::Disable, Trust::Anybody),
            (Some(_), None) => return Err(UrlError::UnknownSslMode),
        };
        config.ssl_mode(mode);
        // Of several hosts, the one that takes writes.
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
        Ok(Self { config, trust })
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
            // One port may stand for all of them.
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
    fn what_cannot_be_used_is_refused_and_not_repeated() {
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
                "postgres://me:canary@db/kanso?sslmode=verify-ca",
                UrlError::UnknownSslMode,
            ),
            (
                "postgres://me:canary@db/kanso?sslmode=require&sslrootcert=x",
                UrlError::UnusedRoots,
            ),
        ] {
            let error = text.parse::<DatabaseUrl>().unwrap_err();
            assert_eq!(error, refused, "{text}");
            assert!(!error.to_string().contains("canary"));
        }
    }
}
