//! What a request may say about a habit.

use jiff::civil::Date;

use super::{EffectiveFrom, HabitDetails, ScheduleFields, TargetFields};
use crate::text::{Color, Description, Icon, Title, Unit};
use crate::{TimeOfDay, Timestamp};

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
    /// The wire names of the members that say something else than `stored` does.
    pub fn clashing(&self, stored: &HabitDetails) -> Vec<&'static str> {
        fn differs<T: PartialEq>(said: Option<&T>, stored: &T) -> bool {
            said.is_some_and(|said| said != stored)
        }
        let mut clashing = Vec::new();
        let mut note = |name, clashes| {
            if clashes {
                clashing.push(name);
            }
        };
        note("title", differs(self.title.as_ref(), &stored.title));
        note(
            "description",
            differs(self.description.as_ref(), &stored.description),
        );
        note("color", differs(self.color.as_ref(), &stored.color));
        note("icon", differs(self.icon.as_ref(), &stored.icon));
        note(
            "sort_order",
            differs(self.sort_order.as_ref(), &stored.sort_order),
        );
        note("unit", differs(self.unit.as_ref(), &stored.unit));
        note(
            "reminder_time",
            differs(self.reminder_time.as_ref(), &stored.reminder_time),
        );
        note(
            "start_date",
            differs(self.start_date.as_ref(), &stored.start_date),
        );
        note(
            "end_date",
            differs(self.end_date.as_ref(), &stored.end_date),
        );
        note(
            "archived_at",
            differs(self.archived_at.as_ref(), &stored.archived_at),
        );
        clashing.extend(self.schedule.clashing(stored.schedule()));
        clashing.extend(self.target.clashing(&stored.target()));
        clashing
    }
}
