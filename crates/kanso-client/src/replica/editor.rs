//! Reads and writes of one local edit, in one transaction.

use std::cell::RefCell;
use std::collections::BTreeSet;

use kanso_domain::accounts::Settings;
use kanso_domain::entries::Entry;
use kanso_domain::habits::Habit;
use kanso_domain::text::Title;
use kanso_domain::{Date, Entity, EntryId, HabitId, Record, Timestamp, Version};
use rusqlite::Transaction;
use serde_json::{Map, Value};

use super::deeds::{self, Deed, RecordChange};
use super::failures::{self, Failure};
use super::local_edits;
use super::outbox::NewOperation;
use super::row::MirrorTable;
use super::{RecordKey, Replica, ReplicaError, account, after_create, mirror, outbox, view};

/// The replica inside the transaction of one edit.
pub(crate) struct Editor<'a> {
    transaction: Transaction<'a>,
    pub(crate) settings: Settings,
    /// Records with new operations; observers are notified of them after the commit.
    changed: RefCell<BTreeSet<RecordKey>>,
    /// The edits so far, to undo them.
    deed: RefCell<Vec<RecordChange>>,
    recording: Recording,
}

/// Way in which the edits of a transaction are recorded, to undo them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recording {
    /// They can be undone together.
    Undoable,
    /// They are remembered as one deed that cannot be undone.
    Final,
    /// They undo a deed, and are none.
    Off,
}

impl Replica {
    /// Runs `work` in a transaction and commits it; if `work` fails, rolls it back.
    ///
    /// Also returns the records that `work` changed.
    pub(crate) fn edit<T, E: From<ReplicaError>>(
        &mut self,
        recording: Recording,
        now: Timestamp,
        work: impl FnOnce(&Editor<'_>) -> Result<T, E>,
    ) -> Result<(T, BTreeSet<RecordKey>), E> {
        let transaction = self.begin()?;
        let settings = account::settings(&transaction)?;
        let editor = Editor {
            transaction,
            settings,
            changed: RefCell::default(),
            deed: RefCell::default(),
            recording,
        };
        // An early return drops the transaction, and rusqlite rolls a dropped transaction back.
        let done = work(&editor)?;
        let Editor {
            transaction,
            changed,
            deed,
            ..
        } = editor;
        let deed = deed.into_inner();
        match recording {
            Recording::Undoable if !deed.is_empty() => deeds::store(&transaction, Some(deed), now)?,
            Recording::Final if !changed.borrow().is_empty() => {
                deeds::store(&transaction, None, now)?;
            }
            _ => {}
        }
        transaction.commit().map_err(ReplicaError::from)?;
        Ok((done, changed.into_inner()))
    }
}

impl Editor<'_> {
    pub(crate) fn habit(&self, id: HabitId) -> Result<Option<Habit>, ReplicaError> {
        Ok(view::habit(&self.transaction, id)?.map(|view| view.record))
    }

    pub(crate) fn entry(&self, id: EntryId) -> Result<Option<Entry>, ReplicaError> {
        Ok(view::entry(&self.transaction, id)?.map(|view| view.record))
    }

    /// Returns the day of the first entry of a habit.
    pub(crate) fn first_entry(&self, id: HabitId) -> Result<Option<Date>, ReplicaError> {
        view::first_entry(&self.transaction, id, i64::MAX)
    }

    /// Returns true if the record was deleted, on this device or on the server.
    ///
    /// The caller has found no view of the record. Operations in the outbox then end with a delete.
    pub(crate) fn was_deleted(&self, key: RecordKey) -> Result<bool, ReplicaError> {
        let base = mirror::row(&self.transaction, MirrorTable::Base, key)?;
        let is_tombstone = base.is_some_and(|row| !row.is_live);
        // A purged record has neither a tombstone nor operations, so it counts as never seen.
        Ok(is_tombstone || !local_edits::of_record(&self.transaction, key)?.is_empty())
    }

    /// Returns the version that an edit of the record builds on: the last delivered one.
    ///
    /// It is not the version that earlier waiting edits would make. The server never lets edits of
    /// one device clash with each other, so the delivered version is enough. The predicted version
    /// may have been made by another device in the meantime, and the edit would then overwrite
    /// members that this device never saw.
    pub(crate) fn base_version(&self, key: RecordKey) -> Result<Version, ReplicaError> {
        let base = mirror::row(&self.transaction, MirrorTable::Base, key)?;
        let version = base.and_then(|row| Version::new(row.version));
        if version.is_none() && after_create::is_held(&self.transaction, key)? {
            return Ok(after_create::UNREACHED);
        }
        // Without a delivered state the record was created here, and the server creates it with version 1.
        Ok(version.unwrap_or(Version::FIRST))
    }

    /// Returns the texts of a tombstone, as it was delivered; empty if the deletion is not delivered yet.
    pub(crate) fn tombstone_texts(
        &self,
        key: RecordKey,
    ) -> Result<Map<String, Value>, ReplicaError> {
        let row = mirror::row(&self.transaction, MirrorTable::Base, key)?;
        let Some(row) = row.filter(|row| !row.is_live) else {
            return Ok(Map::new());
        };
        let is_text = |name: &str| match key.entity {
            Entity::Habit => ["title", "description", "icon", "unit"].contains(&name),
            Entity::Entry => name == "notes",
        };
        let mut texts = row.members()?;
        texts.retain(|name, value| {
            let text = value.as_str().unwrap_or_default();
            is_text(name) && !text.is_empty() && text != Title::ERASED
        });
        Ok(texts)
    }

    /// Appends an operation to the outbox and returns the new view of its record.
    pub(crate) fn append(&self, operation: &NewOperation) -> Result<Option<Record>, ReplicaError> {
        let key = operation.key;
        // Only what is recorded is read: an import makes tens of thousands of operations.
        let is_recorded = self.recording == Recording::Undoable;
        let before = if is_recorded { self.record(key)? } else { None };
        outbox::append(&self.transaction, operation)?;
        self.changed.borrow_mut().insert(key);
        let after = view::refresh(&self.transaction, key, &self.settings)?;
        if is_recorded {
            let change = RecordChange::new(key, before.as_ref(), after.as_ref())?;
            self.deed.borrow_mut().push(change);
        }
        Ok(after)
    }

    /// Returns the record as it is shown; `None` if it is deleted.
    pub(crate) fn record(&self, key: RecordKey) -> Result<Option<Record>, ReplicaError> {
        Ok(view::record(&self.transaction, key)?.map(|view| view.record))
    }

    /// Returns what was done on this device, newest first.
    pub(crate) fn deeds(&self) -> Result<Vec<Deed>, ReplicaError> {
        deeds::newest_first(&self.transaction)
    }

    pub(crate) fn remove_deed(&self, position: i64) -> Result<(), ReplicaError> {
        deeds::remove(&self.transaction, position)
    }

    /// Returns the habits that were deleted and can be revived, in their last state.
    pub(crate) fn deleted_habits(&self) -> Result<Vec<Habit>, ReplicaError> {
        view::deleted_habits(&self.transaction, &self.settings)
    }

    pub(crate) fn failure(&self, id: i64) -> Result<Option<Failure>, ReplicaError> {
        failures::one(&self.transaction, id)
    }

    pub(crate) fn remove_failure(&self, id: i64) -> Result<(), ReplicaError> {
        failures::remove(&self.transaction, id)
    }
}
