//! Whose replica it is, and what lets it speak to the server.

use kanso_domain::accounts::Settings;
use kanso_domain::{Timestamp, UserId};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::codec::instant;
use super::{Replica, ReplicaError, outbox, shown};

/// The account that a replica belongs to. Bound at the first log-in and never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The server's address.
    pub server: String,
    /// The account.
    pub account_id: UserId,
    /// Its log-in name.
    pub email: String,
}

/// What lets a device speak for an account.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) access_token: String,
    pub(crate) access_expires_at: Timestamp,
    pub(crate) refresh_token: String,
}

impl std::fmt::Debug for Session {
    /// Tokens do not print.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session(…)")
    }
}

/// The account's settings and when they were read.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) settings: Settings,
    pub(crate) read_at: Option<Timestamp>,
}

pub(super) fn make_row(connection: &Connection, device: Uuid) -> Result<(), ReplicaError> {
    let Settings {
        timezone,
        week_start,
        day_start,
    } = Settings::default();
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

pub(super) fn binding(connection: &Connection) -> Result<Option<Binding>, ReplicaError> {
    type Row = (Option<String>, Option<Uuid>, Option<String>);
    let (server, account, email): Row = connection
        .prepare_cached("SELECT server_url, account_id, email FROM replica")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let whole = server.zip(account).zip(email);
    Ok(whole.map(|((server, account), email)| Binding {
        server,
        account_id: UserId::new(account),
        email,
    }))
}

pub(super) fn session(connection: &Connection) -> Result<Option<Session>, ReplicaError> {
    type Row = (Option<String>, Option<i64>, Option<String>);
    let (access, expires_at, refresh): Row = connection
        .prepare_cached("SELECT access_token, access_expires_at, refresh_token FROM replica")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
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
    pub(crate) fn binding(&self) -> Result<Option<Binding>, ReplicaError> {
        binding(&self.connection)
    }

    pub(crate) fn session(&self) -> Result<Option<Session>, ReplicaError> {
        session(&self.connection)
    }

    /// Binds the replica to an account and keeps its session, in one step.
    pub(crate) fn sign_in(&mut self, to: &Binding, session: &Session) -> Result<(), ReplicaError> {
        let transaction = self.begin()?;
        transaction
            .prepare_cached("UPDATE replica SET server_url = ?1, account_id = ?2, email = ?3")?
            .execute(params![to.server, to.account_id.uuid(), to.email])?;
        write_session(&transaction, session)?;
        Ok(transaction.commit()?)
    }

    /// Keeps a rotated session.
    pub(crate) fn rotate(&mut self, session: &Session) -> Result<(), ReplicaError> {
        write_session(&self.connection, session)
    }

    /// Forgets the session; everything else stays.
    pub(crate) fn sign_out(&mut self) -> Result<(), ReplicaError> {
        self.connection
            .prepare_cached(
                "UPDATE replica
             SET access_token = NULL, access_expires_at = NULL, refresh_token = NULL",
            )?
            .execute([])?;
        Ok(())
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

    /// Keeps the account's settings, as the server gave them at `at`.
    pub(crate) fn keep_profile(
        &mut self,
        settings: &Settings,
        at: Timestamp,
    ) -> Result<(), ReplicaError> {
        let transaction = self.begin()?;
        keep_settings(&transaction, settings, at)?;
        Ok(transaction.commit()?)
    }
}

/// Keeps the account's settings, as the server gave them at `at`, in the caller's transaction.
/// What still is in the outbox is read with them from now on; what the server delivered has its
/// days already.
pub(super) fn keep_settings(
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
    for key in outbox::keys(connection)? {
        shown::refresh(connection, key, settings)?;
    }
    Ok(())
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
