//! Conversion of records and values to and from SQL columns.

use kanso_domain::{Entity, Record, Seq, Timestamp};
use kanso_protocol::entries::EntryRecord;
use kanso_protocol::habits::HabitRecord;
use uuid::Uuid;

use super::{RecordKey, ReplicaError};

/// Serialises a record as the JSON of the wire.
pub(super) fn to_json(record: &Record) -> Result<String, ReplicaError> {
    let json = match record {
        Record::Habit(habit) => serde_json::to_string(&HabitRecord::from(habit)),
        Record::Entry(entry) => serde_json::to_string(&EntryRecord::from(entry)),
    };
    json.map_err(ReplicaError::damaged)
}

/// Parses a record from the JSON of the wire, which does not carry its `seq`.
pub(super) fn from_json(entity: Entity, seq: Seq, json: &str) -> Result<Record, ReplicaError> {
    match entity {
        // The wire types validate, so a damaged text becomes an error and never a strange record.
        Entity::Habit => {
            let record: HabitRecord = serde_json::from_str(json).map_err(ReplicaError::damaged)?;
            let habit = record.to_habit(seq).map_err(ReplicaError::damaged)?;
            Ok(Record::Habit(habit))
        }
        Entity::Entry => {
            let record: EntryRecord = serde_json::from_str(json).map_err(ReplicaError::damaged)?;
            let entry = record.to_entry(seq).map_err(ReplicaError::damaged)?;
            Ok(Record::Entry(entry))
        }
    }
}

pub(super) fn key_of(record: &Record) -> RecordKey {
    match record {
        Record::Habit(habit) => RecordKey::habit(habit.id),
        Record::Entry(entry) => RecordKey::entry(entry.id),
    }
}

/// Returns the id of the habit that a record belongs to; for a habit, its own id.
pub(super) fn habit_of(record: &Record) -> Uuid {
    match record {
        Record::Habit(habit) => habit.id.uuid(),
        Record::Entry(entry) => entry.details.habit_id.uuid(),
    }
}

pub(super) fn entity(name: &str) -> Result<Entity, ReplicaError> {
    [Entity::Habit, Entity::Entry]
        .into_iter()
        .find(|entity| entity.as_str() == name)
        .ok_or_else(|| ReplicaError::damaged(format_args!("unknown entity {name:?}")))
}

pub(super) fn instant(micros: i64) -> Result<Timestamp, ReplicaError> {
    Timestamp::from_micros(micros).map_err(ReplicaError::damaged)
}

pub(super) fn seq(number: i64) -> Result<Seq, ReplicaError> {
    Seq::new(number).ok_or_else(|| ReplicaError::damaged(format_args!("invalid seq {number}")))
}
