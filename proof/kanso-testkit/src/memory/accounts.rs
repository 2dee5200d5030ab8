//! Accounts and sessions in memory.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use kanso_application::ports::storage::{
    AccountStore, Credentials, DecideRefresh, EndSessions, NewAccount, NewPassword, StorageError,
};
use kanso_domain::accounts::{Account, Email, PasswordHash, SettingsChange, SettingsRecord};
use kanso_domain::sessions::{Refreshed, Session};
use kanso_domain::sync::Head;
use kanso_domain::{SessionId, Timestamp, UserId};

use super::streaks::Queue;
use super::{MemoryStorage, Person};

#[async_trait]
impl AccountStore for MemoryStorage {
    async fn create_account(&self, new: NewAccount) -> Result<bool, StorageError> {
        let NewAccount {
            account,
            password_hash,
        } = new;
        self.with(|state| {
            if state.emails.contains_key(&account.email) {
                return false;
            }
            state.emails.insert(account.email.clone(), account.id);
            let head = Head::beginning(self.epoch(), account.created_at);
            let person = Person {
                account,
                password_hash,
                head,
                sessions: BTreeMap::new(),
                habits: BTreeMap::new(),
                entries: BTreeMap::new(),
                purged_habits: BTreeSet::new(),
                purged_entries: BTreeSet::new(),
                settings: None,
                devices: BTreeMap::new(),
                receipts: BTreeMap::new(),
                queue: Queue::default(),
                day_begun: None,
            };
            state.people.insert(person.account.id, person);
            true
        })
    }

    async fn credentials(&self, email: &Email) -> Result<Option<Credentials>, StorageError> {
        self.with(|state| {
            let user_id = *state.emails.get(email)?;
            let password_hash = state.people.get(&user_id)?.password_hash.clone();
            Some(Credentials {
                user_id,
                password_hash,
            })
        })
    }

    async fn account(&self, user: UserId) -> Result<Option<Account>, StorageError> {
        self.with_person(user, |person| person.account.clone())
    }

    async fn change_settings(
        &self,
        user: UserId,
        change: SettingsChange,
        now: Timestamp,
    ) -> Result<Option<Account>, StorageError> {
        self.with_person(user, |person| {
            let before = person.account.settings.clone();
            person.account.settings = before.clone().changed(change);
            if person.account.settings != before {
                person.head = person.head.advanced(now);
                person.settings = Some(SettingsRecord {
                    settings: person.account.settings.clone(),
                    seq: person.head.seq,
                    updated_at: person.head.changed_at,
                });
                person.read_days_anew(person.head.changed_at);
            }
            person.account.clone()
        })
    }

    async fn replace_password(&self, user: UserId, new: NewPassword) -> Result<bool, StorageError> {
        let replaced = self.with_person(user, |person| {
            if person.password_hash != new.replaces {
                return false;
            }
            person.password_hash = new.hash;
            person.sessions.retain(|id, _| match new.sessions {
                EndSessions::None => true,
                EndSessions::AllBut(kept) => *id == kept,
                EndSessions::All => false,
            });
            true
        })?;
        Ok(replaced.unwrap_or(false))
    }

    async fn delete_account(&self, user: UserId) -> Result<bool, StorageError> {
        self.with(|state| {
            let person = state.people.remove(&user);
            if let Some(person) = &person {
                state.emails.remove(&person.account.email);
            }
            person.is_some()
        })
    }

    async fn open_session(
        &self,
        session: Session,
        checked: PasswordHash,
    ) -> Result<bool, StorageError> {
        let opened = self.with_person(session.user_id, |person| {
            if person.password_hash != checked {
                return false;
            }
            let now = session.created_at;
            person.sessions.retain(|_, other| other.expires_at > now);
            person.sessions.insert(session.id, session);
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
        let refreshed = self.with_person(user, |person| {
            let stored = person.sessions.get(&session)?.clone();
            let refreshed = decide(stored);
            match &refreshed {
                Refreshed::Rotated(rotated) => {
                    person.sessions.insert(session, rotated.clone());
                }
                Refreshed::Repeated(_) => {}
                Refreshed::Reused | Refreshed::Expired => {
                    person.sessions.remove(&session);
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
        let is_open = self.with_person(user, |person| {
            let stored = person.sessions.get(&session);
            stored.is_some_and(|stored| now < stored.expires_at)
        })?;
        Ok(is_open.unwrap_or(false))
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<Session>, StorageError> {
        let sessions = self.with_person(user, |person| {
            let mut sessions: Vec<_> = person.sessions.values().cloned().collect();
            sessions.sort_by_key(|session| (session.created_at, session.id));
            sessions
        })?;
        Ok(sessions.unwrap_or_default())
    }

    async fn end_session(&self, user: UserId, session: SessionId) -> Result<(), StorageError> {
        self.with_person(user, |person| person.sessions.remove(&session))
            .map(|_| ())
    }
}
