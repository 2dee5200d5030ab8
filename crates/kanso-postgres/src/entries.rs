//! Rows of entries.

use kanso_application::ports::storage::{EntryKey, EntryQuery};
use kanso_domain::entries::{Completion, Entry, EntryDetails};
use kanso_domain::sync::RecordWrite;
use kanso_domain::{Date, EntryId, HabitId, Timestamp, UserId};
use tokio_postgres::Row;

use crate::columns::{Columns, Parameter, bind, bound, bound_all};
use crate::connection::Connection;
use crate::error::DatabaseError;
use crate::habits::read_stamp;
use crate::pipeline::Pipeline;
use crate::provenance;

/// Columns in the order of [`read`].
macro_rules! entry_columns {
    () => {
        "id, habit_id, completion_date, completion_is_a_date, timezone, local_date, kind, value, \
         notes, seq, version, created_at, updated_at, deleted_at, field_edits, edited_by"
    };
}
pub(crate) use entry_columns;

pub(crate) fn read(row: &Row) -> Result<Entry, DatabaseError> {
    let mut columns = Columns::of(row);
    let id = columns.take()?;
    let details = EntryDetails {
        habit_id: columns.take()?,
        completion: read_completion(&mut columns)?,
        timezone: columns.take()?,
        local_date: columns.take()?,
        kind: columns.take()?,
        value: columns.take()?,
        notes: columns.take()?,
    };
    let stamp = read_stamp(&mut columns)?;
    Ok(Entry {
        id,
        details,
        provenance: provenance::read(&mut columns, &stamp)?,
        stamp,
    })
}

/// Reads the two columns of a completion: midnight UTC of the day stands for a day without a time.
pub(crate) fn read_completion(columns: &mut Columns<'_>) -> Result<Completion, DatabaseError> {
    let instant: Timestamp = columns.take()?;
    let is_a_date = columns.take()?;
    Ok(if is_a_date {
        Completion::Day(instant.utc_date())
    } else {
        Completion::At(instant)
    })
}

/// Entries by id ($2), with tombstones and entries of deleted habits.
pub(crate) const NAMED: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM entries WHERE user_id = $1 AND id = ANY ($2)"
);

/// Live entries of habits ($2). The habits may be deleted: reviving one needs its entries.
pub(crate) const LIVE_OF: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM entries WHERE user_id = $1 AND habit_id = ANY ($2) AND deleted_at IS NULL"
);

/// Days of the first live entries of habits ($2). The habits may be deleted.
pub(crate) const FIRST_DAYS_OF: &str = "SELECT habit_id, min(local_date) FROM entries
      WHERE user_id = $1 AND habit_id = ANY ($2) AND deleted_at IS NULL GROUP BY habit_id";

/// Reads a row of [`FIRST_DAYS_OF`].
pub(crate) fn read_first_day(row: &Row) -> Result<(HabitId, Date), DatabaseError> {
    let mut columns = Columns::of(row);
    Ok((columns.take()?, columns.take()?))
}

/// Returns the entries with these ids, with tombstones and entries of deleted habits.
pub(crate) async fn some(
    connection: &Connection,
    user: UserId,
    ids: Parameter,
) -> Result<Vec<Entry>, DatabaseError> {
    connection.all(NAMED, vec![bound(&user), ids], read).await
}

/// Returns a live entry of a live habit.
pub(crate) async fn find_live(
    connection: &Connection,
    user: UserId,
    id: EntryId,
) -> Result<Option<Entry>, DatabaseError> {
    let sql = concat!(
        "SELECT ",
        entry_columns!(),
        " FROM entries
          WHERE user_id = $1 AND id = $2 AND deleted_at IS NULL
            AND EXISTS (SELECT 1 FROM habits
                        WHERE habits.user_id = $1 AND habits.id = entries.habit_id
                          AND habits.deleted_at IS NULL)"
    );
    connection.first(sql, bind![user, id], read).await
}

/// Splits a bound of a filter into a day and an instant, which are in different columns.
const fn split(bound: Option<Completion>) -> (Option<Date>, Option<Timestamp>) {
    match bound {
        Some(Completion::Day(date)) => (Some(date), None),
        Some(Completion::At(instant)) => (None, Some(instant)),
        None => (None, None),
    }
}

/// Lists the keys of live entries; `$of_habit` restricts them to live habits.
macro_rules! listed {
    ($of_habit:literal) => {
        concat!(
            "SELECT completion_date, id FROM entries
              WHERE user_id = $1 AND deleted_at IS NULL
                AND ($2::bigint IS NULL OR local_date >= $2)
                AND ($3::bigint IS NULL OR local_date <= $3)
                AND ($4::bigint IS NULL OR completion_date >= $4)
                AND ($5::bigint IS NULL OR completion_date <= $5)
                AND ($6::bigint IS NULL OR (completion_date, id) < ($6, $7::uuid))
                AND ",
            $of_habit,
            " ORDER BY completion_date DESC, id DESC LIMIT $8"
        )
    };
}

/// Returns the keys of the live entries of live habits that match `query`, newest completion first.
pub(crate) async fn keys(
    connection: &Connection,
    user: UserId,
    query: &EntryQuery,
) -> Result<Vec<EntryKey>, DatabaseError> {
    let (day_from, from) = split(query.filter.from);
    let (day_to, to) = split(query.filter.to);
    let completion = query.after.map(|key| key.completion);
    let id = query.after.map(|key| key.id);
    // `LIMIT NULL` is no limit.
    let mut values = bind![
        user,
        day_from,
        day_to,
        from,
        to,
        completion,
        id,
        query.limit
    ];
    let sql = match &query.filter.habit_id {
        None => {
            listed!("habit_id IN (SELECT id FROM habits WHERE user_id = $1 AND deleted_at IS NULL)")
        }
        Some(habit) => {
            values.push(bound(habit));
            listed!(
                "habit_id = $9 AND EXISTS (SELECT 1 FROM habits
                                           WHERE user_id = $1 AND id = $9 AND deleted_at IS NULL)"
            )
        }
    };
    let read = |row: &Row| {
        let mut columns = Columns::of(row);
        Ok(EntryKey {
            completion: columns.take()?,
            id: columns.take()?,
        })
    };
    connection.all(sql, values, read).await
}

/// Returns the live entries of live habits with these ids.
pub(crate) async fn some_live(
    connection: &Connection,
    user: UserId,
    ids: &[EntryId],
) -> Result<Vec<Entry>, DatabaseError> {
    let sql = concat!(
        "SELECT ",
        entry_columns!(),
        " FROM entries
          WHERE user_id = $1 AND id = ANY ($2) AND deleted_at IS NULL
            AND EXISTS (SELECT 1 FROM habits
                        WHERE habits.user_id = $1 AND habits.id = entries.habit_id
                          AND habits.deleted_at IS NULL)"
    );
    connection
        .all(sql, vec![bound(&user), bound_all(ids)], read)
        .await
}

/// Returns the parameters 1 to 17 of [`INSERT`] and [`UPDATE`].
fn values(user: UserId, entry: &Entry) -> Vec<Parameter> {
    let Entry {
        id,
        details,
        provenance,
        stamp,
    } = entry;
    bind![
        user,
        *id,
        details.habit_id,
        details.completion.instant(),
        matches!(details.completion, Completion::Day(_)),
        details.timezone,
        details.local_date,
        details.kind,
        details.value,
        details.notes,
        stamp.seq,
        stamp.version,
        stamp.created_at,
        stamp.updated_at,
        stamp.deleted_at,
        provenance::stored(provenance),
        provenance.device(),
    ]
}

pub(crate) const INSERT: &str = concat!(
    "INSERT INTO entries (user_id, ",
    entry_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
);

/// Updates one version of an entry. Divides by the number of rows, as the update of a habit does.
/// An entry never moves to another habit, so `habit_id` is a condition and is not set.
pub(crate) const UPDATE: &str = "WITH changed AS (
         UPDATE entries SET completion_date = $4, completion_is_a_date = $5, timezone = $6,
             local_date = $7, kind = $8, value = $9, notes = $10, seq = $11, version = $12,
             created_at = $13, updated_at = $14, deleted_at = $15, field_edits = $16,
             edited_by = $17
         WHERE user_id = $1 AND id = $2 AND habit_id = $3 AND version = $18 RETURNING id)
     SELECT 1 / count(*) FROM changed";

/// Adds the statement that stores an entry. It fails if the stored version is not the replaced one,
/// or if the id of a new entry is taken.
pub(crate) fn save(pipeline: &mut Pipeline<'_>, user: UserId, save: &RecordWrite<Entry>) {
    let (id, replaces) = (save.record.id, save.replaces);
    let mut values = values(user, &save.record);
    let sql = match replaces {
        None => INSERT,
        Some(version) => {
            values.push(bound(&version));
            UPDATE
        }
    };
    let explain = move |error: DatabaseError| error.or_stale("entry", id, replaces);
    pipeline.add_explained(sql, values, explain);
}
