//! A reader that knows nothing but the pages it was given.

use std::collections::BTreeMap;

use kanso_domain::sync::{Cursor, Digest};
use kanso_domain::{HabitId, Record};
use kanso_protocol::parse_cursor;
use kanso_protocol::sync::{Change, ChangeContent, SyncResponse};
use uuid::Uuid;

/// Records folded together of pages, each in the newest state that was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Fold {
    records: BTreeMap<Uuid, Record>,
    pub(super) cursor: Option<String>,
}

impl Fold {
    /// Takes one record in, as it is now.
    pub(super) fn add(&mut self, change: &Change) -> Result<(), String> {
        if let ChangeContent::Record(record) = change.read().map_err(|error| error.to_string())? {
            if record.stamp().is_deleted() {
                self.records.remove(&record.id());
            } else {
                self.records.insert(record.id(), *record);
            }
        }
        Ok(())
    }

    /// Takes a page in. A complete one whose digest is not what the records add up to is wrong.
    pub(super) fn take(&mut self, page: &SyncResponse) -> Result<(), String> {
        for change in &page.changes {
            self.add(change)?;
        }
        self.cursor = Some(page.cursor.clone());
        let digest = self.digest().to_string();
        match &page.digest {
            Some(told) if *told != digest => Err(format!(
                "pages up to {} add up to {digest}, the server says {told}",
                page.head
            )),
            _ => Ok(()),
        }
    }

    /// How far it has read.
    pub(super) fn position(&self) -> Option<Cursor> {
        parse_cursor(self.cursor.as_deref()?).ok()
    }

    /// What it adds up to. Entries of a habit that is not there are not there either.
    pub(super) fn digest(&self) -> Digest {
        let is_there = |id: HabitId| self.records.contains_key(&id.uuid());
        let live = self.records.values().filter(|record| match record {
            Record::Habit(_) => true,
            Record::Entry(entry) => is_there(entry.details.habit_id),
        });
        live.map(Digest::of_record).sum()
    }
}
