//! The port for accounts and sessions.

use async_trait::async_trait;
use kanso_application::ports::storage::{
    AccountStore, Credentials, DecideRefresh, EmailReplacement, EndSessions, NewAccount, NewEmail,
    NewPassword, StorageError,
};
use kanso_domain::accounts::{Account, Email, PasswordHash, SettingsChange};
use kanso_domain::events::SecurityEvent;
use kanso_domain::sessions::{Refreshed, Session};
use kanso_domain::{SessionId, Timestamp, UserId};
use rusqlite::Connection;
use uuid::Uuid;

use crate::error::DatabaseError;
use crate::writer::WriteCost;
use crate::{SqliteStorage, emails, erasure, events, sessions, streak_queue, users};

#[async_trait]
impl AccountStore for SqliteStorage {
    async fn create_account(&self, new: NewAccount) -> Result<bool, StorageError> {
        self.change(move |connection| users::create(connection, &new))
            .await
    }

    async fn credentials(&self, email: &Email) -> Result<Option<Credentials>, StorageError> {
        let read = |connection: &Connection| users::credentials(connection, email);
        Ok(self.readers.look_up(read).await?)
    }

    async fn account(&self, user: UserId) -> Result<Option<Account>, StorageError> {
        let read = |connection: &Connection| users::account(connection, user);
        Ok(self.readers.look_up(read).await?)
    }

    async fn change_settings(
        &self,
        user: UserId,
        change: SettingsChange,
        now: Timestamp,
    ) -> Result<Option<Account>, StorageError> {
        let epoch = self.epoch;
        self.change(move |connection| {
            let account = users::account(connection, user)?;
            let head = users::head(connection, epoch, user)?;
            let Some((mut account, head)) = account.zip(head) else {
                return Ok(None);
            };
            let before = account.settings.clone();
            account.settings = account.settings.changed(change);
            if account.settings != before {
                // Each setting changes how days or weeks are counted, so every streak may be wrong
                // now. A change that sets the same values must not move the head.
                let head = head.advanced(now);
                users::set_settings(connection, user, &account.settings, head)?;
                streak_queue::queue_all(connection, user, head.changed_at)?;
            }
            Ok(Some(account))
        })
        .await
    }

    async fn replace_password(&self, user: UserId, new: NewPassword) -> Result<bool, StorageError> {
        self.change(move |connection| {
            if !users::replace_password(connection, user, &new.replaces, &new.hash)? {
                return Ok(false);
            }
            match new.sessions {
                EndSessions::None => {}
                EndSessions::AllBut(kept) => {
                    sessions::delete_all(connection, user, Some(kept))?;
                    sessions::set_replaced_hash(connection, user, kept, &new.replaces)?;
                }
                EndSessions::All => sessions::delete_all(connection, user, None)?,
            }
            Ok(true)
        })
        .await
    }

    async fn replaced_password(
        &self,
        user: UserId,
        session: SessionId,
    ) -> Result<Option<PasswordHash>, StorageError> {
        let read = |connection: &Connection| sessions::replaced_hash(connection, user, session);
        Ok(self.readers.look_up(read).await?)
    }

    async fn replace_email(
        &self,
        user: UserId,
        new: NewEmail,
    ) -> Result<EmailReplacement, StorageError> {
        self.change(move |connection| emails::replace(connection, user, &new))
            .await
    }

    async fn delete_account(&self, user: UserId) -> Result<bool, StorageError> {
        self.change(move |connection| erasure::mark(connection, user))
            .await
    }

    async fn open_session(
        &self,
        session: Session,
        checked: PasswordHash,
        most: u32,
    ) -> Result<bool, StorageError> {
        self.change(move |connection| {
            // Checked again inside the write: the password may have changed since the slow comparison of
            // its hash, and an old one must not open a session.
            if !users::has_password(connection, session.user_id, &checked)? {
                return Ok(false);
            }
            sessions::delete_expired(connection, session.user_id, session.created_at)?;
            sessions::make_room(connection, session.user_id, most)?;
            sessions::insert(connection, &session)?;
            Ok(true)
        })
        .await
    }

    async fn refresh_session(
        &self,
        user: UserId,
        session: SessionId,
        decide: DecideRefresh,
    ) -> Result<Option<Refreshed>, StorageError> {
        self.change(move |connection| {
            let Some(stored) = sessions::find(connection, user, session)? else {
                return Ok(None);
            };
            let refreshed = decide(stored);
            match &refreshed {
                Refreshed::Rotated(rotated) => sessions::update(connection, rotated)?,
                Refreshed::Repeated(_) | Refreshed::Unknown => {}
                Refreshed::Reused | Refreshed::Expired => {
                    sessions::delete(connection, user, session)?;
                }
            }
            Ok(Some(refreshed))
        })
        .await
    }

    async fn session_is_open(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let read = |connection: &Connection| sessions::is_open(connection, user, session, now);
        Ok(self.readers.look_up(read).await?)
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<Session>, StorageError> {
        let read = |connection: &Connection| sessions::list(connection, user);
        Ok(self.readers.look_up(read).await?)
    }

    async fn end_session(&self, user: UserId, session: SessionId) -> Result<bool, StorageError> {
        self.change(move |connection| sessions::delete(connection, user, session))
            .await
    }

    async fn record_events(
        &self,
        events: Vec<SecurityEvent>,
        most: u32,
    ) -> Result<(), StorageError> {
        let cost = WriteCost::Records(events.len());
        let work = move |connection: &Connection| events::record(connection, &events, most);
        Ok(self.writer.run(cost, work).await?)
    }

    async fn events(
        &self,
        user: UserId,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<SecurityEvent>, StorageError> {
        let read = move |connection: &Connection| events::list(connection, user, before, limit);
        Ok(self.readers.run(read).await?)
    }
}

impl SqliteStorage {
    /// Runs `work` as one write of one record.
    pub(crate) async fn change<T, W>(&self, work: W) -> Result<T, StorageError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, DatabaseError> + Send + 'static,
    {
        Ok(self.writer.run(WriteCost::Records(1), work).await?)
    }
}
