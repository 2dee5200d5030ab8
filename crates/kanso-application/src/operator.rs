//! The commands of the operator: accounts, invitations and sessions, beside the running servers.

use std::sync::Arc;

use kanso_domain::accounts::{Email, Password};
use kanso_domain::sessions::Session;
use kanso_domain::sync::{OwnQuota, Quota};
use kanso_domain::{Timestamp, UserId};

use crate::Outcome;
use crate::accounts::new_account;
use crate::ports::admission::{Invitation, InvitationCodes, ListedAccount};
use crate::ports::clock::Clock;
use crate::ports::credentials::Passwords;
use crate::ports::ids::Ids;
use crate::ports::storage::{EndSessions, NewPassword, Storage};
use crate::quotas::{QuotaReport, Quotas};

/// Time in seconds for which an invitation is valid, unless the operator chooses another one.
pub const INVITATION_SECONDS: i64 = 7 * 86_400;

/// Number of accounts in a page of the list.
const PAGE: u32 = 500;

/// The ports of the feature.
#[derive(Clone)]
pub struct OperatorPorts {
    /// Storage of accounts and invitations.
    pub storage: Arc<dyn Storage>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Source of ids.
    pub ids: Arc<dyn Ids>,
    /// Invitation codes.
    pub invitation_codes: Arc<dyn InvitationCodes>,
}

/// The feature: the decisions of the operator about accounts.
///
/// Each is one transaction of the storage, so a running server follows it at the next request.
#[derive(Clone)]
pub struct Operator {
    ports: OperatorPorts,
}

/// An invitation that was just made.
// No `Debug`: a code must not get into a log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedInvitation {
    /// Code, to hand to the invited user. It cannot be read again.
    pub code: String,
    /// Time from which it is refused.
    pub expires_at: Timestamp,
}

impl Operator {
    /// Returns the feature over its ports.
    pub const fn new(ports: OperatorPorts) -> Self {
        Self { ports }
    }

    /// Creates an account with default settings. Returns its id, or `None` if the address is taken.
    pub async fn add(
        &self,
        passwords: &dyn Passwords,
        email: Email,
        password: Password,
    ) -> Outcome<Option<UserId>> {
        let hash = passwords.hash(password).await?;
        let now = self.ports.clock.now();
        let new = new_account(&*self.ports.ids, now, email, hash);
        let id = new.account.id;
        let is_new = self.ports.storage.create_account(new).await?;
        Ok(is_new.then_some(id))
    }

    /// Makes an invitation that is valid for `seconds`.
    pub async fn invite(&self, seconds: i64) -> Outcome<IssuedInvitation> {
        self.issue(seconds, false).await
    }

    /// Makes an invitation for the first account, or returns `None` if there is an account.
    pub async fn invite_first(&self) -> Outcome<Option<IssuedInvitation>> {
        if self.ports.storage.admission_state().await?.has_accounts {
            return Ok(None);
        }
        Ok(Some(self.issue(INVITATION_SECONDS, true).await?))
    }

    async fn issue(&self, seconds: i64, is_for_first_account: bool) -> Outcome<IssuedInvitation> {
        let minted = self.ports.invitation_codes.mint();
        let created_at = self.ports.clock.now();
        let expires_at = created_at.plus_seconds(seconds);
        let invitation = Invitation {
            hash: minted.hash,
            created_at,
            expires_at,
            is_for_first_account,
        };
        self.ports.storage.keep_invitation(invitation).await?;
        Ok(IssuedInvitation {
            code: minted.code,
            expires_at,
        })
    }

    /// Returns a page of all accounts, in the order of their ids. The next page begins after the last id;
    /// an empty page is the end.
    pub async fn accounts(&self, after: Option<UserId>) -> Outcome<Vec<ListedAccount>> {
        Ok(self.ports.storage.accounts(after, PAGE).await?)
    }

    /// Disables or enables an account. Disabling ends its sessions. Returns `false` if there is none.
    pub async fn set_disabled(&self, email: &Email, is_disabled: bool) -> Outcome<bool> {
        match self.find(email).await? {
            Some(user) => Ok(self.ports.storage.set_disabled(user, is_disabled).await?),
            None => Ok(false),
        }
    }

    /// Deletes an account. A running server erases its records in short steps. Returns `false` if there is
    /// none.
    pub async fn delete(&self, email: &Email) -> Outcome<bool> {
        match self.find(email).await? {
            Some(user) => Ok(self.ports.storage.delete_account(user).await?),
            None => Ok(false),
        }
    }

    /// Returns the open sessions of an account, oldest first, or `None` if there is none.
    pub async fn sessions(&self, email: &Email) -> Outcome<Option<Vec<Session>>> {
        let Some(user) = self.find(email).await? else {
            return Ok(None);
        };
        let now = self.ports.clock.now();
        let mut sessions = self.ports.storage.sessions(user).await?;
        sessions.retain(|session| now < session.expires_at);
        Ok(Some(sessions))
    }

    /// Ends all sessions of an account at once. Returns the number of those that were open just before, or
    /// `None` if there is no account.
    pub async fn end_sessions(&self, email: &Email) -> Outcome<Option<usize>> {
        let storage = &self.ports.storage;
        while let Some(credentials) = storage.credentials(email).await? {
            let user = credentials.user_id;
            let open = storage.sessions(user).await?.len();
            // The password replaces itself: the storage ends all sessions in that transaction, so that none
            // which is opened meanwhile is left over.
            let same = NewPassword {
                replaces: credentials.password_hash.clone(),
                hash: credentials.password_hash,
                sessions: EndSessions::All,
            };
            if storage.replace_password(user, same).await? {
                return Ok(Some(open));
            }
            // The user changed the password meanwhile.
        }
        Ok(None)
    }

    /// Returns what an account stores, and its bounds where `quota` has those of all accounts. `None` if there
    /// is no such account.
    pub async fn quota(&self, email: &Email, quota: Quota) -> Outcome<Option<QuotaReport>> {
        let Some(user) = self.find(email).await? else {
            return Ok(None);
        };
        let quotas = Quotas::new(Arc::clone(&self.ports.storage), quota);
        Ok(Some(quotas.report(user).await?))
    }

    /// Changes the bounds of one account; they apply to its next write. Returns `false` if there is no such
    /// account.
    pub async fn change_quota(
        &self,
        email: &Email,
        change: impl FnOnce(OwnQuota) -> OwnQuota,
    ) -> Outcome<bool> {
        let Some(user) = self.find(email).await? else {
            return Ok(false);
        };
        let Some(stored) = self.ports.storage.usage(user).await? else {
            return Ok(false);
        };
        let own = change(stored.own_quota);
        Ok(self.ports.storage.set_own_quota(user, own).await?)
    }

    async fn find(&self, email: &Email) -> Outcome<Option<UserId>> {
        let found = self.ports.storage.credentials(email).await?;
        Ok(found.map(|credentials| credentials.user_id))
    }
}
