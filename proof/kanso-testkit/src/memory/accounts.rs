//! Accounts and sessions in memory.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use kanso_application::ports::storage::{
    AccountStore, Credentials, DecideRefresh, EmailReplacement, EndSessions, NewAccount, NewEmail,
    NewPassword, StorageError,
};
use kanso_domain::accounts::{Account, Email, PasswordHash, SettingsChange, SettingsRecord};
use kanso_domain::events::SecurityEvent;
use kanso_domain::sessions::{Refreshed, Session};
use kanso_domain::sync::{Epoch, Head, OwnQuota};
use kanso_domain::{SessionId, Timestamp, UserId};
use uuid::Uuid;

use super::streaks::Queue;
use super::{MemoryStorage, State, UserData};

/// Returns the older spelling of an address, or the address itself if it has none.
fn older_spelling(email: &Email) -> Email {
    let spelling = email.older_spelling().unwrap_or(email.as_str());
    Email::restored(spelling.to_owned())
}

/// Stores a new account; returns false if its address is taken.
pub(super) fn create(state: &mut State, epoch: Epoch, new: NewAccount) -> bool {
    let NewAccount {
        account,
        password_hash,
    } = new;
    let older = older_spelling(&account.email);
    if [&account.email, &older]
        .iter()
        .any(|email| state.emails.contains_key(email))
    {
        return false;
    }
    state.emails.insert(account.email.clone(), account.id);
    let head = Head::beginning(epoch, account.created_at);
    let data = UserData {
        account,
        password_hash,
        is_disabled: false,
        head,
        starts: vec![(head.epoch, head.seq)],
        sessions: BTreeMap::new(),
        events: Vec::new(),
        habits: BTreeMap::new(),
        entries: BTreeMap::new(),
        purged_habits: BTreeSet::new(),
        purged_entries: BTreeSet::new(),
        settings: None,
        devices: BTreeMap::new(),
        receipts: BTreeMap::new(),
        queue: Queue::default(),
        day_begun: None,
        own_quota: OwnQuota::NONE,
        replaced_passwords: BTreeMap::new(),
    };
    state.users.insert(data.account.id, data);
    true
}

#[async_trait]
impl AccountStore for MemoryStorage {
    async fn create_account(&self, new: NewAccount) -> Result<bool, StorageError> {
        let epoch = self.epoch();
        self.with(|state| create(state, epoch, new))
    }

    async fn credentials(&self, email: &Email) -> Result<Option<Credentials>, StorageError> {
        self.with(|state| {
            let older = state.emails.get(&older_spelling(email));
            let user_id = *older.or_else(|| state.emails.get(email))?;
            let data = state.users.get(&user_id)?;
            Some(Credentials {
                user_id,
                password_hash: data.password_hash.clone(),
                is_disabled: data.is_disabled,
            })
        })
    }

    async fn account(&self, user: UserId) -> Result<Option<Account>, StorageError> {
        self.with_user(user, |data| data.account.clone())
    }

    async fn change_settings(
        &self,
        user: UserId,
        change: SettingsChange,
        now: Timestamp,
    ) -> Result<Option<Account>, StorageError> {
        self.with_user(user, |data| {
            let before = data.account.settings.clone();
            data.account.settings = before.clone().changed(change);
            // Equal settings are no change: a client that saves a form twice must not move the
            // history.
            if data.account.settings != before {
                data.head = data.head.advanced(now);
                data.settings = Some(SettingsRecord {
                    settings: data.account.settings.clone(),
                    seq: data.head.seq,
                    updated_at: data.head.changed_at,
                });
                data.read_days_anew(data.head.changed_at);
            }
            data.account.clone()
        })
    }

    async fn replace_password(&self, user: UserId, new: NewPassword) -> Result<bool, StorageError> {
        let replaced = self.with_user(user, |data| {
            // Compare and set: the caller checked the old password against this hash, outside the
            // lock.
            if data.password_hash != new.replaces {
                return false;
            }
            data.password_hash = new.hash;
            if let EndSessions::AllBut(kept) = new.sessions {
                data.replaced_passwords = [(kept, new.replaces)].into();
            }
            data.sessions.retain(|id, _| match new.sessions {
                EndSessions::None => true,
                EndSessions::AllBut(kept) => *id == kept,
                EndSessions::All => false,
            });
            true
        })?;
        Ok(replaced.unwrap_or(false))
    }

    async fn replaced_password(
        &self,
        user: UserId,
        session: SessionId,
    ) -> Result<Option<PasswordHash>, StorageError> {
        let replaced = self.with_user(user, |data| {
            let is_open = data.sessions.contains_key(&session);
            let replaced = data.replaced_passwords.get(&session).filter(|_| is_open);
            replaced.cloned()
        })?;
        Ok(replaced.flatten())
    }

    async fn replace_email(
        &self,
        user: UserId,
        new: NewEmail,
    ) -> Result<EmailReplacement, StorageError> {
        self.with(|state| {
            let NewEmail { checked, email } = new;
            let Some(data) = state.users.get_mut(&user) else {
                return EmailReplacement::Superseded;
            };
            if data.password_hash != checked {
                return EmailReplacement::Superseded;
            }
            let spellings = [&email, &older_spelling(&email)];
            let mut owners = spellings.iter().filter_map(|email| state.emails.get(email));
            if owners.any(|owner| *owner != user) {
                return EmailReplacement::Taken;
            }
            state.emails.remove(&data.account.email);
            state.emails.insert(email.clone(), user);
            data.account.email = email;
            EmailReplacement::Replaced
        })
    }

    async fn delete_account(&self, user: UserId) -> Result<bool, StorageError> {
        self.with(|state| {
            let data = state.users.remove(&user);
            if let Some(data) = &data {
                state.emails.remove(&data.account.email);
            }
            data.is_some()
        })
    }

    async fn open_session(
        &self,
        session: Session,
        checked: PasswordHash,
        most: u32,
    ) -> Result<bool, StorageError> {
        let opened = self.with_user(session.user_id, |data| {
            // The password may have changed since it was checked, so a login with the old one opens
            // no session.
            if data.password_hash != checked || data.is_disabled {
                return false;
            }
            let now = session.created_at;
            // Expired sessions go here, because no other call knows them.
            data.sessions.retain(|_, other| other.expires_at > now);
            while data.sessions.len() >= usize::try_from(most).unwrap_or(usize::MAX) {
                let order = |other: &&Session| (other.last_seen_at(), other.created_at, other.id);
                let first = data.sessions.values().min_by_key(order);
                let Some(id) = first.map(|first| first.id) else {
                    break;
                };
                data.sessions.remove(&id);
            }
            data.sessions.insert(session.id, session);
            true
        })?;
        Ok(opened.unwrap_or(false))
    }

    async fn refresh_session(
        &self,
        user: UserId,
        session: SessionId,
        decide: DecideRefresh,
    ) -> Result<Option<Refreshed>, StorageError> {
        let refreshed = self.with_user(user, |data| {
            let stored = data.sessions.get(&session)?.clone();
            let refreshed = decide(stored);
            match &refreshed {
                Refreshed::Rotated(rotated) => {
                    data.sessions.insert(session, rotated.clone());
                    data.replaced_passwords.remove(&session);
                }
                Refreshed::Repeated(_) | Refreshed::Unknown => {}
                Refreshed::Reused | Refreshed::Expired => {
                    data.sessions.remove(&session);
                }
            }
            Some(refreshed)
        })?;
        Ok(refreshed.flatten())
    }

    async fn session_is_open(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let is_open = self.with_user(user, |data| {
            let stored = data.sessions.get(&session);
            stored.is_some_and(|stored| now < stored.expires_at)
        })?;
        Ok(is_open.unwrap_or(false))
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<Session>, StorageError> {
        let sessions = self.with_user(user, |data| {
            let mut sessions: Vec<_> = data.sessions.values().cloned().collect();
            sessions.sort_by_key(|session| (session.created_at, session.id));
            sessions
        })?;
        Ok(sessions.unwrap_or_default())
    }

    async fn end_session(&self, user: UserId, session: SessionId) -> Result<bool, StorageError> {
        let ended = self.with_user(user, |data| data.sessions.remove(&session))?;
        Ok(ended.flatten().is_some())
    }

    async fn record_events(
        &self,
        events: Vec<SecurityEvent>,
        most: u32,
    ) -> Result<(), StorageError> {
        self.keep_events(events, most)
    }

    async fn events(
        &self,
        user: UserId,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<SecurityEvent>, StorageError> {
        self.list_events(user, before, limit)
    }
}
