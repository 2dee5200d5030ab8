//! Who is asking.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use kanso_application::ports::credentials::Identity;
use kanso_domain::UserId;

use crate::parts::Api;
use crate::problem::{ApiError, Code};

/// Somebody whose access token is good and whose session is open.
pub(crate) struct SignedIn(pub(crate) Identity);

impl SignedIn {
    /// Whose account it is.
    pub(crate) const fn user(&self) -> UserId {
        self.0.user_id
    }
}

impl FromRequestParts<Api> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers).ok_or(Code::Unauthorized)?;
        let Some(identity) = api.accounts.authenticate(token).await? else {
            let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            return Err(ApiError::from(Code::Unauthorized)
                .because("the access token is not valid any more; refresh it or log in again")
                .header(header::WWW_AUTHENTICATE, challenge));
        };
        Ok(Self::noted(identity))
    }
}

impl SignedIn {
    /// Whoever a ticket speaks for, which is used up by this.
    pub(crate) async fn by_ticket(ticket: &str, api: &Api) -> Result<Self, ApiError> {
        let Some(identity) = api.tickets.redeem(ticket).await? else {
            return Err(ApiError::from(Code::Unauthorized)
                .because("the ticket is not good any more; each is good once, so get another"));
        };
        Ok(Self::noted(identity))
    }

    /// The same, named in the log.
    fn noted(identity: Identity) -> Self {
        tracing::Span::current().record("user_id", tracing::field::display(identity.user_id));
        Self(identity)
    }
}

/// The token of the only header `Authorization`, if it is of the scheme (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use kanso_testkit::fuzz::withstands;

    use super::*;

    #[test]
    fn fuzz_authorization() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/authorization");
        withstands(
            corpus,
            &["Bearer ", "bearer", " ", "\t", ",", "=", "Basic"],
            |input| {
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
                assert_eq!(bearer(&headers), None, "two of them are ambiguous");
            },
        );
    }
}
