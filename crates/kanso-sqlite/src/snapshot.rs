//! Pages of all live records of a user.

use kanso_application::ports::storage::{SnapshotPart, SnapshotPiece, SnapshotQuery};
use kanso_domain::sync::Epoch;
use kanso_domain::{Date, EntryId, HabitId, Record, UserId};
use rusqlite::{Connection, params};
use uuid::Uuid;

use crate::columns::Bound;
use crate::entries::entry_columns;
use crate::error::DatabaseError;
use crate::habits::habit_columns;
use crate::statements::prepare;
use crate::{entries, habits, users};

/// Reads a page; `None` if there is no such account. `connection` is in a transaction.
pub(crate) fn read(
    connection: &Connection,
    epoch: Epoch,
    user: UserId,
    query: SnapshotQuery,
) -> Result<Option<SnapshotPiece>, DatabaseError> {
    let Some(head) = users::head(connection, epoch, user)? else {
        return Ok(None);
    };
    let SnapshotQuery { part, after, limit } = query;
    let records = match part {
        SnapshotPart::Habits => read_habits(connection, user, after, limit)?,
        SnapshotPart::EntriesSince(day) => {
            let range = (Some(day), None);
            read_entries(connection, user, range, after, limit)?
        }
        SnapshotPart::EntriesBefore(day) => {
            let range = (None, Some(day));
            read_entries(connection, user, range, after, limit)?
        }
    };
    Ok(Some(SnapshotPiece { head, records }))
}

// `id >= ifnull(?2, x'')` repeats the condition before it in a form that SQLite can look up in the index:
// with `?2 IS NULL OR` alone, each page would scan the records of all pages before it.
fn read_habits(
    connection: &Connection,
    user: UserId,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<Record>, DatabaseError> {
    let mut statement = prepare(
        connection,
        concat!(
            "SELECT ",
            habit_columns!(),
            " FROM habits
              WHERE user_id = ?1 AND (?2 IS NULL OR id > ?2) AND id >= ifnull(?2, x'')
                AND deleted_at IS NULL
              ORDER BY id LIMIT ?3"
        ),
    )?;
    let after = after.map(HabitId::new);
    let rows = statement.query_map(params![Bound(&user), Bound(&after), limit], habits::read)?;
    Ok(rows
        .map(|habit| habit.map(Record::Habit))
        .collect::<Result<_, _>>()?)
}

/// Reads entries on or after the first day of `range`, and before the second.
fn read_entries(
    connection: &Connection,
    user: UserId,
    range: (Option<Date>, Option<Date>),
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<Record>, DatabaseError> {
    let mut statement = prepare(
        connection,
        concat!(
            "SELECT ",
            entry_columns!(),
            " FROM entries
              WHERE user_id = ?1 AND (?2 IS NULL OR id > ?2) AND id >= ifnull(?2, x'')
                AND deleted_at IS NULL
                AND (?4 IS NULL OR local_date >= ?4) AND (?5 IS NULL OR local_date < ?5)
                AND habit_id NOT IN (SELECT id FROM habits
                                     WHERE user_id = ?1 AND deleted_at IS NOT NULL)
              ORDER BY id LIMIT ?3"
        ),
    )?;
    let after = after.map(EntryId::new);
    let (since, before) = range;
    let rows = statement.query_map(
        params![
            Bound(&user),
            Bound(&after),
            limit,
            Bound(&since),
            Bound(&before)
        ],
        entries::read,
    )?;
    Ok(rows
        .map(|entry| entry.map(Record::Entry))
        .collect::<Result<_, _>>()?)
}
