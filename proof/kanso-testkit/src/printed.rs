//! Output of a server.

use std::net::SocketAddr;

/// Returns the address in the first complete line that has one.
pub fn address_in(printed: &str) -> Option<SocketAddr> {
    let (lines, _) = printed.rsplit_once('\n')?;
    let (_, rest) = lines.split_once("http://")?;
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'))
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_a_whole_line() {
        let port = |printed| address_in(printed).map(|address| address.port());
        assert_eq!(
            port("Kanso\nListening on http://127.0.0.1:4567\n"),
            Some(4567)
        );
        assert_eq!(
            port("http://127.0.0.1:4567/swagger/index.html\n"),
            Some(4567)
        );
        assert_eq!(port("http://127.0.0.1:45"), None);
        assert_eq!(port("Kanso\n"), None);
    }
}
