use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::header;
use http::request::Parts;
use kanso_application::accounts::LogInOrigin;
use kanso_application::ports::limiter::ClientAddress;
use kanso_domain::sessions::{Label, SessionOrigin};

use crate::edge::client_address;
use crate::parts::Api;

/// The address of the client, and what its `User-Agent` says.
pub(crate) struct FromClient(pub(crate) Client);

/// A client that logs in.
pub(crate) struct Client {
    address: ClientAddress,
    program: Option<Label>,
}

impl Client {
    /// Returns the origin of a session on the device with this name and this proof.
    pub(crate) fn named(
        self,
        device_name: Option<Label>,
        device_proof: Option<String>,
    ) -> LogInOrigin {
        LogInOrigin {
            address: self.address,
            origin: SessionOrigin {
                client: self.program,
                device_name,
                device: None,
            },
            device_proof,
        }
    }
}

impl FromRequestParts<Api> for FromClient {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let FromAddress(address) = FromAddress::from_request_parts(parts, api).await?;
        let agent = parts.headers.get(header::USER_AGENT);
        let program =
            agent.and_then(|agent| Label::cut(&String::from_utf8_lossy(agent.as_bytes())));
        Ok(Self(Client { address, program }))
    }
}

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
