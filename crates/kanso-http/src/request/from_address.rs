use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use kanso_application::ports::limiter::ClientAddress;

use crate::edge::client_address;
use crate::parts::Api;

/// The address of the client.
pub(crate) struct FromAddress(pub(crate) ClientAddress);

impl FromRequestParts<Api> for FromAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let proxies = &api.options().trusted_proxies;
        Ok(Self(client_address(
            &parts.extensions,
            &parts.headers,
            proxies,
        )))
    }
}
