//! Entries: what a person did, when, and for which day it counts.

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

/// An entry as the server keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Unique within the user.
    pub id: EntryId,
    /// What the person recorded.
    pub details: EntryDetails,
    /// What the server keeps about the record.
    pub stamp: Stamp,
    /// Who edited it last, and when each field was; by [`EntryField`].
    pub provenance: Provenance<{ EntryField::COUNT }>,
}

/// The part of an entry that its owner edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryDetails {
    /// The habit that it belongs to; fixed when the entry is created.
    pub habit_id: HabitId,
    /// When it was done.
    pub completion: Completion,
    /// The zone that the device was in.
    pub timezone: Option<Zone>,
    /// The civil date that it counts for. Decided when it is written, so that neither travel nor
    /// a change of the settings moves a day that is over.
    pub local_date: Date,
    /// An amount, or a day off.
    pub kind: EntryKind,
    /// How much.
    pub value: Quantity,
    /// The person's words.
    pub notes: Notes,
}

/// What an entry says of its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum EntryKind {
    /// An amount was done; 0 is an explicit "no".
    #[default]
    Value,
    /// A day off: it neither counts nor breaks a streak.
    Skip,
}

impl EntryKind {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::Value, Self::Skip];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Skip => "skip",
        }
    }

    /// The value of an entry that names none: a tick, and nothing for a day off.
    const fn default_value(self) -> Quantity {
        match self {
            Self::Value => Quantity::ONE,
            Self::Skip => Quantity::ZERO,
        }
    }
}

impl EntryDetails {
    /// The fields in which this entry and `other` differ, by [`EntryField`].
    pub fn differing(&self, other: &Self) -> FieldSet {
        let day = |details: &Self| (details.completion, details.local_date);
        FieldSet::of(EntryField::COUNT, |number| match EntryField::ALL[number] {
            EntryField::Day => day(self) != day(other) || self.timezone != other.timezone,
            EntryField::Kind => self.kind != other.kind,
            EntryField::Value => self.value != other.value,
            EntryField::Notes => self.notes != other.notes,
        })
    }

    /// A new entry from what was given, read with its owner's `settings`.
    ///
    /// # Errors
    /// No habit or no date.
    pub fn create(fields: &EntryFields, settings: &Settings) -> Result<Self, Invalid> {
        let mut checker = Checker::new();
        if fields.habit_id.is_none() {
            checker.refuse("habit_id", "is required");
        }
        if fields.completion.is_none() {
            checker.refuse("completion_date", "is required");
        }
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

    /// This entry with `fields` applied; what is absent stays as it is. The day is computed anew
    /// when the instant or its zone is given, or when `local_date` is cleared.
    ///
    /// # Errors
    /// Another habit: an entry does not move.
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
        let moved = completion != self.completion || timezone != self.timezone;
        let local_date = match fields.local_date {
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
