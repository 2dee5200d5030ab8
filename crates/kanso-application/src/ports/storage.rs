//! Where records and accounts are kept.
//!
//! The ports are coarse. A write is one call: the adapter locks the user, loads what the write
//! must see, asks a pure function what to do, stores that and commits; nobody can do I/O under
//! the lock, and no transaction outlives a call. A read is one call that returns one consistent
//! snapshot.

use std::sync::Arc;

use async_trait::async_trait;
use kanso_domain::accounts::{Account, Email, PasswordHash, SettingsChange};
use kanso_domain::entries::{Completion, Entry};
use kanso_domain::habits::Habit;
use kanso_domain::sessions::{Refreshed, Session};
use kanso_domain::sync::{Changeset, Current, CursorRefusal, Head, Keys, Page, Since};
use kanso_domain::{EntryId, HabitId, SessionId, Timestamp, UserId};

/// A storage that cannot answer. What a user can cause is never one of these.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The storage is away or overloaded; the same call may succeed later.
    #[error("the storage is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The storage holds something that cannot be, or broke its contract.
    #[error("the storage is corrupt")]
    Corrupt(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What to do with the state that a write sees. Pure, because a storage may ask again after a
/// serialization failure.
pub type Decide = Arc<dyn Fn(Current) -> Result<Changeset, CursorRefusal> + Send + Sync>;

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// The changeset is durable.
    Committed(Changeset),
    /// The decision was to do nothing.
    Refused(CursorRefusal),
    /// There is no such account.
    NoSuchUser,
}

/// Which records a delta carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All kinds.
    Everything,
    /// Habits alone.
    Habits,
    /// Entries alone.
    Entries,
}

/// What to read of a user's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeltaQuery {
    /// Where the delta begins.
    pub since: Since,
    /// Which kinds of record.
    pub scope: Scope,
    /// The most records of a page; none for all of them.
    pub limit: Option<u32>,
}

/// Which live entries to list. Bounds are inclusive; an instant is compared with the completion,
/// a date with the local date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct EntryFilter {
    /// Of this habit alone.
    pub habit_id: Option<HabitId>,
    /// Not before.
    pub from: Option<Completion>,
    /// Not after.
    pub to: Option<Completion>,
}

/// Habits and entries.
#[async_trait]
pub trait RecordStore: Send + Sync {
    /// Locks `user`, loads `keys`, decides, and commits what was decided, durably.
    ///
    /// Every writer comes this way, so for one user the order of commits is the order of `seq`.
    /// A save must replace exactly the version that it names; anything else is
    /// [`StorageError::Corrupt`], because the lock should have made it impossible.
    async fn write(
        &self,
        user: UserId,
        keys: Keys,
        decide: Decide,
    ) -> Result<Written, StorageError>;

    /// What changed, in the order of `seq`, in one snapshot bounded by its head; `None` when
    /// there is no such account. An entry of a deleted habit is left out (its habit's tombstone
    /// implies it); with [`Since::Beginning`] so is every tombstone.
    async fn delta(&self, user: UserId, query: DeltaQuery) -> Result<Option<Page>, StorageError>;

    /// The newest change; `None` when there is no such account.
    async fn head(&self, user: UserId) -> Result<Option<Head>, StorageError>;

    /// A live habit.
    async fn habit(&self, user: UserId, id: HabitId) -> Result<Option<Habit>, StorageError>;

    /// The live habits by `sort_order`, then newest first (by creation, then id, descending).
    async fn habits(&self, user: UserId, archived_too: bool) -> Result<Vec<Habit>, StorageError>;

    /// A live entry of a live habit.
    async fn entry(&self, user: UserId, id: EntryId) -> Result<Option<Entry>, StorageError>;

    /// The live entries of live habits that `filter` lets through, newest completion first, then
    /// by id, descending.
    async fn entries(&self, user: UserId, filter: EntryFilter) -> Result<Vec<Entry>, StorageError>;
}

/// An account to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// The account.
    pub account: Account,
    /// The hash of its password.
    pub password_hash: PasswordHash,
}

/// What a log-in needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Whose they are.
    pub user_id: UserId,
    /// The hash of the password.
    pub password_hash: PasswordHash,
}

/// What to do with a session whose refresh token was presented. Pure, as [`Decide`].
pub type DecideRefresh = Arc<dyn Fn(Session) -> Refreshed + Send + Sync>;

/// Accounts and sessions.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Stores a new account, its history empty (`seq` 0, changed when it was created); `false`
    /// when the e-mail address is taken.
    async fn create_account(&self, new: NewAccount) -> Result<bool, StorageError>;

    /// The credentials for a log-in name.
    async fn credentials(&self, email: &Email) -> Result<Option<Credentials>, StorageError>;

    /// An account.
    async fn account(&self, user: UserId) -> Result<Option<Account>, StorageError>;

    /// Changes settings and returns the account as it then is.
    async fn change_settings(
        &self,
        user: UserId,
        change: SettingsChange,
    ) -> Result<Option<Account>, StorageError>;

    /// Replaces the hash of the password.
    async fn set_password_hash(&self, user: UserId, hash: PasswordHash)
    -> Result<(), StorageError>;

    /// Removes every row of the account; `false` when there was none.
    async fn delete_account(&self, user: UserId) -> Result<bool, StorageError>;

    /// Stores a new session and removes those of its user that have expired by its creation;
    /// `false` when the account is gone.
    async fn open_session(&self, session: Session) -> Result<bool, StorageError>;

    /// Loads a session under lock, decides, and stores a rotated one or removes one that was
    /// reused or has expired; `None` when there is no such session.
    async fn refresh_session(
        &self,
        user: UserId,
        session: SessionId,
        decide: DecideRefresh,
    ) -> Result<Option<Refreshed>, StorageError>;

    /// Whether a session exists and has not expired at `now`.
    async fn session_is_open(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<bool, StorageError>;

    /// Removes a session; no matter whether there was one.
    async fn end_session(&self, user: UserId, session: SessionId) -> Result<(), StorageError>;
}

/// A whole storage.
#[async_trait]
pub trait Storage: RecordStore + AccountStore {
    /// Whether the storage answers.
    async fn ping(&self) -> Result<(), StorageError>;

    /// Finishes what runs, writes everything to its place and lets go. Calls made afterwards are
    /// [`StorageError::Unavailable`], but closing again is nothing.
    async fn close(&self) -> Result<(), StorageError>;
}
