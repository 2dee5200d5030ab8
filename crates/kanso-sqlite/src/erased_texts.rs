//! Finding the texts of tombstones, to erase them.

use std::collections::BTreeMap;

use kanso_application::ports::housekeeping::TextsToErase;
use kanso_domain::{EntryId, HabitId, Timestamp, UserId};
use rusqlite::{Connection, Params, Row, params};

use crate::columns::{Bound, Column, Columns};
use crate::error::DatabaseError;
use crate::statements::prepare;

const ENTRIES: &str = "SELECT user_id, id FROM entries
    WHERE deleted_at IS NOT NULL AND notes <> '' AND deleted_at < ?1
    ORDER BY deleted_at LIMIT ?2";

// The condition is written as in the index on it.
const HABITS: &str = "SELECT user_id, id FROM habits
    WHERE deleted_at IS NOT NULL
      AND (title <> '…' OR description <> '' OR icon <> '' OR unit <> '')
      AND deleted_at < ?1
    ORDER BY deleted_at LIMIT ?2";

const LIVE_ENTRIES_OF: &str = "SELECT user_id, id FROM entries
    WHERE user_id = ?1 AND habit_id = ?2 AND deleted_at IS NULL AND notes <> '' LIMIT ?3";

/// Returns at most `limit` records with texts that were deleted before `before`.
pub(crate) fn find(
    connection: &Connection,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<TextsToErase>, DatabaseError> {
    let mut found = Found {
        by_user: BTreeMap::new(),
        left: limit,
    };
    let entries: Vec<(UserId, EntryId)> =
        rows(connection, ENTRIES, params![Bound(&before), found.left])?;
    for (user, entry) in entries {
        found.of(user).entries.insert(entry);
    }
    let habits: Vec<(UserId, HabitId)> =
        rows(connection, HABITS, params![Bound(&before), found.left])?;
    for (user, habit) in habits {
        let keys = params![Bound(&user), Bound(&habit), found.left];
        let entries: Vec<(UserId, EntryId)> = rows(connection, LIVE_ENTRIES_OF, keys)?;
        for (_, entry) in entries {
            found.of(user).entries.insert(entry);
        }
        if found.left == 0 {
            break;
        }
        found.of(user).habits.insert(habit);
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

fn rows<I: Column>(
    connection: &Connection,
    sql: &'static str,
    keys: impl Params,
) -> Result<Vec<(UserId, I)>, DatabaseError> {
    let read = |row: &Row<'_>| {
        let mut columns = Columns::of(row);
        Ok((columns.take()?, columns.take()?))
    };
    let mut statement = prepare(connection, sql)?;
    let rows = statement.query_map(keys, read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}
