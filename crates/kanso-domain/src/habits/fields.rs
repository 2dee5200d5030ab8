//! The members of a request about a habit.

use jiff::civil::Date;

use super::{EffectiveFrom, HabitDetails, ScheduleFields, TargetFields};
use crate::member::Member;
use crate::text::{Color, Description, Icon, Title, Unit};
use crate::{TimeOfDay, Timestamp};

/// The fields of a habit. Each field merges on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HabitField {
    /// See [`HabitDetails::title`].
    Title,
    /// See [`HabitDetails::description`].
    Description,
    /// See [`HabitDetails::color`].
    Color,
    /// See [`HabitDetails::icon`].
    Icon,
    /// See [`HabitDetails::sort_order`].
    SortOrder,
    /// See [`HabitDetails::history`]. The members of the schedule and the target are one field,
    /// because they mean something only together.
    Schedule,
    /// See [`HabitDetails::unit`].
    Unit,
    /// See [`HabitDetails::reminder_time`].
    ReminderTime,
    /// See [`HabitDetails::start_date`].
    StartDate,
    /// See [`HabitDetails::end_date`].
    EndDate,
    /// See [`HabitDetails::archived_at`]. The archived spans belong to it.
    Archived,
}

impl HabitField {
    /// Number of fields.
    pub const COUNT: usize = 11;

    /// All fields in the order of their numbers. Stored provenance uses the numbers, so new fields
    /// are appended.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Title,
        Self::Description,
        Self::Color,
        Self::Icon,
        Self::SortOrder,
        Self::Schedule,
        Self::Unit,
        Self::ReminderTime,
        Self::StartDate,
        Self::EndDate,
        Self::Archived,
    ];
}

/// The members of a create or an update.
///
/// `None` is an absent member. `Some(None)` clears a member that can be cleared.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[expect(
    clippy::option_option,
    reason = "absent, cleared and set are three states"
)]
pub struct HabitFields {
    /// See [`HabitDetails::title`].
    pub title: Option<Title>,
    /// See [`HabitDetails::description`].
    pub description: Option<Description>,
    /// See [`HabitDetails::color`].
    pub color: Option<Color>,
    /// See [`HabitDetails::icon`].
    pub icon: Option<Icon>,
    /// See [`HabitDetails::sort_order`].
    pub sort_order: Option<i32>,
    /// Members of [`HabitDetails::schedule`].
    pub schedule: ScheduleFields,
    /// Members of [`HabitDetails::target`].
    pub target: TargetFields,
    /// Day from which a new schedule or target applies; without it, today.
    pub effective_from: Option<EffectiveFrom>,
    /// See [`HabitDetails::unit`].
    pub unit: Option<Unit>,
    /// See [`HabitDetails::reminder_time`].
    pub reminder_time: Option<Option<TimeOfDay>>,
    /// See [`HabitDetails::start_date`].
    pub start_date: Option<Option<Date>>,
    /// See [`HabitDetails::end_date`].
    pub end_date: Option<Option<Date>>,
    /// See [`HabitDetails::archived_at`].
    pub archived_at: Option<Option<Timestamp>>,
}

impl HabitFields {
    /// Returns true if a member of the schedule or the target is given, or the day from which they
    /// apply.
    pub fn has_goal(&self) -> bool {
        self.schedule != ScheduleFields::default()
            || self.target != TargetFields::default()
            || self.effective_from.is_some()
    }

    /// Returns the members whose value differs from `stored`, each with its field.
    pub fn differing(&self, stored: &HabitDetails) -> Vec<(HabitField, Member)> {
        fn differs<T: PartialEq>(given: Option<&T>, stored: &T) -> bool {
            given.is_some_and(|given| given != stored)
        }
        let mut differing = Vec::new();
        let mut note = |field, member, differs| {
            if differs {
                differing.push((field, member));
            }
        };
        let title = differs(self.title.as_ref(), &stored.title);
        note(HabitField::Title, Member::Title, title);
        let description = differs(self.description.as_ref(), &stored.description);
        note(HabitField::Description, Member::Description, description);
        let color = differs(self.color.as_ref(), &stored.color);
        note(HabitField::Color, Member::Color, color);
        let icon = differs(self.icon.as_ref(), &stored.icon);
        note(HabitField::Icon, Member::Icon, icon);
        let sort_order = differs(self.sort_order.as_ref(), &stored.sort_order);
        note(HabitField::SortOrder, Member::SortOrder, sort_order);
        let unit = differs(self.unit.as_ref(), &stored.unit);
        note(HabitField::Unit, Member::Unit, unit);
        let reminder_time = differs(self.reminder_time.as_ref(), &stored.reminder_time);
        note(
            HabitField::ReminderTime,
            Member::ReminderTime,
            reminder_time,
        );
        let start_date = differs(self.start_date.as_ref(), &stored.start_date);
        note(HabitField::StartDate, Member::StartDate, start_date);
        let end_date = differs(self.end_date.as_ref(), &stored.end_date);
        note(HabitField::EndDate, Member::EndDate, end_date);
        let archived_at = differs(self.archived_at.as_ref(), &stored.archived_at);
        note(HabitField::Archived, Member::ArchivedAt, archived_at);
        let schedule = self.schedule.differing(stored.schedule()).into_iter();
        let target = self.target.differing(&stored.target());
        for member in schedule.chain(target) {
            note(HabitField::Schedule, member, true);
        }
        // There is no stored value to compare with, so the member always counts as different.
        note(
            HabitField::Schedule,
            Member::EffectiveFrom,
            self.effective_from.is_some(),
        );
        differing
    }
}
