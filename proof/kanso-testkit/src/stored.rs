//! The columns that hold more than one value, and the contents that both SQL stores must write.
//!
//! A running server of another release reads these bytes during an upgrade, so they only change
//! together with a migration. `golden/columns.json` has them.

use kanso_domain::Quantity;
use kanso_domain::habits::{
    EffectiveFrom, FrequencyType, HabitFields, HabitType, ScheduleFields, TargetDirection,
    TargetFields,
};
use kanso_domain::sync::{Action, Operation};
use kanso_domain::validation::Invalid;

use crate::build::{
    create_entry, create_habit, device, done, entry, habit, noon, noted, on, operation, titled,
    update_entry, update_habit,
};

/// Returns operations of two devices that fill every such column, in habit 1, entry 1 and receipt 5
/// of their user. They are applied one by one.
pub fn operations() -> Vec<Operation> {
    let schedule = HabitFields {
        schedule: ScheduleFields {
            frequency_type: Some(FrequencyType::SpecificDays),
            weekdays: Some(vec![5, 1, 3]),
            ..ScheduleFields::default()
        },
        target: TargetFields {
            kind: Some(HabitType::Numeric),
            value: Some(Quantity::from_thousandths(20_500).unwrap()),
            direction: Some(TargetDirection::AtMost),
        },
        ..titled("Read")
    };
    let weekly = HabitFields {
        schedule: ScheduleFields {
            frequency_type: Some(FrequencyType::Weekly),
            times_per_week: Some(3),
            ..ScheduleFields::default()
        },
        effective_from: Some(EffectiveFrom::Day("2026-12-01".parse().unwrap())),
        ..HabitFields::default()
    };
    let archived = HabitFields {
        archived_at: Some(Some(noon())),
        ..HabitFields::default()
    };
    let by_another_device = |operation| Operation {
        device: Some(device(2)),
        ..operation
    };
    let invalid = Invalid::one("title", "is \"required\"");
    vec![
        operation(1, create_habit(habit(1), schedule)),
        by_another_device(operation(2, update_habit(habit(1), on(1), weekly))),
        operation(3, create_entry(entry(1), done(habit(1), "2026-01-15"))),
        by_another_device(operation(4, update_entry(entry(1), on(1), noted("late")))),
        operation(5, Action::Unreadable(invalid)),
        operation(6, update_habit(habit(1), on(2), archived)),
    ]
}

/// Expected contents of these columns: JSON as it is, bytes as hexadecimal digits.
pub const GOLDEN: &str = include_str!("../golden/columns.json");
