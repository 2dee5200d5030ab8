//! Checks a running server over HTTP: a health check for images without a shell or curl.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::Duration;

/// Limit of each step: connect, write, read.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Returns the health URL, from the same machine, of a server that listens on `listen`.
pub fn url(listen: SocketAddr) -> String {
    // An unspecified address means all interfaces; it is not an address to connect to.
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}/health/live", SocketAddr::new(ip, listen.port()))
}

/// Sends `GET url`. A URL without a path means `/health/live`.
///
/// # Errors
/// If the server does not answer with status 200.
pub fn check(url: &str) -> io::Result<()> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "not an http:// address");
    // Written with `std` sockets: a check starts a process every few seconds, and needs no runtime.
    let uri: http::Uri = url.parse().map_err(|_| invalid())?;
    let host = uri.host().ok_or_else(invalid)?;
    if uri.scheme_str() == Some("https") {
        // TLS ends at a proxy, and this checks the server behind it.
        return Err(invalid());
    }
    let port = uri.port_u16().unwrap_or(80);
    let path = match uri.path() {
        "" | "/" => "/health/live",
        path => path,
    };

    // `Uri` keeps the brackets of an IPv6 address; the resolver expects none.
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let address = (name, port).to_socket_addrs()?.next().ok_or_else(invalid)?;
    let mut stream = TcpStream::connect_timeout(&address, TIME_LIMIT)?;
    stream.set_read_timeout(Some(TIME_LIMIT))?;
    stream.set_write_timeout(Some(TIME_LIMIT))?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    // The status line decides; the body is not read.
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    if &status == b"HTTP/1.1 200" {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "answered {}",
        String::from_utf8_lossy(&status)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn answering(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("a complete request");
                request.extend(byte);
            }
            assert!(request.starts_with(b"GET /health/live HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).expect("an answer");
        });
        format!("http://{address}")
    }

    #[test]
    fn only_200_is_healthy() {
        assert!(check(&answering("HTTP/1.1 200 OK\r\n\r\n")).is_ok());
        assert!(check(&answering("HTTP/1.1 503 Service Unavailable\r\n\r\n")).is_err());
        assert!(check(&answering("gone")).is_err());
        assert!(check("https://127.0.0.1").is_err());
        assert!(check("nonsense").is_err());
    }

    #[test]
    fn server_on_all_interfaces_is_checked_on_the_loopback() {
        let asked = |listen: &str| url(listen.parse().expect("an address"));
        assert_eq!(asked("0.0.0.0:8080"), "http://127.0.0.1:8080/health/live");
        assert_eq!(asked("[::]:8080"), "http://[::1]:8080/health/live");
        assert_eq!(asked("192.0.2.1:80"), "http://192.0.2.1:80/health/live");
    }
}
