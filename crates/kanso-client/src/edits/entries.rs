//! Edits of entries.

use kanso_domain::entries::{Entry, EntryDetails};
use kanso_domain::{EntryId, Invalid, QuantityChange, Record};
use kanso_protocol::entries::EntryMembers;

use super::{Change, EditError, Edits, members};
use crate::Client;
use crate::replica::{Key, ReplicaError};

impl Edits<'_> {
    /// An entry as it is at this point of the transaction.
    ///
    /// # Errors
    /// The store failed.
    pub fn entry(&self, id: EntryId) -> Result<Option<Entry>, ReplicaError> {
        self.editor.entry(id)
    }

    /// Makes an entry; its habit and its completion date are enough.
    ///
    /// # Errors
    /// `NoSuchHabit`, `Invalid`, or the store failed.
    pub fn create_entry(&self, given: EntryMembers) -> Result<Entry, EditError> {
        let id = EntryId::new(self.client.ids.next_id());
        let json = members(&given)?;
        let details = EntryDetails::create(&given.fields()?, &self.editor.settings)?;
        self.editor
            .habit(details.habit_id)?
            .ok_or(EditError::NoSuchHabit)?;
        entry_of(self.append(Key::entry(id), Change::Create(json))?)
    }

    /// Changes the members that are given. What changes nothing is not sent.
    ///
    /// # Errors
    /// `NoSuchEntry`, `Invalid`, or the store failed.
    pub fn update_entry(&self, id: EntryId, given: EntryMembers) -> Result<Entry, EditError> {
        let json = members(&given)?;
        let fields = given.fields()?;
        let entry = self.entry(id)?.ok_or(EditError::NoSuchEntry)?;
        if entry.details.updated(&fields, &self.editor.settings)? == entry.details {
            return Ok(entry);
        }
        let key = Key::entry(id);
        let change = Change::Update(self.editor.base_version(key)?, json);
        entry_of(self.append(key, change)?)
    }

    /// Adds to the value of an entry, or takes away: what several devices add at the same time
    /// adds up. What changes nothing is not sent.
    ///
    /// # Errors
    /// `NoSuchEntry`, `Invalid` when the value would be negative or too large, or the store failed.
    pub fn add_to_entry(&self, id: EntryId, change: QuantityChange) -> Result<Entry, EditError> {
        let entry = self.entry(id)?.ok_or(EditError::NoSuchEntry)?;
        let value = entry.details.value.changed(change);
        let value = value.map_err(|error| Invalid::one("value", error.to_string()))?;
        if value == entry.details.value {
            return Ok(entry);
        }
        let json = serde_json::json!({"value": change.to_f64()});
        entry_of(self.append(Key::entry(id), Change::Increment(json))?)
    }

    /// Deletes an entry.
    ///
    /// # Errors
    /// `NoSuchEntry`, or the store failed.
    pub fn delete_entry(&self, id: EntryId) -> Result<(), EditError> {
        self.entry(id)?.ok_or(EditError::NoSuchEntry)?;
        self.append(Key::entry(id), Change::Delete).map(drop)
    }
}

impl Client {
    /// Makes an entry; its habit and its completion date are enough.
    ///
    /// # Errors
    /// `NoSuchHabit`, `Invalid`, or the store failed.
    pub fn create_entry(&self, given: EntryMembers) -> Result<Entry, EditError> {
        self.transaction(|edits| edits.create_entry(given))
    }

    /// Changes the members that are given. What changes nothing is not sent.
    ///
    /// # Errors
    /// `NoSuchEntry`, `Invalid`, or the store failed.
    pub fn update_entry(&self, id: EntryId, given: EntryMembers) -> Result<Entry, EditError> {
        self.transaction(|edits| edits.update_entry(id, given))
    }

    /// Adds to the value of an entry, or takes away: what several devices add at the same time
    /// adds up. What changes nothing is not sent.
    ///
    /// # Errors
    /// `NoSuchEntry`, `Invalid` when the value would be negative or too large, or the store failed.
    pub fn add_to_entry(&self, id: EntryId, change: QuantityChange) -> Result<Entry, EditError> {
        self.transaction(|edits| edits.add_to_entry(id, change))
    }

    /// Deletes an entry.
    ///
    /// # Errors
    /// `NoSuchEntry`, or the store failed.
    pub fn delete_entry(&self, id: EntryId) -> Result<(), EditError> {
        self.transaction(|edits| edits.delete_entry(id))
    }
}

fn entry_of(record: Option<Record>) -> Result<Entry, EditError> {
    match record {
        Some(Record::Entry(entry)) => Ok(entry),
        Some(Record::Habit(_)) | None => Err(EditError::NoSuchEntry),
    }
}
