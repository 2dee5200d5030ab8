//! Undoing what was done on this device.

use jiff::civil::Date;
use kanso_domain::{HabitId, Record, Timestamp};
use serde_json::Value;

use super::EditError;
use crate::client::Client;
use crate::replica::{
    Change, Deed, Editor, NewOperation, RecordChange, RecordKey, ReplicaError, members_where,
    record_members,
};

/// Seconds after which a deed is no longer undone by chance: one day.
const UNDO_SECONDS: i64 = 24 * 60 * 60;

/// Scope of an undo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UndoScope {
    /// Only what was done to this habit or to its entries.
    pub habit: Option<HabitId>,
    /// Only what was done to entries of this day, however long ago.
    pub day: Option<Date>,
}

/// Effect of an undo on one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Undone {
    /// Record before the undo; `None` if it was deleted.
    pub before: Option<Record>,
    /// Record after the undo; `None` if the undo deleted it.
    pub after: Option<Record>,
}

/// Reason why nothing was undone.
#[derive(Debug, thiserror::Error)]
pub enum UndoError {
    /// Nothing was done on this device, or nothing that fits the scope.
    #[error("there is nothing to undo")]
    Nothing,
    /// The last thing was done more than a day ago.
    #[error("there is nothing to undo: the last change on this device is from {at}")]
    TooLongAgo {
        /// Instant of the last thing.
        at: Timestamp,
    },
    /// The last thing cannot be undone: an import, or a decision on a conflict.
    #[error("the last thing done on this device, an import or a decision, cannot be undone")]
    NotUndoable,
    /// A record was changed since, on another device or by the server. It stays as it is, and the next
    /// undo takes the thing before.
    #[error("it was changed since, so it stays as it is; another undo takes the change before it")]
    ChangedSince,
    /// An edit failed.
    #[error(transparent)]
    Edit(#[from] EditError),
}

impl From<ReplicaError> for UndoError {
    fn from(error: ReplicaError) -> Self {
        Self::Edit(error.into())
    }
}

impl Client {
    /// Undoes the last thing that was done on this device, of any kind: an entry, an edit, a deletion,
    /// a new habit. A second call undoes the thing before it.
    ///
    /// Only what was done within a day is undone, unless the scope names a day. The changes of other
    /// devices stay: if one of them has changed the same member since, nothing is undone.
    ///
    /// # Errors
    /// See [`UndoError`].
    ///
    /// # Examples
    /// ```
    /// use kanso_client::protocol::{Patch, habits::HabitMembers};
    /// use kanso_client::{Client, UndoScope};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let client = Client::open(folder.path())?;
    /// let habit = client.create_habit(HabitMembers {
    ///     title: Patch::Value("Read".into()),
    ///     ..HabitMembers::default()
    /// })?;
    /// client.delete_habit(habit.id)?;
    /// client.undo(UndoScope::default())?;
    /// assert_eq!(client.habits()?.len(), 1, "it is back");
    /// client.undo(UndoScope::default())?;
    /// assert!(client.habits()?.is_empty(), "it was never there");
    /// assert!(client.undo(UndoScope::default()).is_err(), "there is nothing more");
    /// # Ok(())
    /// # }
    /// ```
    pub fn undo(&self, scope: UndoScope) -> Result<Vec<Undone>, UndoError> {
        let undone = self.edit_unrecorded(|editor| {
            let deed = self.last_deed(editor, scope)?;
            let changes = deed.changes.ok_or(UndoError::NotUndoable)?;
            editor.remove_deed(deed.position)?;
            for change in &changes {
                if has_changed_since(editor, change)? {
                    // Not an error: the removal of the deed must be committed.
                    return Ok(None);
                }
            }
            let mut undone = Vec::new();
            for change in changes.iter().rev() {
                undone.push(self.undo_change(editor, change)?);
            }
            Ok::<_, UndoError>(Some(undone))
        })?;
        undone.ok_or(UndoError::ChangedSince)
    }

    /// Returns the newest deed in the scope.
    fn last_deed(&self, editor: &Editor<'_>, scope: UndoScope) -> Result<Deed, UndoError> {
        let day = scope.day.map(|day| day.to_string());
        let is_meant = |change: &RecordChange| {
            scope
                .habit
                .is_none_or(|habit| change.is_about(habit.uuid()))
                && day.as_deref().is_none_or(|day| change.is_on(day))
        };
        let is_any = scope == UndoScope::default();
        let mut deeds = editor
            .deeds()?
            .into_iter()
            .filter(|deed| match &deed.changes {
                Some(changes) => changes.iter().any(is_meant),
                None => is_any,
            });
        let deed = deeds.next().ok_or(UndoError::Nothing)?;
        let age = self.clock.now().seconds_since(deed.at);
        if scope.day.is_none() && age > UNDO_SECONDS {
            return Err(UndoError::TooLongAgo { at: deed.at });
        }
        Ok(deed)
    }

    fn undo_change(&self, editor: &Editor<'_>, change: &RecordChange) -> Result<Undone, UndoError> {
        let key = change.key()?;
        let before = editor.record(key)?;
        let after = match (&change.before, &change.after) {
            (None, _) => {
                editor.append(&self.operation(key, Change::Delete))?;
                None
            }
            (Some(_), None) => editor.append(&self.revival(editor, key)?)?,
            (Some(then), Some(now)) => {
                let members = members_where(then, |name| then.get(name) != now.get(name));
                if members.is_empty() {
                    before.clone()
                } else {
                    let base = editor.base_version(key)?;
                    let change = Change::Update(base, Value::Object(members));
                    editor.append(&self.operation(key, change))?
                }
            }
        };
        Ok(Undone { before, after })
    }

    /// Builds the operation that makes a deleted record live again.
    pub(super) fn revival(
        &self,
        editor: &Editor<'_>,
        key: RecordKey,
    ) -> Result<NewOperation, ReplicaError> {
        let base = editor.base_version(key)?;
        // The server erases the texts of an old tombstone. This device still has them.
        let texts = editor.tombstone_texts(key)?;
        let change = Change::Update(base, Value::Object(texts));
        let mut operation = self.operation(key, change);
        operation.request.revive = true;
        Ok(operation)
    }
}

/// Returns true if the record is no longer as the deed has left it.
fn has_changed_since(editor: &Editor<'_>, change: &RecordChange) -> Result<bool, ReplicaError> {
    let key = change.key()?;
    let present = editor.record(key)?;
    let present = present.as_ref().map(record_members).transpose()?;
    let (Some(present), Some(after)) = (&present, &change.after) else {
        return Ok(present.is_some() != change.after.is_some());
    };
    // Of an edit only its own members count: other devices may have changed the others.
    let touched = |name: &&String| match &change.before {
        Some(before) => before.get(*name) != after.get(*name),
        None => true,
    };
    Ok(after
        .keys()
        .filter(touched)
        .any(|name| present.get(name) != after.get(name)))
}
