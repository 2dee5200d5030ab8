//! Edits of habits.

use kanso_domain::accounts::Settings;
use kanso_domain::calendar::Today;
use kanso_domain::habits::{Habit, HabitDetails, HabitFields};
use kanso_domain::{Date, HabitId, Invalid, Record};
use kanso_protocol::Patch;
use kanso_protocol::habits::HabitMembers;

use super::{EditError, Edits};
use crate::client::Client;
use crate::replica::{Change, RecordKey, ReplicaError, members};

impl Edits<'_> {
    /// Returns a habit with the edits made so far in this transaction.
    ///
    /// # Errors
    /// The local database failed.
    pub fn habit(&self, id: HabitId) -> Result<Option<Habit>, ReplicaError> {
        self.editor.habit(id)
    }

    /// Creates a habit. It needs only a title.
    ///
    /// # Errors
    /// `Invalid`, or the local database failed.
    pub fn create_habit(&self, given: HabitMembers) -> Result<Habit, EditError> {
        let id = HabitId::new(self.client.ids.next_id());
        let json = members(&given)?;
        check_habit(&given.fields()?)?;
        habit_of(self.append(RecordKey::habit(id), Change::Create(json))?)
    }

    /// Sets the given members of a habit. An edit that changes nothing is not sent.
    ///
    /// # Errors
    /// `NoSuchHabit`, `Invalid`, or the local database failed.
    pub fn update_habit(&self, id: HabitId, given: HabitMembers) -> Result<Habit, EditError> {
        let json = members(&given)?;
        let fields = given.fields()?;
        let today = Today::at(self.client.clock.now(), &self.editor.settings);
        let habit = self.habit(id)?.ok_or(EditError::NoSuchHabit)?;
        let first_entry = self.editor.first_entry(id)?;
        if habit.details.updated(&fields, today, first_entry)? == habit.details {
            return Ok(habit);
        }
        let key = RecordKey::habit(id);
        let change = Change::Update(self.editor.base_version(key)?, json);
        habit_of(self.append(key, change)?)
    }

    /// Archives a habit, or restores it from the archive if `archived` is false. Its entries stay.
    ///
    /// # Errors
    /// `NoSuchHabit`, or the local database failed.
    pub fn archive_habit(&self, id: HabitId, archived: bool) -> Result<Habit, EditError> {
        let habit = self.habit(id)?.ok_or(EditError::NoSuchHabit)?;
        // Archiving again would move `archived_at`, and with it the days that count.
        if habit.details.archived_at.is_some() == archived {
            return Ok(habit);
        }
        // The device's own instant: the habit was archived when the user did it, not at the next sync.
        let at = archived.then(|| self.client.clock.now().to_string());
        let given = HabitMembers {
            archived_at: Patch::nullable(at),
            ..HabitMembers::default()
        };
        self.update_habit(id, given)
    }

    /// Returns the habits that were deleted and can be revived, in their last state.
    ///
    /// # Errors
    /// The local database failed.
    pub fn deleted_habits(&self) -> Result<Vec<Habit>, ReplicaError> {
        self.editor.deleted_habits()
    }

    /// Makes a deleted habit live again. Its entries come back with it: at once if the server does not
    /// know of the deletion yet, else with the next sync.
    ///
    /// # Errors
    /// `NoSuchHabit`, or the local database failed.
    pub fn revive_habit(&self, id: HabitId) -> Result<Habit, EditError> {
        if let Some(habit) = self.habit(id)? {
            return Ok(habit);
        }
        let is_known = |habit: &Habit| habit.id == id;
        if !self.deleted_habits()?.iter().any(is_known) {
            return Err(EditError::NoSuchHabit);
        }
        let revival = self.client.revival(self.editor, RecordKey::habit(id))?;
        habit_of(self.append_operation(revival)?)
    }

    /// Deletes a habit together with its entries.
    ///
    /// # Errors
    /// `NoSuchHabit`, or the local database failed.
    pub fn delete_habit(&self, id: HabitId) -> Result<(), EditError> {
        self.habit(id)?.ok_or(EditError::NoSuchHabit)?;
        self.append(RecordKey::habit(id), Change::Delete).map(drop)
    }
}

impl Client {
    /// Creates a habit. It needs only a title.
    ///
    /// # Errors
    /// `Invalid`, or the local database failed.
    pub fn create_habit(&self, given: HabitMembers) -> Result<Habit, EditError> {
        self.transaction(|edits| edits.create_habit(given))
    }

    /// Sets the given members of a habit. An edit that changes nothing is not sent.
    ///
    /// # Errors
    /// `NoSuchHabit`, `Invalid`, or the local database failed.
    ///
    /// # Examples
    /// ```
    /// use kanso_client::Client;
    /// use kanso_client::protocol::{Patch, habits::HabitMembers};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let client = Client::open(folder.path())?;
    /// let habit = client.create_habit(HabitMembers {
    ///     title: Patch::Value("Read".into()),
    ///     ..HabitMembers::default()
    /// })?;
    /// let habit = client.update_habit(habit.id, HabitMembers {
    ///     color: Patch::Value("#336699".into()),
    ///     ..HabitMembers::default()
    /// })?;
    /// assert_eq!(habit.details.title.as_str(), "Read", "other members stay");
    /// # Ok(())
    /// # }
    /// ```
    pub fn update_habit(&self, id: HabitId, given: HabitMembers) -> Result<Habit, EditError> {
        self.transaction(|edits| edits.update_habit(id, given))
    }

    /// Archives a habit, or restores it from the archive if `archived` is false. Its entries stay.
    ///
    /// # Errors
    /// `NoSuchHabit`, or the local database failed.
    ///
    /// # Examples
    /// ```
    /// # use kanso_client::Client;
    /// # use kanso_client::protocol::{Patch, habits::HabitMembers};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let client = Client::open(folder.path())?;
    /// # let habit = client.create_habit(HabitMembers {
    /// #     title: Patch::Value("Read".into()),
    /// #     ..HabitMembers::default()
    /// # })?;
    /// let archived = client.archive_habit(habit.id, true)?;
    /// assert!(archived.details.archived_at.is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub fn archive_habit(&self, id: HabitId, archived: bool) -> Result<Habit, EditError> {
        self.transaction(|edits| edits.archive_habit(id, archived))
    }

    /// Returns the habits that were deleted and can be revived, in their last state.
    ///
    /// # Errors
    /// The local database failed.
    pub fn deleted_habits(&self) -> Result<Vec<Habit>, ReplicaError> {
        self.replica()?.deleted_habits()
    }

    /// Makes a deleted habit live again. Its entries come back with it: at once if the server does not
    /// know of the deletion yet, else with the next sync.
    ///
    /// # Errors
    /// `NoSuchHabit`, or the local database failed.
    pub fn revive_habit(&self, id: HabitId) -> Result<Habit, EditError> {
        self.transaction(|edits| edits.revive_habit(id))
    }

    /// Deletes a habit together with its entries.
    ///
    /// # Errors
    /// `NoSuchHabit`, or the local database failed.
    pub fn delete_habit(&self, id: HabitId) -> Result<(), EditError> {
        self.transaction(|edits| edits.delete_habit(id))
    }
}

/// Checks that a habit can be created from `fields`.
///
/// # Errors
/// The invalid fields.
pub(crate) fn check_habit(fields: &HabitFields) -> Result<(), Invalid> {
    // The day decides only when the habit begins, never whether its fields are valid.
    let settings = Settings::default();
    let today = Today {
        date: Date::MIN,
        settings: &settings,
    };
    HabitDetails::create(fields, today).map(drop)
}

fn habit_of(record: Option<Record>) -> Result<Habit, EditError> {
    match record {
        Some(Record::Habit(habit)) => Ok(habit),
        Some(Record::Entry(_)) | None => Err(EditError::NoSuchHabit),
    }
}
