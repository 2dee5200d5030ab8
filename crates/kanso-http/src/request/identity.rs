//! Authentication by access token or by ticket.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use kanso_application::ports::credentials::Identity;
use kanso_domain::UserId;
use kanso_domain::sync::Head;

use crate::edge::count_user;
use crate::parts::Api;
use crate::problem::{ApiError, Code};

/// The identity of a request with a valid access token and an open session.
pub(crate) struct SignedIn(pub(crate) Identity);

impl SignedIn {
    /// Returns the user of the session.
    pub(crate) const fn user(&self) -> UserId {
        self.0.user_id
    }
}

impl FromRequestParts<Api> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers).ok_or(Code::Unauthorized)?;
        // The session is looked up on every request, so a log-out takes effect at once (ADR 0006).
        let checked = api.accounts.authenticate(token).await?;
        let identity = checked.ok_or_else(invalid_token)?;
        count_user(api, parts, identity.user_id).await?;
        Ok(Self::recorded(identity))
    }
}

/// The identity of a request, with the newest change of its user at the time of the check.
pub(crate) struct SignedInAt(pub(crate) SignedIn, pub(crate) Head);

impl FromRequestParts<Api> for SignedInAt {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers).ok_or(Code::Unauthorized)?;
        let checked = api.accounts.authenticate_at_head(token).await?;
        let (identity, head) = checked.ok_or_else(invalid_token)?;
        count_user(api, parts, identity.user_id).await?;
        Ok(Self(SignedIn::recorded(identity), head))
    }
}

fn invalid_token() -> ApiError {
    let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    ApiError::from(Code::Unauthorized)
        .with_detail("the access token is invalid or has expired; refresh it or log in again")
        .header(header::WWW_AUTHENTICATE, challenge)
}

impl SignedIn {
    /// Redeems a ticket, which can be used once.
    pub(crate) async fn from_ticket(ticket: &str, api: &Api) -> Result<Self, ApiError> {
        let Some(identity) = api.tickets.redeem(ticket).await? else {
            return Err(ApiError::from(Code::Unauthorized)
                .with_detail("the ticket is invalid, used or expired; request another"));
        };
        Ok(Self::recorded(identity))
    }

    /// Records the user in the log line of the request.
    fn recorded(identity: Identity) -> Self {
        tracing::Span::current().record("user_id", tracing::field::display(identity.user_id));
        Self(identity)
    }
}

/// Returns the bearer token of the header `Authorization` (RFC 6750 §2.1).
///
/// Two headers are refused: a proxy may check one of them and the server the other.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    // The scheme is case-insensitive, the token is not (RFC 9110 §11.1).
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
