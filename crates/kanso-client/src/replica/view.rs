//! The view: the mirror with the outbox applied (SQL table `shown`).
//!
//! It is stored, not computed at each read, so that lists and statistics are plain queries.

use jiff::civil::Date;
use kanso_domain::accounts::Settings;
use kanso_domain::entries::{Completion, Entry};
use kanso_domain::habits::{Habit, HabitFields};
use kanso_domain::sync::Action;
use kanso_domain::{Entity, EntryId, HabitId, Record, Seq};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codec::{from_json, habit_of, to_json};
use super::local_edits::{self, LocalEdit};
use super::overlay::overlay;
use super::row::Reading;
use super::{RecordKey, Replica, ReplicaError, account, mirror, outbox};

/// A record as this device shows it: the server's state with the outbox applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View<R> {
    /// The record. Its version is the one that it has after the server has accepted all waiting
    /// operations. Values that the server computes, such as stored streaks, are those of the last
    /// delivery.
    pub record: R,
    /// True if the outbox has an operation for the record.
    pub is_pending: bool,
    /// True if this version cannot read the record completely, because a newer server wrote it. Then
    /// `record` has the members that can be read, and defaults for the others.
    pub is_stand_in: bool,
}

/// Derives the view of one record and returns it; `None` if the record is deleted or unknown.
///
/// Call this in each transaction that changes the record's mirror row or its outbox operations.
pub(super) fn refresh(
    connection: &Connection,
    key: RecordKey,
    settings: &Settings,
) -> Result<Option<Record>, ReplicaError> {
    // Acknowledged operations count as pending too, until their record is delivered.
    let edits = edits(connection, key)?;
    let is_pending = !edits.is_empty();
    let (base, is_stand_in) = match mirror::load(connection, key) {
        Ok(None) => (None, false),
        Ok(Some((record, row))) => (record, row.reading != Reading::Exact),
        // The next sync gets the record again. Until then the last view of it is shown.
        Err(ReplicaError::Damaged { .. }) => {
            return Ok(one(connection, key)?.map(|view| view.record));
        }
        Err(error) => return Err(error),
    };
    let record = overlay(base, edits, settings);
    // Tombstones stay in the mirror only: no list shows them.
    let live = record
        .filter(|record| !record.stamp().is_deleted())
        .map(as_delivered);
    match &live {
        Some(record) => write(connection, key, record, (is_pending, is_stand_in))?,
        None => {
            connection
                .prepare_cached("DELETE FROM shown WHERE entity = ?1 AND id = ?2")?
                .execute(params![key.entity.as_str(), key.id])?;
        }
    }
    Ok(live)
}

/// Returns the operations of the outbox on the record, in order.
fn edits(connection: &Connection, key: RecordKey) -> Result<Vec<LocalEdit>, ReplicaError> {
    let mut edits = Vec::new();
    for (position, mut edit) in local_edits::of_record(connection, key)? {
        if let Action::Habit(id, change) = &edit.action
            && change.fields().is_some_and(HabitFields::has_goal)
        {
            edit.first_entry = first_entry(connection, *id, position)?;
        }
        edits.push(edit);
    }
    Ok(edits)
}

/// Returns the day of the first entry of a habit, of those that the server will know when it carries
/// out the operation at `position` of the outbox.
pub(super) fn first_entry(
    connection: &Connection,
    habit: HabitId,
    position: i64,
) -> Result<Option<Date>, ReplicaError> {
    let mut statement = connection.prepare_cached(
        "SELECT local_date FROM shown
         WHERE entity = 'entry' AND habit_id = ?1
           AND (EXISTS (SELECT 1 FROM base WHERE base.entity = 'entry' AND base.id = shown.id)
                OR EXISTS (SELECT 1 FROM outbox
                           WHERE outbox.entity = 'entry' AND outbox.record_id = shown.id
                             AND outbox.position < ?2))
         ORDER BY local_date LIMIT 1",
    )?;
    let first: Option<String> = statement
        .query_row(params![habit.uuid(), position], |row| row.get(0))
        .optional()?;
    let first = first.map(|day| day.parse::<Date>().map_err(ReplicaError::damaged));
    first.transpose()
}

/// Returns the record as the server would deliver it.
///
/// An entry that was recorded as a date has only its instant on the wire. Without this conversion
/// the view of an entry would change when the server delivers it.
fn as_delivered(record: Record) -> Record {
    match record {
        Record::Entry(mut entry) => {
            entry.details.completion = Completion::At(entry.details.completion.instant());
            Record::Entry(entry)
        }
        Record::Habit(_) => record,
    }
}

fn write(
    connection: &Connection,
    key: RecordKey,
    record: &Record,
    (is_pending, is_stand_in): (bool, bool),
) -> Result<(), ReplicaError> {
    let details = match record {
        Record::Habit(_) => None,
        Record::Entry(entry) => Some(&entry.details),
    };
    connection
        .prepare_cached(
            "INSERT INTO shown
                 (entity, id, habit_id, local_date, is_pending, record, is_stand_in, kind, value)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (entity, id) DO UPDATE
             SET habit_id = excluded.habit_id, local_date = excluded.local_date,
                 is_pending = excluded.is_pending, record = excluded.record,
                 is_stand_in = excluded.is_stand_in, kind = excluded.kind,
                 value = excluded.value",
        )?
        .execute(params![
            key.entity.as_str(),
            key.id,
            habit_of(record),
            details.map(|entry| entry.local_date.to_string()),
            is_pending,
            to_json(record)?,
            is_stand_in,
            details.map(|entry| entry.kind.as_str()),
            details.map(|entry| entry.value.thousandths())
        ])?;
    Ok(())
}

/// Derives the view of all records.
pub(super) fn refresh_all(
    connection: &Connection,
    settings: &Settings,
) -> Result<(), ReplicaError> {
    // The keys of the view itself are included, so that rows without a record are removed. Entries
    // come first: the schedule of a habit depends on the first of them.
    let mut statement = connection.prepare(
        "SELECT entity, id FROM base UNION SELECT entity, id FROM shown
         UNION SELECT entity, record_id FROM outbox
         ORDER BY entity",
    )?;
    let keys = outbox::read_keys(&mut statement.query([])?)?;
    for key in keys {
        refresh(connection, key, settings)?;
    }
    Ok(())
}

/// Columns that [`read`] reads, in this order.
const COLUMNS: &str = "is_pending, record, is_stand_in";

/// Reads a row of [`COLUMNS`].
fn read(entity: Entity, row: &Row<'_>) -> Result<View<Record>, ReplicaError> {
    let json: String = row.get(1)?;
    Ok(View {
        is_pending: row.get(0)?,
        record: from_json(entity, Seq::ZERO, &json)?,
        is_stand_in: row.get(2)?,
    })
}

/// Reads a row of a list; `None` if it is damaged. One damaged row must not hide all others. The
/// check of all rows, which each sync does once a day, derives it again.
fn read_listed(entity: Entity, row: &Row<'_>) -> Result<Option<View<Record>>, ReplicaError> {
    match read(entity, row) {
        Ok(view) => Ok(Some(view)),
        Err(ReplicaError::Damaged { what }) => {
            tracing::warn!(what, "damaged row left out");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl View<Record> {
    fn with<R>(&self, record: R) -> View<R> {
        View {
            record,
            is_pending: self.is_pending,
            is_stand_in: self.is_stand_in,
        }
    }

    fn habit(self) -> Option<View<Habit>> {
        match &self.record {
            Record::Habit(record) => Some(self.with(record.clone())),
            Record::Entry(_) => None,
        }
    }

    fn entry(self) -> Option<View<Entry>> {
        match &self.record {
            Record::Entry(record) => Some(self.with(record.clone())),
            Record::Habit(_) => None,
        }
    }
}

fn one(connection: &Connection, key: RecordKey) -> Result<Option<View<Record>>, ReplicaError> {
    let sql = format!("SELECT {COLUMNS} FROM shown WHERE entity = ?1 AND id = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement
        .query_row(params![key.entity.as_str(), key.id], |row| {
            Ok(read(key.entity, row))
        })
        .optional()?;
    found.transpose()
}

/// Returns the view of a record, also of an entry whose habit is hidden.
pub(super) fn record(
    connection: &Connection,
    key: RecordKey,
) -> Result<Option<View<Record>>, ReplicaError> {
    one(connection, key)
}

pub(super) fn habit(
    connection: &Connection,
    id: HabitId,
) -> Result<Option<View<Habit>>, ReplicaError> {
    Ok(one(connection, RecordKey::habit(id))?.and_then(View::habit))
}

pub(super) fn entry(
    connection: &Connection,
    id: EntryId,
) -> Result<Option<View<Entry>>, ReplicaError> {
    let found = one(connection, RecordKey::entry(id))?.and_then(View::entry);
    let Some(shown) = found else {
        return Ok(None);
    };
    // An entry without its habit is hidden: the habit was deleted, or it has not arrived yet.
    let habit = habit(connection, shown.record.details.habit_id)?;
    Ok(habit.map(|_| shown))
}

/// Returns the habits that were deleted on this device or on the server, in their last state.
pub(super) fn deleted_habits(
    connection: &Connection,
    settings: &Settings,
) -> Result<Vec<Habit>, ReplicaError> {
    let mut statement = connection.prepare_cached(
        "SELECT entity, id FROM base WHERE entity = 'habit'
         UNION SELECT entity, record_id FROM outbox WHERE entity = 'habit'
         EXCEPT SELECT entity, id FROM shown WHERE entity = 'habit'",
    )?;
    let keys = outbox::read_keys(&mut statement.query([])?)?;
    let mut deleted = Vec::new();
    for key in keys {
        let base = mirror::load(connection, key).ok().flatten();
        let edits = edits(connection, key)?;
        let record = overlay(base.and_then(|(record, _)| record), edits, settings);
        if let Some(Record::Habit(habit)) = record
            && habit.stamp.is_deleted()
            // The server has erased its texts: no user could tell which habit it was.
            && !habit.details.title.is_erased()
        {
            deleted.push(habit);
        }
    }
    Ok(deleted)
}

/// Returns all habits, archived ones included, by sort order, then newest first.
pub(super) fn habits(connection: &Connection) -> Result<Vec<View<Habit>>, ReplicaError> {
    let sql = format!("SELECT {COLUMNS} FROM shown WHERE entity = 'habit'");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    let mut habits = Vec::new();
    while let Some(row) = rows.next()? {
        habits.extend(read_listed(Entity::Habit, row)?.and_then(View::habit));
    }
    // Sorted here: the sort keys are inside of the JSON, and a user has few habits.
    habits.sort_by_key(|shown| {
        let Habit {
            id, details, stamp, ..
        } = &shown.record;
        (details.sort_order, std::cmp::Reverse(stamp.created_at), *id)
    });
    Ok(habits)
}

/// Returns the entries of the days `from` to `to`, both included, of one habit or of all habits,
/// by day, then by instant.
pub(super) fn entries(
    connection: &Connection,
    habit: Option<HabitId>,
    from: Date,
    to: Date,
) -> Result<Vec<View<Entry>>, ReplicaError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM shown AS entry
         WHERE entity = 'entry' AND (?1 IS NULL OR habit_id = ?1)
           AND local_date BETWEEN ?2 AND ?3
           AND EXISTS (SELECT 1 FROM shown AS habit
                       WHERE habit.entity = 'habit' AND habit.id = entry.habit_id)"
    ))?;
    let habit = habit.map(HabitId::uuid);
    let mut rows = statement.query(params![habit, from.to_string(), to.to_string()])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.extend(read_listed(Entity::Entry, row)?.and_then(View::entry));
    }
    // The index gives the days in order, but not the instants within a day.
    entries.sort_by_key(|shown| {
        let Entry { id, details, .. } = &shown.record;
        (details.local_date, details.completion.instant(), *id)
    });
    Ok(entries)
}

impl Replica {
    pub(crate) fn habit(&self, id: HabitId) -> Result<Option<View<Habit>>, ReplicaError> {
        habit(&self.connection, id)
    }

    pub(crate) fn entry(&self, id: EntryId) -> Result<Option<View<Entry>>, ReplicaError> {
        entry(&self.connection, id)
    }

    pub(crate) fn habits(&self) -> Result<Vec<View<Habit>>, ReplicaError> {
        habits(&self.connection)
    }

    pub(crate) fn entries(
        &self,
        habit: Option<HabitId>,
        from: Date,
        to: Date,
    ) -> Result<Vec<View<Entry>>, ReplicaError> {
        entries(&self.connection, habit, from, to)
    }

    pub(crate) fn deleted_habits(&self) -> Result<Vec<Habit>, ReplicaError> {
        deleted_habits(&self.connection, &account::settings(&self.connection)?)
    }

    pub(crate) fn mirror(&self) -> Result<Vec<Record>, ReplicaError> {
        mirror::all(&self.connection)
    }
}
