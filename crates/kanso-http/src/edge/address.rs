//! Whose request it is, as an address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use http::HeaderMap;
use ipnet::IpNet;
use kanso_application::ports::limiter::ClientAddress;

/// The client's address: the peer's, unless the peer is a trusted proxy.
pub(super) fn client_address(request: &Request, proxies: &[IpNet]) -> ClientAddress {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    ClientAddress::new(behind_proxies(peer, request.headers(), proxies))
}

/// The first address from the right of `X-Forwarded-For` that no trusted proxy vouches for
/// anybody beyond. What cannot be read ends the chain at the last good address.
fn behind_proxies(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| proxies.iter().any(|net| net.contains(&address));
    let mut address = peer.to_canonical();
    let fields: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    let hops = fields
        .iter()
        .rev()
        .flat_map(|field| field.to_str().unwrap_or("?").rsplit(','));
    for hop in hops {
        if !is_trusted(address) {
            break;
        }
        let Some(next) = read_hop(hop.trim()) else {
            break;
        };
        address = next.to_canonical();
    }
    address
}

/// An address, with or without a port.
fn read_hop(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    bare.parse().or_else(|_| with_port()).ok()
}

#[cfg(test)]
mod tests {
    use kanso_testkit::fuzz::withstands;

    use super::*;

    #[test]
    fn fuzz_forwarded() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/forwarded");
        let tokens = &[
            ",",
            "10.0.0.7",
            "192.0.2.1",
            "[",
            "]",
            ":1",
            "::ffff:",
            "fd00::2",
            "for=",
        ];
        let proxies: Vec<IpNet> = vec!["10.0.0.0/8".parse().expect("a network")];
        withstands(corpus, tokens, |input| {
            let Ok(value) = http::HeaderValue::from_bytes(input) else {
                return;
            };
            let text = String::from_utf8_lossy(input).into_owned();
            let headers =
                HeaderMap::from_iter([(http::HeaderName::from_static("x-forwarded-for"), value)]);
            let stranger = IpAddr::from([192, 0, 2, 7]);
            assert_eq!(behind_proxies(stranger, &headers, &proxies), stranger);
            let proxy = IpAddr::from([10, 0, 0, 1]);
            let found = behind_proxies(proxy, &headers, &proxies);
            let mut hops = text.split(',').filter_map(|hop| read_hop(hop.trim()));
            assert!(
                found == proxy || hops.any(|hop| hop.to_canonical() == found),
                "{found}"
            );
        });
    }

    #[test]
    fn only_trusted_proxies_vouch_for_others() {
        let proxies: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"]
            .map(|net| net.parse().expect(net))
            .into();
        let client = |peer: &str, fields: &[&str]| {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append("x-forwarded-for", field.parse().expect("ASCII"));
            }
            let peer = peer.parse().expect(peer);
            behind_proxies(peer, &headers, &proxies).to_string()
        };
        for (peer, fields, expected) in [
            ("192.0.2.7", &["198.51.100.1"] as &[_], "192.0.2.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("fd00::1", &["2001:db8::1"], "2001:db8::1"),
            (
                "10.0.0.1",
                &["203.0.113.9, 198.51.100.1, 10.0.0.2"],
                "198.51.100.1",
            ),
            (
                "10.0.0.1",
                &["203.0.113.9, 198.51.100.1", "10.0.0.2"],
                "198.51.100.1",
            ),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["198.51.100.1, junk, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["junk"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
        ] {
            assert_eq!(client(peer, fields), expected, "{peer} {fields:?}");
        }
    }
}
