//! The port for accounts and sessions.

use async_trait::async_trait;
use futures::FutureExt as _;
use kanso_application::ports::storage::{
    AccountStore, Credentials, DecideRefresh, EmailReplacement, EndSessions, NewAccount, NewEmail,
    NewPassword, StorageError,
};
use kanso_domain::accounts::{Account, Email, PasswordHash, SettingsChange};
use kanso_domain::events::SecurityEvent;
use kanso_domain::sessions::{Refreshed, Session};
use kanso_domain::{SessionId, Timestamp, UserId};
use uuid::Uuid;

use crate::connection::Connection;
use crate::error::DatabaseError;
use crate::{PostgresStorage, emails, erasure, events, sessions, streak_queue, users};

#[async_trait]
impl AccountStore for PostgresStorage {
    async fn create_account(&self, new: NewAccount) -> Result<bool, StorageError> {
        self.change(new, |connection, new| {
            users::create(connection, new).boxed()
        })
        .await
    }

    async fn credentials(&self, email: &Email) -> Result<Option<Credentials>, StorageError> {
        self.look_up(email, |connection, email| {
            users::credentials(connection, email).boxed()
        })
        .await
    }

    async fn account(&self, user: UserId) -> Result<Option<Account>, StorageError> {
        self.look_up(user, |connection, user| {
            users::account(connection, *user).boxed()
        })
        .await
    }

    async fn change_settings(
        &self,
        user: UserId,
        change: SettingsChange,
        now: Timestamp,
    ) -> Result<Option<Account>, StorageError> {
        self.change((user, change, now), |connection, (user, change, now)| {
            change_settings(connection, *user, change, *now).boxed()
        })
        .await
    }

    async fn replace_password(&self, user: UserId, new: NewPassword) -> Result<bool, StorageError> {
        self.change((user, new), |connection, (user, new)| {
            replace_password(connection, *user, new).boxed()
        })
        .await
    }

    async fn replaced_password(
        &self,
        user: UserId,
        session: SessionId,
    ) -> Result<Option<PasswordHash>, StorageError> {
        self.look_up((user, session), |connection, (user, session)| {
            sessions::replaced_hash(connection, *user, *session).boxed()
        })
        .await
    }

    async fn replace_email(
        &self,
        user: UserId,
        new: NewEmail,
    ) -> Result<EmailReplacement, StorageError> {
        self.change((user, new), |connection, (user, new)| {
            emails::replace(connection, *user, new).boxed()
        })
        .await
    }

    async fn delete_account(&self, user: UserId) -> Result<bool, StorageError> {
        self.change(user, |connection, user| {
            erasure::mark(connection, *user).boxed()
        })
        .await
    }

    async fn open_session(
        &self,
        session: Session,
        checked: PasswordHash,
        most: u32,
    ) -> Result<bool, StorageError> {
        let opening = (session, checked, most);
        self.change(opening, |connection, (session, checked, most)| {
            open_session(connection, session, checked, *most).boxed()
        })
        .await
    }

    async fn refresh_session(
        &self,
        user: UserId,
        session: SessionId,
        decide: DecideRefresh,
    ) -> Result<Option<Refreshed>, StorageError> {
        self.change((user, session, decide), |connection, (user, id, decide)| {
            refresh_session(connection, *user, *id, decide).boxed()
        })
        .await
    }

    async fn session_is_open(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        self.look_up((user, session, now), |connection, (user, id, now)| {
            sessions::is_open(connection, *user, *id, *now).boxed()
        })
        .await
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<Session>, StorageError> {
        self.look_up(user, |connection, user| {
            sessions::list(connection, *user).boxed()
        })
        .await
    }

    async fn end_session(&self, user: UserId, session: SessionId) -> Result<bool, StorageError> {
        self.change((user, session), |connection, (user, id)| {
            sessions::delete(connection, *user, *id).boxed()
        })
        .await
    }

    async fn record_events(
        &self,
        events: Vec<SecurityEvent>,
        most: u32,
    ) -> Result<(), StorageError> {
        let mut events = events;
        // Two servers may store events of the same accounts. Sorted by account, both take the locks in
        // one order. The sort is stable: the events of one account keep their order.
        events.sort_by_key(|event| event.user_id);
        self.change((events, most), |connection, (events, most)| {
            events::record(connection, events, *most).boxed()
        })
        .await
    }

    async fn events(
        &self,
        user: UserId,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<SecurityEvent>, StorageError> {
        self.look_up(
            (user, before, limit),
            |connection, (user, before, limit)| {
                events::list(connection, *user, *before, *limit).boxed()
            },
        )
        .await
    }
}

async fn change_settings(
    connection: &Connection,
    user: UserId,
    change: &SettingsChange,
    now: Timestamp,
) -> Result<Option<Account>, DatabaseError> {
    let Some((head, before)) = users::lock(connection, user).await? else {
        return Ok(None);
    };
    let Some(mut account) = users::account(connection, user).await? else {
        return Ok(None);
    };
    account.settings = account.settings.changed(change.clone());
    if account.settings != before {
        // Each setting changes how days or weeks are counted, so every streak may be wrong now. A
        // change that sets the same values must not move the head: devices would pull for nothing.
        let head = head.advanced(now);
        users::set_settings(connection, user, &account.settings, head).await?;
        streak_queue::queue_all(connection, user, head.changed_at).await?;
    }
    Ok(Some(account))
}

async fn replace_password(
    connection: &Connection,
    user: UserId,
    new: &NewPassword,
) -> Result<bool, DatabaseError> {
    // The UPDATE locks the user's row, and sessions are only opened under that lock. So a login with
    // the old password either commits before this, and its session is deleted below, or it waits
    // and then finds another hash.
    if !users::replace_password(connection, user, &new.replaces, &new.hash).await? {
        return Ok(false);
    }
    match new.sessions {
        EndSessions::None => {}
        EndSessions::AllBut(kept) => {
            sessions::delete_all(connection, user, Some(kept)).await?;
            sessions::set_replaced_hash(connection, user, kept, &new.replaces).await?;
        }
        EndSessions::All => sessions::delete_all(connection, user, None).await?,
    }
    Ok(true)
}

async fn open_session(
    connection: &Connection,
    session: &Session,
    checked: &PasswordHash,
    most: u32,
) -> Result<bool, DatabaseError> {
    let user = session.user_id;
    // Checked again under the lock: the password may have changed since the slow comparison of its
    // hash, and an old one must not open a session.
    if !users::has_password(connection, user, checked).await? {
        return Ok(false);
    }
    sessions::delete_expired(connection, user, session.created_at).await?;
    sessions::make_room(connection, user, most).await?;
    sessions::insert(connection, session).await?;
    Ok(true)
}

async fn refresh_session(
    connection: &Connection,
    user: UserId,
    id: SessionId,
    decide: &DecideRefresh,
) -> Result<Option<Refreshed>, DatabaseError> {
    let Some(stored) = sessions::lock(connection, user, id).await? else {
        return Ok(None);
    };
    let refreshed = decide(stored);
    match &refreshed {
        Refreshed::Rotated(rotated) => sessions::update(connection, rotated).await?,
        Refreshed::Repeated(_) | Refreshed::Unknown => {}
        Refreshed::Reused | Refreshed::Expired => {
            sessions::delete(connection, user, id).await?;
        }
    }
    Ok(Some(refreshed))
}
