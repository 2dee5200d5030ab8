//! The header `Host` (RFC 9112 §3.2).

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::uri::Authority;
use http::{HeaderMap, Version, header};
use kanso_domain::FieldError;

use crate::problem::{ApiError, Code};

/// Marks a request that names no host, or names it in a form that two programs could read
/// differently.
#[derive(Clone, Copy)]
struct NoHost;

/// Checks the header `Host` of a request that came over a connection.
///
/// A request without a valid host is then refused by the router. HTTP/2 has the pseudo-header
/// `:authority` instead, which the connection checks. A request that is made inside of the process
/// passes no connection and needs no host.
pub fn require_host<B>(request: &mut http::Request<B>) {
    let is_required = request.version() == Version::HTTP_11;
    if request.version() < Version::HTTP_2 && !names_host(request.headers(), is_required) {
        request.extensions_mut().insert(NoHost);
    }
}

/// Refuses a request that [`require_host`] has marked.
pub(crate) async fn host(request: Request, next: Next) -> Response {
    if request.extensions().get::<NoHost>().is_none() {
        return next.run(request).await;
    }
    let reason = "must be given once, as the name of the server and its port";
    let error = FieldError::new("Host", reason);
    ApiError::members(Code::InvalidParameter, &[error]).into_response()
}

fn names_host(headers: &HeaderMap, is_required: bool) -> bool {
    let mut values = headers.get_all(header::HOST).iter();
    match (values.next(), values.next()) {
        (None, _) => !is_required,
        (Some(value), None) => value.to_str().is_ok_and(is_host),
        (Some(_), Some(_)) => false,
    }
}

/// Returns true for `host` and `host:port`.
fn is_host(text: &str) -> bool {
    let Ok(authority) = text.parse::<Authority>() else {
        return false;
    };
    let port = text.strip_prefix(authority.host());
    let is_port = |port: &str| {
        let digits = port.strip_prefix(':').unwrap_or_default();
        let all = digits.bytes().all(|byte| byte.is_ascii_digit());
        port.is_empty() || (all && (port == ":" || digits.parse::<u16>().is_ok()))
    };
    // A user name in front of the host would leave something else than a port.
    !authority.host().is_empty() && port.is_some_and(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_a_name_and_a_port() {
        for text in [
            "kanso.example.org",
            "kanso.example.org:8080",
            "localhost",
            "localhost:",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:8080",
            "a_b.local",
        ] {
            assert!(is_host(text), "{text}");
        }
        for text in [
            "", " ", ":80", "a b", "a, b", "a/b", "a?b", "a#b", "http://a", "me@a", "me:pw@a",
            "a:b", "a:80:81", "a:99999", "a:-1", "::1", "[::1", "[::1]x",
        ] {
            assert!(!is_host(text), "{text}");
        }
    }

    #[test]
    fn host_is_given_once() {
        let named = |values: &[&str], is_required| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::HOST, value.parse().expect("ASCII"));
            }
            names_host(&headers, is_required)
        };
        assert!(named(&["a"], true) && named(&["a"], false));
        assert!(!named(&[], true) && named(&[], false));
        assert!(!named(&["a", "a"], true) && !named(&["a", "b"], false));
        assert!(!named(&[""], true));
    }
}
