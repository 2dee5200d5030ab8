//! Requests that create and change habits.

use kanso_domain::Quantity;
use kanso_domain::habits::{HabitFields, ScheduleFields, TargetFields};
use kanso_domain::text::{Color, Description, Icon, Title, Unit};
use kanso_domain::time::parse_date;
use kanso_domain::validation::{Checker, Invalid};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{FrequencyType, HabitRecord, HabitType, TargetDirection};
use crate::Patch;

/// Declares a request type: its own members, and all members that the user edits.
///
/// A create, an update and an operation have the same members. `#[serde(flatten)]` would share them
/// in one struct, but it does not work with `deny_unknown_fields`.
macro_rules! habit_request {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
        $(#[$doc])*
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($own)*
            /// Title, 1 to 100 characters after trimming.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = String, required = false, min_length = 1, max_length = 100)]
            pub title: Patch<String>,
            /// Description, at most 500 characters. Default: empty.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = String, required = false, max_length = 500)]
            pub description: Patch<String>,
            /// Color, `#RRGGBB`. Default: `#4CAF50`.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = String, required = false, pattern = "^#[0-9A-Fa-f]{6}$")]
            pub color: Patch<String>,
            /// Name of an icon, or an emoji, at most 64 characters.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = String, required = false, max_length = 64)]
            pub icon: Patch<String>,
            /// Position in the list, ascending. Default: 0.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = i32, required = false)]
            pub sort_order: Patch<i32>,
            /// Type of the habit. Default: `boolean`.
            #[serde(rename = "type", default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = HabitType, required = false)]
            pub kind: Patch<HabitType>,
            /// Schedule of the habit. If left out of a create, it follows from the other members: `weekdays`
            /// mean `specific_days`, `times_per_week` means `weekly`, an `interval` above 1 means
            /// `interval`; otherwise `daily`.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = FrequencyType, required = false)]
            pub frequency_type: Patch<FrequencyType>,
            /// With `specific_days`: the weekdays, 0 (Sunday) to 6 (Saturday), at least one.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<Vec<u8>>, required = false)]
            pub weekdays: Patch<Vec<u8>>,
            /// With `interval`: length of the window, 1 to 3660 days.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<u16>, required = false, minimum = 1, maximum = 3660)]
            pub interval: Patch<u16>,
            /// With `weekly`: number of days per week, 1 to 7.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<u8>, required = false, minimum = 1, maximum = 7)]
            pub times_per_week: Patch<u8>,
            /// Target of a day: above 0, or 0 with `at_most`, up to 1000000000, with at most three
            /// decimals. Always 1 for a boolean habit.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = f64, required = false, minimum = 0, maximum = 1_000_000_000)]
            pub target_value: Patch<f64>,
            /// Direction of the target: `at_least` for a goal, `at_most` for a limit. Default:
            /// `at_least`.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = TargetDirection, required = false)]
            pub target_direction: Patch<TargetDirection>,
            /// With a change of the schedule or the target: first day that the change applies to, a
            /// date `YYYY-MM-DD`, or `start` for all days. If left out: today.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = String, required = false, example = "2026-12-01")]
            pub effective_from: Patch<String>,
            /// Unit of the amounts, such as `pages`, at most 32 characters.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = String, required = false, max_length = 32)]
            pub unit: Patch<String>,
            /// Time of the reminder in the local time of the device, `HH:MM`. `null` for none.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<String>, required = false)]
            pub reminder_time: Patch<String>,
            /// First day that counts, `YYYY-MM-DD`. `null` for no start.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<String>, required = false, format = Date)]
            pub start_date: Patch<String>,
            /// Last day that counts, `YYYY-MM-DD`. `null` for no end.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<String>, required = false, format = Date)]
            pub end_date: Patch<String>,
            /// Time at which the habit was archived, an RFC 3339 instant. `null` unarchives it.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<String>, required = false, format = DateTime)]
            pub archived_at: Patch<String>,
        }

        impl $name {
            /// Converts the members to the type of the domain.
            ///
            /// # Errors
            /// All members whose value is invalid on its own. Rules between members are checked by the
            /// domain, which also knows the stored record.
            pub fn fields(self) -> Result<HabitFields, Invalid> {
                // One checker for all members: a form shows every error at once.
                let mut checker = Checker::new();
                let check = &mut checker;
                let parse_day = |text: String| parse_date(&text).ok_or("must be a date YYYY-MM-DD");
                let fields = HabitFields {
                    title: self.title.parse_value("title", check, |text| Title::new(&text)),
                    description: self
                        .description
                        .parse_value("description", check, |text| Description::new(&text)),
                    color: self.color.parse_value("color", check, |text| Color::new(&text)),
                    icon: self.icon.parse_value("icon", check, |text| Icon::new(&text)),
                    sort_order: self.sort_order.required_value("sort_order", check),
                    schedule: ScheduleFields {
                        frequency_type: self
                            .frequency_type
                            .required_value("frequency_type", check)
                            .map(Into::into),
                        // `null` counts as left out here: which of these members a schedule has
                        // depends on its type, so a whole record sent back has `null` in some.
                        weekdays: self.weekdays.value().cloned(),
                        interval: self.interval.value().copied(),
                        times_per_week: self.times_per_week.value().copied(),
                    },
                    target: TargetFields {
                        kind: self.kind.required_value("type", check).map(Into::into),
                        value: self.target_value.parse_value("target_value", check, Quantity::from_f64),
                        direction: self
                            .target_direction
                            .required_value("target_direction", check)
                            .map(Into::into),
                    },
                    effective_from: self
                        .effective_from
                        .parse_value("effective_from", check, |text| text.parse()),
                    unit: self.unit.parse_value("unit", check, |text| Unit::new(&text)),
                    reminder_time: self
                        .reminder_time
                        .parse_nullable("reminder_time", check, |text| text.parse()),
                    start_date: self.start_date.parse_nullable("start_date", check, parse_day),
                    end_date: self.end_date.parse_nullable("end_date", check, parse_day),
                    archived_at: self
                        .archived_at
                        .parse_nullable("archived_at", check, |text| text.parse()),
                };
                checker.finish(fields)
            }
        }
    };
}

habit_request! {
    /// A new habit. Only `title` is required.
    #[schema(example = json!({"title": "Read", "type": "numeric", "target_value": 20, "unit": "pages"}))]
    CreateHabit {
        /// Id of the new record, a UUID made by the client: a retry with the same id creates nothing
        /// twice. If left out, the server makes one.
        #[serde(default, with = "crate::text::uuid::optional", skip_serializing_if = "Option::is_none")]
        #[schema(required = false)]
        pub id: Option<Uuid>,
    }
}

habit_request! {
    /// A change of a habit. Members that are left out keep their values; `null` clears a nullable
    /// member.
    #[schema(example = json!({"version": 3, "color": "#112233"}))]
    UpdateHabit {
        /// Version that the change is based on, at least 1. The header `If-Match` can be sent instead.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(required = false, minimum = 1)]
        pub version: Option<i64>,
    }
}

habit_request! {
    /// Members of a habit in the `fields` of an operation.
    #[schema(example = json!({"color": "#112233"}))]
    HabitMembers {}
}

impl HabitMembers {
    /// Returns all members of `record` that the user can edit.
    pub fn of(record: &HabitRecord) -> Self {
        let record = record.clone();
        Self {
            title: Patch::Value(record.title),
            description: Patch::Value(record.description),
            color: Patch::Value(record.color),
            icon: Patch::Value(record.icon),
            sort_order: Patch::Value(record.sort_order),
            kind: Patch::Value(record.kind),
            frequency_type: Patch::Value(record.frequency_type),
            weekdays: Patch::Value(record.weekdays),
            interval: Patch::Value(record.interval),
            times_per_week: Patch::nullable(record.times_per_week),
            target_value: Patch::Value(record.target_value.to_f64()),
            target_direction: Patch::Value(record.target_direction),
            // Not a stored member: it says how an edit is applied.
            effective_from: Patch::Absent,
            unit: Patch::Value(record.unit),
            reminder_time: Patch::nullable(record.reminder_time),
            start_date: Patch::nullable(record.start_date),
            end_date: Patch::nullable(record.end_date),
            archived_at: Patch::nullable(record.archived_at.map(|instant| instant.to_string())),
        }
    }
}
