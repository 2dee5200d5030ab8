//! Entries: records of a habit that was done, with the day for which they count.

mod fields;

pub use fields::{Completion, EntryField, EntryFields};

use jiff::civil::Date;

use crate::accounts::Settings;
use crate::calendar::local_day;
use crate::provenance::{FieldSet, Provenance};
use crate::stamp::Stamp;
use crate::text::Notes;
use crate::validation::{Checker, Invalid};
use crate::{EntryId, HabitId, Quantity, Zone};

/// An entry as the server stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Id of the entry, unique within the user.
    pub id: EntryId,
    /// Part of the entry that the user edits.
    pub details: EntryDetails,
    /// Server-owned part of the entry.
    pub stamp: Stamp,
    /// Newest edit of the entry and of each [`EntryField`].
    pub provenance: Provenance<{ EntryField::COUNT }>,
}

/// The part of an entry that its user edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryDetails {
    /// Habit of the entry. It is fixed when the entry is created.
    pub habit_id: HabitId,
    /// Time or date at which it was done.
    pub completion: Completion,
    /// Zone in which the device was; `None` for the zone of the account.
    pub timezone: Option<Zone>,
    /// Civil date for which the entry counts.
    ///
    /// It is computed when the entry is written and then stored. So neither a journey nor a change
    /// of the settings moves a past day.
    pub local_date: Date,
    /// Kind of the entry: an amount or a day off.
    pub kind: EntryKind,
    /// Amount.
    pub value: Quantity,
    /// Notes of the user.
    pub notes: Notes,
}

/// The kinds of entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum EntryKind {
    /// An amount. 0 is an explicit "no".
    #[default]
    Value,
    /// A day off. It neither counts for a streak nor breaks it.
    Skip,
}

impl EntryKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Value, Self::Skip];

    /// Returns the stable name of the kind. Storages and the protocol use it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Skip => "skip",
        }
    }

    /// Returns the value of an entry without one: 1 for an amount (a tick), 0 for a day off.
    const fn default_value(self) -> Quantity {
        match self {
            Self::Value => Quantity::ONE,
            Self::Skip => Quantity::ZERO,
        }
    }
}

impl EntryDetails {
    /// Returns true if the entry has a text that its user wrote.
    #[must_use]
    pub fn has_texts(&self) -> bool {
        !self.notes.as_str().is_empty()
    }

    /// Returns this entry without the texts that its user wrote. Day and value stay.
    #[must_use]
    pub fn without_texts(self) -> Self {
        Self {
            notes: Notes::default(),
            ..self
        }
    }

    /// Returns the fields in which the two entries differ, by [`EntryField`].
    pub fn differing(&self, other: &Self) -> FieldSet {
        let day = |details: &Self| (details.completion, details.local_date);
        FieldSet::of(EntryField::COUNT, |number| match EntryField::ALL[number] {
            EntryField::Day => day(self) != day(other) || self.timezone != other.timezone,
            EntryField::Kind => self.kind != other.kind,
            EntryField::Value => self.value != other.value,
            EntryField::Notes => self.notes != other.notes,
        })
    }

    /// Returns a new entry from `fields`, read with the `settings` of its user.
    ///
    /// # Errors
    /// [`Invalid`] if the habit or the date is missing.
    ///
    /// ```
    /// use kanso_domain::HabitId;
    /// use kanso_domain::accounts::Settings;
    /// use kanso_domain::entries::{EntryDetails, EntryFields};
    /// use uuid::Uuid;
    ///
    /// // 23:30 in UTC is already the next day in Rome.
    /// let fields = EntryFields {
    ///     habit_id: Some(HabitId::new(Uuid::from_u128(1))),
    ///     completion: Some("2026-01-15T23:30:00Z".parse()?),
    ///     timezone: Some(Some("Europe/Rome".parse()?)),
    ///     ..EntryFields::default()
    /// };
    /// let entry = EntryDetails::create(&fields, &Settings::default())?;
    /// assert_eq!(entry.local_date.to_string(), "2026-01-16");
    /// assert_eq!(entry.value.to_string(), "1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(fields: &EntryFields, settings: &Settings) -> Result<Self, Invalid> {
        let mut checker = Checker::new();
        if fields.habit_id.is_none() {
            checker.refuse("habit_id", "is required");
        }
        if fields.completion.is_none() {
            checker.refuse("completion_date", "is required");
        }
        // Both errors are collected first, so that a client sees them at once.
        let (Some(habit_id), Some(completion)) = (fields.habit_id, fields.completion) else {
            return Err(checker.into_invalid("habit_id"));
        };
        let timezone = fields.timezone.clone().flatten();
        let computed = || day_of(completion, timezone.as_ref(), settings);
        let kind = fields.kind.unwrap_or_default();
        checker.finish(Self {
            habit_id,
            completion,
            local_date: fields.local_date.flatten().unwrap_or_else(computed),
            timezone,
            kind,
            value: fields.value.unwrap_or(kind.default_value()),
            notes: fields.notes.clone().unwrap_or_default(),
        })
    }

    /// Returns this entry with `fields` applied. Absent members stay as they are.
    ///
    /// The day is recomputed if the instant or its zone changes, or if `local_date` is cleared.
    ///
    /// # Errors
    /// [`Invalid`] if the fields name another habit. An entry cannot move to another habit.
    pub fn updated(&self, fields: &EntryFields, settings: &Settings) -> Result<Self, Invalid> {
        if fields
            .habit_id
            .is_some_and(|habit_id| habit_id != self.habit_id)
        {
            return Err(Invalid::one(
                "habit_id",
                "cannot be changed; delete and create instead",
            ));
        }
        let completion = fields.completion.unwrap_or(self.completion);
        let timezone = fields
            .timezone
            .clone()
            .unwrap_or_else(|| self.timezone.clone());
        // Members that repeat the stored value must not move the day: the account may have another
        // zone by now.
        let moved = completion != self.completion || timezone != self.timezone;
        let local_date = match fields.local_date {
            // A client that sets the date wins over the computed one: it may record something for a
            // past day.
            Some(Some(date)) => date,
            None if !moved => self.local_date,
            Some(None) | None => day_of(completion, timezone.as_ref(), settings),
        };
        Ok(Self {
            habit_id: self.habit_id,
            completion,
            timezone,
            local_date,
            kind: fields.kind.unwrap_or(self.kind),
            value: fields.value.unwrap_or(self.value),
            notes: fields.notes.clone().unwrap_or_else(|| self.notes.clone()),
        })
    }
}

fn day_of(completion: Completion, timezone: Option<&Zone>, settings: &Settings) -> Date {
    match completion {
        // A date is not shifted by the day start: the user named the day.
        Completion::Day(date) => date,
        Completion::At(instant) => local_day(
            instant,
            timezone.unwrap_or(&settings.timezone),
            settings.day_start,
        ),
    }
}

#[cfg(test)]
mod tests;
