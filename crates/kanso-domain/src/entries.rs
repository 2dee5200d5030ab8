//! Entries: what a person did, when, and for which day it counts.

mod fields;

pub use fields::{Completion, EntryFields};

use jiff::civil::Date;

use crate::accounts::Settings;
use crate::calendar::local_day;
use crate::record::Stamp;
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
mod tests {
    use super::*;
    use uuid::Uuid;

    fn fields(completion: &str) -> EntryFields {
        EntryFields {
            habit_id: Some(HabitId::new(Uuid::from_u128(1))),
            completion: Some(completion.parse().expect(completion)),
            ..EntryFields::default()
        }
    }

    fn rome_from_half_past_three() -> Settings {
        Settings {
            timezone: "Europe/Rome".parse().expect("a zone"),
            day_start: "03:30".parse().expect("a time"),
            ..Settings::default()
        }
    }

    fn day(details: &EntryDetails) -> String {
        details.local_date.to_string()
    }

    #[test]
    fn the_day_is_read_in_the_entrys_zone_else_the_users() {
        let settings = rome_from_half_past_three();
        let create = |fields: &EntryFields| EntryDetails::create(fields, &settings).expect("valid");
        let instant = fields("2026-06-02T01:29:00Z");
        assert_eq!(
            day(&create(&instant)),
            "2026-06-01",
            "03:29 in Rome is still yesterday"
        );
        let tokyo = Some("Asia/Tokyo".parse().ok());
        assert_eq!(
            day(&create(&EntryFields {
                timezone: tokyo,
                ..instant
            })),
            "2026-06-02"
        );
        assert_eq!(
            day(&create(&fields("2026-06-02"))),
            "2026-06-02",
            "a date is a date"
        );
    }

    #[test]
    fn a_day_that_was_decided_moves_only_when_the_entry_does() {
        let created = EntryDetails::create(
            &fields("2026-06-02T12:00:00Z"),
            &rome_from_half_past_three(),
        )
        .expect("valid");
        let travelled = Settings {
            timezone: "Pacific/Auckland".parse().expect("a zone"),
            ..Settings::default()
        };
        let updated = |fields: EntryFields| created.updated(&fields, &travelled).expect("valid");
        let notes = Notes::new("late").ok();
        let annotated = updated(EntryFields {
            notes,
            ..EntryFields::default()
        });
        assert_eq!(day(&annotated), "2026-06-02");
        let same = EntryFields {
            completion: Some(created.completion),
            ..EntryFields::default()
        };
        assert_eq!(updated(same), created);
        let cleared = updated(EntryFields {
            local_date: Some(None),
            ..EntryFields::default()
        });
        assert_eq!(day(&cleared), "2026-06-03");
        let later = "2026-06-01T13:00:00Z".parse().ok();
        let moved = updated(EntryFields {
            completion: later,
            ..EntryFields::default()
        });
        assert_eq!(day(&moved), "2026-06-02");
    }

    #[test]
    fn a_value_defaults_to_a_tick_and_a_skip_to_nothing() {
        let value = |fields: &EntryFields| {
            EntryDetails::create(fields, &Settings::default())
                .expect("valid")
                .value
        };
        let tick = fields("2026-06-02");
        assert_eq!(value(&tick), Quantity::ONE);
        let skip = EntryFields {
            kind: Some(EntryKind::Skip),
            ..tick
        };
        assert_eq!(value(&skip), Quantity::ZERO);
    }
}
