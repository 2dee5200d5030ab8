//! Habits on the wire.

mod members;
mod schedule;

pub use members::{CreateHabit, HabitMembers, UpdateHabit};
pub use schedule::{ArchivedSpanRecord, ScheduleVersionRecord};

use kanso_domain::accounts::Settings;
use kanso_domain::calendar::Today;
use kanso_domain::habits::{self, Habit, HabitDetails, StoredStreak};
use kanso_domain::record::{Provenance, Stamp};
use kanso_domain::validation::Invalid;
use kanso_domain::{HabitId, Quantity, Seq, Timestamp, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What an entry of a habit records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HabitType {
    /// A tick.
    Boolean,
    /// An amount.
    Numeric,
    /// Minutes.
    Timer,
}

/// When a habit is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FrequencyType {
    /// Each day.
    Daily,
    /// On `times_per_week` distinct days of each week.
    Weekly,
    /// On the chosen `weekdays`.
    SpecificDays,
    /// Once in each window of `interval` days.
    Interval,
}

/// Whether the target is to be reached or not to be passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetDirection {
    /// Done when the day's sum reaches the target.
    AtLeast,
    /// A limit: done when the day is over and its sum did not pass the target.
    AtMost,
}

macro_rules! same_variants {
    ($($name:ident { $($variant:ident),+ })+) => {$(
        impl From<$name> for habits::$name {
            fn from(wire: $name) -> Self {
                match wire { $($name::$variant => Self::$variant),+ }
            }
        }

        impl From<habits::$name> for $name {
            fn from(domain: habits::$name) -> Self {
                match domain { $(habits::$name::$variant => Self::$variant),+ }
            }
        }
    )+};
}

same_variants! {
    HabitType { Boolean, Numeric, Timer }
    FrequencyType { Daily, Weekly, SpecificDays, Interval }
    TargetDirection { AtLeast, AtMost }
}

/// A habit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e",
    "title": "Read", "description": "Before bed", "color": "#4CAF50", "icon": "book",
    "sort_order": 0, "type": "numeric", "frequency_type": "specific_days",
    "weekdays": [1, 3, 5], "interval": 1, "times_per_week": null, "target_value": 20,
    "target_direction": "at_least", "unit": "pages", "reminder_time": "21:30",
    "start_date": "2026-01-01", "end_date": null, "archived_at": null,
    "schedule_history": [{
        "effective_from": "2026-01-01", "type": "numeric", "frequency_type": "specific_days",
        "weekdays": [1, 3, 5], "interval": 1, "times_per_week": null, "target_value": 20,
        "target_direction": "at_least"
    }],
    "archived_spans": [], "current_streak": 4, "longest_streak": 12, "version": 3,
    "created_at": "2026-11-22T13:05:09.123456Z", "updated_at": "2026-11-22T18:00:00.000001Z",
    "deleted_at": null
}))]
pub struct HabitRecord {
    /// Unique within the user.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
    /// The habit's name.
    pub title: String,
    /// What it is about.
    pub description: String,
    /// `#RRGGBB`.
    pub color: String,
    /// The name of an icon or an emoji.
    pub icon: String,
    /// Where it stands in the list; equal places are ordered newest first.
    pub sort_order: i32,
    /// What an entry records.
    #[serde(rename = "type")]
    pub kind: HabitType,
    /// When it is due.
    pub frequency_type: FrequencyType,
    /// The chosen days, 0 = Sunday; empty unless `frequency_type` is `specific_days`.
    pub weekdays: Vec<u8>,
    /// The window in days; 1 unless `frequency_type` is `interval`.
    pub interval: u16,
    /// The days a week; `null` unless `frequency_type` is `weekly`.
    pub times_per_week: Option<u8>,
    /// The amount that a day is measured against; at most three decimals.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub target_value: Quantity,
    /// Whether the target is to be reached or not to be passed.
    pub target_direction: TargetDirection,
    /// What the amounts count.
    pub unit: String,
    /// When the client reminds, `HH:MM` on the wall clock.
    pub reminder_time: Option<String>,
    /// The first day that counts, `YYYY-MM-DD`.
    pub start_date: Option<String>,
    /// The last day that counts, `YYYY-MM-DD`.
    pub end_date: Option<String>,
    /// When the habit was put away.
    #[serde(with = "crate::text::nullable")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub archived_at: Option<Timestamp>,
    /// What the habit asked for over time, oldest first; the newest is what it asks for now.
    pub schedule_history: Vec<ScheduleVersionRecord>,
    /// The days on which the habit was away, oldest first.
    pub archived_spans: Vec<ArchivedSpanRecord>,
    /// Units done in a row up to now: days, weeks or windows. Derived, so it moves no `version`.
    pub current_streak: u32,
    /// Units done in a row at the longest.
    pub longest_streak: u32,
    /// For optimistic locking: 1 when created, one more with each edit.
    pub version: i64,
    /// When the server first stored the habit.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the server last stored a change; strictly increasing per user.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// When the habit became a tombstone.
    #[serde(with = "crate::text::nullable")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deleted_at: Option<Timestamp>,
}

impl From<&Habit> for HabitRecord {
    fn from(habit: &Habit) -> Self {
        let Habit {
            id,
            details,
            stamp,
            streak,
            provenance: _,
        } = habit;
        let (schedule, target) = (details.schedule(), details.target());
        Self {
            id: id.uuid(),
            title: details.title.to_string(),
            description: details.description.to_string(),
            color: details.color.to_string(),
            icon: details.icon.to_string(),
            sort_order: details.sort_order,
            kind: target.kind().into(),
            frequency_type: schedule.frequency_type().into(),
            weekdays: schedule
                .weekdays()
                .map(habits::Weekdays::days)
                .unwrap_or_default(),
            interval: schedule.interval().unwrap_or(1),
            times_per_week: schedule.times_per_week(),
            target_value: target.value(),
            target_direction: target.direction().into(),
            unit: details.unit.to_string(),
            reminder_time: details.reminder_time.map(|time| time.to_string()),
            start_date: details.start_date.map(|date| date.to_string()),
            end_date: details.end_date.map(|date| date.to_string()),
            archived_at: details.archived_at,
            schedule_history: details.history.versions().map(Into::into).collect(),
            archived_spans: details.archived_spans.iter().map(Into::into).collect(),
            current_streak: streak.current,
            longest_streak: streak.longest,
            version: stamp.version.get(),
            created_at: stamp.created_at,
            updated_at: stamp.updated_at,
            deleted_at: stamp.deleted_at,
        }
    }
}

impl HabitRecord {
    /// The habit, as a replica keeps it; `seq` stands beside a record, not in it.
    ///
    /// # Errors
    /// A record that no server of this version writes.
    pub fn to_habit(&self, seq: Seq) -> Result<Habit, Invalid> {
        let version = Version::new(self.version)
            .ok_or_else(|| Invalid::one("version", "must be positive"))?;
        let stamp = Stamp {
            seq,
            version,
            created_at: self.created_at,
            updated_at: self.updated_at,
            deleted_at: self.deleted_at,
        };
        let details = self.details()?;
        // For no day yet: whoever keeps a replica computes its own.
        let streak = StoredStreak {
            current: self.current_streak,
            longest: self.longest_streak,
            day: None,
        };
        Ok(Habit {
            id: HabitId::new(self.id),
            details,
            stamp,
            streak,
            // Kept by the server alone.
            provenance: Provenance::at(stamp.version, None),
        })
    }

    fn details(&self) -> Result<HabitDetails, Invalid> {
        let history = schedule::history(&self.schedule_history)?;
        let archived_spans = schedule::spans(&self.archived_spans)?;
        let settings = Settings::default();
        let today = Today {
            date: history.begins(),
            settings: &settings,
        };
        let fields = HabitMembers::of(self).fields()?;
        let details = HabitDetails::create(&fields, today)?;
        Ok(HabitDetails {
            history,
            archived_spans,
            ..details
        })
    }
}

/// The habits that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "changes": [{
        "id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e", "title": "Read", "description": "", "color": "#4CAF50",
        "icon": "book", "sort_order": 0, "type": "boolean", "frequency_type": "daily", "weekdays": [],
        "interval": 1, "times_per_week": null, "target_value": 1, "target_direction": "at_least",
        "unit": "", "reminder_time": null, "start_date": null, "end_date": null, "archived_at": null,
        "schedule_history": [{
            "effective_from": "2026-11-22", "type": "boolean", "frequency_type": "daily",
            "weekdays": [], "interval": 1, "times_per_week": null, "target_value": 1,
            "target_direction": "at_least"
        }],
        "archived_spans": [], "current_streak": 0, "longest_streak": 0, "version": 1, "created_at": "2026-11-22T18:00:00.000001Z",
        "updated_at": "2026-11-22T18:00:00.000001Z", "deleted_at": null
    }],
    "timestamp": "2026-11-22T18:00:00.000001Z", "cursor": "k1_ASNFZ4mrze8AAAAAAAAicE0YKy0"
}))]
pub struct HabitChanges {
    /// Each once, in its newest state, in the order of changes; tombstones have `deleted_at`.
    pub changes: Vec<HabitRecord>,
    /// The newest change's time: for the next `last_sync`, byte for byte.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// The same as a cursor.
    pub cursor: String,
}
