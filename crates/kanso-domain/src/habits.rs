//! Habits: what a person wants to do, how often, and how much.

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

/// A habit as the server keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Habit {
    /// Unique within the user.
    pub id: HabitId,
    /// What the person chose.
    pub details: HabitDetails,
    /// What the server keeps about the record.
    pub stamp: Stamp,
    /// What follows from the entries. Derived: it moves `seq` and never `version`.
    pub streak: StoredStreak,
    /// Who edited it last, and when each field was; by [`HabitField`].
    pub provenance: Provenance<{ HabitField::COUNT }>,
}

/// A streak as it was computed last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct StoredStreak {
    /// Units in a row, up to `day`.
    pub current: u32,
    /// Units in a row, at the longest.
    pub longest: u32,
    /// The day for which it was computed; none when an entry or an edit came after that.
    pub day: Option<Date>,
}

impl StoredStreak {
    /// Whether it may differ from the streak on `today`.
    pub fn is_stale(&self, today: Date) -> bool {
        self.day != Some(today)
    }
}

/// The part of a habit that its owner edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HabitDetails {
    /// The habit's name.
    pub title: Title,
    /// What it is about.
    pub description: Description,
    /// How it is drawn.
    pub color: Color,
    /// How it is drawn.
    pub icon: Icon,
    /// Where it stands in the list; equal places are ordered newest first.
    pub sort_order: i32,
    /// When it is due and what makes a day done, over time.
    pub history: ScheduleHistory,
    /// What the amounts count.
    pub unit: Unit,
    /// When the client reminds, on the wall clock.
    pub reminder_time: Option<TimeOfDay>,
    /// The first day that counts; without one, see `docs/domain.md` on the start of a habit.
    pub start_date: Option<Date>,
    /// The last day that counts.
    pub end_date: Option<Date>,
    /// When the habit was put away.
    pub archived_at: Option<Timestamp>,
    /// The days on which it was away, in order; the last span is open while it is.
    pub archived_spans: Vec<ArchivedSpan>,
}

impl HabitDetails {
    /// When the habit is due now.
    pub fn schedule(&self) -> Schedule {
        self.history.newest().schedule
    }

    /// What makes a day done now.
    pub fn target(&self) -> Target {
        self.history.newest().target
    }

    /// The fields in which this habit and `other` differ, by [`HabitField`].
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

    /// A new habit, made `today`, from what was given, with defaults for the rest.
    ///
    /// # Errors
    /// No title, or fields that contradict each other.
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
        let away = archived_at.map(|instant| today.day_of(instant));
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
                archived_spans: history::archived(Vec::new(), away, today.date),
            });
        Self::checked(details, checker)
    }

    /// This habit with `fields` applied `today`; what is absent stays as it is. A new schedule or
    /// target judges from today on, or from the day that the fields name.
    ///
    /// # Errors
    /// Fields that contradict each other or what stays.
    pub fn updated(&self, fields: &HabitFields, today: Today<'_>) -> Result<Self, Invalid> {
        let mut checker = Checker::new();
        let schedule = self.schedule().updated(&fields.schedule, &mut checker);
        let target = self.target().updated(&fields.target, &mut checker);
        let details = schedule.zip(target).map(|(schedule, target)| Self {
            title: fields.title.clone().unwrap_or_else(|| self.title.clone()),
            description: fields
                .description
                .clone()
                .unwrap_or_else(|| self.description.clone()),
            color: fields.color.clone().unwrap_or_else(|| self.color.clone()),
            icon: fields.icon.clone().unwrap_or_else(|| self.icon.clone()),
            sort_order: fields.sort_order.unwrap_or(self.sort_order),
            history: self.history_after(fields.effective_from, schedule, target, today),
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
        schedule: Schedule,
        target: Target,
        today: Today<'_>,
    ) -> ScheduleHistory {
        let is_same = (schedule, target) == (self.schedule(), self.target());
        match from {
            None if is_same => self.history.clone(),
            from => {
                let from = from.unwrap_or(EffectiveFrom::Day(today.date));
                self.history.clone().edited(schedule, target, from)
            }
        }
    }

    #[expect(
        clippy::option_option,
        reason = "left out, cleared and set are three things"
    )]
    fn spans_after(
        &self,
        archived_at: Option<Option<Timestamp>>,
        today: Today<'_>,
    ) -> Vec<ArchivedSpan> {
        match archived_at {
            Some(archived_at) if archived_at != self.archived_at => {
                let away = archived_at.map(|instant| today.day_of(instant));
                history::archived(self.archived_spans.clone(), away, today.date)
            }
            Some(_) | None => self.archived_spans.clone(),
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
            // A part is missing only after something was refused.
            None => Err(checker.into_invalid("title")),
        }
    }
}
