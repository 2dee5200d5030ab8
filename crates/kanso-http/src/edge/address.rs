//! The client address behind proxies.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap};
use ipnet::IpNet;
use kanso_application::ports::limiter::ClientAddress;

/// Returns the address of the client: the peer, or the address that a trusted proxy reports.
pub(crate) fn client_address(
    extensions: &Extensions,
    headers: &HeaderMap,
    proxies: &[IpNet],
) -> ClientAddress {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    ClientAddress::new(behind_proxies(peer, headers, proxies))
}

/// Returns the rightmost address of `X-Forwarded-For` that is not a trusted proxy.
///
/// Each proxy appends the address that it got the request from, so the list is read from the right:
/// an entry is true only if the address after it is a trusted proxy. All entries further left may be
/// forged by the client. An unreadable entry ends the search at the last address that was readable.
pub(crate) fn behind_proxies(peer: IpAddr, headers: &HeaderMap, proxies: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| proxies.iter().any(|net| net.contains(&address));
    // Canonical: on a dual-stack socket an IPv4 peer appears as `::ffff:10.0.0.1`, which no IPv4
    // network contains.
    let mut address = peer.to_canonical();
    // Several fields are one list in order (RFC 9110 §5.3), so the last field is read first.
    let fields: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    let hops = fields
        .iter()
        .rev()
        // `?` is not an address: a field that is not ASCII ends the search.
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

/// Reads an address with or without a port; some proxies add the port of their peer.
pub(crate) fn read_hop(text: &str) -> Option<IpAddr> {
    // An IPv6 address has colons of its own, so it is in brackets if a port follows, and by some
    // proxies also without one.
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    bare.parse().or_else(|_| with_port()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_report_the_client() {
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
