//! Transport over HTTP, with TLS for `https` addresses.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use kanso_domain::Timestamp;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, DATE, RETRY_AFTER};
use reqwest::redirect::Policy;

use super::{Method, Reply, Request, Transport, Unreachable};
use crate::clock::Clock as _;
use crate::system::SystemClock;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_mins(1);
/// Limit of the size of an answer, so that a faulty server cannot exhaust the memory. It is far above
/// a page of the longest records.
const MAX_REPLY_BYTES: usize = 64 * 1024 * 1024;

/// HTTP connection pool to one server.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    client: reqwest::Client,
    server: String,
}

/// A text that is not the address of a server. No part of the text is in the message: it may have a
/// password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidServerAddress {
    /// It is not an `http` or `https` URL with a host.
    #[error("this is not the address of a server, such as https://kanso.example.org")]
    NotAnAddress,
    /// It has a user or a password. The client logs in with an account, and would keep the secret.
    #[error("the address of the server must not have a user or a password")]
    HasUser,
    /// It has a query or a fragment.
    #[error("the address of the server must not have a query or a fragment")]
    HasQuery,
}

/// Returns the address of a server as the client uses it: without a slash or `/api/v1` at its end.
///
/// # Errors
/// The reason why `address` is refused.
pub(crate) fn server_address(address: &str) -> Result<String, InvalidServerAddress> {
    let url = Url::parse(address.trim()).map_err(|_| InvalidServerAddress::NotAnAddress)?;
    if !["http", "https"].contains(&url.scheme()) || !url.has_host() {
        return Err(InvalidServerAddress::NotAnAddress);
    }
    // The raw text too: of `http://@host` the URL has no user.
    let authority = address.trim().split(['/', '?', '#']).nth(2);
    let has_at = authority.is_some_and(|authority| authority.contains('@'));
    if !url.username().is_empty() || url.password().is_some() || has_at {
        return Err(InvalidServerAddress::HasUser);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(InvalidServerAddress::HasQuery);
    }
    let mut path = url.path().trim_end_matches('/');
    // The paths of the requests begin with it.
    while let Some(shorter) = path.strip_suffix("/api/v1") {
        path = shorter.trim_end_matches('/');
    }
    Ok(format!("{}{path}", url.origin().ascii_serialization()))
}

impl HttpTransport {
    /// Creates a transport to the server at `address`. A slash or `/api/v1` at its end is left out.
    ///
    /// # Errors
    /// `address` is not an `http` or `https` URL with a host, or it has a user, a password, a query or
    /// a fragment.
    ///
    /// # Examples
    /// ```
    /// use kanso_client::transport::{HttpTransport, Transport};
    ///
    /// let server = HttpTransport::new("https://kanso.example.org/").expect("an address");
    /// assert_eq!(server.server(), "https://kanso.example.org");
    /// assert!(HttpTransport::new("kanso.example.org").is_err(), "the scheme is missing");
    /// ```
    pub fn new(address: &str) -> Result<Self, InvalidServerAddress> {
        let server = server_address(address)?;
        let client = reqwest::Client::builder()
            .user_agent(concat!("kanso-client/", env!("CARGO_PKG_VERSION")))
            // A short limit for the connection shows an offline device soon; the longer one covers a slow
            // network and a large page.
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // A redirect could send the token to another server.
            .redirect(Policy::none())
            .build()
            .map_err(|_| InvalidServerAddress::NotAnAddress)?;
        Ok(Self { client, server })
    }

    /// Returns true if others on the network can read what is sent: the address begins with `http`, and
    /// is not that of this machine. A private network is no exception, and neither is a name in `.local`:
    /// every device in a network can read along, or claim the name.
    ///
    /// ```
    /// use kanso_client::transport::HttpTransport;
    ///
    /// let is_clear = |address| HttpTransport::new(address).map(|server| server.sends_clear_text());
    /// assert_eq!(is_clear("http://192.168.1.7:8080"), Ok(true));
    /// assert_eq!(is_clear("http://127.0.0.1:8080"), Ok(false));
    /// assert_eq!(is_clear("https://kanso.example.org"), Ok(false));
    /// ```
    pub fn sends_clear_text(&self) -> bool {
        Url::parse(&self.server)
            .map_or(true, |url| url.scheme() == "http" && !is_this_machine(&url))
    }
}

/// Returns true if the host of an address is this machine. Names in `localhost` never leave it (RFC 6761
/// §6.3).
fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = address.parse::<IpAddr>() {
        return address.to_canonical().is_loopback();
    }
    let name = host.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

#[async_trait]
impl Transport for HttpTransport {
    fn server(&self) -> &str {
        &self.server
    }

    async fn exchange(&self, request: Request) -> Result<Reply, Unreachable> {
        let url = format!("{}{}", self.server, request.path);
        let mut builder = match request.method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url),
            Method::Put => self.client.put(url),
            Method::Patch => self.client.patch(url),
            Method::Delete => self.client.delete(url),
        };
        if let Some(token) = request.bearer {
            builder = builder.bearer_auth(token);
        }
        if let Some(body) = request.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = builder.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name)?.to_str().ok();
        let retry_after = header(RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| retry_after_of(value, header(DATE)));
        let body = whole_body(response).await?;
        Ok(Reply {
            status,
            retry_after,
            body,
        })
    }
}

/// Reads `Retry-After`: seconds, or an HTTP date (RFC 9110 §10.2.3).
///
/// A date is compared with the header `Date` of the answer, because the clock of this device may be
/// wrong.
fn retry_after_of(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let instant = |text: &str| {
        let parsed = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
        Timestamp::from_jiff(parsed.timestamp()).ok()
    };
    let now = date.and_then(instant).unwrap_or_else(|| SystemClock.now());
    let seconds = instant(value)?.seconds_since(now);
    // A date in the past means now.
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

async fn whole_body(mut response: reqwest::Response) -> Result<Vec<u8>, Unreachable> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| unreachable(&error))?
    {
        // Counted while it arrives: `Content-Length` may be missing or wrong.
        if body.len() + chunk.len() > MAX_REPLY_BYTES {
            return Err(Unreachable {
                reason: format!("its answer is longer than {MAX_REPLY_BYTES} bytes"),
                may_have_arrived: true,
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Converts an error of the HTTP client. The innermost cause has the useful text; the outer ones only
/// say that a request failed.
fn unreachable(error: &reqwest::Error) -> Unreachable {
    // A failed connection, also one that timed out, has sent nothing.
    let may_have_arrived = !error.is_connect();
    if error.is_timeout() {
        return Unreachable {
            reason: "it did not answer in time".to_owned(),
            may_have_arrived,
        };
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Unreachable {
        reason: cause.to_string(),
        may_have_arrived,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        for (value, seconds) in [
            ("2", Some(2)),
            (" 120 ", Some(120)),
            ("Sun, 06 Nov 1994 08:49:40 GMT", Some(3)),
            ("Sun, 06 Nov 1994 08:49:30 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
        ] {
            let read = retry_after_of(value, now);
            assert_eq!(read, seconds.map(Duration::from_secs), "{value}");
        }
    }

    #[test]
    fn clear_text_stays_on_this_machine() {
        for (address, is_clear) in [
            ("http://127.0.0.1:8080", false),
            ("http://127.8.9.1", false),
            ("http://[::1]:8080", false),
            ("http://[::ffff:127.0.0.1]", false),
            ("http://localhost:8080", false),
            ("http://LOCALHOST.", false),
            ("http://kanso.localhost", false),
            ("https://kanso.example.org", false),
            ("https://192.168.1.7", false),
            ("http://kanso.example.org", true),
            ("http://192.168.1.7:8080", true),
            ("http://10.0.0.1", true),
            ("http://[fd00::1]", true),
            ("http://raspberrypi.local", true),
            ("http://nas", true),
            ("http://0.0.0.0:8080", true),
            ("http://localhost.example.org", true),
            ("http://notlocalhost", true),
        ] {
            let server = HttpTransport::new(address).expect("an address");
            assert_eq!(server.sends_clear_text(), is_clear, "{address}");
        }
    }

    #[test]
    fn an_address_is_http_with_a_host() {
        for (address, server) in [
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            (
                "https://kanso.example.org/",
                Some("https://kanso.example.org"),
            ),
            (
                "http://127.0.0.1:8080/api/v1",
                Some("http://127.0.0.1:8080"),
            ),
            (
                "http://127.0.0.1:8080/api/v1/",
                Some("http://127.0.0.1:8080"),
            ),
            (
                "https://example.org/kanso/",
                Some("https://example.org/kanso"),
            ),
            ("https://EXAMPLE.org:443", Some("https://example.org")),
            (
                "https://example.org/kanso/api/v1",
                Some("https://example.org/kanso"),
            ),
            ("http://user:secret@127.0.0.1:8080", None),
            ("http://user@127.0.0.1:8080", None),
            ("http://@127.0.0.1:8080", None),
            ("http://:secret@127.0.0.1:8080", None),
            ("http://127.0.0.1:8080/?a=1", None),
            ("http://127.0.0.1:8080?", None),
            ("http://127.0.0.1:8080/#top", None),
            ("kanso.example.org", None),
            ("ftp://kanso.example.org", None),
            ("", None),
        ] {
            let transport = HttpTransport::new(address).ok();
            assert_eq!(
                transport.as_ref().map(Transport::server),
                server,
                "{address}"
            );
        }
    }
}
