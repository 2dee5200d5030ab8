//! Edits of entries.

use kanso_domain::entries::{Entry, EntryDetails};
use kanso_domain::{EntryId, Invalid, QuantityChange, Record};
use kanso_protocol::entries::EntryMembers;

use super::{EditError, Edits};
use crate::client::Client;
use crate::replica::{Change, RecordKey, ReplicaError, members};

impl Edits<'_> {
    /// Returns an entry with the edits made so far in this transaction.
    ///
    /// # Errors
    /// The local database failed.
    pub fn entry(&self, id: EntryId) -> Result<Option<Entry>, ReplicaError> {
        self.editor.entry(id)
    }

    /// Creates an entry. It needs a habit and a completion date.
    ///
    /// # Errors
    /// `NoSuchHabit`, `Invalid`, or the local database failed.
    pub fn create_entry(&self, given: EntryMembers) -> Result<Entry, EditError> {
        let id = EntryId::new(self.client.ids.next_id());
        let json = members(&given)?;
        let details = EntryDetails::create(&given.fields()?, &self.editor.settings)?;
        self.editor
            .habit(details.habit_id)?
            .ok_or(EditError::NoSuchHabit)?;
        entry_of(self.append(RecordKey::entry(id), Change::Create(json))?)
    }

    /// Sets the given members of an entry. An edit that changes nothing is not sent.
    ///
    /// # Errors
    /// `NoSuchEntry`, `Invalid`, or the local database failed.
    pub fn update_entry(&self, id: EntryId, given: EntryMembers) -> Result<Entry, EditError> {
        let json = members(&given)?;
        let fields = given.fields()?;
        let entry = self.entry(id)?.ok_or(EditError::NoSuchEntry)?;
        // A no-op would still give the record a new version on the server, and other devices a
        // conflict without a reason.
        if entry.details.updated(&fields, &self.editor.settings)? == entry.details {
            return Ok(entry);
        }
        let key = RecordKey::entry(id);
        let change = Change::Update(self.editor.base_version(key)?, json);
        entry_of(self.append(key, change)?)
    }

    /// Adds `change` to the value of an entry. `change` may be negative.
    ///
    /// Additions of several devices add up, while values that they set would conflict. A change of
    /// zero is not sent.
    ///
    /// # Errors
    /// `NoSuchEntry`, `Invalid` when the value would be negative or too large, or the local database failed.
    pub fn add_to_entry(&self, id: EntryId, change: QuantityChange) -> Result<Entry, EditError> {
        let entry = self.entry(id)?.ok_or(EditError::NoSuchEntry)?;
        let value = entry.details.value.changed(change);
        let value = value.map_err(|error| Invalid::one("value", error.to_string()))?;
        if value == entry.details.value {
            return Ok(entry);
        }
        // The operation carries the change and not the result, so that the server can add up changes of
        // several devices.
        let json = serde_json::json!({"value": change.to_f64()});
        entry_of(self.append(RecordKey::entry(id), Change::Increment(json))?)
    }

    /// Deletes an entry.
    ///
    /// # Errors
    /// `NoSuchEntry`, or the local database failed.
    pub fn delete_entry(&self, id: EntryId) -> Result<(), EditError> {
        self.entry(id)?.ok_or(EditError::NoSuchEntry)?;
        self.append(RecordKey::entry(id), Change::Delete).map(drop)
    }
}

impl Client {
    /// Creates an entry. It needs a habit and a completion date.
    ///
    /// # Errors
    /// `NoSuchHabit`, `Invalid`, or the local database failed.
    ///
    /// # Examples
    /// ```
    /// use kanso_client::Client;
    /// use kanso_client::protocol::{Patch, entries::EntryMembers, habits::HabitMembers};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let client = Client::open(folder.path())?;
    /// # let habit = client.create_habit(HabitMembers {
    /// #     title: Patch::Value("Read".into()),
    /// #     ..HabitMembers::default()
    /// # })?;
    /// let today = client.today(None)?;
    /// client.create_entry(EntryMembers {
    ///     habit_id: Patch::Value(habit.id.to_string()),
    ///     completion_date: Patch::Value(today.to_string()),
    ///     ..EntryMembers::default()
    /// })?;
    /// assert_eq!(client.entries(Some(habit.id), today, today)?.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn create_entry(&self, given: EntryMembers) -> Result<Entry, EditError> {
        self.transaction(|edits| edits.create_entry(given))
    }

    /// Sets the given members of an entry. An edit that changes nothing is not sent.
    ///
    /// # Errors
    /// `NoSuchEntry`, `Invalid`, or the local database failed.
    pub fn update_entry(&self, id: EntryId, given: EntryMembers) -> Result<Entry, EditError> {
        self.transaction(|edits| edits.update_entry(id, given))
    }

    /// Adds `change` to the value of an entry. `change` may be negative.
    ///
    /// Additions of several devices add up, while values that they set would conflict. A change of
    /// zero is not sent.
    ///
    /// # Errors
    /// `NoSuchEntry`, `Invalid` when the value would be negative or too large, or the local database failed.
    ///
    /// # Examples
    /// ```
    /// use kanso_client::Client;
    /// use kanso_client::domain::QuantityChange;
    /// use kanso_client::protocol::habits::{HabitMembers, HabitType};
    /// use kanso_client::protocol::{Patch, entries::EntryMembers};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let client = Client::open(folder.path())?;
    /// let water = client.create_habit(HabitMembers {
    ///     title: Patch::Value("Water".into()),
    ///     kind: Patch::Value(HabitType::Numeric),
    ///     ..HabitMembers::default()
    /// })?;
    /// let glass = client.create_entry(EntryMembers {
    ///     habit_id: Patch::Value(water.id.to_string()),
    ///     completion_date: Patch::Value(client.today(None)?.to_string()),
    ///     value: Patch::Value(0.5),
    ///     ..EntryMembers::default()
    /// })?;
    /// let two = client.add_to_entry(glass.id, QuantityChange::from_f64(0.5)?)?;
    /// assert_eq!(two.details.value.to_f64(), 1.0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn add_to_entry(&self, id: EntryId, change: QuantityChange) -> Result<Entry, EditError> {
        self.transaction(|edits| edits.add_to_entry(id, change))
    }

    /// Deletes an entry.
    ///
    /// # Errors
    /// `NoSuchEntry`, or the local database failed.
    ///
    /// # Examples
    /// Deleting the newest entry of a day undoes it:
    /// ```
    /// # use kanso_client::Client;
    /// # use kanso_client::protocol::{Patch, entries::EntryMembers, habits::HabitMembers};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let client = Client::open(folder.path())?;
    /// # let habit = client.create_habit(HabitMembers {
    /// #     title: Patch::Value("Read".into()),
    /// #     ..HabitMembers::default()
    /// # })?;
    /// # let today = client.today(None)?;
    /// # client.create_entry(EntryMembers {
    /// #     habit_id: Patch::Value(habit.id.to_string()),
    /// #     completion_date: Patch::Value(today.to_string()),
    /// #     ..EntryMembers::default()
    /// # })?;
    /// if let Some(newest) = client.entries(Some(habit.id), today, today)?.pop() {
    ///     client.delete_entry(newest.record.id)?;
    /// }
    /// assert!(client.entries(None, today, today)?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
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
