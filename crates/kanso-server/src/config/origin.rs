//! Origins as browsers and app shells send them (HTML standard, "ASCII serialization of an origin").
//!
//! A listed origin is compared byte for byte with the header `Origin`. A text that no browser sends
//! would never match, and the operator would not learn why, so it is refused.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Schemes whose pages have no origin of their own, or that are no schemes of pages.
const WITHOUT_ORIGIN: [&str; 9] = [
    "about",
    "blob",
    "data",
    "file",
    "filesystem",
    "ftp",
    "javascript",
    "ws",
    "wss",
];

/// Returns why no browser sends `text` as an origin; `None` if one does.
pub(super) fn flaw(text: &str) -> Option<&'static str> {
    if text == "*" {
        return Some("is refused: `*` would allow every web page; list the origins");
    }
    if text == "null" {
        return Some("is the origin of every sandboxed page; list the origins that may call");
    }
    if text.contains('*') {
        return Some("has a wildcard; list each origin");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some("must be ASCII; browsers send a name such as xn--mnchen-3ya.example");
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some("must be in lower case");
    }
    let Some((scheme, authority)) = text.split_once("://") else {
        return Some("is not an origin such as https://app.example.org");
    };
    if !is_scheme(scheme) || WITHOUT_ORIGIN.contains(&scheme) {
        return Some("has a scheme whose pages have no origin");
    }
    if authority.contains(['/', '?', '#', '\\']) {
        return Some("must end after the host and its port, without a path or a slash");
    }
    if authority.contains('@') {
        return Some("must have no user name");
    }
    let (host, port) = split(authority);
    if let Some(port) = port {
        let number = port.parse::<u16>().ok();
        if number.is_none_or(|number| number.to_string() != port) {
            return Some("has a port that is no number from 0 to 65535 in its shortest form");
        }
        if matches!((scheme, number), ("http", Some(80)) | ("https", Some(443))) {
            return Some("names the default port, which browsers leave out");
        }
    }
    (!is_host(host)).then_some("has a host that no browser sends in this form")
}

fn is_scheme(scheme: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.starts_with(|first: char| first.is_ascii_lowercase()) && scheme.bytes().all(is_part)
}

/// Splits the port off. The colons of an IPv6 address stand in brackets.
fn split(authority: &str) -> (&str, Option<&str>) {
    let end = authority.rfind(']').unwrap_or(0);
    match authority[end..].find(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(end + colon);
            (host, Some(&port[1..]))
        }
        None => (authority, None),
    }
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        // Browsers send the shortest form.
        return address
            .parse()
            .is_ok_and(|ip: Ipv6Addr| ip.to_string() == address);
    }
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let last = host
        .trim_end_matches('.')
        .rsplit('.')
        .next()
        .unwrap_or_default();
    // A name that ends in a number is an IPv4 address (URL standard, "ends in a number checker").
    let is_number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    let is_address = || {
        host.parse()
            .is_ok_and(|ip: Ipv4Addr| ip.to_string() == host)
    };
    !host.is_empty() && host.bytes().all(is_part) && (!is_number || is_address())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_of_pages_and_of_app_shells_are_taken() {
        for text in [
            "https://app.example.org",
            "http://localhost",
            "https://localhost",
            "http://localhost:3000",
            "http://127.0.0.1:5173",
            "http://[::1]:5173",
            "https://xn--mnchen-3ya.example",
            "https://a.org:80",
            "http://a.org:443",
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost",
            "http://tauri.localhost",
            "app://obsidian.md",
            "app://-",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            "moz-extension://0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e",
            "com.example.app://localhost:8080",
        ] {
            assert_eq!(flaw(text), None, "{text}");
        }
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for text in [
            "*",
            "null",
            "",
            "a.org",
            "//a.org",
            "https://",
            "https:a.org",
            "https://a.org/",
            "https://a.org/x",
            "https://a.org?x",
            "https://a.org#x",
            "https://*.example.org",
            "*://a.org",
            "https://a.org:*",
            "https://A.org",
            "HTTPS://a.org",
            "Capacitor://localhost",
            "https://a.org:443",
            "http://a.org:80",
            "https://a.org:",
            "https://a.org:0443",
            "https://a.org:99999",
            "https://a.org:x",
            "https://me@a.org",
            "https://me:secret@a.org",
            "https://m\u{fc}nchen.example",
            "https://a b.org",
            "http://[0:0:0:0:0:0:0:1]",
            "http://[::1",
            "http://::1",
            "http://127.1",
            "http://127.000.0.1",
            "capacitor://",
            "capacitor://localhost/",
            "capacitor:localhost",
            "1app://localhost",
            "file://",
            "file://localhost",
            "ftp://a.org",
            "wss://a.org",
            "data://x",
        ] {
            assert!(flaw(text).is_some(), "{text}");
        }
    }
}
