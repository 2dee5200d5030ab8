//! The storage of accounts, sessions and security events.

use std::sync::Arc;

use async_trait::async_trait;
use kanso_domain::accounts::{Account, Email, PasswordHash, SettingsChange};
use kanso_domain::events::SecurityEvent;
use kanso_domain::sessions::{Refreshed, Session};
use kanso_domain::{SessionId, Timestamp, UserId};
use uuid::Uuid;

use super::credentials::Credentials;
use super::storage_error::StorageError;

/// An account to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// Account.
    pub account: Account,
    /// Hash of its password.
    pub password_hash: PasswordHash,
}

/// A new password hash for an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPassword {
    /// Hash that it replaces. The write fails if another one is stored.
    pub replaces: PasswordHash,
    /// New hash.
    pub hash: PasswordHash,
    /// Sessions to end.
    pub sessions: EndSessions,
}

/// The sessions that end when a password hash is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndSessions {
    /// None, because it is a new hash of the same password.
    None,
    /// All except this one.
    AllBut(SessionId),
    /// All.
    All,
}

/// A new e-mail address for an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEmail {
    /// Hash of the password that was checked. The write fails if another one is stored.
    pub checked: PasswordHash,
    /// New address.
    pub email: Email,
}

/// The outcome of a new e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailReplacement {
    /// The account has the address.
    Replaced,
    /// Another account has the address, in its present or its older spelling.
    Taken,
    /// Another password hash is stored, or the account is gone. Nothing was changed.
    Superseded,
}

/// The decision on a session whose refresh token was presented. It is pure, like
/// [`Decide`](super::storage::Decide).
pub type DecideRefresh = Arc<dyn Fn(Session) -> Refreshed + Send + Sync>;

/// The storage of accounts and sessions.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Stores a new account with an empty history (`seq` 0, changed at its creation). Returns
    /// `false` if the e-mail address is taken, in its present or its older spelling.
    async fn create_account(&self, new: NewAccount) -> Result<bool, StorageError>;

    /// Returns the credentials of an e-mail address: of the account that is stored under its older
    /// spelling ([`Email::older_spelling`]), or else of the one under the address itself.
    async fn credentials(&self, email: &Email) -> Result<Option<Credentials>, StorageError>;

    /// Returns an account.
    async fn account(&self, user: UserId) -> Result<Option<Account>, StorageError>;

    /// Changes settings and returns the account after the change.
    ///
    /// Each setting changes how days or weeks are counted. So a new value is a change of the
    /// history, under the lock on the user, and the streaks of all live habits are queued in the
    /// same transaction. Equal values change nothing.
    async fn change_settings(
        &self,
        user: UserId,
        change: SettingsChange,
        now: Timestamp,
    ) -> Result<Option<Account>, StorageError>;

    /// Replaces the hash of the password and ends sessions, in one transaction. Returns `false`
    /// without a change if another hash is stored, or the account is gone.
    async fn replace_password(&self, user: UserId, new: NewPassword) -> Result<bool, StorageError>;

    /// Returns the hash that a session replaced last with [`EndSessions::AllBut`], until the session is
    /// refreshed.
    async fn replaced_password(
        &self,
        user: UserId,
        session: SessionId,
    ) -> Result<Option<PasswordHash>, StorageError>;

    /// Replaces the e-mail address, in one transaction. The former address is free then.
    async fn replace_email(
        &self,
        user: UserId,
        new: NewEmail,
    ) -> Result<EmailReplacement, StorageError>;

    /// Ends the account and its sessions, and frees its address. Returns `false` if there was none.
    /// [`PurgeStore::erase_accounts`](super::housekeeping::PurgeStore::erase_accounts) deletes its rows
    /// later: other users must not wait for them.
    async fn delete_account(&self, user: UserId) -> Result<bool, StorageError>;

    /// Stores a new session and removes expired sessions of its user. Of more than `most` it removes
    /// those that were not used for longest, and never the new one.
    ///
    /// Returns `false` if the stored hash is no longer `checked`, or the account is disabled or gone: a
    /// log-in with the old password cannot succeed after a change of the password.
    async fn open_session(
        &self,
        session: Session,
        checked: PasswordHash,
        most: u32,
    ) -> Result<bool, StorageError>;

    /// Loads a session under lock, calls `decide`, and stores a rotated session or removes a reused
    /// or expired one. Returns `None` if there is no such session.
    async fn refresh_session(
        &self,
        user: UserId,
        session: SessionId,
        decide: DecideRefresh,
    ) -> Result<Option<Refreshed>, StorageError>;

    /// Returns true if the session exists and has not expired at `now`.
    async fn session_is_open(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<bool, StorageError>;

    /// Returns the sessions of a user, oldest first, then by id. They include expired sessions that
    /// were not removed yet.
    async fn sessions(&self, user: UserId) -> Result<Vec<Session>, StorageError>;

    /// Removes a session. Returns `false` if there was none.
    async fn end_session(&self, user: UserId, session: SessionId) -> Result<bool, StorageError>;

    /// Stores security events of accounts that exist, in order. Of more than `most` attempts, and of
    /// more than `most` other events of an account, it removes the oldest.
    async fn record_events(
        &self,
        events: Vec<SecurityEvent>,
        most: u32,
    ) -> Result<(), StorageError>;

    /// Returns at most `limit` security events of a user, newest first (by time, then id, descending),
    /// after the event `before` in this order. An unknown `before` has none after it.
    async fn events(
        &self,
        user: UserId,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<SecurityEvent>, StorageError>;
}
