//! An edit: what it sees and what it writes is one transaction.

use std::cell::RefCell;
use std::collections::BTreeSet;

use kanso_domain::accounts::Settings;
use kanso_domain::entries::Entry;
use kanso_domain::habits::Habit;
use kanso_domain::{EntryId, HabitId, Record, Version};
use rusqlite::Transaction;

use super::failures::{self, Failure};
use super::outbox::NewOperation;
use super::{Key, Replica, ReplicaError, account, base, outbox, shown};

/// The replica as one edit sees it.
pub(crate) struct Editor<'a> {
    transaction: Transaction<'a>,
    pub(crate) settings: Settings,
    changed: RefCell<BTreeSet<Key>>,
}

impl Replica {
    /// Runs `work` and keeps what it wrote, all of it or, when it fails, nothing. Answers also with
    /// the records that it wrote about.
    pub(crate) fn edit<T, E: From<ReplicaError>>(
        &mut self,
        work: impl FnOnce(&Editor<'_>) -> Result<T, E>,
    ) -> Result<(T, BTreeSet<Key>), E> {
        let transaction = self.begin()?;
        let settings = account::settings(&transaction)?;
        let editor = Editor {
            transaction,
            settings,
            changed: RefCell::default(),
        };
        let done = work(&editor)?;
        let Editor {
            transaction,
            changed,
            ..
        } = editor;
        transaction.commit().map_err(ReplicaError::from)?;
        Ok((done, changed.into_inner()))
    }
}

impl Editor<'_> {
    pub(crate) fn habit(&self, id: HabitId) -> Result<Option<Habit>, ReplicaError> {
        Ok(shown::habit(&self.transaction, id)?.map(|shown| shown.record))
    }

    pub(crate) fn entry(&self, id: EntryId) -> Result<Option<Entry>, ReplicaError> {
        Ok(shown::entry(&self.transaction, id)?.map(|shown| shown.record))
    }

    /// Whether the record is known to have been deleted, here or on the server.
    pub(crate) fn was_deleted(&self, key: Key) -> Result<bool, ReplicaError> {
        let base = base::load(&self.transaction, key)?;
        let is_tombstone = base.is_some_and(|record| record.stamp().is_deleted());
        Ok(is_tombstone || !outbox::edits(&self.transaction, key)?.is_empty())
    }

    /// The version that an edit of the record builds on: the one that was delivered. What waits in
    /// the outbox is this device's own, with which the server never lets it clash; a version that
    /// was only guessed may be another device's by then.
    pub(crate) fn base_version(&self, key: Key) -> Result<Version, ReplicaError> {
        let base = base::load(&self.transaction, key)?;
        Ok(base.map_or(Version::FIRST, |record| record.stamp().version))
    }

    /// Puts an operation into the outbox; answers with what is shown of its record now.
    pub(crate) fn append(&self, operation: &NewOperation) -> Result<Option<Record>, ReplicaError> {
        outbox::append(&self.transaction, operation)?;
        self.changed.borrow_mut().insert(operation.key);
        shown::refresh(&self.transaction, operation.key, &self.settings)
    }

    pub(crate) fn failure(&self, id: i64) -> Result<Option<Failure>, ReplicaError> {
        failures::one(&self.transaction, id)
    }

    pub(crate) fn forget_failure(&self, id: i64) -> Result<(), ReplicaError> {
        failures::remove(&self.transaction, id)
    }
}
