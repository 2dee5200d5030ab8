//! Sessions: refresh, list and end.

use std::sync::Arc;

use kanso_domain::SessionId;
use kanso_domain::events::EventKind;
use kanso_domain::sessions::{Refreshed, Session};

use super::{Accounts, Grant};
use crate::Outcome;
use crate::ports::credentials::Identity;
use crate::ports::limiter::ClientAddress;
use crate::security::Subject;

/// A use of a refresh token.
#[derive(Clone, Copy, Debug)]
pub struct RefreshAttempt<'a> {
    /// Presented refresh token.
    pub token: &'a str,
    /// Nonce of the client. Only the client that used a token first may repeat its use.
    pub nonce: Option<&'a str>,
    /// Address of the client.
    pub from: ClientAddress,
}

/// The outcome of a refresh.
#[derive(Clone, PartialEq, Eq)]
pub enum Refresh {
    /// The session goes on with new tokens.
    Granted(Box<Grant>),
    /// The token is not valid.
    Refused,
    /// The operator has disabled the account, which ended the session.
    Disabled,
}

impl Accounts {
    /// Uses a refresh token.
    ///
    /// A token that was used before and is past its grace ends its session.
    pub async fn refresh(&self, attempt: RefreshAttempt<'_>) -> Outcome<Refresh> {
        let RefreshAttempt { token, nonce, from } = attempt;
        let Some(read) = self.ports.refresh_tokens.read(token, nonce) else {
            return Ok(Refresh::Refused);
        };
        let identity = read.identity;
        let Identity {
            user_id,
            session_id,
        } = identity;
        let now = self.ports.clock.now();
        let is_issued = read.presented.is_issued;
        let (presented, limits) = (read.presented.clone(), self.ports.session_limits);
        // Decided inside the transaction of the storage: two uses of one token at the same time
        // must not both rotate the session.
        let decide = Arc::new(move |session: Session| session.refresh(&presented, now, limits));
        let storage = &self.ports.storage;
        let refreshed = storage.refresh_session(user_id, session_id, decide);
        let granted = match refreshed.await? {
            // A retry gets the same successor, because it is derived from the presented token (ADR
            // 0003).
            Some(Refreshed::Rotated(session) | Refreshed::Repeated(session)) => {
                let Some(successor) = read.successor_with(session.current) else {
                    return Ok(Refresh::Refused);
                };
                self.grant(identity, successor, now).await?
            }
            Some(Refreshed::Reused) => {
                let reason = "a used token was sent again; the session ended";
                let subject = Subject::Session(identity);
                self.record(EventKind::RefreshReused, subject, from, reason);
                None
            }
            // Only for a token that the server issued: others must not learn of it by an id.
            None if is_issued && storage.is_disabled(user_id).await? => {
                return Ok(Refresh::Disabled);
            }
            Some(Refreshed::Expired | Refreshed::Unknown) | None => None,
        };
        Ok(granted.map_or(Refresh::Refused, |grant| Refresh::Granted(Box::new(grant))))
    }

    /// Ends the session of the request.
    pub async fn log_out(&self, identity: Identity, from: ClientAddress) -> Outcome<()> {
        self.end(identity, from, "logged out").await.map(drop)
    }

    /// Ends a session of the user. Returns `false` if the user has no such session.
    pub async fn end_session(
        &self,
        who: Identity,
        session_id: SessionId,
        from: ClientAddress,
    ) -> Outcome<bool> {
        let ended = Identity { session_id, ..who };
        self.end(ended, from, "ended by the user").await
    }

    async fn end(
        &self,
        ended: Identity,
        from: ClientAddress,
        reason: &'static str,
    ) -> Outcome<bool> {
        let Identity {
            user_id,
            session_id,
        } = ended;
        let is_ended = self.ports.storage.end_session(user_id, session_id).await?;
        if is_ended {
            let subject = Subject::Session(ended);
            self.record(EventKind::SessionEnded, subject, from, reason);
        }
        Ok(is_ended)
    }
}
