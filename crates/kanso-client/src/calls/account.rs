//! Calls about the account: registration, log-in, log-out, password, settings, export.

use std::collections::BTreeSet;

use kanso_domain::UserId;
use kanso_domain::accounts::SettingsChange;
use kanso_protocol::accounts::{
    AccountSummary, LoginRequest, PasswordRequest, ReauthenticationRequest, RegistrationRequest,
    SettingsRequest, TokenResponse,
};
use kanso_protocol::export::ExportLine;
use serde_json::value::RawValue;

use super::session::post_known;
use super::{CallError, body, check_success, read};
use crate::changes::Origin;
use crate::client::Client;
use crate::edits::EditError;
use crate::replica::{Adoption, BoundAccount, ReplicaError};
use crate::sync::{first_page_has_settings, settings};
use crate::transport::{Method, Request, Transport};

/// Reason why a log-in failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The replica belongs to another account, whose records must not mix with these. Use another
    /// folder for another account, or [`Client::adopt`] to bring the records to this one.
    #[error("{}", other_account(.email, *.has_same_address))]
    OtherAccount {
        /// E-mail address of the replica's account.
        email: String,
        /// True if the account of the log-in has this address too: the server was set up anew, or the
        /// account was made again.
        has_same_address: bool,
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

fn other_account(email: &str, has_same_address: bool) -> String {
    if has_same_address {
        format!(
            "{email} is another account than before: the server was set up anew, or the account was \
             made again. The records of the old account are still on this device"
        )
    } else {
        format!("this replica belongs to {email}; use another folder for another account")
    }
}

fn post(path: &'static str, body: Vec<u8>) -> Request {
    Request {
        method: Method::Post,
        path: path.into(),
        bearer: None,
        body: Some(body),
    }
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
    /// Creates an account, with an invitation code if the server wants one. It does not log in.
    ///
    /// # Errors
    /// See [`CallError`]. An e-mail address that is taken is `Refused` with status 409. A missing invitation is
    /// `Refused` with the code `invitation_required`, and one that is unknown, used or expired with
    /// `invitation_refused`. A replica that belongs to an account already is `HasAccount`: it could not log in
    /// to the new one.
    pub async fn register(
        &self,
        transport: &dyn Transport,
        email: &str,
        password: &str,
        invite: Option<&str>,
    ) -> Result<AccountSummary, CallError> {
        if let Some(account) = self.replica()?.account()? {
            return Err(CallError::HasAccount {
                email: account.email,
            });
        }
        self.create_account(transport, email, password, invite)
            .await
    }

    /// Creates an account for [`Client::adopt`], also if the replica belongs to another one.
    ///
    /// # Errors
    /// See [`CallError`]. Refusals are those of [`Client::register`].
    pub async fn create_account(
        &self,
        transport: &dyn Transport,
        email: &str,
        password: &str,
        invite: Option<&str>,
    ) -> Result<AccountSummary, CallError> {
        let registration = RegistrationRequest {
            email: email.to_owned(),
            password: password.to_owned(),
            invite: invite.map(str::to_owned),
        };
        let request = post("/api/v1/auth/register", body(&registration)?);
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
        let tokens = self.open_session(transport, email, password).await?;
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
            return Err(LoginError::OtherAccount {
                has_same_address: bound.email.eq_ignore_ascii_case(&user.email),
                email: bound.email,
            });
        }
        let account = account_of(transport, &user);
        let session = self.session_of(tokens);
        self.replica()?.sign_in(&account, &session, &*self.ids)?;
        self.after_login(transport).await;
        Ok(user)
    }

    /// Returns what [`Client::adopt`] would bring to another account, to ask the user first.
    ///
    /// # Errors
    /// The local database failed.
    pub fn adoptable(&self) -> Result<Adoption, ReplicaError> {
        self.replica()?.adoptable()
    }

    /// Logs in to another account and brings all records of this device to it.
    ///
    /// It is for a server that was set up anew, and for an account that was made again. Ask the user
    /// first, with the numbers of [`Client::adoptable`]. Every record that this device shows is created
    /// there under its old id by the next syncs. A habit has its present schedule for its whole past,
    /// as after a restore. Several devices may do so: equal records stay one, and different ones
    /// conflict. `None` if the replica belongs to this account already, or to none; then this is a
    /// log-in.
    ///
    /// # Errors
    /// See [`LoginError`]. After an error the replica belongs to its old account.
    pub async fn adopt(
        &self,
        transport: &dyn Transport,
        email: &str,
        password: &str,
    ) -> Result<Option<Adoption>, LoginError> {
        // A sync of the old account must not end in the new one.
        let _no_sync = self.syncing.lock().await;
        let tokens = self.open_session(transport, email, password).await?;
        let account = account_of(transport, &tokens.user);
        let session = self.session_of(tokens);
        let bound = self.replica()?.account()?;
        let is_other = bound.is_some_and(|bound| bound.account_id != account.account_id);
        let adoption = if is_other {
            let now = self.clock.now();
            let adoption = self.replica()?.adopt(&account, &session, now, &*self.ids)?;
            self.publish(Origin::Edit, BTreeSet::new(), true);
            Some(adoption)
        } else {
            self.replica()?.sign_in(&account, &session, &*self.ids)?;
            None
        };
        self.after_login(transport).await;
        Ok(adoption)
    }

    /// Opens a session, with the proof that this device has logged in before.
    async fn open_session(
        &self,
        transport: &dyn Transport,
        email: &str,
        password: &str,
    ) -> Result<TokenResponse, CallError> {
        let with = |device_proof| {
            body(&LoginRequest {
                email: email.to_owned(),
                password: password.to_owned(),
                device_name: None,
                device_proof,
            })
        };
        // The proof is of use at the server that gave it, and no business of another one.
        let bound = self.status()?.account;
        let is_known = bound.is_some_and(|account| account.server == transport.server());
        let proof = if is_known {
            self.replica()?.device_proof()?
        } else {
            None
        };
        let bodies = (with(proof)?, with(None)?);
        read(&post_known(transport, "/api/v1/auth/login", bodies).await?)
    }

    /// Reads the settings of the account, and sends those of the device if the user has chosen none.
    async fn after_login(&self, transport: &dyn Transport) {
        // The log-in itself succeeded. Until the next sync does this, the old settings apply.
        if let Err(error) = self.exchange_settings(transport).await {
            tracing::debug!(%error, "settings not read");
        }
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
    /// `end`. Without a password the log-in of this device must be some minutes old at most.
    ///
    /// # Errors
    /// See [`CallError`]. An export that was cut off is [`CallError::Unexpected`]. A missing password is
    /// `Refused` with the code `reauthentication_required`, a wrong one with `wrong_password`.
    pub async fn export(
        &self,
        transport: &dyn Transport,
        password: Option<&str>,
    ) -> Result<Vec<u8>, CallError> {
        let proof = password.map(reauthentication).transpose()?;
        let request = Request {
            // The first servers know `GET` only, and ask for no password.
            method: if proof.is_some() {
                Method::Post
            } else {
                Method::Get
            },
            path: "/api/v1/auth/user/export".into(),
            bearer: None,
            body: proof,
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

    /// Deletes the account with all of its data on the server, and signs this device out. Its records stay on
    /// this device.
    ///
    /// # Errors
    /// See [`CallError`]. A wrong password is `Refused` with status 403.
    pub async fn delete_account(
        &self,
        transport: &dyn Transport,
        password: &str,
    ) -> Result<(), CallError> {
        let request = Request {
            method: Method::Delete,
            path: "/api/v1/auth/user".into(),
            bearer: None,
            body: Some(reauthentication(password)?),
        };
        check_success(&self.authorized(transport, request).await?)?;
        Ok(self.replica()?.sign_out()?)
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

    /// Reads the account's settings, and sends those of the device first if the user has chosen none.
    async fn exchange_settings(&self, transport: &dyn Transport) -> Result<(), CallError> {
        if self.replica()?.offered_settings()?.is_none() {
            return self.read_profile(transport).await;
        }
        let chosen = self.has_chosen_settings(transport).await?;
        if let Err(error) = self.offer_settings(transport, chosen).await {
            tracing::debug!(%error, "settings not sent");
        }
        // Not while they are offered: the stored ones would be overwritten.
        if !self.replica()?.offers_stored_settings()? {
            self.read_profile(transport).await?;
        }
        Ok(())
    }

    /// Sends the offered settings if `has_chosen` is false, and drops the offer if it is true.
    pub(crate) async fn offer_settings(
        &self,
        transport: &dyn Transport,
        has_chosen: Option<bool>,
    ) -> Result<(), CallError> {
        let Some(offered) = self.replica()?.offered_settings()? else {
            return Ok(());
        };
        let Some(has_chosen) = has_chosen else {
            return Ok(());
        };
        if !has_chosen && offered != SettingsRequest::default() {
            match self.change_settings(transport, &offered).await {
                // A server that does not know the zone of this device keeps its own.
                Ok(()) | Err(CallError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.replica()?.settle_settings()?)
    }

    /// Returns true if the user of the account has ever chosen settings; `None` if a sync has to find
    /// out.
    async fn has_chosen_settings(
        &self,
        transport: &dyn Transport,
    ) -> Result<Option<bool>, CallError> {
        // Settings that were changed have a position in the history, and are in a first pull.
        let request = Request {
            method: Method::Post,
            path: "/api/v1/sync".into(),
            bearer: None,
            body: Some(body(
                &serde_json::json!({"cursor": null, "operations": []}),
            )?),
        };
        let reply = self.authorized(transport, request).await?;
        check_success(&reply)?;
        first_page_has_settings(&reply)
    }

    /// Changes settings of the account. They are in force on this device at once.
    ///
    /// # Errors
    /// See [`CallError`]. A setting that the server does not know is `Refused` with status 422.
    pub async fn change_settings(
        &self,
        transport: &dyn Transport,
        change: &SettingsRequest,
    ) -> Result<(), CallError> {
        let request = Request {
            method: Method::Patch,
            path: "/api/v1/auth/user".into(),
            bearer: None,
            body: Some(body(change)?),
        };
        check_success(&self.authorized(transport, request).await?)?;
        self.replica()?.settle_settings()?;
        self.read_profile(transport).await
    }

    /// Chooses settings before the first log-in. The account gets them at that log-in, unless its user
    /// has chosen some there.
    ///
    /// # Errors
    /// `Invalid`, or the local database failed.
    pub fn choose_settings(&self, change: &SettingsRequest) -> Result<(), EditError> {
        let change = SettingsChange::try_from(change.clone())?;
        let mut replica = self.replica()?;
        let settings = replica.profile()?.settings.changed(change);
        Ok(replica.choose_settings(&settings, self.clock.now())?)
    }

    /// Reads the account's settings and stores them.
    pub(crate) async fn read_profile(&self, transport: &dyn Transport) -> Result<(), CallError> {
        let request = Request {
            method: Method::Get,
            path: "/api/v1/auth/user".into(),
            bearer: None,
            body: None,
        };
        let reply = self.authorized(transport, request).await?;
        check_success(&reply)?;
        let record: &RawValue = read(&reply)?;
        // Read leniently: a newer server may have settings that this version does not know.
        let settings = settings(record.get(), None).ok_or_else(|| CallError::Unexpected {
            what: "an account without settings".to_owned(),
        })?;
        Ok(self.replica()?.store_profile(&settings, self.clock.now())?)
    }
}

fn reauthentication(password: &str) -> Result<Vec<u8>, CallError> {
    body(&ReauthenticationRequest {
        password: password.to_owned(),
    })
}

fn account_of(transport: &dyn Transport, user: &AccountSummary) -> BoundAccount {
    BoundAccount {
        server: transport.server().to_owned(),
        account_id: UserId::new(user.id),
        email: user.email.clone(),
    }
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
