//! Calls about the account: registration, log-in, log-out, password, settings, export.

use kanso_domain::UserId;
use kanso_domain::accounts::Settings;
use kanso_protocol::accounts::{
    AccountRecord, AccountSummary, CredentialsRequest, PasswordRequest, TokenResponse,
};
use kanso_protocol::export::ExportLine;

use super::{CallError, body, check_success, read};
use crate::client::Client;
use crate::replica::{BoundAccount, ReplicaError};
use crate::transport::{Method, Request, Transport};

/// Reason why a log-in failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The replica belongs to another account, whose records must not mix with these. Use another
    /// folder for another account.
    #[error("this replica belongs to {email}; use another folder for another account")]
    OtherAccount {
        /// E-mail address of the replica's account.
        email: String,
    },
    /// The call failed. Wrong credentials are [`CallError::Refused`] with status 401.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl From<ReplicaError> for LoginError {
    fn from(error: ReplicaError) -> Self {
        Self::Call(error.into())
    }
}

fn credentials(path: &'static str, email: &str, password: &str) -> Result<Request, CallError> {
    Ok(Request {
        method: Method::Post,
        path: path.into(),
        bearer: None,
        body: Some(body(&CredentialsRequest {
            email: email.to_owned(),
            password: password.to_owned(),
        })?),
    })
}

fn logout(bearer: Option<String>) -> Request {
    Request {
        method: Method::Post,
        path: "/api/v1/auth/logout".into(),
        bearer,
        body: None,
    }
}

impl Client {
    /// Creates an account. It does not log in.
    ///
    /// # Errors
    /// See [`CallError`]. An e-mail address that is taken is `Refused` with status 409.
    pub async fn register(
        &self,
        transport: &dyn Transport,
        email: &str,
        password: &str,
    ) -> Result<AccountSummary, CallError> {
        let request = credentials("/api/v1/auth/register", email, password)?;
        read(&transport.exchange(request).await?)
    }

    /// Logs in. The first log-in binds the replica to the account, and the records made before it
    /// become the account's.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn login(
        &self,
        transport: &dyn Transport,
        email: &str,
        password: &str,
    ) -> Result<AccountSummary, LoginError> {
        let request = credentials("/api/v1/auth/login", email, password)?;
        let reply = transport.exchange(request).await.map_err(CallError::from)?;
        let tokens: TokenResponse = read(&reply)?;
        let user = tokens.user.clone();
        let bound = self.replica()?.account()?;
        // By id and not by e-mail address: the address of an account may change.
        if let Some(bound) = bound
            && bound.account_id.uuid() != user.id
        {
            // The new session will never be used, so end it. If that fails, it expires by itself.
            let ended = transport.exchange(logout(Some(tokens.token))).await;
            tracing::debug!(
                is_ended = ended.is_ok(),
                "log-in to another account rejected"
            );
            return Err(LoginError::OtherAccount { email: bound.email });
        }
        let account = BoundAccount {
            server: transport.server().to_owned(),
            account_id: UserId::new(user.id),
            email: user.email.clone(),
        };
        let session = self.session_of(tokens);
        self.replica()?.sign_in(&account, &session, &*self.ids)?;
        // The log-in itself succeeded. Until the next sync reads the settings, the old ones apply.
        if let Err(error) = self.read_profile(transport).await {
            tracing::debug!(%error, "settings not read");
        }
        Ok(user)
    }

    /// Changes the password. This device stays signed in; all others have to log in again.
    ///
    /// # Errors
    /// See [`CallError`]. A wrong current password is `Refused` with status 403.
    pub async fn change_password(
        &self,
        transport: &dyn Transport,
        current: &str,
        new: &str,
    ) -> Result<(), CallError> {
        let request = Request {
            method: Method::Put,
            path: "/api/v1/auth/password".into(),
            bearer: None,
            body: Some(body(&PasswordRequest {
                current_password: current.to_owned(),
                new_password: new.to_owned(),
            })?),
        };
        check_success(&self.authorized(transport, request).await?)
    }

    /// Returns all data of the account on the server, as lines of JSON. The last line has the type
    /// `end`.
    ///
    /// # Errors
    /// See [`CallError`]. An export that was cut off is [`CallError::Unexpected`].
    pub async fn export(&self, transport: &dyn Transport) -> Result<Vec<u8>, CallError> {
        let request = Request {
            method: Method::Get,
            path: "/api/v1/auth/user/export".into(),
            bearer: None,
            body: None,
        };
        let reply = self.authorized(transport, request).await?;
        check_success(&reply)?;
        // The server streams the export, so an error after the first bytes cannot change the status. The
        // last line is the only sign of a complete export.
        if is_whole(&reply.body) {
            return Ok(reply.body);
        }
        Err(CallError::Unexpected {
            what: "an export without its last line".to_owned(),
        })
    }

    /// Ends the session: on this device in any case, on the server if it is reachable. Records and
    /// outbox stay.
    ///
    /// # Errors
    /// The local database failed.
    pub async fn logout(&self, transport: &dyn Transport) -> Result<(), ReplicaError> {
        // The user wants to be signed out of this device, also offline. The server's session expires by
        // itself.
        if let Err(error) = self.authorized(transport, logout(None)).await {
            tracing::debug!(%error, "session not ended on the server");
        }
        self.replica()?.sign_out()
    }

    /// Reads the account's settings and stores them.
    pub(crate) async fn read_profile(&self, transport: &dyn Transport) -> Result<(), CallError> {
        let request = Request {
            method: Method::Get,
            path: "/api/v1/auth/user".into(),
            bearer: None,
            body: None,
        };
        let record: AccountRecord = read(&self.authorized(transport, request).await?)?;
        let settings = settings_of(&record).ok_or_else(|| CallError::Unexpected {
            what: "unknown settings".to_owned(),
        })?;
        Ok(self.replica()?.store_profile(&settings, self.clock.now())?)
    }
}

fn settings_of(record: &AccountRecord) -> Option<Settings> {
    Some(Settings {
        timezone: record.timezone.parse().ok()?,
        week_start: record.week_start.parse().ok()?,
        day_start: record.day_start.parse().ok()?,
    })
}

/// Returns true if the last line is the end of an export.
fn is_whole(lines: &[u8]) -> bool {
    let last = lines.trim_ascii_end().rsplit(|byte| *byte == b'\n').next();
    let last = last.and_then(|line| serde_json::from_slice(line).ok());
    matches!(last, Some(ExportLine::End { .. }))
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn truncated_export_is_not_whole() {
        let session = r#"{"type":"session","id":"0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e",
            "created_at":"2026-11-22T13:05:09.123456Z","refreshed_at":null,"expires_at":"2027-02-20T13:05:09.123456Z"}"#
            .replace('\n', "");
        let end = r#"{"type":"end","head":1,"digest":"00","devices":0,"sessions":1,"records":0}"#;
        let whole = format!("{session}\n{end}\n");
        assert!(is_whole(whole.as_bytes()));
        for length in 0..whole.len() - 1 {
            assert!(!is_whole(&whole.as_bytes()[..length]), "{length}");
        }
    }
}
