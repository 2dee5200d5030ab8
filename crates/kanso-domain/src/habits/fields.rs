//! What a request may say about a habit.

use jiff::civil::Date;

use super::{EffectiveFrom, HabitDetails, ScheduleFields, TargetFields};
use crate::member::Member;
use crate::text::{Color, Description, Icon, Title, Unit};
use crate::{TimeOfDay, Timestamp};

/// The parts of a habit that are merged each by itself.
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
    /// See [`HabitDetails::history`]: the kind, how often, how much and since when mean something
    /// only together.
    Schedule,
    /// See [`HabitDetails::unit`].
    Unit,
    /// See [`HabitDetails::reminder_time`].
    ReminderTime,
    /// See [`HabitDetails::start_date`].
    StartDate,
    /// See [`HabitDetails::end_date`].
    EndDate,
    /// See [`HabitDetails::archived_at`], with the spans.
    Archived,
}

impl HabitField {
    /// How many there are.
    pub const COUNT: usize = 11;

    /// All of them, by their numbers. Stored field versions are in this order: only ever append.
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

/// The members that a create or an update carries. `None` was left out; where a member may be
/// cleared, `Some(None)` clears it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[expect(
    clippy::option_option,
    reason = "left out, cleared and set are three things"
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
    /// What is said about [`HabitDetails::schedule`].
    pub schedule: ScheduleFields,
    /// What is said about [`HabitDetails::target`].
    pub target: TargetFields,
    /// From when on a new schedule or target judges days; without it, from today on.
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
    /// The members that say something else than `stored` does: the field that they belong to, and
    /// their wire names.
    pub fn differing(&self, stored: &HabitDetails) -> Vec<(HabitField, Member)> {
        fn differs<T: PartialEq>(said: Option<&T>, stored: &T) -> bool {
            said.is_some_and(|said| said != stored)
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
        note(
            HabitField::Schedule,
            Member::EffectiveFrom,
            self.effective_from.is_some(),
        );
        differing
    }
}
