//! Speaking for the account: the access token, and how it is renewed.

use kanso_protocol::accounts::{RefreshRequest, TokenResponse};

use super::{CallError, body, read};
use crate::Client;
use crate::replica::{ReplicaError, Session};
use crate::transport::{Method, Reply, Request, Transport};

/// A token that is about to expire would expire on its way.
const MARGIN_SECONDS: i64 = 10;

impl Client {
    /// Sends a request for the account. An access token that has expired, or that the server does
    /// not take, is renewed once.
    pub(crate) async fn authorized(
        &self,
        transport: &dyn Transport,
        request: Request,
    ) -> Result<Reply, CallError> {
        self.check_server(transport)?;
        let mut session = self.session()?;
        if session.access_expires_at <= self.clock.now().plus_seconds(MARGIN_SECONDS) {
            session = self.renew(transport, session).await?;
        }
        let reply = self.send_as(transport, &session, &request).await?;
        if reply.status != 401 {
            return Ok(reply);
        }
        let session = self.renew(transport, session).await?;
        let reply = self.send_as(transport, &session, &request).await?;
        if reply.status == 401 {
            return Err(self.signed_out());
        }
        Ok(reply)
    }

    /// A token is sent to its own server only.
    pub(crate) fn check_server(&self, transport: &dyn Transport) -> Result<(), CallError> {
        match self.replica()?.binding()? {
            None => Err(CallError::SignedOut { account: None }),
            Some(binding) if binding.server != transport.server() => Err(CallError::OtherServer {
                bound: binding.server,
            }),
            Some(_) => Ok(()),
        }
    }

    pub(crate) fn session(&self) -> Result<Session, CallError> {
        let session = self.replica()?.session()?;
        session.map_or_else(|| Err(self.nobody()?), Ok)
    }

    async fn send_as(
        &self,
        transport: &dyn Transport,
        session: &Session,
        request: &Request,
    ) -> Result<Reply, CallError> {
        let request = Request {
            bearer: Some(session.access_token.clone()),
            ..request.clone()
        };
        Ok(transport.exchange(request).await?)
    }

    /// Trades the refresh token for the next pair, which is kept before it is used. A lost answer
    /// is no harm: the server gives the same pair again for a while.
    async fn renew(&self, transport: &dyn Transport, used: Session) -> Result<Session, CallError> {
        // Another process of this person may have been faster.
        let newest = self.session()?;
        if newest != used {
            return Ok(newest);
        }
        let request = Request {
            method: Method::Post,
            path: "/api/v1/auth/refresh".into(),
            bearer: None,
            body: Some(body(&RefreshRequest {
                refresh_token: used.refresh_token.clone(),
            })?),
        };
        let reply = transport.exchange(request).await?;
        if reply.status == 401 {
            let newest = self.session()?;
            return if newest == used {
                Err(self.signed_out())
            } else {
                Ok(newest)
            };
        }
        let session = self.session_of(read(&reply)?);
        self.replica()?.rotate(&session)?;
        Ok(session)
    }

    pub(crate) fn session_of(&self, tokens: TokenResponse) -> Session {
        Session {
            access_token: tokens.token,
            access_expires_at: self.clock.now().plus_seconds(tokens.expires_in),
            refresh_token: tokens.refresh_token,
        }
    }

    fn signed_out(&self) -> CallError {
        let ended = self.replica().and_then(|mut replica| replica.sign_out());
        let why = ended.and_then(|()| self.nobody());
        why.unwrap_or_else(CallError::from)
    }

    fn nobody(&self) -> Result<CallError, ReplicaError> {
        let binding = self.replica()?.binding()?;
        let account = binding.map(|binding| binding.email);
        Ok(CallError::SignedOut { account })
    }
}
