//! Encryption that the URL of a database asks for, in the terms of libpq.

use std::net::IpAddr;
use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::UrlError;

/// Check of the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CertificateCheck {
    /// None: the connection is encrypted, but the server is not authenticated. These are libpq's
    /// semantics of `prefer` and `require`.
    Skip,
    /// Chain only, against the certificate authorities in this file.
    Chain(PathBuf),
    /// Host name and chain.
    Name(Roots),
}

/// Trusted certificate authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    /// Authorities that the machine trusts.
    System,
    /// Authorities in this file.
    File(PathBuf),
}

/// Files with the certificate by which this server identifies itself, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Encryption of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encryption {
    pub(crate) check: CertificateCheck,
    pub(crate) identity: Option<Identity>,
    /// True if the URL leaves the choice to this server, and the host is another machine.
    pub(crate) is_implied: bool,
}

/// Parameters of a URL that the driver does not know.
#[derive(Default)]
pub(crate) struct EncryptionParameters<'a> {
    mode: Option<&'a str>,
    roots: Option<&'a str>,
    certificate: Option<&'a str>,
    key: Option<&'a str>,
}

impl<'a> EncryptionParameters<'a> {
    /// Takes a parameter. Returns false if it is one of the driver's.
    ///
    /// # Errors
    /// The parameter stands twice.
    pub(crate) fn take(&mut self, name: &str, value: &'a str) -> Result<bool, UrlError> {
        let place = match name {
            "sslmode" => &mut self.mode,
            // `ca` has the same meaning in the URL of a Redis.
            "sslrootcert" | "ca" => &mut self.roots,
            "sslcert" => &mut self.certificate,
            "sslkey" => &mut self.key,
            _ => return Ok(false),
        };
        match place.replace(value) {
            None => Ok(true),
            Some(_) => Err(UrlError::Repeated),
        }
    }

    /// Returns the mode for the driver, and the encryption.
    ///
    /// # Errors
    /// The parameters contradict each other.
    pub(crate) fn resolve(self, config: &Config) -> Result<(SslMode, Encryption), UrlError> {
        let identity = match (self.certificate, self.key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some(Identity {
                certificate: certificate.into(),
                key: key.into(),
            }),
            _ => return Err(UrlError::IncompleteIdentity),
        };
        // Who names authorities or a certificate of the server's own wants them to be used.
        let is_implied = self.mode.is_none() && self.roots.is_none() && identity.is_none();
        let mode = match self.mode {
            Some(mode) => mode,
            None if is_implied && is_this_machine(config) => "prefer",
            None => "verify-full",
        };
        let roots = self.roots.map(|text| match text {
            "system" => Roots::System,
            file => Roots::File(file.into()),
        });
        let (ssl_mode, check) = match (mode, roots) {
            ("verify-full", roots) => {
                let roots = roots.unwrap_or(Roots::System);
                (SslMode::Require, CertificateCheck::Name(roots))
            }
            ("verify-ca", Some(Roots::File(file))) => {
                (SslMode::Require, CertificateCheck::Chain(file))
            }
            // Any site can get a certificate of a public authority.
            ("verify-ca", _) => return Err(UrlError::NoRoots),
            ("disable" | "prefer" | "require", Some(_)) => return Err(UrlError::UnusedRoots),
            ("disable", None) if identity.is_some() => return Err(UrlError::UnusedIdentity),
            ("disable", None) => (SslMode::Disable, CertificateCheck::Skip),
            ("prefer", None) => (SslMode::Prefer, CertificateCheck::Skip),
            ("require", None) => (SslMode::Require, CertificateCheck::Skip),
            _ => return Err(UrlError::UnknownSslMode),
        };
        let is_implied = is_implied && mode == "verify-full";
        Ok((
            ssl_mode,
            Encryption {
                check,
                identity,
                is_implied,
            },
        ))
    }
}

/// Returns true if no host of the URL is another machine: a Unix socket, `localhost` or an address
/// of the loopback.
fn is_this_machine(config: &Config) -> bool {
    let is_local = |host: &Host| match host {
        #[cfg(unix)]
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            let address = name.parse::<IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
    };
    // With `hostaddr`, the host is only a name in the certificate.
    config.get_hosts().iter().all(is_local)
        && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

#[cfg(test)]
mod tests {
    use crate::DatabaseUrl;

    use super::*;

    fn encryption(parameters: &str) -> Result<(SslMode, Encryption), UrlError> {
        let url: DatabaseUrl = format!("postgres://me@{parameters}").parse()?;
        Ok((url.config().get_ssl_mode(), url.encryption().clone()))
    }

    #[test]
    fn a_url_without_a_mode_checks_the_name_beyond_this_machine() {
        for (url, mode, is_implied) in [
            ("db.example.org/kanso", SslMode::Require, true),
            ("10.0.0.7/kanso", SslMode::Require, true),
            ("localhost,10.0.0.7/kanso", SslMode::Require, true),
            ("localhost/k?hostaddr=10.0.0.7", SslMode::Require, true),
            ("localhost.example.org/kanso", SslMode::Require, true),
            ("localhost/kanso", SslMode::Prefer, false),
            ("127.8.9.1/kanso", SslMode::Prefer, false),
            ("[::1]/kanso", SslMode::Prefer, false),
            ("/kanso?host=/run/postgresql", SslMode::Prefer, false),
            ("localhost/kanso?ca=/ca.crt", SslMode::Require, false),
            ("db/kanso?sslmode=verify-full", SslMode::Require, false),
            ("db/kanso?sslmode=prefer", SslMode::Prefer, false),
            ("db/kanso?sslmode=disable", SslMode::Disable, false),
        ] {
            let (found, encryption) = encryption(url).unwrap();
            assert_eq!(found, mode, "{url}");
            assert_eq!(encryption.is_implied, is_implied, "{url}");
            let checks = encryption.check != CertificateCheck::Skip;
            assert_eq!(checks, mode == SslMode::Require, "{url}");
        }
    }

    #[test]
    fn authorities_are_a_file_or_those_of_the_system() {
        let file = || PathBuf::from("/ca.crt");
        for (parameters, check) in [
            ("sslrootcert=system", CertificateCheck::Name(Roots::System)),
            ("ca=/ca.crt", CertificateCheck::Name(Roots::File(file()))),
            (
                "sslmode=verify-ca&sslrootcert=/ca.crt",
                CertificateCheck::Chain(file()),
            ),
        ] {
            let (_, encryption) = encryption(&format!("db/kanso?{parameters}")).unwrap();
            assert_eq!(encryption.check, check, "{parameters}");
        }
    }

    #[test]
    fn parameters_that_contradict_each_other_are_refused() {
        for (parameters, refused) in [
            ("sslmode=verify-ca", UrlError::NoRoots),
            ("sslmode=verify-ca&ca=system", UrlError::NoRoots),
            ("sslmode=require&ca=/ca.crt", UrlError::UnusedRoots),
            ("sslmode=allow", UrlError::UnknownSslMode),
            ("sslcert=/a.crt", UrlError::IncompleteIdentity),
            ("sslkey=/a.key", UrlError::IncompleteIdentity),
            (
                "sslmode=disable&sslcert=/a&sslkey=/b",
                UrlError::UnusedIdentity,
            ),
            ("ca=/ca.crt&sslrootcert=/b.crt", UrlError::Repeated),
            ("sslmode=disable&sslmode=verify-full", UrlError::Repeated),
        ] {
            let url = format!("db/kanso?{parameters}");
            assert_eq!(encryption(&url).unwrap_err(), refused, "{parameters}");
        }
    }
}
