//! What a request may say about a habit.

use jiff::civil::Date;

use super::{EffectiveFrom, HabitDetails, ScheduleFields, TargetFields};
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
    pub fn differing(&self, stored: &HabitDetails) -> Vec<(HabitField, &'static str)> {
        fn differs<T: PartialEq>(said: Option<&T>, stored: &T) -> bool {
            said.is_some_and(|said| said != stored)
        }
        let mut differing = Vec::new();
        let mut note = |field, name, differs| {
            if differs {
                differing.push((field, name));
            }
        };
        let title = differs(self.title.as_ref(), &stored.title);
        note(HabitField::Title, "title", title);
        let description = differs(self.description.as_ref(), &stored.description);
        note(HabitField::Description, "description", description);
        let color = differs(self.color.as_ref(), &stored.color);
        note(HabitField::Color, "color", color);
        let icon = differs(self.icon.as_ref(), &stored.icon);
        note(HabitField::Icon, "icon", icon);
        let sort_order = differs(self.sort_order.as_ref(), &stored.sort_order);
        note(HabitField::SortOrder, "sort_order", sort_order);
        let unit = differs(self.unit.as_ref(), &stored.unit);
        note(HabitField::Unit, "unit", unit);
        let reminder_time = differs(self.reminder_time.as_ref(), &stored.reminder_time);
        note(HabitField::ReminderTime, "reminder_time", reminder_time);
        let start_date = differs(self.start_date.as_ref(), &stored.start_date);
        note(HabitField::StartDate, "start_date", start_date);
        let end_date = differs(self.end_date.as_ref(), &stored.end_date);
        note(HabitField::EndDate, "end_date", end_date);
        let archived_at = differs(self.archived_at.as_ref(), &stored.archived_at);
        note(HabitField::Archived, "archived_at", archived_at);
        let schedule = self.schedule.clashing(stored.schedule()).into_iter();
        let target = self.target.clashing(&stored.target());
        for name in schedule.chain(target) {
            note(HabitField::Schedule, name, true);
        }
        note(
            HabitField::Schedule,
            "effective_from",
            self.effective_from.is_some(),
        );
        differing
    }
}
