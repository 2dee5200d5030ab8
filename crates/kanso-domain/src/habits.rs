//! Habits: their title, schedule and target, and the history of both.

mod fields;
mod history;
mod schedule;
mod target;

pub use fields::{HabitField, HabitFields};
pub use history::{
    ArchivedSpan, EffectiveFrom, NotAnEffectiveFrom, ScheduleHistory, ScheduleVersion,
};
pub use schedule::{FrequencyType, Schedule, ScheduleFields, Weekdays};
pub use target::{HabitType, Target, TargetDirection, TargetFields};

use jiff::civil::Date;

use crate::calendar::Today;
use crate::provenance::{FieldSet, Provenance};
use crate::stamp::Stamp;
use crate::text::{Color, Description, Icon, Title, Unit};
use crate::validation::{Checker, Invalid};
use crate::{HabitId, TimeOfDay, Timestamp};

/// A habit as the server stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Habit {
    /// Id of the habit, unique within the user.
    pub id: HabitId,
    /// Part of the habit that the user edits.
    pub details: HabitDetails,
    /// Server-owned part of the habit.
    pub stamp: Stamp,
    /// Streak that follows from the entries. A new value changes `seq` but not `version`.
    pub streak: StoredStreak,
    /// Newest edit of the habit and of each [`HabitField`].
    pub provenance: Provenance<{ HabitField::COUNT }>,
}

/// A streak as it was computed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct StoredStreak {
    /// Units in a row up to `day`.
    pub current: u32,
    /// Units in a row at the longest.
    pub longest: u32,
    /// Day for which it was computed; `None` after a later entry or edit.
    pub day: Option<Date>,
}

impl StoredStreak {
    /// Returns true if the streak on `today` may be another one.
    pub fn is_stale(&self, today: Date) -> bool {
        self.day != Some(today)
    }
}

/// Returns the first day of a habit that counts.
pub(crate) fn first_day(
    start_date: Option<Date>,
    created_on: Date,
    first_entry: Option<Date>,
) -> Date {
    // An explicit start wins, even over earlier entries: the user has chosen from when on days count.
    start_date.unwrap_or_else(|| first_entry.map_or(created_on, |entry| entry.min(created_on)))
}

/// The part of a habit that its user edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HabitDetails {
    /// Name of the habit.
    pub title: Title,
    /// Description of the habit.
    pub description: Description,
    /// Colour in which clients draw it.
    pub color: Color,
    /// Icon that clients draw.
    pub icon: Icon,
    /// Position in the list. Habits of equal position are ordered newest first.
    pub sort_order: i32,
    /// Schedule and target over time.
    pub history: ScheduleHistory,
    /// Unit of the amounts.
    pub unit: Unit,
    /// Wall-clock time at which clients remind the user.
    pub reminder_time: Option<TimeOfDay>,
    /// First day that counts. See `docs/domain.md` on the start of a habit without one.
    pub start_date: Option<Date>,
    /// Last day that counts.
    pub end_date: Option<Date>,
    /// Time at which the habit was archived; `None` while it is active.
    pub archived_at: Option<Timestamp>,
    /// Days on which the habit was archived, in order. The last span is open while it is archived.
    pub archived_spans: Vec<ArchivedSpan>,
}

impl HabitDetails {
    /// Returns the schedule in force.
    pub fn schedule(&self) -> Schedule {
        self.history.newest().schedule
    }

    /// Returns the target in force.
    pub fn target(&self) -> Target {
        self.history.newest().target
    }

    /// Returns the first day that counts. `first_entry` is the day of the first live entry.
    ///
    /// It is `start_date`. Without one it is the earlier of the day of creation and the first entry, so
    /// that a past that the user fills in later counts.
    pub fn first_day(&self, first_entry: Option<Date>) -> Date {
        first_day(self.start_date, self.history.begins(), first_entry)
    }

    /// Returns the fields in which the two habits differ, by [`HabitField`].
    pub fn differing(&self, other: &Self) -> FieldSet {
        FieldSet::of(HabitField::COUNT, |number| match HabitField::ALL[number] {
            HabitField::Title => self.title != other.title,
            HabitField::Description => self.description != other.description,
            HabitField::Color => self.color != other.color,
            HabitField::Icon => self.icon != other.icon,
            HabitField::SortOrder => self.sort_order != other.sort_order,
            HabitField::Schedule => self.history != other.history,
            HabitField::Unit => self.unit != other.unit,
            HabitField::ReminderTime => self.reminder_time != other.reminder_time,
            HabitField::StartDate => self.start_date != other.start_date,
            HabitField::EndDate => self.end_date != other.end_date,
            HabitField::Archived => {
                (self.archived_at, &self.archived_spans)
                    != (other.archived_at, &other.archived_spans)
            }
        })
    }

    /// Returns a new habit from `fields`, created `today`. Absent members get defaults.
    ///
    /// # Errors
    /// [`Invalid`] if the title is missing or the fields contradict each other.
    pub fn create(fields: &HabitFields, today: Today<'_>) -> Result<Self, Invalid> {
        let mut checker = Checker::new();
        let title = fields.title.clone();
        if title.is_none() {
            checker.refuse("title", "is required");
        }
        if fields.effective_from.is_some() {
            checker.refuse(
                "effective_from",
                "goes with an edit; a new habit has no past",
            );
        }
        let schedule = Schedule::create(&fields.schedule, &mut checker);
        let target = Target::create(&fields.target, &mut checker);
        let archived_at = fields.archived_at.flatten();
        let archived_on = archived_at.map(|instant| today.day_of(instant));
        let details = title
            .zip(schedule)
            .zip(target)
            .map(|((title, schedule), target)| Self {
                title,
                description: fields.description.clone().unwrap_or_default(),
                color: fields.color.clone().unwrap_or_default(),
                icon: fields.icon.clone().unwrap_or_default(),
                sort_order: fields.sort_order.unwrap_or_default(),
                history: ScheduleHistory::starting(today.date, schedule, target),
                unit: fields.unit.clone().unwrap_or_default(),
                reminder_time: fields.reminder_time.flatten(),
                start_date: fields.start_date.flatten(),
                end_date: fields.end_date.flatten(),
                archived_at,
                archived_spans: history::archived(Vec::new(), archived_on, today.date),
            });
        Self::checked(details, checker)
    }

    /// Returns this habit with `fields` applied `today`. Absent members stay as they are.
    ///
    /// A new schedule or target applies from today, or from the day that the fields name. Earlier days
    /// that count are judged as before; `first_entry` is the day of the first live entry.
    ///
    /// # Errors
    /// [`Invalid`] if the fields contradict each other or the stored values.
    pub fn updated(
        &self,
        fields: &HabitFields,
        today: Today<'_>,
        first_entry: Option<Date>,
    ) -> Result<Self, Invalid> {
        let mut checker = Checker::new();
        // Validated as a whole: a new kind may need members of the request and of the stored
        // schedule.
        let schedule = self.schedule().updated(&fields.schedule, &mut checker);
        let target = self.target().updated(&fields.target, &mut checker);
        // By the start before this edit: an earlier one that the edit brings is not yet a past.
        let first_day = self.first_day(first_entry);
        let details = schedule.zip(target).map(|(schedule, target)| Self {
            title: fields.title.clone().unwrap_or_else(|| self.title.clone()),
            description: fields
                .description
                .clone()
                .unwrap_or_else(|| self.description.clone()),
            color: fields.color.clone().unwrap_or_else(|| self.color.clone()),
            icon: fields.icon.clone().unwrap_or_else(|| self.icon.clone()),
            sort_order: fields.sort_order.unwrap_or(self.sort_order),
            history: self.history_after(
                fields.effective_from,
                (schedule, target),
                today,
                first_day,
            ),
            unit: fields.unit.clone().unwrap_or_else(|| self.unit.clone()),
            reminder_time: fields.reminder_time.unwrap_or(self.reminder_time),
            start_date: fields.start_date.unwrap_or(self.start_date),
            end_date: fields.end_date.unwrap_or(self.end_date),
            archived_at: fields.archived_at.unwrap_or(self.archived_at),
            archived_spans: self.spans_after(fields.archived_at, today),
        });
        Self::checked(details, checker)
    }

    fn history_after(
        &self,
        from: Option<EffectiveFrom>,
        (schedule, target): (Schedule, Target),
        today: Today<'_>,
        first_day: Date,
    ) -> ScheduleHistory {
        let is_same = (schedule, target) == (self.schedule(), self.target());
        match from {
            // With a day, even an edit to the same schedule has an effect: it removes the versions
            // that begin on that day or later.
            None if is_same => self.history.clone(),
            from => {
                let from = from.unwrap_or(EffectiveFrom::Day(today.date));
                let history = self.history.clone();
                history.edited(schedule, target, from, first_day)
            }
        }
    }

    #[expect(
        clippy::option_option,
        reason = "absent, cleared and set are three states"
    )]
    fn spans_after(
        &self,
        archived_at: Option<Option<Timestamp>>,
        today: Today<'_>,
    ) -> Vec<ArchivedSpan> {
        match archived_at {
            // A repeated `archived_at` must not open a second span.
            Some(archived_at) if archived_at != self.archived_at => {
                let archived_on = archived_at.map(|instant| today.day_of(instant));
                history::archived(self.archived_spans.clone(), archived_on, today.date)
            }
            Some(_) | None => self.archived_spans.clone(),
        }
    }

    /// Returns true if the habit has a text that its user wrote.
    #[must_use]
    pub fn has_texts(&self) -> bool {
        !self.title.is_erased()
            || [
                self.description.as_str(),
                self.icon.as_str(),
                self.unit.as_str(),
            ]
            .into_iter()
            .any(|text| !text.is_empty())
    }

    /// Returns this habit without the texts that its user wrote. Schedule, target and days stay.
    #[must_use]
    pub fn without_texts(self) -> Self {
        Self {
            title: Title::erased(),
            description: Description::default(),
            icon: Icon::default(),
            unit: Unit::default(),
            ..self
        }
    }

    fn checked(details: Option<Self>, mut checker: Checker) -> Result<Self, Invalid> {
        if let Some(Self {
            start_date: Some(start),
            end_date: Some(end),
            ..
        }) = &details
            && end < start
        {
            checker.refuse("end_date", "must not be before start_date");
        }
        match details {
            Some(details) => checker.finish(details),
            // A part is missing only if the checker has refused something.
            None => Err(checker.into_invalid("title")),
        }
    }
}
