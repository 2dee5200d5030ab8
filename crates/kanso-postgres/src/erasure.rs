//! Erasing deleted accounts, in short steps.

use kanso_domain::UserId;

use crate::columns::{bind, only};
use crate::connection::Connection;
use crate::error::DatabaseError;

/// Locks a marked account that no other server erases at the moment: at random, so that one that cannot be
/// erased does not stop the others.
const LOCK_MARKED: &str = "SELECT user_id FROM users WHERE is_deleted
     ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED";

/// Deletes at most $2 rows of the user $1.
macro_rules! delete_some {
    ($table:literal, $key:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE user_id = $1 AND ",
            $key,
            " IN (SELECT ",
            $key,
            " FROM ",
            $table,
            " WHERE user_id = $1 LIMIT $2)"
        )
    };
}

/// The rows of an account, apart from its own row and its address. Entries refer to their habits.
//
// There is no ON DELETE CASCADE, but for `history_starts` and `events`, which 0.1.0 does not know. Most tables
// refer to the user's row, so one that is missing in this list makes the deletion fail. Entries, receipts and
// streak jobs have no foreign key, because every write would pay for it (ADR 0026).
const ROWS: [&str; 9] = [
    delete_some!("streak_dirty", "habit_id"),
    delete_some!("devices", "id"),
    delete_some!("graves", "id"),
    delete_some!("receipts", "op_id"),
    delete_some!("history_starts", "epoch"),
    delete_some!("entries", "id"),
    delete_some!("habits", "id"),
    delete_some!("sessions", "id"),
    delete_some!("events", "id"),
];

const MARK: [&str; 4] = [
    "DELETE FROM emails WHERE email = (SELECT email FROM users WHERE user_id = $1)",
    "DELETE FROM sessions WHERE user_id = $1",
    // The workers need no look at the habits of a deleted account.
    "DELETE FROM streak_dirty WHERE user_id = $1",
    "UPDATE users SET is_deleted = TRUE, email = '', password_hash = '' WHERE user_id = $1",
];

const DELETE_ACCOUNT: &str = "DELETE FROM users WHERE user_id = $1";

/// Marks an account as deleted; returns false if there is none.
///
/// Its sessions end, and its address is free. From now on only [`erase`] finds the account.
pub(crate) async fn mark(connection: &Connection, user: UserId) -> Result<bool, DatabaseError> {
    if crate::users::lock(connection, user).await?.is_none() {
        return Ok(false);
    }
    // The row of the user stays, since all others refer to it. Nothing personal is left in it.
    let mut pipeline = connection.pipeline();
    for sql in MARK {
        pipeline.add(sql, bind![user]);
    }
    pipeline.send().await?;
    Ok(true)
}

/// Deletes at most `limit` rows of one marked account, and returns their number.
pub(crate) async fn erase(connection: &Connection, limit: u32) -> Result<u32, DatabaseError> {
    let Some(user) = connection
        .first(LOCK_MARKED, Vec::new(), only::<UserId>)
        .await?
    else {
        return Ok(0);
    };
    let mut rows = 0;
    // Not in one pipeline: the number that each statement may delete depends on those before it. From the
    // first table in each step, because a server that began before the mark may have written.
    for sql in ROWS {
        let left = limit.saturating_sub(rows);
        let deleted = connection.execute(sql, bind![user, left]).await?;
        rows += u32::try_from(deleted).unwrap_or(u32::MAX);
        if rows >= limit {
            return Ok(rows);
        }
    }
    connection.execute(DELETE_ACCOUNT, bind![user]).await?;
    Ok(rows + 1)
}
