//! The port for admission: invitations, disabled accounts and the list of accounts.

use async_trait::async_trait;
use kanso_application::ports::admission::{
    AdmissionState, AdmissionStore, Entitlement, Invitation, InvitedRegistration, ListedAccount,
};
use kanso_application::ports::storage::{NewAccount, StorageError};
use kanso_domain::UserId;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use crate::columns::{Bound, Columns, only};
use crate::error::DatabaseError;
use crate::statements::prepare;
use crate::{SqliteStorage, sessions, users};

#[async_trait]
impl AdmissionStore for SqliteStorage {
    async fn admission_state(&self) -> Result<AdmissionState, StorageError> {
        let read = |connection: &Connection| {
            let sql = "SELECT was_open FROM server WHERE id = 1";
            Ok(AdmissionState {
                was_open: prepare(connection, sql)?.query_row([], only)?,
                has_accounts: has_accounts(connection)?,
            })
        };
        Ok(self.readers.run(read).await?)
    }

    async fn keep_invitation(&self, invitation: Invitation) -> Result<(), StorageError> {
        self.change(move |connection| keep(connection, &invitation))
            .await
    }

    async fn is_entitled(&self, entitlement: Entitlement) -> Result<bool, StorageError> {
        let read = move |connection: &Connection| is_entitled(connection, entitlement);
        Ok(self.readers.run(read).await?)
    }

    async fn create_invited_account(
        &self,
        new: NewAccount,
        entitlement: Entitlement,
    ) -> Result<InvitedRegistration, StorageError> {
        self.change(move |connection| create_invited(connection, &new, entitlement))
            .await
    }

    async fn set_disabled(&self, user: UserId, is_disabled: bool) -> Result<bool, StorageError> {
        self.change(move |connection| {
            let sql = "UPDATE users SET is_disabled = ?2 WHERE user_id = ?1 AND is_deleted = 0";
            let changed = prepare(connection, sql)?.execute(params![Bound(&user), is_disabled])?;
            if is_disabled {
                sessions::delete_all(connection, user, None)?;
            }
            Ok(changed > 0)
        })
        .await
    }

    async fn is_disabled(&self, user: UserId) -> Result<bool, StorageError> {
        let read = |connection: &Connection| {
            let sql = "SELECT 1 FROM users WHERE user_id = ?1 AND is_disabled = 1";
            Ok(prepare(connection, sql)?.exists([Bound(&user)])?)
        };
        Ok(self.readers.look_up(read).await?)
    }

    async fn accounts(
        &self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<ListedAccount>, StorageError> {
        let read = move |connection: &Connection| list(connection, after, limit);
        Ok(self.readers.run(read).await?)
    }
}

fn has_accounts(connection: &Connection) -> Result<bool, DatabaseError> {
    // The condition is always true. It makes SQLite search the key instead of reading the table.
    let sql = "SELECT 1 FROM emails WHERE email >= '' LIMIT 1";
    Ok(prepare(connection, sql)?.exists([])?)
}

fn keep(connection: &Connection, invitation: &Invitation) -> Result<(), DatabaseError> {
    prepare(connection, "DELETE FROM invitations WHERE expires_at <= ?1")?
        .execute([Bound(&invitation.created_at)])?;
    prepare(
        connection,
        "INSERT INTO invitations (code_hash, created_at, expires_at, is_for_first_account)
         VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        Bound(&invitation.hash),
        Bound(&invitation.created_at),
        Bound(&invitation.expires_at),
        invitation.is_for_first_account
    ])?;
    Ok(())
}

fn is_entitled(connection: &Connection, entitlement: Entitlement) -> Result<bool, DatabaseError> {
    let Entitlement::Invitation { hash, now } = entitlement else {
        return Ok(!has_accounts(connection)?);
    };
    let sql =
        "SELECT is_for_first_account FROM invitations WHERE code_hash = ?1 AND expires_at > ?2";
    let found =
        prepare(connection, sql)?.query_row(params![Bound(&hash), Bound(&now)], only::<bool>);
    Ok(match found.optional()? {
        None => false,
        Some(is_for_first_account) => !is_for_first_account || !has_accounts(connection)?,
    })
}

fn create_invited(
    connection: &Connection,
    new: &NewAccount,
    entitlement: Entitlement,
) -> Result<InvitedRegistration, DatabaseError> {
    // There is one writer, so nothing changes between these steps.
    if !is_entitled(connection, entitlement)? {
        return Ok(InvitedRegistration::NotEntitled);
    }
    if !users::create(connection, new)? {
        return Ok(InvitedRegistration::EmailTaken);
    }
    if let Entitlement::Invitation { hash, .. } = entitlement {
        prepare(connection, "DELETE FROM invitations WHERE code_hash = ?1")?
            .execute([Bound(&hash)])?;
    }
    Ok(InvitedRegistration::Created)
}

fn list(
    connection: &Connection,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<ListedAccount>, DatabaseError> {
    // No account has the lowest id.
    let after = after.unwrap_or(UserId::new(Uuid::nil()));
    let mut statement = prepare(
        connection,
        "SELECT user_id, email, created_at, is_disabled FROM users
         WHERE user_id > ?1 AND is_deleted = 0 ORDER BY user_id LIMIT ?2",
    )?;
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        Ok(ListedAccount {
            id: columns.take()?,
            email: columns.take()?,
            created_at: columns.take()?,
            is_disabled: columns.take()?,
        })
    };
    let rows = statement.query_map(params![Bound(&after), limit], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}
