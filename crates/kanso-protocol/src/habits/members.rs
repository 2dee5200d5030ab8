//! What a request may say about a habit.

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

/// Declares a request type: its own members, and all that a person edits.
macro_rules! habit_request {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
        $(#[$doc])*
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($own)*
            /// The habit's name, 1 to 100 characters after trimming.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = String, required = false, min_length = 1, max_length = 100)]
            pub title: Patch<String>,
            /// What it is about, at most 500 characters.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = String, required = false, max_length = 500)]
            pub description: Patch<String>,
            /// `#RRGGBB`.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = String, required = false, pattern = "^#[0-9A-Fa-f]{6}$")]
            pub color: Patch<String>,
            /// The name of an icon or an emoji, at most 64 characters.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = String, required = false, max_length = 64)]
            pub icon: Patch<String>,
            /// Where it stands in the list.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = i32, required = false)]
            pub sort_order: Patch<i32>,
            /// What an entry records.
            #[serde(rename = "type", default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = HabitType, required = false)]
            pub kind: Patch<HabitType>,
            /// When it is due. Left out of a create, it follows from the members that are there.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = FrequencyType, required = false)]
            pub frequency_type: Patch<FrequencyType>,
            /// With `specific_days`: the days, 0 = Sunday.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<Vec<u8>>, required = false)]
            pub weekdays: Patch<Vec<u8>>,
            /// With `interval`: the window in days.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<u16>, required = false, minimum = 1, maximum = 3660)]
            pub interval: Patch<u16>,
            /// With `weekly`: on how many days a week.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<u8>, required = false, minimum = 1, maximum = 7)]
            pub times_per_week: Patch<u8>,
            /// What a day is measured against: above 0, or 0 with `at_most`; at most three
            /// decimals. A boolean habit's is 1.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = f64, required = false, minimum = 0, maximum = 1_000_000_000)]
            pub target_value: Patch<f64>,
            /// Whether the target is to be reached or not to be passed.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = TargetDirection, required = false)]
            pub target_direction: Patch<TargetDirection>,
            /// With an edit of the schedule or the target: from when on it judges days, a date
            /// `YYYY-MM-DD` or `start` for all of them; left out, from today on.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = String, required = false, example = "2026-12-01")]
            pub effective_from: Patch<String>,
            /// What the amounts count, at most 32 characters.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = String, required = false, max_length = 32)]
            pub unit: Patch<String>,
            /// When the client reminds, `HH:MM` on the wall clock.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<String>, required = false)]
            pub reminder_time: Patch<String>,
            /// The first day that counts, `YYYY-MM-DD`.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<String>, required = false, format = Date)]
            pub start_date: Patch<String>,
            /// The last day that counts, `YYYY-MM-DD`.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<String>, required = false, format = Date)]
            pub end_date: Patch<String>,
            /// When the habit was put away, an RFC 3339 instant; `null` brings it back.
            #[serde(default, skip_serializing_if = "Patch::is_absent")]
            #[schema(value_type = Option<String>, required = false, format = DateTime)]
            pub archived_at: Patch<String>,
        }

        impl $name {
            /// The members in the domain's terms.
            ///
            /// # Errors
            /// Every member that cannot be accepted by itself.
            pub fn fields(self) -> Result<HabitFields, Invalid> {
                let mut checker = Checker::new();
                let check = &mut checker;
                let parse_day = |text: String| parse_date(&text).ok_or("must be a date YYYY-MM-DD");
                let fields = HabitFields {
                    title: self.title.parsed("title", check, |text| Title::new(&text)),
                    description: self
                        .description
                        .parsed("description", check, |text| Description::new(&text)),
                    color: self.color.parsed("color", check, |text| Color::new(&text)),
                    icon: self.icon.parsed("icon", check, |text| Icon::new(&text)),
                    sort_order: self.sort_order.given("sort_order", check),
                    schedule: ScheduleFields {
                        frequency_type: self
                            .frequency_type
                            .given("frequency_type", check)
                            .map(Into::into),
                        weekdays: self.weekdays.value().cloned(),
                        interval: self.interval.value().copied(),
                        times_per_week: self.times_per_week.value().copied(),
                    },
                    target: TargetFields {
                        kind: self.kind.given("type", check).map(Into::into),
                        value: self.target_value.parsed("target_value", check, Quantity::from_f64),
                        direction: self
                            .target_direction
                            .given("target_direction", check)
                            .map(Into::into),
                    },
                    effective_from: self
                        .effective_from
                        .parsed("effective_from", check, |text| text.parse()),
                    unit: self.unit.parsed("unit", check, |text| Unit::new(&text)),
                    reminder_time: self
                        .reminder_time
                        .parsed_or_null("reminder_time", check, |text| text.parse()),
                    start_date: self.start_date.parsed_or_null("start_date", check, parse_day),
                    end_date: self.end_date.parsed_or_null("end_date", check, parse_day),
                    archived_at: self
                        .archived_at
                        .parsed_or_null("archived_at", check, |text| text.parse()),
                };
                checker.finish(fields)
            }
        }
    };
}

habit_request! {
    /// A new habit; a title is enough.
    #[schema(example = json!({"title": "Read", "type": "numeric", "target_value": 20, "unit": "pages"}))]
    CreateHabit {
        /// Made by the client, so that a retry creates nothing twice; left out, by the server.
        #[serde(default, with = "crate::text::uuid::optional", skip_serializing_if = "Option::is_none")]
        #[schema(required = false)]
        pub id: Option<Uuid>,
    }
}

habit_request! {
    /// A change of a habit; what is left out stays, `null` clears what may be null.
    #[schema(example = json!({"version": 3, "color": "#112233"}))]
    UpdateHabit {
        /// The version that the change builds on; instead of it, a header `If-Match` may be sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(required = false, minimum = 1)]
        pub version: Option<i64>,
    }
}

habit_request! {
    /// The members of a habit that an operation gives.
    #[schema(example = json!({"color": "#112233"}))]
    HabitMembers {}
}

impl HabitMembers {
    /// All members of `record` that a person edits.
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
            effective_from: Patch::Absent,
            unit: Patch::Value(record.unit),
            reminder_time: Patch::nullable(record.reminder_time),
            start_date: Patch::nullable(record.start_date),
            end_date: Patch::nullable(record.end_date),
            archived_at: Patch::nullable(record.archived_at.map(|instant| instant.to_string())),
        }
    }
}
