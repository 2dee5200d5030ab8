//! Erasing deleted accounts, in short steps.

use kanso_domain::UserId;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::columns::{Bound, only};
use crate::error::DatabaseError;
use crate::statements::prepare;

/// Effect of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Erased {
    /// Number of deleted rows.
    pub(crate) rows: u32,
    /// True if the last row of an account was deleted.
    pub(crate) is_last: bool,
}

/// Deletes at most ?2 rows of the user ?1.
macro_rules! delete_some {
    ($table:literal, $key:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE (user_id, ",
            $key,
            ") IN (SELECT user_id, ",
            $key,
            " FROM ",
            $table,
            " WHERE user_id = ?1 LIMIT ?2)"
        )
    };
}

/// The rows of an account, apart from its own row and those that are deleted with the mark. Entries refer
/// to their habits.
//
// There is no ON DELETE CASCADE: a table that is missing in this list makes the deletion fail, and a
// test finds it, because its rows refer to the user's row.
const ROWS: [&str; 9] = [
    delete_some!("history_starts", "epoch"),
    delete_some!("streak_dirty", "habit_id"),
    delete_some!("devices", "id"),
    delete_some!("graves", "id"),
    delete_some!("receipts", "op_id"),
    delete_some!("entries", "id"),
    delete_some!("habits", "id"),
    delete_some!("sessions", "id"),
    delete_some!("events", "id"),
];

/// Marks an account as deleted; returns false if there is none.
///
/// Its sessions end, and its address is free. From now on only [`erase`] finds the account.
pub(crate) fn mark(connection: &Connection, user: UserId) -> Result<bool, DatabaseError> {
    for sql in [
        "DELETE FROM emails WHERE email = (SELECT email FROM users WHERE user_id = ?1)",
        "DELETE FROM sessions WHERE user_id = ?1",
        // The workers need no look at the habits of a deleted account.
        "DELETE FROM streak_dirty WHERE user_id = ?1",
    ] {
        prepare(connection, sql)?.execute([Bound(&user)])?;
    }
    // The row stays, since all others refer to it. Nothing personal is left in it.
    let sql = "UPDATE users SET is_deleted = 1, email = '', password_hash = ''
               WHERE user_id = ?1 AND is_deleted = 0";
    Ok(prepare(connection, sql)?.execute([Bound(&user)])? > 0)
}

/// Deletes at most `limit` rows of one marked account.
pub(crate) fn erase(connection: &Connection, limit: u32) -> Result<Erased, DatabaseError> {
    let sql = "SELECT user_id FROM users WHERE is_deleted = 1 ORDER BY random() LIMIT 1";
    // At random, so that one that cannot be erased does not stop the others.
    let marked = prepare(connection, sql)?.query_row([], only::<UserId>);
    let Some(user) = marked.optional()? else {
        return Ok(Erased::default());
    };
    let mut rows = 0;
    // From the first table in each step: a worker that began before the mark may have written to one that
    // was empty in the last step.
    for sql in ROWS {
        let left = limit.saturating_sub(rows);
        let deleted = prepare(connection, sql)?.execute(params![Bound(&user), left])?;
        rows += u32::try_from(deleted).unwrap_or(u32::MAX);
        if rows >= limit {
            let is_last = false;
            return Ok(Erased { rows, is_last });
        }
    }
    prepare(connection, "DELETE FROM users WHERE user_id = ?1")?.execute([Bound(&user)])?;
    Ok(Erased {
        rows: rows + 1,
        is_last: true,
    })
}
