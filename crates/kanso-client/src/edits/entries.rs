//! Edits of entries.

use kanso_domain::entries::{Entry, EntryDetails};
use kanso_domain::{EntryId, Record};
use kanso_protocol::entries::EntryMembers;

use super::{Change, EditError, members};
use crate::Client;
use crate::replica::Key;

impl Client {
    /// Makes an entry; its habit and its completion date are enough.
    ///
    /// # Errors
    /// `NoSuchHabit`, `Invalid`, or the store failed.
    pub fn create_entry(&self, given: EntryMembers) -> Result<Entry, EditError> {
        let id = EntryId::new(self.ids.next_id());
        let json = members(&given)?;
        let fields = given.fields()?;
        self.edit(|editor| {
            let details = EntryDetails::create(&fields, &editor.settings)?;
            editor
                .habit(details.habit_id)?
                .ok_or(EditError::NoSuchHabit)?;
            let create = self.operation(Key::entry(id), Change::Create(json));
            entry_of(editor.append(&create)?)
        })
    }

    /// Changes the members that are given. What changes nothing is not sent.
    ///
    /// # Errors
    /// `NoSuchEntry`, `Invalid`, or the store failed.
    pub fn update_entry(&self, id: EntryId, given: EntryMembers) -> Result<Entry, EditError> {
        let json = members(&given)?;
        let fields = given.fields()?;
        self.edit(|editor| {
            let entry = editor.entry(id)?.ok_or(EditError::NoSuchEntry)?;
            if entry.details.updated(&fields, &editor.settings)? == entry.details {
                return Ok(entry);
            }
            let change = Change::Update(entry.stamp.version, json);
            entry_of(editor.append(&self.operation(Key::entry(id), change))?)
        })
    }

    /// Deletes an entry.
    ///
    /// # Errors
    /// `NoSuchEntry`, or the store failed.
    pub fn delete_entry(&self, id: EntryId) -> Result<(), EditError> {
        self.edit(|editor| {
            editor.entry(id)?.ok_or(EditError::NoSuchEntry)?;
            editor.append(&self.operation(Key::entry(id), Change::Delete))?;
            Ok(())
        })
    }
}

fn entry_of(record: Option<Record>) -> Result<Entry, EditError> {
    match record {
        Some(Record::Entry(entry)) => Ok(entry),
        Some(Record::Habit(_)) | None => Err(EditError::NoSuchEntry),
    }
}
