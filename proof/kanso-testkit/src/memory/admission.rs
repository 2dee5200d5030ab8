//! Invitations and disabled accounts in memory.

use async_trait::async_trait;
use kanso_application::ports::admission::{
    AdmissionState, AdmissionStore, Entitlement, Invitation, InvitedRegistration, ListedAccount,
};
use kanso_application::ports::storage::{NewAccount, StorageError};
use kanso_domain::UserId;

use super::accounts::create;
use super::{MemoryStorage, State};

#[async_trait]
impl AdmissionStore for MemoryStorage {
    async fn admission_state(&self) -> Result<AdmissionState, StorageError> {
        self.with(|state| AdmissionState {
            was_open: false,
            has_accounts: !state.emails.is_empty(),
        })
    }

    async fn keep_invitation(&self, invitation: Invitation) -> Result<(), StorageError> {
        self.with(|state| {
            let now = invitation.created_at;
            state.invitations.retain(|_, kept| kept.expires_at > now);
            let hash = *invitation.hash.bytes();
            state.invitations.insert(hash, invitation);
        })
    }

    async fn is_entitled(&self, entitlement: Entitlement) -> Result<bool, StorageError> {
        self.with(|state| is_entitled(state, entitlement))
    }

    async fn create_invited_account(
        &self,
        new: NewAccount,
        entitlement: Entitlement,
    ) -> Result<InvitedRegistration, StorageError> {
        let epoch = self.epoch();
        self.with(|state| {
            if !is_entitled(state, entitlement) {
                return InvitedRegistration::NotEntitled;
            }
            if !create(state, epoch, new) {
                return InvitedRegistration::EmailTaken;
            }
            if let Entitlement::Invitation { hash, .. } = entitlement {
                state.invitations.remove(hash.bytes());
            }
            InvitedRegistration::Created
        })
    }

    async fn set_disabled(&self, user: UserId, is_disabled: bool) -> Result<bool, StorageError> {
        let found = self.with_user(user, |data| {
            data.is_disabled = is_disabled;
            if is_disabled {
                data.sessions.clear();
            }
        })?;
        Ok(found.is_some())
    }

    async fn is_disabled(&self, user: UserId) -> Result<bool, StorageError> {
        let is_disabled = self.with_user(user, |data| data.is_disabled)?;
        Ok(is_disabled.unwrap_or(false))
    }

    async fn accounts(
        &self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<ListedAccount>, StorageError> {
        self.with(|state| {
            let users = state.users.iter();
            let later = users.filter(|(id, _)| after.is_none_or(|after| **id > after));
            let listed = later.map(|(id, data)| ListedAccount {
                id: *id,
                email: data.account.email.clone(),
                created_at: data.account.created_at,
                is_disabled: data.is_disabled,
            });
            listed.take(limit as usize).collect()
        })
    }
}

fn is_entitled(state: &State, entitlement: Entitlement) -> bool {
    let has_accounts = !state.emails.is_empty();
    let Entitlement::Invitation { hash, now } = entitlement else {
        return !has_accounts;
    };
    let kept = state.invitations.get(hash.bytes());
    kept.is_some_and(|kept| kept.expires_at > now && !(kept.is_for_first_account && has_accounts))
}
