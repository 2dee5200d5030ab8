//! The port for admission: invitations, disabled accounts and the list of accounts.

use async_trait::async_trait;
use futures::FutureExt as _;
use kanso_application::ports::admission::{
    AdmissionState, AdmissionStore, Entitlement, Invitation, InvitedRegistration, ListedAccount,
};
use kanso_application::ports::storage::{NewAccount, StorageError};
use kanso_domain::UserId;
use kanso_domain::sessions::TokenHash;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::columns::{Columns, bind, only};
use crate::connection::Connection;
use crate::error::DatabaseError;
use crate::{PostgresStorage, sessions, users};

#[async_trait]
impl AdmissionStore for PostgresStorage {
    async fn admission_state(&self) -> Result<AdmissionState, StorageError> {
        self.look_up((), |connection, ()| admission_state(connection).boxed())
            .await
    }

    async fn keep_invitation(&self, invitation: Invitation) -> Result<(), StorageError> {
        self.change(invitation, |connection, invitation| {
            keep(connection, invitation).boxed()
        })
        .await
    }

    async fn is_entitled(&self, entitlement: Entitlement) -> Result<bool, StorageError> {
        self.look_up(entitlement, |connection, entitlement| {
            is_entitled(connection, *entitlement).boxed()
        })
        .await
    }

    async fn create_invited_account(
        &self,
        new: NewAccount,
        entitlement: Entitlement,
    ) -> Result<InvitedRegistration, StorageError> {
        self.change((new, entitlement), |connection, (new, entitlement)| {
            create_invited(connection, new, *entitlement).boxed()
        })
        .await
    }

    async fn set_disabled(&self, user: UserId, is_disabled: bool) -> Result<bool, StorageError> {
        self.change((user, is_disabled), |connection, (user, is_disabled)| {
            set_disabled(connection, *user, *is_disabled).boxed()
        })
        .await
    }

    async fn is_disabled(&self, user: UserId) -> Result<bool, StorageError> {
        self.look_up(user, |connection, user| {
            let sql = "SELECT 1 FROM users WHERE user_id = $1 AND is_disabled";
            connection.exists(sql, bind![*user]).boxed()
        })
        .await
    }

    async fn accounts(
        &self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<ListedAccount>, StorageError> {
        self.look_up((after, limit), |connection, (after, limit)| {
            list(connection, *after, *limit).boxed()
        })
        .await
    }
}

async fn admission_state(connection: &Connection) -> Result<AdmissionState, DatabaseError> {
    let sql = "SELECT was_open FROM server WHERE id = 1";
    let was_open = connection.first(sql, Vec::new(), only::<bool>).await?;
    Ok(AdmissionState {
        was_open: was_open.unwrap_or_default(),
        has_accounts: has_accounts(connection).await?,
    })
}

async fn has_accounts(connection: &Connection) -> Result<bool, DatabaseError> {
    let sql = "SELECT 1 FROM emails LIMIT 1";
    connection.exists(sql, Vec::new()).await
}

async fn keep(connection: &Connection, invitation: &Invitation) -> Result<(), DatabaseError> {
    let sql = "DELETE FROM invitations WHERE expires_at <= $1";
    connection
        .execute(sql, bind![invitation.created_at])
        .await?;
    let sql = "INSERT INTO invitations (code_hash, created_at, expires_at, is_for_first_account)
               VALUES ($1, $2, $3, $4)";
    let values = bind![
        invitation.hash,
        invitation.created_at,
        invitation.expires_at,
        invitation.is_for_first_account,
    ];
    connection.execute(sql, values).await.map(drop)
}

async fn is_entitled(
    connection: &Connection,
    entitlement: Entitlement,
) -> Result<bool, DatabaseError> {
    let Entitlement::Invitation { hash, now } = entitlement else {
        return Ok(!has_accounts(connection).await?);
    };
    let sql = "SELECT is_for_first_account FROM invitations
               WHERE code_hash = $1 AND expires_at > $2";
    let found = connection
        .first(sql, bind![hash, now], only::<bool>)
        .await?;
    Ok(match found {
        None => false,
        Some(is_for_first_account) => !is_for_first_account || !has_accounts(connection).await?,
    })
}

async fn create_invited(
    connection: &Connection,
    new: &NewAccount,
    entitlement: Entitlement,
) -> Result<InvitedRegistration, DatabaseError> {
    // One after the other: otherwise two transactions would each find no account, and both create the
    // first one. Each statement after this sees what the one before has committed.
    let sql = "SELECT 1 FROM server WHERE id = 1 FOR UPDATE";
    connection.exists(sql, Vec::new()).await?;
    if !is_entitled(connection, entitlement).await? {
        return Ok(InvitedRegistration::NotEntitled);
    }
    if !users::create(connection, new).await? {
        return Ok(InvitedRegistration::EmailTaken);
    }
    if let Entitlement::Invitation { hash, .. } = entitlement {
        use_up(connection, hash).await?;
    }
    Ok(InvitedRegistration::Created)
}

async fn use_up(connection: &Connection, hash: TokenHash) -> Result<(), DatabaseError> {
    let sql = "DELETE FROM invitations WHERE code_hash = $1";
    connection.execute(sql, bind![hash]).await.map(drop)
}

async fn set_disabled(
    connection: &Connection,
    user: UserId,
    is_disabled: bool,
) -> Result<bool, DatabaseError> {
    // The UPDATE locks the user's row, and sessions are only opened under that lock.
    let sql = "UPDATE users SET is_disabled = $2 WHERE user_id = $1 AND NOT is_deleted";
    if connection.execute(sql, bind![user, is_disabled]).await? == 0 {
        return Ok(false);
    }
    if is_disabled {
        sessions::delete_all(connection, user, None).await?;
    }
    Ok(true)
}

async fn list(
    connection: &Connection,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<ListedAccount>, DatabaseError> {
    // No account has the lowest id.
    let after = after.unwrap_or(UserId::new(Uuid::nil()));
    let sql = "SELECT user_id, email, created_at, is_disabled FROM users
               WHERE user_id > $1 AND NOT is_deleted ORDER BY user_id LIMIT $2";
    let read = |row: &Row| {
        let mut columns = Columns::of(row);
        Ok(ListedAccount {
            id: columns.take()?,
            email: columns.take()?,
            created_at: columns.take()?,
            is_disabled: columns.take()?,
        })
    };
    connection
        .all(sql, bind![after, i64::from(limit)], read)
        .await
}
