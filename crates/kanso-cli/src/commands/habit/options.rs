//! Conversion of the habit options to members of a record.

use kanso_client::domain::Quantity;
use kanso_client::protocol::Patch;
use kanso_client::protocol::habits::{FrequencyType, HabitMembers, HabitType, TargetDirection};

use crate::arguments::{HabitOptions, Kind};
use crate::words::NoneOr;

pub(super) fn members(options: HabitOptions) -> HabitMembers {
    let kind = options.kind.map(|kind| match kind {
        Kind::Boolean => HabitType::Boolean,
        Kind::Numeric => HabitType::Numeric,
        Kind::Timer => HabitType::Timer,
    });
    let direction = match (options.at_most, options.at_least) {
        (true, _) => Patch::Value(TargetDirection::AtMost),
        (false, true) => Patch::Value(TargetDirection::AtLeast),
        (false, false) => Patch::Absent,
    };
    // clap allows only one of these four options. The frequency type goes with it, so that an edit
    // replaces the whole schedule.
    let frequency = if options.daily {
        Patch::Value(FrequencyType::Daily)
    } else if options.weekly.is_some() {
        Patch::Value(FrequencyType::Weekly)
    } else if options.weekdays.is_some() {
        Patch::Value(FrequencyType::SpecificDays)
    } else if options.every.is_some() {
        Patch::Value(FrequencyType::Interval)
    } else {
        Patch::Absent
    };
    HabitMembers {
        description: Patch::optional(options.description),
        color: Patch::optional(options.color),
        icon: Patch::optional(options.icon),
        sort_order: Patch::optional(options.order),
        kind: Patch::optional(kind),
        frequency_type: frequency,
        weekdays: Patch::optional(options.weekdays.map(|days| days.0)),
        interval: Patch::optional(options.every),
        times_per_week: Patch::optional(options.weekly),
        target_value: Patch::optional(options.target.map(Quantity::to_f64)),
        target_direction: direction,
        unit: Patch::optional(options.unit),
        start_date: patch(options.start),
        end_date: patch(options.end),
        reminder_time: patch(options.reminder),
        ..HabitMembers::default()
    }
}

fn patch(given: Option<NoneOr>) -> Patch<String> {
    match given {
        None => Patch::Absent,
        // `none` clears the member, while a missing option leaves it as it is.
        Some(NoneOr::None) => Patch::Null,
        Some(NoneOr::Value(value)) => Patch::Value(value),
    }
}
