//! The port for admission: who may make an account, and whose account is disabled.

use async_trait::async_trait;
use kanso_domain::accounts::Email;
use kanso_domain::sessions::TokenHash;
use kanso_domain::{Timestamp, UserId};

use super::storage::NewAccount;
use super::storage_error::StorageError;

/// A new invitation code.
#[derive(Clone, PartialEq, Eq)]
pub struct NewInvitation {
    /// Code, to hand to the invited user.
    pub code: String,
    /// Hash of the code, to store.
    pub hash: TokenHash,
}

/// Creates invitation codes: opaque texts with 256 random bits.
pub trait InvitationCodes: Send + Sync {
    /// Returns a new code.
    fn mint(&self) -> NewInvitation;

    /// Returns the hash of a presented code, or `None` if it is malformed.
    fn read(&self, code: &str) -> Option<TokenHash>;
}

/// An invitation: the right to make one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Hash of its code.
    pub hash: TokenHash,
    /// Time at which it was made.
    pub created_at: Timestamp,
    /// Time from which it is refused.
    pub expires_at: Timestamp,
    /// True if it only makes the first account of the server.
    pub is_for_first_account: bool,
}

/// The right to make an account on a server whose registration is not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entitlement {
    /// The server has no account yet.
    FirstAccount,
    /// An unused invitation.
    Invitation {
        /// Hash of its code.
        hash: TokenHash,
        /// Present time.
        now: Timestamp,
    },
}

/// The outcome of an invited registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvitedRegistration {
    /// The account was created, and the invitation is used.
    Created,
    /// The e-mail address has an account. The invitation is still unused.
    EmailTaken,
    /// There is no such right: the server has an account, or the invitation is unknown, used or expired.
    NotEntitled,
}

/// The facts that decide about registration when a server starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdmissionState {
    /// True if the database had accounts before it knew invitations. Registration was open then, and it
    /// stays open unless the operator says otherwise.
    pub was_open: bool,
    /// True if there is an account.
    pub has_accounts: bool,
}

/// An account in the list of all accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAccount {
    /// Id.
    pub id: UserId,
    /// E-mail address.
    pub email: Email,
    /// Time of the registration.
    pub created_at: Timestamp,
    /// True if the operator has disabled it.
    pub is_disabled: bool,
}

/// The storage of invitations, and of what the operator decides about accounts.
#[async_trait]
pub trait AdmissionStore: Send + Sync {
    /// Returns the facts that decide about registration.
    async fn admission_state(&self) -> Result<AdmissionState, StorageError>;

    /// Stores an invitation, and removes those that have expired at its creation.
    async fn keep_invitation(&self, invitation: Invitation) -> Result<(), StorageError>;

    /// Returns true if [`AdmissionStore::create_invited_account`] would accept the right now.
    async fn is_entitled(&self, entitlement: Entitlement) -> Result<bool, StorageError>;

    /// Stores a new account like [`create_account`](super::storage::AccountStore::create_account) and uses
    /// up the invitation, in one transaction. Of several calls with one right, one creates an account.
    async fn create_invited_account(
        &self,
        new: NewAccount,
        entitlement: Entitlement,
    ) -> Result<InvitedRegistration, StorageError>;

    /// Disables or enables an account. Disabling ends its sessions in the same transaction, and from then
    /// on no session is opened. Its records stay. Returns `false` if there is no such account.
    async fn set_disabled(&self, user: UserId, is_disabled: bool) -> Result<bool, StorageError>;

    /// Returns true if the account exists and is disabled.
    async fn is_disabled(&self, user: UserId) -> Result<bool, StorageError>;

    /// Returns the accounts after `after` by id, at most `limit`, in the order of their ids.
    async fn accounts(
        &self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<ListedAccount>, StorageError>;
}
