//! Finding the texts of tombstones, to erase them.

use std::collections::BTreeMap;

use kanso_application::ports::housekeeping::TextsToErase;
use kanso_domain::{EntryId, HabitId, Timestamp, UserId};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::columns::{Columns, Parameter, bind};
use crate::connection::Connection;
use crate::error::DatabaseError;

const ENTRIES: &str = "SELECT user_id, id FROM entries
    WHERE deleted_at IS NOT NULL AND notes <> '' AND deleted_at < $1
    ORDER BY deleted_at LIMIT $2";

// The condition is written as in the index on it.
const HABITS: &str = "SELECT user_id, id FROM habits
    WHERE deleted_at IS NOT NULL
      AND (title <> '…' OR description <> '' OR icon <> '' OR unit <> '')
      AND deleted_at < $1
    ORDER BY deleted_at LIMIT $2";

const LIVE_ENTRIES_OF: &str = "SELECT user_id, id FROM entries
    WHERE user_id = $1 AND habit_id = $2 AND deleted_at IS NULL AND notes <> '' LIMIT $3";

/// Returns at most `limit` records with texts that were deleted before `before`.
pub(crate) async fn find(
    connection: &Connection,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<TextsToErase>, DatabaseError> {
    let mut found = Found {
        by_user: BTreeMap::new(),
        left: limit,
    };
    let entries = rows(connection, ENTRIES, bind![before, found.left]).await?;
    for (user, entry) in entries {
        found.of(user).entries.insert(EntryId::new(entry));
    }
    let habits = rows(connection, HABITS, bind![before, found.left]).await?;
    for (user, habit) in habits {
        let keys = bind![user, habit, found.left];
        for (_, entry) in rows(connection, LIVE_ENTRIES_OF, keys).await? {
            found.of(user).entries.insert(EntryId::new(entry));
        }
        if found.left == 0 {
            break;
        }
        found.of(user).habits.insert(HabitId::new(habit));
    }
    Ok(found.by_user.into_values().collect())
}

struct Found {
    by_user: BTreeMap<UserId, TextsToErase>,
    /// Number of records that may still be added.
    left: u32,
}

impl Found {
    /// Returns the records of a user, to add one.
    fn of(&mut self, user: UserId) -> &mut TextsToErase {
        self.left = self.left.saturating_sub(1);
        self.by_user.entry(user).or_insert_with(|| TextsToErase {
            user,
            habits: [].into(),
            entries: [].into(),
        })
    }
}

async fn rows(
    connection: &Connection,
    sql: &'static str,
    keys: Vec<Parameter>,
) -> Result<Vec<(UserId, Uuid)>, DatabaseError> {
    let read = |row: &Row| {
        let mut columns = Columns::of(row);
        Ok((columns.take()?, columns.take()?))
    };
    connection.all(sql, keys, read).await
}
