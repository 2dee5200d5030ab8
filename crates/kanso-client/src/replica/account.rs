//! The account of the replica, its session and its settings.

use kanso_domain::accounts::Settings;
use kanso_domain::{Timestamp, UserId};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::codec::instant;
use super::{Replica, ReplicaError, identity, outbox, view};
use crate::clock::Ids;

/// Account that a replica belongs to. The first log-in binds it; a later log-in as the same account
/// can move it to another server address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundAccount {
    /// Address of the server, without a slash at its end.
    pub server: String,
    /// Id of the account.
    pub account_id: UserId,
    /// E-mail address of the account.
    pub email: String,
}

/// Tokens of a session.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) access_token: String,
    pub(crate) access_expires_at: Timestamp,
    pub(crate) refresh_token: String,
}

impl std::fmt::Debug for Session {
    /// Hides the tokens: debug output may end up in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session(…)")
    }
}

/// Settings of the account and the instant at which they were read.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) settings: Settings,
    pub(crate) read_at: Option<Timestamp>,
}

/// Creates the only row of the table `replica` if it is missing.
pub(super) fn create_row(connection: &Connection, device: Uuid) -> Result<(), ReplicaError> {
    let Settings {
        timezone,
        week_start,
        day_start,
    } = Settings::default();
    // An insert takes the write lock even if the row exists. The check lets a process open the
    // folder while another one writes.
    let exists = "SELECT EXISTS (SELECT 1 FROM replica)";
    if connection
        .prepare_cached(exists)?
        .query_row([], |row| row.get(0))?
    {
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT INTO replica (id, device_id, timezone, week_start, day_start, is_resyncing)
         VALUES (1, ?1, ?2, ?3, ?4, 0) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            device,
            timezone.name(),
            week_start.as_str(),
            day_start.to_string()
        ])?;
    Ok(())
}

pub(super) fn device_id(connection: &Connection) -> Result<Uuid, ReplicaError> {
    Ok(connection
        .prepare_cached("SELECT device_id FROM replica")?
        .query_row([], |row| row.get(0))?)
}

pub(super) fn account(connection: &Connection) -> Result<Option<BoundAccount>, ReplicaError> {
    type Columns = (Option<String>, Option<Uuid>, Option<String>);
    let (server, account, email): Columns = connection
        .prepare_cached("SELECT server_url, account_id, email FROM replica")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    // The table's constraint allows all three or none.
    let whole = server.zip(account).zip(email);
    Ok(whole.map(|((server, account), email)| BoundAccount {
        server,
        account_id: UserId::new(account),
        email,
    }))
}

pub(super) fn session(connection: &Connection) -> Result<Option<Session>, ReplicaError> {
    type Columns = (Option<String>, Option<i64>, Option<String>);
    let (access, expires_at, refresh): Columns = connection
        .prepare_cached("SELECT access_token, access_expires_at, refresh_token FROM replica")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    // The table's constraint allows all three tokens or none.
    let Some(((access_token, expires_at), refresh_token)) = access.zip(expires_at).zip(refresh)
    else {
        return Ok(None);
    };
    Ok(Some(Session {
        access_token,
        access_expires_at: instant(expires_at)?,
        refresh_token,
    }))
}

pub(super) fn last_sync_at(connection: &Connection) -> Result<Option<Timestamp>, ReplicaError> {
    let stored: Option<i64> = connection
        .prepare_cached("SELECT last_sync_at FROM replica")?
        .query_row([], |row| row.get(0))?;
    stored.map(instant).transpose()
}

pub(super) fn settings(connection: &Connection) -> Result<Settings, ReplicaError> {
    let (timezone, week_start, day_start): (String, String, String) = connection
        .prepare_cached("SELECT timezone, week_start, day_start FROM replica")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(Settings {
        timezone: timezone.parse().map_err(ReplicaError::damaged)?,
        week_start: week_start.parse().map_err(ReplicaError::damaged)?,
        day_start: day_start.parse().map_err(ReplicaError::damaged)?,
    })
}

impl Replica {
    pub(crate) fn account(&self) -> Result<Option<BoundAccount>, ReplicaError> {
        account(&self.connection)
    }

    pub(crate) fn session(&self) -> Result<Option<Session>, ReplicaError> {
        session(&self.connection)
    }

    /// Binds the replica to an account and stores its session, in one transaction.
    ///
    /// Draws a new device id if the server has refused the session before: copies of one replica
    /// end each other's session.
    pub(crate) fn sign_in(
        &mut self,
        to: &BoundAccount,
        session: &Session,
        ids: &dyn Ids,
    ) -> Result<(), ReplicaError> {
        let transaction = self.begin()?;
        if is_session_lost(&transaction)? {
            identity::draw_device_id(&transaction, ids.next_id())?;
        }
        transaction
            .prepare_cached("UPDATE replica SET server_url = ?1, account_id = ?2, email = ?3")?
            .execute(params![to.server, to.account_id.uuid(), to.email])?;
        write_session(&transaction, session)?;
        Ok(transaction.commit()?)
    }

    /// Stores the session that follows a refresh.
    pub(crate) fn rotate(&mut self, session: &Session) -> Result<(), ReplicaError> {
        // One statement, so it needs no explicit transaction.
        write_session(&self.connection, session)
    }

    /// Removes the session. Records, outbox and account stay.
    pub(crate) fn sign_out(&mut self) -> Result<(), ReplicaError> {
        self.connection
            .prepare_cached(
                "UPDATE replica
             SET access_token = NULL, access_expires_at = NULL, refresh_token = NULL",
            )?
            .execute([])?;
        Ok(())
    }

    /// Removes the session, which the server has refused.
    pub(crate) fn lose_session(&mut self) -> Result<(), ReplicaError> {
        let transaction = self.begin()?;
        transaction
            .prepare_cached(
                "UPDATE replica
             SET access_token = NULL, access_expires_at = NULL, refresh_token = NULL,
                 is_session_lost = 1",
            )?
            .execute([])?;
        Ok(transaction.commit()?)
    }

    pub(crate) fn profile(&self) -> Result<Profile, ReplicaError> {
        let read_at: Option<i64> = self
            .connection
            .prepare_cached("SELECT settings_read_at FROM replica")?
            .query_row([], |row| row.get(0))?;
        Ok(Profile {
            settings: settings(&self.connection)?,
            read_at: read_at.map(instant).transpose()?,
        })
    }

    /// Stores the account's settings, which the server sent at `at`.
    pub(crate) fn store_profile(
        &mut self,
        settings: &Settings,
        at: Timestamp,
    ) -> Result<(), ReplicaError> {
        let transaction = self.begin()?;
        store_settings(&transaction, settings, at)?;
        Ok(transaction.commit()?)
    }
}

/// Stores the account's settings, which the server sent at `at`, in the caller's transaction.
pub(super) fn store_settings(
    connection: &Connection,
    settings: &Settings,
    at: Timestamp,
) -> Result<(), ReplicaError> {
    connection
        .prepare_cached(
            "UPDATE replica
         SET timezone = ?1, week_start = ?2, day_start = ?3, settings_read_at = ?4",
        )?
        .execute(params![
            settings.timezone.name(),
            settings.week_start.as_str(),
            settings.day_start.to_string(),
            at.as_micros()
        ])?;
    // The day of a waiting entry depends on the settings. Delivered entries carry their day.
    for key in outbox::keys(connection)? {
        view::refresh(connection, key, settings)?;
    }
    Ok(())
}

fn is_session_lost(connection: &Connection) -> Result<bool, ReplicaError> {
    Ok(connection
        .prepare_cached("SELECT is_session_lost FROM replica")?
        .query_row([], |row| row.get(0))?)
}

fn write_session(connection: &Connection, session: &Session) -> Result<(), ReplicaError> {
    connection
        .prepare_cached(
            "UPDATE replica SET access_token = ?1, access_expires_at = ?2, refresh_token = ?3",
        )?
        .execute(params![
            session.access_token,
            session.access_expires_at.as_micros(),
            session.refresh_token
        ])?;
    Ok(())
}
