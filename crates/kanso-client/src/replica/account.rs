//! The account of the replica, its session and its settings.

use kanso_domain::accounts::Settings;
use kanso_domain::{DayStart, Timestamp, UserId, WeekStart, Zone};
use kanso_protocol::Patch;
use kanso_protocol::accounts::SettingsRequest;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::codec::instant;
use super::{Replica, ReplicaError, identity, outbox, view};
use crate::clock::Ids;
use crate::transport::server_address;

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
    /// Proof that this device has logged in. Servers of 0.1.0 send none.
    pub(crate) device_proof: Option<String>,
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
        // An older version stored the address as it was typed, and it may have a password in it.
        server: without_secret(&server),
        account_id: UserId::new(account),
        email,
    }))
}

/// Returns the address of a server without a user, a query or a fragment.
fn without_secret(address: &str) -> String {
    if let Ok(clean) = server_address(address) {
        return clean;
    }
    let plain = address.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = plain.split_once("://") else {
        return plain.to_owned();
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let plain = format!("{scheme}://{host}/{path}");
    server_address(&plain).unwrap_or(plain)
}

/// Removes a secret from the stored address of the server.
pub(super) fn clean_address(connection: &Connection) -> Result<(), ReplicaError> {
    let sql = "SELECT server_url FROM replica";
    let stored: Option<String> = connection.query_row(sql, [], |row| row.get(0))?;
    if let Some(stored) = stored
        && stored != without_secret(&stored)
    {
        connection.execute(
            "UPDATE replica SET server_url = ?1",
            [without_secret(&stored)],
        )?;
    }
    Ok(())
}

pub(super) fn session(connection: &Connection) -> Result<Option<Session>, ReplicaError> {
    type Columns = (Option<String>, Option<i64>, Option<String>, Option<String>);
    let sql = "SELECT access_token, access_expires_at, refresh_token, device_proof FROM replica";
    let (access, expires_at, refresh, device_proof): Columns =
        connection.prepare_cached(sql)?.query_row([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    // The table's constraint allows all three tokens or none.
    let Some(((access_token, expires_at), refresh_token)) = access.zip(expires_at).zip(refresh)
    else {
        return Ok(None);
    };
    Ok(Some(Session {
        access_token,
        // A damaged instant counts as past: the token is then refreshed.
        access_expires_at: instant(expires_at).unwrap_or(Timestamp::MIN),
        refresh_token,
        device_proof,
    }))
}

pub(super) fn last_sync_at(connection: &Connection) -> Result<Option<Timestamp>, ReplicaError> {
    let stored: Option<i64> = connection
        .prepare_cached("SELECT last_sync_at FROM replica")?
        .query_row([], |row| row.get(0))?;
    // A damaged instant counts as unknown.
    Ok(stored.and_then(|micros| instant(micros).ok()))
}

/// Settings of the account as they were delivered. A newer server may send values that this version
/// does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeliveredSettings {
    pub(crate) timezone: String,
    pub(crate) week_start: String,
    pub(crate) day_start: String,
    /// Position of their newest change, if the user has ever changed them.
    pub(crate) seq: Option<i64>,
}

/// Returns the settings that are in force on this device.
///
/// Before the first log-in the zone is that of the device. In place of a value that this version does
/// not know, the default is in force; for the zone, that of the device.
pub(super) fn settings(connection: &Connection) -> Result<Settings, ReplicaError> {
    let Stored {
        settings,
        has_account,
        device_zone,
    } = stored(connection)?;
    let default = Settings::default();
    let device_zone = device_zone.and_then(|name| name.parse().ok());
    let timezone = if has_account {
        settings.timezone.parse().ok()
    } else {
        None
    };
    Ok(Settings {
        timezone: timezone.or(device_zone).unwrap_or(default.timezone),
        week_start: settings.week_start.parse().unwrap_or(default.week_start),
        day_start: settings.day_start.parse().unwrap_or(default.day_start),
    })
}

/// Returns the names and values of the account's settings that this version does not know.
pub(super) fn unknown_settings(
    connection: &Connection,
) -> Result<Vec<(&'static str, String)>, ReplicaError> {
    let settings = stored(connection)?.settings;
    let mut unknown = Vec::new();
    if settings.timezone.parse::<Zone>().is_err() {
        unknown.push(("timezone", settings.timezone));
    }
    if settings.week_start.parse::<WeekStart>().is_err() {
        unknown.push(("week_start", settings.week_start));
    }
    if settings.day_start.parse::<DayStart>().is_err() {
        unknown.push(("day_start", settings.day_start));
    }
    Ok(unknown)
}

/// Columns of the settings.
struct Stored {
    settings: DeliveredSettings,
    /// True if the settings are those of an account.
    has_account: bool,
    device_zone: Option<String>,
}

fn stored(connection: &Connection) -> Result<Stored, ReplicaError> {
    let sql = "SELECT timezone, week_start, day_start, settings_seq, settings_read_at IS NOT NULL,
                      device_zone
               FROM replica";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| {
        Ok(Stored {
            settings: DeliveredSettings {
                timezone: row.get(0)?,
                week_start: row.get(1)?,
                day_start: row.get(2)?,
                seq: row.get(3)?,
            },
            has_account: row.get(4)?,
            device_zone: row.get(5)?,
        })
    })?)
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
        if account(&transaction)?.is_none() {
            // The first log-in: an account without a zone of its own gets that of the device.
            transaction.execute_batch(
                "UPDATE replica SET offers_settings = 1
                 WHERE offers_settings = 0 AND device_zone IS NOT NULL AND device_zone <> 'UTC'",
            )?;
        }
        bind(&transaction, to, session)?;
        Ok(transaction.commit()?)
    }

    /// Returns the settings to send to the account if its user has chosen none there.
    pub(crate) fn offered_settings(&self) -> Result<Option<SettingsRequest>, ReplicaError> {
        let sql = "SELECT offers_settings FROM replica";
        let offer: i64 = self.connection.query_row(sql, [], |row| row.get(0))?;
        let Stored {
            settings,
            device_zone,
            ..
        } = stored(&self.connection)?;
        let offered = match offer {
            1 => SettingsRequest {
                timezone: Patch::optional(device_zone),
                ..SettingsRequest::default()
            },
            2 => SettingsRequest {
                timezone: Patch::Value(settings.timezone),
                week_start: Patch::Value(settings.week_start),
                day_start: Patch::Value(settings.day_start),
            },
            _ => return Ok(None),
        };
        Ok(Some(offered))
    }

    /// Returns true if the stored settings are not those of the account, and are offered to it.
    pub(crate) fn offers_stored_settings(&self) -> Result<bool, ReplicaError> {
        let sql = "SELECT offers_settings = 2 FROM replica";
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }

    /// Stores settings that the user chose before the first log-in. The account gets them then, unless
    /// it has some of its own.
    pub(crate) fn choose_settings(
        &mut self,
        settings: &Settings,
        at: Timestamp,
    ) -> Result<(), ReplicaError> {
        let transaction = self.begin()?;
        let chosen = DeliveredSettings {
            timezone: settings.timezone.to_string(),
            week_start: settings.week_start.as_str().to_owned(),
            day_start: settings.day_start.to_string(),
            seq: None,
        };
        store_settings(&transaction, &chosen, at)?;
        transaction.execute_batch("UPDATE replica SET offers_settings = 2")?;
        Ok(transaction.commit()?)
    }

    /// Records that no settings are offered any more.
    pub(crate) fn settle_settings(&self) -> Result<(), ReplicaError> {
        let sql = "UPDATE replica SET offers_settings = 0 WHERE offers_settings <> 0";
        self.connection.execute(sql, [])?;
        Ok(())
    }

    /// Returns true if the server has delivered settings that the user has chosen.
    pub(crate) fn has_chosen_settings(&self) -> Result<bool, ReplicaError> {
        Ok(stored(&self.connection)?.settings.seq.is_some())
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
            read_at: read_at.and_then(|micros| instant(micros).ok()),
        })
    }

    /// Stores the zone of the device.
    pub(crate) fn set_device_zone(&mut self, zone: Option<&Zone>) -> Result<(), ReplicaError> {
        let name = zone.map(Zone::name);
        // Most calls change nothing, and then need no lock.
        if stored(&self.connection)?.device_zone.as_deref() == name {
            return Ok(());
        }
        let transaction = self.begin()?;
        transaction
            .prepare_cached("UPDATE replica SET device_zone = ?1")?
            .execute([name])?;
        refresh_waiting(&transaction)?;
        Ok(transaction.commit()?)
    }

    /// Stores the account's settings, which the server sent at `at`.
    pub(crate) fn store_profile(
        &mut self,
        settings: &DeliveredSettings,
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
    settings: &DeliveredSettings,
    at: Timestamp,
) -> Result<(), ReplicaError> {
    connection
        .prepare_cached(
            "UPDATE replica
         SET timezone = ?1, week_start = ?2, day_start = ?3, settings_read_at = ?4,
             settings_seq = coalesce(?5, settings_seq)",
        )?
        .execute(params![
            settings.timezone,
            settings.week_start,
            settings.day_start,
            at.as_micros(),
            settings.seq
        ])?;
    refresh_waiting(connection)
}

/// Derives the views of waiting records again. The day of a waiting entry depends on the settings;
/// delivered entries carry their day.
fn refresh_waiting(connection: &Connection) -> Result<(), ReplicaError> {
    let settings = settings(connection)?;
    for key in outbox::keys(connection)? {
        view::refresh(connection, key, &settings)?;
    }
    Ok(())
}

fn is_session_lost(connection: &Connection) -> Result<bool, ReplicaError> {
    Ok(connection
        .prepare_cached("SELECT is_session_lost FROM replica")?
        .query_row([], |row| row.get(0))?)
}

/// Binds the replica to an account and stores its session, in the caller's transaction.
pub(super) fn bind(
    connection: &Connection,
    to: &BoundAccount,
    session: &Session,
) -> Result<(), ReplicaError> {
    connection
        .prepare_cached(
            "UPDATE replica SET server_url = ?1, account_id = ?2, email = ?3,
                                device_proof = iif(server_url IS ?1 AND account_id IS ?2,
                                                   device_proof, NULL)",
        )?
        .execute(params![to.server, to.account_id.uuid(), to.email])?;
    write_session(connection, session)
}

fn write_session(connection: &Connection, session: &Session) -> Result<(), ReplicaError> {
    connection
        .prepare_cached(
            "UPDATE replica SET access_token = ?1, access_expires_at = ?2, refresh_token = ?3,
                                device_proof = coalesce(?4, device_proof)",
        )?
        .execute(params![
            session.access_token,
            session.access_expires_at.as_micros(),
            session.refresh_token,
            session.device_proof
        ])?;
    Ok(())
}
