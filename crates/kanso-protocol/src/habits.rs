//! Habits: records and requests.
//!
//! ```
//! use kanso_protocol::habits::CreateHabit;
//!
//! let create: CreateHabit = kanso_protocol::read(br#"{"title": " Read ", "color": "red"}"#)?;
//! let invalid = create.fields().unwrap_err();
//! assert_eq!(invalid.errors()[0].field, "color");
//! # Ok::<(), kanso_protocol::ReadError>(())
//! ```

mod members;
mod schedule;

pub use members::{CreateHabit, HabitMembers, UpdateHabit};
pub use schedule::{ArchivedSpanRecord, ScheduleVersionRecord};

use kanso_domain::accounts::Settings;
use kanso_domain::calendar::Today;
use kanso_domain::habits::{self, Habit, HabitDetails, StoredStreak};
use kanso_domain::record::{Provenance, Stamp};
use kanso_domain::text::Title;
use kanso_domain::validation::Invalid;
use kanso_domain::{HabitId, Quantity, Seq, Timestamp, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Patch;

/// Type of a habit: the kind of amount that its entries record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HabitType {
    /// Done or not done.
    Boolean,
    /// An amount in the unit of the habit.
    Numeric,
    /// A duration in minutes.
    Timer,
}

/// Schedule of a habit: the days on which it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FrequencyType {
    /// Every day.
    Daily,
    /// On any `times_per_week` different days of each week.
    Weekly,
    /// On the days in `weekdays`.
    SpecificDays,
    /// Once in each window of `interval` days.
    Interval,
}

/// Direction of a target: a goal to reach or a limit to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetDirection {
    /// A goal: the day is done if its sum reaches the target.
    AtLeast,
    /// A limit: the day is done if it ends with a sum not above the target.
    AtMost,
}

// The wire has enums of its own, because its names are a contract and those of the domain are not.
// The matches have no wildcard: a variant that only one side has does not compile.
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

/// A habit with its settings, its history and its streaks.
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
    /// Id, a UUID. Unique within the account.
    #[serde(with = "crate::text::uuid")]
    pub id: Uuid,
    /// Title, 1 to 100 characters.
    pub title: String,
    /// Description, at most 500 characters.
    pub description: String,
    /// Color, `#RRGGBB`.
    pub color: String,
    /// Name of an icon, or an emoji.
    pub icon: String,
    /// Position in the list, ascending. Habits with the same position are sorted newest first.
    pub sort_order: i32,
    /// Type of the habit.
    #[serde(rename = "type")]
    pub kind: HabitType,
    /// Schedule of the habit.
    pub frequency_type: FrequencyType,
    /// Weekdays on which the habit is due, 0 (Sunday) to 6 (Saturday). Empty unless `frequency_type` is
    /// `specific_days`.
    pub weekdays: Vec<u8>,
    /// Length of the window, in days. 1 unless `frequency_type` is `interval`.
    pub interval: u16,
    /// Number of days per week. `null` unless `frequency_type` is `weekly`.
    pub times_per_week: Option<u8>,
    /// Target of a day, with at most three decimals.
    #[serde(with = "crate::text::quantity")]
    #[schema(value_type = f64)]
    pub target_value: Quantity,
    /// Direction of the target: `at_least` for a goal, `at_most` for a limit.
    pub target_direction: TargetDirection,
    /// Unit of the amounts, such as `pages`.
    pub unit: String,
    /// Time of the reminder in the local time of the device, `HH:MM`.
    pub reminder_time: Option<String>,
    /// First day that counts, `YYYY-MM-DD`.
    pub start_date: Option<String>,
    /// Last day that counts, `YYYY-MM-DD`.
    pub end_date: Option<String>,
    /// Time at which the habit was archived. `null` if it is active.
    #[serde(with = "crate::text::nullable")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub archived_at: Option<Timestamp>,
    /// Versions of the schedule and the target, oldest first. The last one is in force now.
    pub schedule_history: Vec<ScheduleVersionRecord>,
    /// Ranges of days on which the habit was archived, oldest first.
    pub archived_spans: Vec<ArchivedSpanRecord>,
    /// Length of the current streak, in days, weeks or windows. It is derived, so its changes do not
    /// change `version`.
    pub current_streak: u32,
    /// Length of the longest streak, in days, weeks or windows.
    pub longest_streak: u32,
    /// Version, for optimistic locking: 1 after the create, one more with each edit.
    pub version: i64,
    /// Time at which the server first stored the habit.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Time at which the server last stored a change. Strictly increasing within the account.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// Time of the deletion. `null` for a live habit.
    #[serde(with = "crate::text::nullable")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deleted_at: Option<Timestamp>,
}

impl From<&Habit> for HabitRecord {
    fn from(habit: &Habit) -> Self {
        // No `..`: a new field of the domain does not compile until it is decided if it is sent.
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
    /// Converts the record to the type of the domain, as a replica stores it.
    ///
    /// `seq` is an argument because on the wire it is a member of the change, not of the record.
    ///
    /// # Errors
    /// The members that no server of this version writes, such as a version of 0.
    pub fn to_habit(&self, seq: Seq) -> Result<Habit, Invalid> {
        // The first error returns here, because the parts after it depend on each other. The server
        // writes valid records; an error means another version of it.
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
        // No day: the streak on the wire may be of a past day, and a replica computes its own.
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
            // Only the server knows which device edited which member.
            provenance: Provenance::at(stamp.version, None),
        })
    }

    fn details(&self) -> Result<HabitDetails, Invalid> {
        let history = schedule::history(&self.schedule_history)?;
        let archived_spans = schedule::spans(&self.archived_spans)?;
        // `create` checks the members together, and needs a today for the first version of the
        // schedule. Any will do: the history of the record replaces that version below.
        let settings = Settings::default();
        let today = Today {
            date: history.begins(),
            settings: &settings,
        };
        let mut members = HabitMembers::of(self);
        // A stored title may break a newer rule for titles.
        members.title = Patch::Absent;
        let mut fields = members.fields()?;
        let title = Title::restored(&self.title);
        fields.title = Some(title.map_err(|error| Invalid::one("title", error.to_string()))?);
        let details = HabitDetails::create(&fields, today)?;
        // `create` begins a new history; the record brings its own.
        Ok(HabitDetails {
            history,
            archived_spans,
            ..details
        })
    }
}

/// Habits that changed.
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
    /// Changed records in the order of their changes, each once and in its newest state. Tombstones
    /// have `deleted_at`.
    pub changes: Vec<HabitRecord>,
    /// Time of the newest change. Send it unchanged as the next `last_sync`.
    #[serde(with = "crate::text")]
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// Cursor of the same position, which can be used instead of the time.
    pub cursor: String,
    /// True if another page follows. Only in the answer to a request with `limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_more: Option<bool>,
}
