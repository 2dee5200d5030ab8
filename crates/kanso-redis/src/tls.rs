//! TLS: the certificate authorities that a connection trusts.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, TlsCertificates};

use crate::InvalidUrl;

/// Makes a client for a URL. `ca=FILE` in it names the trusted authorities; without it, a `rediss://`
/// trusts those of the machine.
//
// By itself, the driver trusts the authorities of the web only, which sign no certificate of a private
// Redis.
pub(crate) fn client(url: &str) -> Result<Client, InvalidUrl> {
    let (url, authority) = split(url);
    let info: ConnectionInfo = url.as_str().into_connection_info()?;
    if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        return match authority {
            None => Ok(Client::open(info)?),
            Some(_) => Err(InvalidUrl::UnusedRoots),
        };
    }
    let root_cert = match authority {
        Some(path) => Some(file(Path::new(path))?),
        // A machine without any falls back on the driver's own list.
        None => Some(of_the_machine()).filter(|roots| !roots.is_empty()),
    };
    let certificates = TlsCertificates {
        client_tls: None,
        root_cert,
    };
    Ok(Client::build_with_tls(info, certificates)?)
}

/// Returns the URL without `ca`, and the value of `ca`.
fn split(url: &str) -> (String, Option<&str>) {
    let Some((place, parameters)) = url.split_once('?') else {
        return (url.to_owned(), None);
    };
    let mut authority = None;
    let rest: Vec<_> = parameters
        .split('&')
        .filter(|parameter| match parameter.strip_prefix("ca=") {
            None => true,
            Some(path) => {
                authority = Some(path);
                false
            }
        })
        .collect();
    let mark = if rest.is_empty() { "" } else { "?" };
    (format!("{place}{mark}{}", rest.join("&")), authority)
}

fn file(path: &Path) -> Result<Vec<u8>, InvalidUrl> {
    let problem = |problem: String| InvalidUrl::Roots {
        path: path.display().to_string(),
        problem,
    };
    let text = std::fs::read(path).map_err(|error| problem(error.to_string()))?;
    // Without one, every connection would fail, with an error that does not say so.
    let begin = b"-----BEGIN CERTIFICATE-----";
    if !text.windows(begin.len()).any(|part| part == begin) {
        return Err(problem("has no certificate in PEM".to_owned()));
    }
    Ok(text)
}

/// Returns the authorities of the machine in PEM, the only form that the driver takes.
fn of_the_machine() -> Vec<u8> {
    let mut text = String::new();
    for certificate in rustls_native_certs::load_native_certs().certs {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        text.push_str(&STANDARD.encode(&certificate));
        text.push_str("\n-----END CERTIFICATE-----\n");
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_is_taken_out_of_the_url() {
        for (url, rest, authority) in [
            ("rediss://r", "rediss://r", None),
            ("rediss://r/0?ca=/a.crt", "rediss://r/0", Some("/a.crt")),
            (
                "rediss://r?protocol=resp3&ca=/a.crt",
                "rediss://r?protocol=resp3",
                Some("/a.crt"),
            ),
            ("rediss://r?cascade=1", "rediss://r?cascade=1", None),
        ] {
            assert_eq!(split(url), (rest.to_owned(), authority), "{url}");
        }
    }
}
