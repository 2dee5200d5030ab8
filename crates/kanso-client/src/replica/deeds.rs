//! The deeds of this device, to undo them.
//!
//! A deed is one transaction of local edits. It is stored with the members of its records before and
//! after, in the transaction itself.

use kanso_domain::{Entity, Record, Timestamp};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::codec::{entity, instant};
use super::give_back::members;
use super::{RecordKey, ReplicaError};

/// Number of deeds that are kept.
const KEPT: i64 = 100;
/// Most changes of one deed that are kept. A larger one cannot be undone.
const MOST_CHANGES: usize = 500;

/// Members of a record.
pub(crate) type Members = Map<String, Value>;

/// The members of a record before and after a deed; `None` if it did not exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RecordChange {
    entity: String,
    id: Uuid,
    pub(crate) before: Option<Members>,
    pub(crate) after: Option<Members>,
}

impl RecordChange {
    pub(super) fn new(
        key: RecordKey,
        before: Option<&Record>,
        after: Option<&Record>,
    ) -> Result<Self, ReplicaError> {
        Ok(Self {
            entity: key.entity.as_str().to_owned(),
            id: key.id,
            before: before.map(members).transpose()?,
            after: after.map(members).transpose()?,
        })
    }

    pub(crate) fn key(&self) -> Result<RecordKey, ReplicaError> {
        Ok(RecordKey {
            entity: entity(&self.entity)?,
            id: self.id,
        })
    }

    fn member(&self, name: &str) -> Option<&str> {
        let side = self.after.as_ref().or(self.before.as_ref())?;
        side.get(name)?.as_str()
    }

    /// Returns true if the change is about the habit: the habit itself, or one of its entries.
    pub(crate) fn is_about(&self, habit: Uuid) -> bool {
        if self.entity == Entity::Habit.as_str() {
            return self.id == habit;
        }
        self.member("habit_id") == Some(&habit.to_string())
    }

    /// Returns true if the change is about an entry of the day.
    pub(crate) fn is_on(&self, day: &str) -> bool {
        self.entity == Entity::Entry.as_str() && self.member("local_date") == Some(day)
    }
}

/// One transaction of local edits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Deed {
    pub(crate) position: i64,
    pub(crate) at: Timestamp,
    /// The records, in the order of the edits; `None` if the deed cannot be undone.
    pub(crate) changes: Option<Vec<RecordChange>>,
}

/// Stores a deed; `None` for one that cannot be undone. Removes the oldest ones.
pub(super) fn store(
    connection: &Connection,
    changes: Option<Vec<RecordChange>>,
    at: Timestamp,
) -> Result<(), ReplicaError> {
    let changes = changes.filter(|changes| changes.len() <= MOST_CHANGES);
    let json = changes.map(|changes| serde_json::to_string(&changes));
    let json = json.transpose().map_err(ReplicaError::damaged)?;
    connection
        .prepare_cached("INSERT INTO deeds (done_at, changes) VALUES (?1, ?2)")?
        .execute(params![at.as_micros(), json])?;
    connection
        .prepare_cached(
            "DELETE FROM deeds WHERE position <= (SELECT max(position) FROM deeds) - ?1",
        )?
        .execute([KEPT])?;
    Ok(())
}

pub(super) fn remove(connection: &Connection, position: i64) -> Result<(), ReplicaError> {
    connection
        .prepare_cached("DELETE FROM deeds WHERE position = ?1")?
        .execute([position])?;
    Ok(())
}

/// Returns the deeds, newest first. A damaged one is left out.
pub(super) fn newest_first(connection: &Connection) -> Result<Vec<Deed>, ReplicaError> {
    let sql = "SELECT position, done_at, changes FROM deeds ORDER BY position DESC";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut deeds = Vec::new();
    while let Some(row) = rows.next()? {
        let json: Option<String> = row.get(2)?;
        deeds.push(Deed {
            position: row.get(0)?,
            at: instant(row.get(1)?).unwrap_or(Timestamp::MIN),
            changes: json.and_then(|json| serde_json::from_str(&json).ok()),
        });
    }
    Ok(deeds)
}
