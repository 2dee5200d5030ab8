//! A replica that is built from pages alone, without the client library.

use std::collections::BTreeMap;

use kanso_domain::sync::{Cursor, Digest};
use kanso_domain::{HabitId, Record};
use kanso_protocol::parse_cursor;
use kanso_protocol::sync::{Change, ChangeContent, SyncResponse};
use uuid::Uuid;

/// Live records and the cursor, folded from pages.
#[derive(Clone, Debug, Default)]
pub(super) struct PageReplica {
    records: BTreeMap<Uuid, Record>,
    pub(super) cursor: Option<String>,
}

impl PageReplica {
    /// Applies one record.
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

    /// Applies a page. Returns an error if the page is complete and its digest differs from the
    /// digest of the records.
    pub(super) fn take(&mut self, page: &SyncResponse) -> Result<(), String> {
        for change in &page.changes {
            self.add(change)?;
        }
        self.cursor = Some(page.cursor.clone());
        let digest = self.digest().to_string();
        match &page.digest {
            Some(reported) if *reported != digest => Err(format!(
                "pages up to {} add up to {digest}, the server reports {reported}",
                page.head
            )),
            _ => Ok(()),
        }
    }

    /// Cursor of the last page.
    pub(super) fn position(&self) -> Option<Cursor> {
        parse_cursor(self.cursor.as_deref()?).ok()
    }

    /// Digest of the live records. Entries of a missing habit do not count, as in the server's
    /// digest.
    pub(super) fn digest(&self) -> Digest {
        let is_there = |id: HabitId| self.records.contains_key(&id.uuid());
        // Entries may arrive before their habit, and stay when it is deleted, so membership is
        // decided here and not on arrival.
        let live = self.records.values().filter(|record| match record {
            Record::Habit(_) => true,
            Record::Entry(entry) => is_there(entry.details.habit_id),
        });
        live.map(Digest::of_record).sum()
    }
}
