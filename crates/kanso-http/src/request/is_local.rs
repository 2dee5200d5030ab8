use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, header};

use crate::parts::Api;

/// Headers by which a proxy tells that it passes on a request.
const FORWARDED: [&str; 5] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-real-ip",
    "via",
];

/// True if the request comes from the server's own machine.
///
/// A proxy on the same machine is a local peer too, whether or not the operator has named it as trusted. So
/// a request that a proxy has passed on is never local. Nor is one that names another host: a page in a
/// browser on this machine can send it, if its name leads to the loopback address.
pub(crate) struct IsLocal(pub(crate) bool);

impl FromRequestParts<Api> for IsLocal {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let host = parts.uri.authority().map(Authority::host);
        // A server behind a proxy gets no request from its own machine that is surely not the proxy's.
        let has_proxies = !api.options().trusted_proxies.is_empty();
        let is_local = peer.is_some_and(|peer| is_local(peer.0.ip(), host, &parts.headers));
        Ok(Self(is_local && !has_proxies))
    }
}

/// `host` is the one of the URI, which HTTP/2 requests have.
fn is_local(peer: IpAddr, host: Option<&str>, headers: &HeaderMap) -> bool {
    let named = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let named = named.and_then(|host| host.parse::<Authority>().ok());
    let host = host.or(named.as_ref().map(Authority::host));
    peer.to_canonical().is_loopback()
        && FORWARDED.iter().all(|name| !headers.contains_key(*name))
        && host.is_some_and(is_loopback_name)
}

fn is_loopback_name(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address = address.parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_machine_without_a_proxy_is_local() {
        let local = |peer: &str, host: &str, field: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().expect("ASCII"));
            if let Some(field) = field {
                headers.insert(field, "127.0.0.1".parse().expect("ASCII"));
            }
            is_local(peer.parse().expect(peer), None, &headers)
        };
        for (peer, host) in [
            ("127.0.0.1", "127.0.0.1:8080"),
            ("127.0.0.2", "localhost"),
            ("::1", "[::1]:8080"),
            ("::ffff:127.0.0.1", "LOCALHOST:8080"),
        ] {
            assert!(local(peer, host, None), "{peer} {host}");
        }
        for (peer, host) in [
            ("192.0.2.7", "127.0.0.1:8080"),
            ("172.17.0.1", "localhost"),
            ("::", "localhost"),
            ("127.0.0.1", "kanso.example.org"),
            ("127.0.0.1", "127.0.0.1.example.org"),
        ] {
            assert!(!local(peer, host, None), "{peer} {host}");
        }
        for field in FORWARDED {
            assert!(!local("127.0.0.1", "localhost", Some(field)), "{field}");
        }
    }
}
