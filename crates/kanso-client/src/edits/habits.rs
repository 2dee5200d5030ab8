//! Edits of habits.

use kanso_domain::accounts::Settings;
use kanso_domain::calendar::Today;
use kanso_domain::habits::{Habit, HabitDetails, HabitFields};
use kanso_domain::{Date, HabitId, Invalid, Record};
use kanso_protocol::Patch;
use kanso_protocol::habits::HabitMembers;

use super::{Change, EditError, Edits, members};
use crate::Client;
use crate::replica::{Key, ReplicaError};

impl Edits<'_> {
    /// A habit as it is at this point of the transaction.
    ///
    /// # Errors
    /// The store failed.
    pub fn habit(&self, id: HabitId) -> Result<Option<Habit>, ReplicaError> {
        self.editor.habit(id)
    }

    /// Makes a habit; a title is enough.
    ///
    /// # Errors
    /// `Invalid`, or the store failed.
    pub fn create_habit(&self, given: HabitMembers) -> Result<Habit, EditError> {
        let id = HabitId::new(self.client.ids.next_id());
        let json = members(&given)?;
        checked(&given.fields()?)?;
        habit_of(self.append(Key::habit(id), Change::Create(json))?)
    }

    /// Changes the members that are given. What changes nothing is not sent.
    ///
    /// # Errors
    /// `NoSuchHabit`, `Invalid`, or the store failed.
    pub fn update_habit(&self, id: HabitId, given: HabitMembers) -> Result<Habit, EditError> {
        let json = members(&given)?;
        let fields = given.fields()?;
        let today = Today::at(self.client.clock.now(), &self.editor.settings);
        let habit = self.habit(id)?.ok_or(EditError::NoSuchHabit)?;
        if habit.details.updated(&fields, today)? == habit.details {
            return Ok(habit);
        }
        let key = Key::habit(id);
        let change = Change::Update(self.editor.base_version(key)?, json);
        habit_of(self.append(key, change)?)
    }

    /// Puts a habit away, or brings it back. One that is away already stays as it is.
    ///
    /// # Errors
    /// `NoSuchHabit`, or the store failed.
    pub fn archive_habit(&self, id: HabitId, archived: bool) -> Result<Habit, EditError> {
        let habit = self.habit(id)?.ok_or(EditError::NoSuchHabit)?;
        if habit.details.archived_at.is_some() == archived {
            return Ok(habit);
        }
        let at = archived.then(|| self.client.clock.now().to_string());
        let given = HabitMembers {
            archived_at: Patch::nullable(at),
            ..HabitMembers::default()
        };
        self.update_habit(id, given)
    }

    /// Deletes a habit and with it its entries.
    ///
    /// # Errors
    /// `NoSuchHabit`, or the store failed.
    pub fn delete_habit(&self, id: HabitId) -> Result<(), EditError> {
        self.habit(id)?.ok_or(EditError::NoSuchHabit)?;
        self.append(Key::habit(id), Change::Delete).map(drop)
    }
}

impl Client {
    /// Makes a habit; a title is enough.
    ///
    /// # Errors
    /// `Invalid`, or the store failed.
    pub fn create_habit(&self, given: HabitMembers) -> Result<Habit, EditError> {
        self.transaction(|edits| edits.create_habit(given))
    }

    /// Changes the members that are given. What changes nothing is not sent.
    ///
    /// # Errors
    /// `NoSuchHabit`, `Invalid`, or the store failed.
    pub fn update_habit(&self, id: HabitId, given: HabitMembers) -> Result<Habit, EditError> {
        self.transaction(|edits| edits.update_habit(id, given))
    }

    /// Puts a habit away, or brings it back. One that is away already stays as it is.
    ///
    /// # Errors
    /// `NoSuchHabit`, or the store failed.
    pub fn archive_habit(&self, id: HabitId, archived: bool) -> Result<Habit, EditError> {
        self.transaction(|edits| edits.archive_habit(id, archived))
    }

    /// Deletes a habit and with it its entries.
    ///
    /// # Errors
    /// `NoSuchHabit`, or the store failed.
    pub fn delete_habit(&self, id: HabitId) -> Result<(), EditError> {
        self.transaction(|edits| edits.delete_habit(id))
    }
}

/// Whether a habit could be made of `fields`, on whatever day.
///
/// # Errors
/// The fields that stand in the way.
pub(crate) fn checked(fields: &HabitFields) -> Result<(), Invalid> {
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
