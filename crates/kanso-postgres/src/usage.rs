//! Usage of the users, for their quotas.

use async_trait::async_trait;
use futures::FutureExt as _;
use kanso_application::ports::quota::{AccountUsage, QuotaStore};
use kanso_application::ports::storage::StorageError;
use kanso_domain::UserId;
use kanso_domain::sync::{Counts, OwnQuota, Usage};
use tokio_postgres::Row;

use crate::columns::{Columns, bind};
use crate::connection::Connection;
use crate::error::DatabaseError;
use crate::pipeline::Pipeline;
use crate::{PostgresStorage, habits};

/// Columns in the order of [`read`].
macro_rules! usage_columns {
    () => {
        "stored_records, stored_bytes, quota_live_habits, quota_records, quota_bytes"
    };
}
pub(crate) use usage_columns;

/// Reads the columns of a user. The usage is `None` until it is counted.
pub(crate) fn read(columns: &mut Columns<'_>) -> Result<(Option<Usage>, OwnQuota), DatabaseError> {
    let (records, bytes): (Option<u64>, Option<u64>) = (columns.take()?, columns.take()?);
    let usage = records.zip(bytes);
    let own = OwnQuota {
        live_habits: columns.take()?,
        records: columns.take()?,
        bytes: columns.take()?,
    };
    Ok((usage.map(|(records, bytes)| Usage { records, bytes }), own))
}

#[async_trait]
impl QuotaStore for PostgresStorage {
    async fn usage(&self, user: UserId) -> Result<Option<AccountUsage>, StorageError> {
        self.read(user, |connection, user| {
            of_account(connection, *user).boxed()
        })
        .await
    }

    async fn set_own_quota(&self, user: UserId, own: OwnQuota) -> Result<bool, StorageError> {
        self.change((user, own), |connection, (user, own)| {
            set_own_quota(connection, *user, *own).boxed()
        })
        .await
    }
}

async fn of_account(
    connection: &Connection,
    user: UserId,
) -> Result<Option<AccountUsage>, DatabaseError> {
    const SQL: &str = concat!(
        "SELECT ",
        usage_columns!(),
        " FROM users WHERE user_id = $1 AND NOT is_deleted"
    );
    let read = |row: &Row| read(&mut Columns::of(row));
    let Some((usage, own_quota)) = connection.first(SQL, bind![user], read).await? else {
        return Ok(None);
    };
    let live_habits = connection.first(habits::COUNT_LIVE, bind![user], habits::read_count);
    let live_habits = live_habits.await?.unwrap_or_default();
    Ok(Some(AccountUsage {
        live_habits,
        usage: counted(connection, user, usage).await?,
        own_quota,
    }))
}

async fn set_own_quota(
    connection: &Connection,
    user: UserId,
    own: OwnQuota,
) -> Result<bool, DatabaseError> {
    let sql = "UPDATE users SET quota_live_habits = $2, quota_records = $3, quota_bytes = $4
               WHERE user_id = $1 AND NOT is_deleted";
    let values = bind![user, own.live_habits, own.records, own.bytes];
    Ok(connection.execute(sql, values).await? > 0)
}

/// Returns `stored`, or counts everything that the user stores.
pub(crate) async fn counted(
    connection: &Connection,
    user: UserId,
    stored: Option<Usage>,
) -> Result<Usage, DatabaseError> {
    if let Some(usage) = stored {
        return Ok(usage);
    }
    let sql = "SELECT * FROM
                   (SELECT count(*),
                        coalesce(sum(octet_length(title) + octet_length(description)), 0)::BIGINT,
                        coalesce(sum(jsonb_array_length(schedule_history)), 0)::BIGINT,
                        coalesce(sum(jsonb_array_length(archived_spans)), 0)::BIGINT
                    FROM habits WHERE user_id = $1) AS of_habits,
                   (SELECT count(*), coalesce(sum(octet_length(notes)), 0)::BIGINT
                    FROM entries WHERE user_id = $1) AS of_entries,
                   (SELECT count(*), count(*) FILTER (WHERE outcome = 'rejected')
                    FROM receipts WHERE user_id = $1) AS of_receipts";
    let read = |row: &Row| {
        let mut columns = Columns::of(row);
        Ok(Counts {
            habits: columns.take()?,
            habit_text_bytes: columns.take()?,
            schedule_versions: columns.take()?,
            archived_spans: columns.take()?,
            entries: columns.take()?,
            note_bytes: columns.take()?,
            receipts: columns.take()?,
            rejections: columns.take()?,
        })
    };
    let counts = connection.first(sql, bind![user], read).await?;
    Ok(counts.unwrap_or_default().usage())
}

/// Stores what a user stores after a write.
pub(crate) const SET: &str =
    "UPDATE users SET stored_records = $2, stored_bytes = $3 WHERE user_id = $1";

/// Subtracts what was purged. A usage that is not counted yet stays so.
const RELEASE: &str = "UPDATE users SET stored_records = greatest(0, stored_records - $2),
         stored_bytes = greatest(0, stored_bytes - $3)
     WHERE user_id = $1";

/// Adds the statement that subtracts what was purged from a user who is locked.
pub(crate) fn release(pipeline: &mut Pipeline<'_>, user: UserId, purged: Usage) {
    pipeline.add(RELEASE, bind![user, purged.records, purged.bytes]);
}
