//! A person's decision on what the server refused.

use kanso_domain::{Entity, EntryId, HabitId, Version};
use kanso_protocol::sync::{ActionName, EntityName, OperationStatus};

use serde_json::{Map, Value};

use super::Change;
use crate::Client;
use crate::replica::{Editor, Failure, Key, ReplicaError};

/// Why a decision was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Nothing with this number is on the list.
    #[error("nothing with this number waits for a decision")]
    NoSuchFailure,
    /// The record, or the habit of the entry, was deleted: there is nothing left to write to.
    #[error("the record was deleted on another device, so yours cannot be kept")]
    Deleted,
    /// Each member that was written here was changed by somebody else too.
    #[error("nothing of yours stands beside theirs: each of it was changed on another device too")]
    NothingToMerge,
    /// The local store failed.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

impl Client {
    /// Lets the server's record stand and takes the failure off the list.
    ///
    /// # Errors
    /// `NoSuchFailure`, or the store failed.
    pub fn take_theirs(&self, failure: i64) -> Result<(), ResolveError> {
        self.edit(|editor| {
            editor
                .failure(failure)?
                .ok_or(ResolveError::NoSuchFailure)?;
            editor.forget_failure(failure).map_err(ResolveError::from)
        })?;
        self.publish_decision();
        Ok(())
    }

    /// Writes the refused members again, knowingly over what is there now, and takes the failure
    /// off the list. The next sync sends it.
    ///
    /// # Errors
    /// `NoSuchFailure`, `Deleted`, or the store failed.
    pub fn keep_mine(&self, failure: i64) -> Result<(), ResolveError> {
        self.edit(|editor| {
            let refused = editor
                .failure(failure)?
                .ok_or(ResolveError::NoSuchFailure)?;
            let (key, version) = present(editor, &refused)?;
            let change = again(&refused, version)?;
            // An entry alone would wait for ever where the server does not know its habit.
            if matches!(change, Some(Change::Create(_))) && !has_habit(editor, &refused)? {
                return Err(ResolveError::Deleted);
            }
            if let Some(change) = change {
                editor.append(&self.operation(key, change))?;
            }
            Ok(editor.forget_failure(failure)?)
        })
    }
}

impl Client {
    /// Writes those of the refused members that nobody else touched, lets the server's stand in
    /// the others, and takes the failure off the list. The next sync sends it.
    ///
    /// # Errors
    /// `NoSuchFailure`, `Deleted`, `NothingToMerge`, or the store failed.
    pub fn merge(&self, failure: i64) -> Result<(), ResolveError> {
        self.edit(|editor| {
            let refused = editor
                .failure(failure)?
                .ok_or(ResolveError::NoSuchFailure)?;
            let (key, version) = present(editor, &refused)?;
            let version = version.ok_or(ResolveError::Deleted)?;
            let written = refused.operation.fields.as_ref();
            let member = |name: &String| Some((name.clone(), written?.get(name)?.clone()));
            let members: Map<String, Value> =
                refused.mergeable().iter().filter_map(member).collect();
            if members.is_empty() {
                return Err(ResolveError::NothingToMerge);
            }
            let change = Change::Update(version, Value::Object(members));
            editor.append(&self.operation(key, change))?;
            Ok(editor.forget_failure(failure)?)
        })
    }
}

/// The record, and its version if it is there.
fn present(editor: &Editor<'_>, refused: &Failure) -> Result<(Key, Option<Version>), ReplicaError> {
    let id = refused.operation.id;
    let (entity, stamp) = match refused.operation.entity {
        EntityName::Habit => {
            let habit = editor.habit(HabitId::new(id))?;
            (Entity::Habit, habit.map(|habit| habit.stamp))
        }
        EntityName::Entry => {
            let entry = editor.entry(EntryId::new(id))?;
            (Entity::Entry, entry.map(|entry| entry.stamp))
        }
    };
    Ok((Key { entity, id }, stamp.map(|stamp| stamp.version)))
}

/// Whether there is a habit to which an entry that was refused could belong.
fn has_habit(editor: &Editor<'_>, refused: &Failure) -> Result<bool, ReplicaError> {
    if refused.operation.entity != EntityName::Entry {
        return Ok(true);
    }
    let fields = refused.operation.fields.as_ref();
    let habit = fields.and_then(|fields| fields.get("habit_id")?.as_str()?.parse().ok());
    Ok(match habit {
        Some(habit) => editor.habit(HabitId::new(habit))?.is_some(),
        None => false,
    })
}

/// The refused operation on the record as it is now; `None` when nothing is left to do.
fn again(refused: &Failure, version: Option<Version>) -> Result<Option<Change>, ResolveError> {
    let fields = refused.operation.fields.clone().unwrap_or_default();
    match (refused.operation.action, version) {
        (ActionName::Create | ActionName::Update, Some(version)) => {
            Ok(Some(Change::Update(version, fields)))
        }
        (ActionName::Create, None) if refused.result.status == OperationStatus::Rejected => {
            Ok(Some(Change::Create(fields)))
        }
        (ActionName::Create | ActionName::Update, None) => Err(ResolveError::Deleted),
        (ActionName::Delete, Some(_)) => Ok(Some(Change::Delete)),
        // Whoever decides has looked at the record and says that it is missing there.
        (ActionName::Increment, Some(_)) if refused.is_outcome_unknown() => {
            Ok(Some(Change::Increment(fields)))
        }
        (ActionName::Increment, None) if refused.is_outcome_unknown() => Err(ResolveError::Deleted),
        // Increments never run into anything; one that is refused stays refused.
        (ActionName::Delete, None) | (ActionName::Increment, _) => Ok(None),
    }
}
