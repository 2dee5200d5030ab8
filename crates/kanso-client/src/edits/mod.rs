//! Local edits. Each is one transaction that appends operations to the outbox, and needs no server.

mod entries;
mod habits;
mod resolve;
mod undo;

pub(crate) use habits::check_habit;
pub use resolve::ResolveError;
pub use undo::{UndoError, UndoScope, Undone};

use std::cell::Cell;

use kanso_domain::{Invalid, Record};
use kanso_protocol::MAX_OPERATIONS;

use crate::changes::Origin;
use crate::client::Client;
use crate::replica::{
    Change, Editor, NewOperation, RecordKey, Recording, ReplicaError, operation, outbox_body,
};
use crate::sync::MAX_BATCH_BYTES;

/// Reason why an edit was not made.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// Members of the record are invalid.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The habit does not exist on this device.
    #[error("there is no such habit")]
    NoSuchHabit,
    /// The entry does not exist on this device.
    #[error("there is no such entry")]
    NoSuchEntry,
    /// The group has more edits than one request can carry.
    #[error("a group may have at most {MAX_OPERATIONS} edits")]
    TooMany,
    /// The group has more text than one request can carry.
    #[error("a group may have at most {} KiB of edits", MAX_BATCH_BYTES / 1024)]
    TooLarge,
    /// The local database failed.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// Edits of one transaction. Each edit sees the effects of those before it.
pub struct Edits<'a> {
    client: &'a Client,
    editor: &'a Editor<'a>,
    group: Option<String>,
    count: Cell<usize>,
    /// Size of the operations of the group, in bytes.
    bytes: Cell<usize>,
}

impl std::fmt::Debug for Edits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Edits");
        debug
            .field("group", &self.group)
            .field("count", &self.count);
        debug.finish_non_exhaustive()
    }
}

impl<'a> Edits<'a> {
    const fn new(client: &'a Client, editor: &'a Editor<'a>, group: Option<String>) -> Self {
        Self {
            client,
            editor,
            group,
            count: Cell::new(0),
            bytes: Cell::new(0),
        }
    }

    /// Appends a change to the outbox and returns the new view of its record.
    fn append(&self, key: RecordKey, change: Change) -> Result<Option<Record>, EditError> {
        self.append_operation(self.client.operation(key, change))
    }

    fn append_operation(&self, mut operation: NewOperation) -> Result<Option<Record>, EditError> {
        operation.request.group.clone_from(&self.group);
        self.count.set(self.count.get() + 1);
        if self.group.is_some() {
            let body = outbox_body(&operation)?;
            // One byte for the comma between two operations.
            self.bytes.set(self.bytes.get() + body.len() + 1);
        }
        Ok(self.editor.append(&operation)?)
    }
}

impl Client {
    /// Runs `work` in one transaction: commits all of its writes, or none if it fails. They cannot be
    /// undone.
    pub(crate) fn edit<T, E: From<ReplicaError>>(
        &self,
        work: impl FnOnce(&Editor<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.edit_as(Recording::Final, work)
    }

    /// The same for edits that undo others.
    pub(crate) fn edit_unrecorded<T, E: From<ReplicaError>>(
        &self,
        work: impl FnOnce(&Editor<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.edit_as(Recording::Off, work)
    }

    fn edit_as<T, E: From<ReplicaError>>(
        &self,
        recording: Recording,
        work: impl FnOnce(&Editor<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let now = self.clock.now();
        let mut replica = self.replica()?;
        let work = |editor: &Editor<'_>| self.in_transaction(|| work(editor));
        let (done, changed) = replica.edit(recording, now, work)?;
        // Unlock before observers are notified: they read the changed records at once.
        drop(replica);
        self.publish(Origin::Edit, changed, false);
        Ok(done)
    }

    /// Makes several edits in one local transaction: all of them, or none if `work` fails.
    ///
    /// The server applies the operations one by one, so it may reject some and accept others. Use
    /// [`Client::group`] to keep them together there as well. Inside `work`, use the [`Edits`] that
    /// it receives: calls of the client itself return [`ReplicaError::InTransaction`].
    ///
    /// # Errors
    /// The error of `work`, or the local database failed. Then nothing was written.
    ///
    /// # Examples
    /// ```
    /// use kanso_client::protocol::{Patch, habits::HabitMembers};
    /// use kanso_client::{Client, EditError};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let client = Client::open(folder.path())?;
    /// let titled = |title: &str| HabitMembers {
    ///     title: Patch::Value(title.into()),
    ///     ..HabitMembers::default()
    /// };
    /// let failed = client.transaction(|edits| {
    ///     edits.create_habit(titled("Read"))?;
    ///     edits.create_habit(titled("")) // a title is required
    /// });
    /// assert!(matches!(failed, Err(EditError::Invalid(_))));
    /// assert!(client.habits()?.is_empty(), "the first habit was rolled back");
    /// # Ok(())
    /// # }
    /// ```
    pub fn transaction<T, E: From<ReplicaError>>(
        &self,
        work: impl FnOnce(&Edits<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.edit_as(Recording::Undoable, |editor| {
            work(&Edits::new(self, editor, None))
        })
    }

    /// Makes several edits that the server also applies all or none. If it rejects one of them, all
    /// become failures.
    ///
    /// # Errors
    /// The error of `work`, or the local database failed. [`EditError::TooMany`] for more than
    /// [`MAX_OPERATIONS`] edits, [`EditError::TooLarge`] for more text than one request can carry.
    /// Then nothing was written.
    ///
    /// # Examples
    /// ```
    /// use kanso_client::protocol::{Patch, entries::EntryMembers, habits::HabitMembers};
    /// use kanso_client::{Client, EditError};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let client = Client::open(folder.path())?;
    /// let today = client.today(None)?;
    /// client.group(|edits| {
    ///     let habit = edits.create_habit(HabitMembers {
    ///         title: Patch::Value("Read".into()),
    ///         ..HabitMembers::default()
    ///     })?;
    ///     edits.create_entry(EntryMembers {
    ///         habit_id: Patch::Value(habit.id.to_string()),
    ///         completion_date: Patch::Value(today.to_string()),
    ///         ..EntryMembers::default()
    ///     })?;
    ///     Ok::<_, EditError>(())
    /// })?;
    /// assert_eq!(client.status()?.waiting, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn group<T, E: From<EditError> + From<ReplicaError>>(
        &self,
        work: impl FnOnce(&Edits<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        // The name only has to differ from the other groups in the outbox.
        let name = self.ids.next_id().to_string();
        self.edit_as(Recording::Undoable, |editor| {
            let edits = Edits::new(self, editor, Some(name));
            let done = work(&edits)?;
            // The server applies a group only if all of it is in one request.
            if edits.count.get() > MAX_OPERATIONS {
                return Err(EditError::TooMany.into());
            }
            if edits.bytes.get() > MAX_BATCH_BYTES {
                return Err(EditError::TooLarge.into());
            }
            Ok(done)
        })
    }

    /// Builds an operation with a new id.
    pub(crate) fn operation(&self, key: RecordKey, change: Change) -> NewOperation {
        operation(self.ids.next_id(), self.clock.now(), key, change)
    }
}
