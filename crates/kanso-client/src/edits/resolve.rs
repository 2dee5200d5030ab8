//! Decisions of the user on rejected operations.

use kanso_domain::{Entity, EntryId, HabitId, Version};
use kanso_protocol::sync::{ActionName, EntityName, OperationStatus};

use serde_json::{Map, Value};

use crate::client::Client;
use crate::replica::{Change, Editor, Failure, RecordKey, ReplicaError};

/// Reason why a decision was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// There is no failure with this number.
    #[error("no conflict has this number")]
    NoSuchFailure,
    /// The record, or the habit of the entry, was deleted.
    #[error("the record was deleted on another device, so your edit cannot be kept")]
    Deleted,
    /// Another device changed every member of the rejected operation.
    #[error("nothing to merge: every field you changed was also changed on another device")]
    NothingToMerge,
    /// The operation can no longer be read, because the replica was damaged on this device.
    #[error("this change can no longer be read, so it can only be dropped")]
    Unreadable,
    /// The local store failed.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

impl Client {
    /// Keeps the server's record and removes the failure.
    ///
    /// # Errors
    /// [`ResolveError::NoSuchFailure`], or the local database failed.
    ///
    /// # Examples
    /// ```
    /// use kanso_client::{Client, ResolveError};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let client = Client::open(folder.path())?;
    /// let unknown = client.take_theirs(7);
    /// assert!(matches!(unknown, Err(ResolveError::NoSuchFailure)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn take_theirs(&self, failure: i64) -> Result<(), ResolveError> {
        self.edit(|editor| {
            editor
                .failure(failure)?
                .ok_or(ResolveError::NoSuchFailure)?;
            editor.remove_failure(failure).map_err(ResolveError::from)
        })?;
        self.publish_decision();
        Ok(())
    }

    /// Writes the rejected members again, over the server's record, and removes the failure. The
    /// next sync sends them.
    ///
    /// # Errors
    /// `NoSuchFailure`, `Deleted`, `Unreadable`, or the local database failed.
    pub fn keep_mine(&self, failure: i64) -> Result<(), ResolveError> {
        self.edit(|editor| {
            let rejected = editor
                .failure(failure)?
                .ok_or(ResolveError::NoSuchFailure)?;
            if rejected.is_damaged() {
                return Err(ResolveError::Unreadable);
            }
            let (key, version) = current(editor, &rejected)?;
            let change = rebased(&rejected, version)?;
            // The server defers an entry whose habit it does not know. If the habit is gone, the
            // entry would be deferred at every sync, for ever.
            if matches!(change, Some(Change::Create(_))) && !has_habit(editor, &rejected)? {
                return Err(ResolveError::Deleted);
            }
            if let Some(change) = change {
                // A new operation with a new id: the server has stored the rejection under the old one.
                editor.append(&self.operation(key, change))?;
            }
            Ok(editor.remove_failure(failure)?)
        })
    }

    /// Writes the rejected members that no other device changed, keeps the server's values of the
    /// others, and removes the failure. The next sync sends them.
    ///
    /// # Errors
    /// `NoSuchFailure`, `Deleted`, `NothingToMerge`, `Unreadable`, or the local database failed.
    pub fn merge(&self, failure: i64) -> Result<(), ResolveError> {
        self.edit(|editor| {
            let rejected = editor
                .failure(failure)?
                .ok_or(ResolveError::NoSuchFailure)?;
            if rejected.is_damaged() {
                return Err(ResolveError::Unreadable);
            }
            let (key, version) = current(editor, &rejected)?;
            // A merge needs a record to merge into; `keep_mine` may create it again.
            let version = version.ok_or(ResolveError::Deleted)?;
            let written = rejected.operation.fields.as_ref();
            let member = |name: &String| Some((name.clone(), written?.get(name)?.clone()));
            let members: Map<String, Value> =
                rejected.mergeable().iter().filter_map(member).collect();
            if members.is_empty() {
                return Err(ResolveError::NothingToMerge);
            }
            let change = Change::Update(version, Value::Object(members));
            editor.append(&self.operation(key, change))?;
            Ok(editor.remove_failure(failure)?)
        })
    }
}

/// Returns the key of the record, and its current version if it exists.
fn current(
    editor: &Editor<'_>,
    rejected: &Failure,
) -> Result<(RecordKey, Option<Version>), ReplicaError> {
    let id = rejected.operation.id;
    let (entity, stamp) = match rejected.operation.entity {
        EntityName::Habit => {
            let habit = editor.habit(HabitId::new(id))?;
            (Entity::Habit, habit.map(|habit| habit.stamp))
        }
        EntityName::Entry => {
            let entry = editor.entry(EntryId::new(id))?;
            (Entity::Entry, entry.map(|entry| entry.stamp))
        }
    };
    Ok((RecordKey { entity, id }, stamp.map(|stamp| stamp.version)))
}

/// Returns true if the habit of a rejected entry exists; true for a rejected habit.
fn has_habit(editor: &Editor<'_>, rejected: &Failure) -> Result<bool, ReplicaError> {
    if rejected.operation.entity != EntityName::Entry {
        return Ok(true);
    }
    let fields = rejected.operation.fields.as_ref();
    let habit = fields.and_then(|fields| fields.get("habit_id")?.as_str()?.parse().ok());
    Ok(match habit {
        Some(habit) => editor.habit(HabitId::new(habit))?.is_some(),
        None => false,
    })
}

/// Builds the rejected change for the current record; `None` if there is nothing left to do.
fn rebased(rejected: &Failure, version: Option<Version>) -> Result<Option<Change>, ResolveError> {
    let fields = rejected.operation.fields.clone().unwrap_or_default();
    match (rejected.operation.action, version) {
        // Based on the current version, so the server sees an edit by a user who knows its record.
        (ActionName::Create | ActionName::Update, Some(version)) => {
            Ok(Some(Change::Update(version, fields)))
        }
        // The create itself was invalid or part of a failed group, so the id is still free. After
        // any other result the record existed and was deleted.
        (ActionName::Create, None) if rejected.result.status == OperationStatus::Rejected => {
            Ok(Some(Change::Create(fields)))
        }
        (ActionName::Create | ActionName::Update, None) => Err(ResolveError::Deleted),
        (ActionName::Delete, Some(_)) => Ok(Some(Change::Delete)),
        // It was never sent, or the user has seen the record and says that the increment is missing.
        (ActionName::Increment, version)
            if rejected.is_outcome_unknown() || rejected.is_unsent() =>
        {
            let increment = version.map(|_| Change::Increment(fields));
            increment.map(Some).ok_or(ResolveError::Deleted)
        }
        // Increments never run into anything; one that is refused stays rejected.
        (ActionName::Delete, None) | (ActionName::Increment, _) => Ok(None),
    }
}
