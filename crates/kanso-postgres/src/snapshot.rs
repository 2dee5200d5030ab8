//! Pages of all live records of a user.

use kanso_application::ports::storage::{SnapshotPart, SnapshotPiece, SnapshotQuery};
use kanso_domain::{Date, Record, UserId};
use uuid::Uuid;

use crate::columns::bind;
use crate::connection::Connection;
use crate::entries::entry_columns;
use crate::error::DatabaseError;
use crate::habits::habit_columns;
use crate::{entries, habits, users};

/// Reads a page; `None` if there is no such account. `connection` is in a snapshot.
pub(crate) async fn read(
    connection: &Connection,
    user: UserId,
    query: SnapshotQuery,
) -> Result<Option<SnapshotPiece>, DatabaseError> {
    let Some(head) = users::head(connection, user).await? else {
        return Ok(None);
    };
    let piece = (query.after, query.limit);
    let records = match query.part {
        SnapshotPart::Habits => read_habits(connection, user, piece).await?,
        SnapshotPart::EntriesSince(day) => {
            read_entries(connection, user, (Some(day), None), piece).await?
        }
        SnapshotPart::EntriesBefore(day) => {
            read_entries(connection, user, (None, Some(day)), piece).await?
        }
    };
    Ok(Some(SnapshotPiece { head, records }))
}

async fn read_habits(
    connection: &Connection,
    user: UserId,
    (after, limit): (Option<Uuid>, u32),
) -> Result<Vec<Record>, DatabaseError> {
    let sql = concat!(
        "SELECT ",
        habit_columns!(),
        " FROM habits
          WHERE user_id = $1 AND id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000') AND deleted_at IS NULL
          ORDER BY id LIMIT $3"
    );
    let read = |row: &_| habits::read(row).map(Record::Habit);
    connection.all(sql, bind![user, after, limit], read).await
}

/// Reads entries on or after the day `since`, and before the day `before`.
async fn read_entries(
    connection: &Connection,
    user: UserId,
    (since, before): (Option<Date>, Option<Date>),
    (after, limit): (Option<Uuid>, u32),
) -> Result<Vec<Record>, DatabaseError> {
    let sql = concat!(
        "SELECT ",
        entry_columns!(),
        " FROM entries
          WHERE user_id = $1 AND id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000') AND deleted_at IS NULL
            AND ($4::bigint IS NULL OR local_date >= $4)
            AND ($5::bigint IS NULL OR local_date < $5)
            AND habit_id NOT IN (SELECT id FROM habits
                                 WHERE user_id = $1 AND deleted_at IS NOT NULL)
          ORDER BY id LIMIT $3"
    );
    let read = |row: &_| entries::read(row).map(Record::Entry);
    let values = bind![user, after, limit, since, before];
    connection.all(sql, values, read).await
}
