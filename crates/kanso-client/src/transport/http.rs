//! Transport over HTTP, with TLS for `https` addresses.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;

use super::{Method, Reply, Request, Transport, Unreachable};

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

/// A text that is not an address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address:?} is not the address of a server, such as https://kanso.example.org")]
pub struct InvalidServerAddress {
    /// The rejected text.
    pub address: String,
}

impl HttpTransport {
    /// Creates a transport to the server at `address`.
    ///
    /// # Errors
    /// `address` is not an `http` or `https` URL with a host.
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
        let invalid = || InvalidServerAddress {
            address: address.to_owned(),
        };
        let url = reqwest::Url::parse(address).map_err(|_| invalid())?;
        if !["http", "https"].contains(&url.scheme()) || !url.has_host() {
            return Err(invalid());
        }
        let client = reqwest::Client::builder()
            .user_agent(concat!("kanso-client/", env!("CARGO_PKG_VERSION")))
            // A short limit for the connection shows an offline device soon; the longer one covers a slow
            // network and a large page.
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            // A redirect could send the token to another server.
            .redirect(Policy::none())
            .build()
            .map_err(|_| invalid())?;
        Ok(Self {
            client,
            server: address.trim_end_matches('/').to_owned(),
        })
    }
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
        // Seconds only. The server never sends the date form of this header.
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let body = whole_body(response).await?;
        Ok(Reply {
            status,
            retry_after,
            body,
        })
    }
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
    fn an_address_is_http_with_a_host() {
        for (address, server) in [
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            (
                "https://kanso.example.org/",
                Some("https://kanso.example.org"),
            ),
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
