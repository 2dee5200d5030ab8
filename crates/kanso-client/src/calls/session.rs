//! Requests with an access token, and the refresh of the token.

use kanso_protocol::accounts::{RefreshRequest, TokenResponse};
use kanso_protocol::problem::Problem;

use super::{CallError, body, problem_of, read};
use crate::client::Client;
use crate::replica::{ReplicaError, Session};
use crate::transport::{Method, Reply, Request, Transport};

/// Codes of the problems with which the server refuses a token. No other answer ends a session: a
/// proxy or the log-in page of a network may answer 401 too.
const REFUSALS: [&str; 2] = ["unauthorized", "invalid_refresh_token"];

fn refuses_token(reply: &Reply) -> bool {
    let is_refusal = |problem: Problem| REFUSALS.contains(&problem.code.as_str());
    reply.status == 401 && problem_of(reply).is_some_and(is_refusal)
}

/// Posts the first body, and the second one if the server does not know a member of the first: a server of
/// 0.1.0 refuses such a request before it does anything.
pub(super) async fn post_known(
    transport: &dyn Transport,
    path: &'static str,
    (newer, older): (Vec<u8>, Vec<u8>),
) -> Result<Reply, CallError> {
    let post = |body| Request {
        method: Method::Post,
        path: path.into(),
        bearer: None,
        body: Some(body),
    };
    let reply = transport.exchange(post(newer.clone())).await?;
    if newer != older && [400, 422].contains(&reply.status) {
        return Ok(transport.exchange(post(older)).await?);
    }
    Ok(reply)
}

/// Seconds before its expiry at which a token is refreshed, so that it cannot expire in flight.
const MARGIN_SECONDS: i64 = 10;

impl Client {
    /// Sends a request with the account's access token.
    ///
    /// An expired token is refreshed before the request. If the server rejects the token, it is
    /// refreshed and the request sent once more.
    pub(crate) async fn authorized(
        &self,
        transport: &dyn Transport,
        request: Request,
    ) -> Result<Reply, CallError> {
        self.check_server(transport)?;
        let mut session = self.session()?;
        if session.access_expires_at <= self.clock.now().plus_seconds(MARGIN_SECONDS) {
            session = self.refresh(transport, session).await?;
        }
        let reply = self.send_as(transport, &session, &request).await?;
        if !refuses_token(&reply) {
            return Ok(reply);
        }
        // The token looked valid here: the device's clock may be wrong, or the session was ended.
        // A refresh tells the two apart.
        let session = self.refresh(transport, session).await?;
        let reply = self.send_as(transport, &session, &request).await?;
        if refuses_token(&reply) {
            // The server rejects a token that it has just issued. Another refresh would not help.
            return Err(self.sign_out_locally());
        }
        Ok(reply)
    }

    /// Checks that `transport` leads to the server of the replica's account: a token must not be
    /// sent to any other server.
    pub(crate) fn check_server(&self, transport: &dyn Transport) -> Result<(), CallError> {
        match self.replica()?.account()? {
            None => Err(CallError::SignedOut { account: None }),
            Some(account) if account.server != transport.server() => Err(CallError::OtherServer {
                bound: account.server,
            }),
            Some(_) => Ok(()),
        }
    }

    pub(crate) fn session(&self) -> Result<Session, CallError> {
        let session = self.replica()?.session()?;
        session.map_or_else(|| Err(self.signed_out()?), Ok)
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

    /// Exchanges the refresh token of `used` for a new pair of tokens and stores it.
    ///
    /// A refresh token is valid once. If the answer is lost, the next call sends the same token, and
    /// the server answers with the same pair for a grace period (ADR 0003). The pair is stored
    /// before it is used: a crash in between repeats the refresh and does not lose the session.
    async fn refresh(
        &self,
        transport: &dyn Transport,
        used: Session,
    ) -> Result<Session, CallError> {
        // Another process on the same folder may have refreshed already. Sending the used token
        // after the grace period would look like theft, and the server would end the session.
        let newest = self.session()?;
        if newest != used {
            return Ok(newest);
        }
        // The nonce is not in the token, so a thief of the token alone cannot repeat this refresh.
        let nonce = self.replica()?.refresh_nonce(self.ids.next_id())?;
        let with = |nonce| {
            body(&RefreshRequest {
                refresh_token: used.refresh_token.clone(),
                nonce,
            })
        };
        let bodies = (with(Some(nonce))?, with(None)?);
        let reply = post_known(transport, "/api/v1/auth/refresh", bodies).await?;
        if refuses_token(&reply) {
            // The same race, lost while the request was under way: the other process's pair is good.
            let newest = self.session()?;
            return if newest == used {
                Err(self.sign_out_locally())
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
            // From the device's own clock, because it is compared with that clock later.
            access_expires_at: self.clock.now().plus_seconds(tokens.expires_in),
            refresh_token: tokens.refresh_token,
            device_proof: tokens.device_proof,
        }
    }

    /// Removes the session that the server has ended, and returns the error for the caller.
    fn sign_out_locally(&self) -> CallError {
        let removed = self
            .replica()
            .and_then(|mut replica| replica.lose_session());
        let error = removed.and_then(|()| self.signed_out());
        error.unwrap_or_else(CallError::from)
    }

    fn signed_out(&self) -> Result<CallError, ReplicaError> {
        let account = self.replica()?.account()?;
        let account = account.map(|account| account.email);
        Ok(CallError::SignedOut { account })
    }
}
