//! Checks of untrusted headers made of arbitrary bytes.
//!
//! The tests below run them on mutations of the corpus, and the targets of `proof/kanso-fuzz` run them
//! under libFuzzer. A normal build does not contain this module.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::{IpNet, Ipv4Net};

use crate::edge::{behind_proxies, read_hop};
use crate::request::bearer;

/// Checks the header `Authorization`: a token that is found has no blanks around it, and two headers
/// have none.
///
/// # Panics
///
/// If one of these does not hold.
pub fn authorization(input: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(input) else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.append(header::AUTHORIZATION, value.clone());
    if let Some(token) = bearer(&headers) {
        assert!(!token.is_empty() && token == token.trim(), "{token:?}");
        assert!(input.len() >= "bearer ".len() + token.len());
        assert!(input[.."bearer".len()].eq_ignore_ascii_case(b"bearer"));
    }
    headers.append(header::AUTHORIZATION, value);
    assert_eq!(bearer(&headers), None, "two headers are ambiguous");
}

/// Checks the header `X-Forwarded-For`: only a trusted proxy reports the client, and the client is one
/// of the addresses in the header.
///
/// # Panics
///
/// If one of these does not hold.
pub fn forwarded(input: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(input) else {
        return;
    };
    let proxies = [IpNet::V4(Ipv4Net::new_assert([10, 0, 0, 0].into(), 8))];
    let text = String::from_utf8_lossy(input).into_owned();
    let headers = HeaderMap::from_iter([(HeaderName::from_static("x-forwarded-for"), value)]);
    let untrusted = IpAddr::from([192, 0, 2, 7]);
    assert_eq!(behind_proxies(untrusted, &headers, &proxies), untrusted);
    let proxy = IpAddr::from([10, 0, 0, 1]);
    let found = behind_proxies(proxy, &headers, &proxies);
    let mut hops = text.split(',').filter_map(|hop| read_hop(hop.trim()));
    assert!(
        found == proxy || hops.any(|hop| hop.to_canonical() == found),
        "{found}"
    );
}

#[cfg(test)]
mod tests {
    use kanso_testkit::fuzz::withstands;

    #[test]
    fn fuzz_authorization() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/authorization");
        withstands(corpus, super::authorization);
    }

    #[test]
    fn fuzz_forwarded() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/forwarded");
        withstands(corpus, super::forwarded);
    }
}
