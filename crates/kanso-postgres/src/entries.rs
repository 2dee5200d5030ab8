//! Rows of entries.

use kanso_application::ports::storage::{EntryKey, EntryQuery};
use kanso_domain::entries::{Completion, Entry, EntryDetails};
use kanso_domain::sync::RecordWrite;
use kanso_domain::{Date, EntryId, HabitId, Timestamp, UserId};
use tokio_postgres::Row;

use crate::columns::{Column, Columns, Parameter, bind, bound, bound_all};
use crate::connection::Connection;
use crate::error::DatabaseError;
use crate::habits::read_stamp;
use crate::pipeline::Pipeline;
use crate::provenance;
use crate::statements::{by_key, has_key};

/// Columns in the order of [`read`].
macro_rules! entry_columns {
    () => {
        "id, habit_id, completion_date, completion_is_a_date, timezone, local_date, kind, value, \
         notes, seq, version, created_at, updated_at, deleted_at, field_edits, edited_by"
    };
}
pub(crate) use entry_columns;

pub(crate) fn read(row: &Row) -> Result<Entry, DatabaseError> {
    read_columns(&mut Columns::of(row))
}

pub(crate) fn read_columns(columns: &mut Columns<'_>) -> Result<Entry, DatabaseError> {
    let id = columns.take()?;
    let details = EntryDetails {
        habit_id: columns.take()?,
        completion: read_completion(columns)?,
        timezone: columns.take()?,
        local_date: columns.take()?,
        kind: columns.take()?,
        value: columns.take()?,
        notes: columns.take()?,
    };
    let stamp = read_stamp(columns)?;
    Ok(Entry {
        id,
        details,
        provenance: provenance::read(columns, &stamp)?,
        stamp,
    })
}

/// Reads the two columns of a completion: midnight UTC of the day stands for a day without a time.
pub(crate) fn read_completion(columns: &mut Columns<'_>) -> Result<Completion, DatabaseError> {
    Ok(completion(columns.take()?, columns.take()?))
}

pub(crate) fn completion(instant: Timestamp, is_a_date: bool) -> Completion {
    if is_a_date {
        Completion::Day(instant.utc_date())
    } else {
        Completion::At(instant)
    }
}

/// Entries by id ($2), with tombstones and entries of deleted habits.
const NAMED: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM ",
    by_key!("entries", "id")
);

/// Live entries of habits ($2). The habits may be deleted: reviving one needs its entries.
pub(crate) const LIVE_OF: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM ",
    by_key!("entries", "habit_id", " AND deleted_at IS NULL")
);

/// Days of the first live entries of habits ($2). The habits may be deleted.
pub(crate) const FIRST_DAYS_OF: &str = "SELECT asked.key, first.day
     FROM unnest($2::uuid[]) AS asked (key)
     CROSS JOIN LATERAL (SELECT local_date AS day FROM entries
                         WHERE user_id = $1 AND habit_id = asked.key AND deleted_at IS NULL
                         ORDER BY local_date LIMIT 1) AS first";

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
          WHERE ",
        has_key!("id", "$2"),
        " AND deleted_at IS NULL
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
        " FROM ",
        by_key!("entries", "id"),
        " WHERE entries.deleted_at IS NULL
            AND EXISTS (SELECT 1 FROM habits
                        WHERE habits.user_id = $1 AND habits.id = entries.habit_id
                          AND habits.deleted_at IS NULL)"
    );
    connection
        .all(sql, vec![bound(&user), bound_all(ids)], read)
        .await
}

/// Returns the values of one entry, in the order of [`read`].
pub(crate) fn row(entry: &Entry) -> Vec<Parameter> {
    let Entry {
        id,
        details,
        provenance,
        stamp,
    } = entry;
    bind![
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

/// Returns the values of many entries, one array for each column in the order of [`read`].
pub(crate) fn columns(entries: &[&Entry]) -> Vec<Parameter> {
    fn each<T: Column>(entries: &[&Entry], value: impl Fn(&Entry) -> T) -> Parameter {
        let values: Vec<T> = entries.iter().map(|entry| value(entry)).collect();
        bound_all(&values)
    }
    let details = || entries.iter().map(|entry| &entry.details);
    vec![
        each(entries, |entry| entry.id),
        each(entries, |entry| entry.details.habit_id),
        each(entries, |entry| entry.details.completion.instant()),
        each(entries, |entry| {
            matches!(entry.details.completion, Completion::Day(_))
        }),
        bound_all(details().map(|details| &details.timezone)),
        each(entries, |entry| entry.details.local_date),
        each(entries, |entry| entry.details.kind),
        each(entries, |entry| entry.details.value),
        bound_all(details().map(|details| &details.notes)),
        each(entries, |entry| entry.stamp.seq),
        each(entries, |entry| entry.stamp.version),
        each(entries, |entry| entry.stamp.created_at),
        each(entries, |entry| entry.stamp.updated_at),
        each(entries, |entry| entry.stamp.deleted_at),
        each(entries, |entry| provenance::stored(&entry.provenance)),
        each(entries, |entry| entry.provenance.device()),
    ]
}

/// Stores new entries.
pub(crate) const INSERT: &str = concat!(
    "INSERT INTO entries (user_id, ",
    entry_columns!(),
    ") SELECT $1, entry.*
       FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::boolean[], $6::text[], $7::bigint[],
            $8::text[], $9::bigint[], $10::text[], $11::bigint[], $12::bigint[], $13::bigint[],
            $14::bigint[], $15::bigint[], $16::bytea[], $17::uuid[]) AS entry"
);

/// Updates one version of an entry. Divides by the number of rows, as the update of a habit does.
/// An entry never moves to another habit, so `habit_id` is a condition and is not set.
pub(crate) const UPDATE: &str = concat!(
    "WITH changed AS (
         UPDATE entries SET completion_date = $4, completion_is_a_date = $5, timezone = $6,
             local_date = $7, kind = $8, value = $9, notes = $10, seq = $11, version = $12,
             created_at = $13, updated_at = $14, deleted_at = $15, field_edits = $16,
             edited_by = $17
         WHERE ",
    has_key!("id", "$2"),
    " AND habit_id = $3 AND version = $18 RETURNING id)
     SELECT 1 / count(*) FROM changed"
);

/// Adds the statements that store entries. They fail if a stored version is not the replaced one, or if the
/// id of a new entry is taken.
pub(crate) fn save(pipeline: &mut Pipeline<'_>, user: UserId, saves: &[RecordWrite<Entry>]) {
    let new = saves.iter().filter(|save| save.replaces.is_none());
    let new: Vec<_> = new.map(|save| &save.record).collect();
    if let Some(first) = new.first() {
        let mut values = bind![user];
        values.extend(columns(&new));
        let id = first.id;
        let explain = move |error: DatabaseError| error.or_stale("entry", id, None);
        pipeline.add_explained(INSERT, values, explain);
    }
    for save in saves {
        let (id, replaces) = (save.record.id, save.replaces);
        if let Some(version) = replaces {
            let mut values = bind![user];
            values.extend(row(&save.record));
            values.push(bound(&version));
            let explain = move |error: DatabaseError| error.or_stale("entry", id, replaces);
            pipeline.add_explained(UPDATE, values, explain);
        }
    }
}
