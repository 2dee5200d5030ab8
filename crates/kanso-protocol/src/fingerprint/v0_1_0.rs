//! The texts that release 0.1.0 hashed, byte for byte.
//!
//! Release 0.1.0 hashed the `Debug` output of its types. A server that shares a database with it
//! must store the same hashes, or the older server takes a retry of such an operation for another
//! operation and refuses it. The names here are therefore those of the types in 0.1.0, as text, and
//! stay as they are whatever is renamed. The expected hashes of `tests/golden` were computed by
//! 0.1.0 itself.
//!
//! Only what the standard library and `serde_json` print of texts and numbers is taken from them:
//! the two servers print those alike.
//!
//! This module goes when no database has the mixed phase any more (`docs/formats.md`).

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use kanso_domain::entries::{Completion, EntryFields, EntryKind as DomainEntryKind};
use kanso_domain::habits::{self, EffectiveFrom, HabitFields, ScheduleFields, TargetFields};
use kanso_domain::sync::Base;
use kanso_domain::text::{Color, Description, Icon, Title, Unit};
use kanso_domain::{Quantity, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::canonical::iso;
use crate::Patch;
use crate::entries::{CreateEntry, EntryKind};
use crate::habits::{CreateHabit, FrequencyType, HabitType, TargetDirection};
use crate::idempotency::{Call, Content};
use crate::sync::{ActionName, EntityName, OnConflictName, OperationRequest};

/// The text of an operation.
pub(super) fn operation(request: &OperationRequest) -> String {
    let entity = match request.entity {
        EntityName::Habit => "Habit",
        EntityName::Entry => "Entry",
    };
    let action = match request.action {
        ActionName::Create => "Create",
        ActionName::Update => "Update",
        ActionName::Delete => "Delete",
        ActionName::Increment => "Increment",
    };
    let mut text = format!("{entity} {action} {} ", hyphenated(request.id));
    if let Some(version) = request.base_version {
        text.push_str(&version.to_string());
    }
    if let Some(fields) = &request.fields {
        write_json(fields, &mut text);
    }
    if request.on_conflict.is_some() || request.revive || request.group.is_some() {
        let on_conflict = option(request.on_conflict, |name| match name {
            OnConflictName::Reject => "Reject".into(),
            OnConflictName::Merge => "Merge".into(),
            OnConflictName::Server => "Server".into(),
            OnConflictName::Client => "Client".into(),
        });
        let revive = request.revive;
        let group = option(request.group.as_deref(), quoted);
        // Writing to a string cannot fail.
        let _ = write!(text, "({on_conflict}, {revive}, {group})");
    }
    text
}

/// The text of a call.
pub(super) fn call(call: &Call<'_>) -> String {
    let content = match &call.content {
        Content::CreateHabit { request, .. } => create_habit(request),
        Content::CreateEntry { request, .. } => create_entry(request),
        Content::UpdateHabit { base, fields, .. } => {
            format!("({}, {})", base_text(*base), habit_fields(fields))
        }
        Content::UpdateEntry { base, fields, .. } => {
            format!("({}, {})", base_text(*base), entry_fields(fields))
        }
        Content::DeleteHabit { base, .. } | Content::DeleteEntry { base, .. } => base_text(*base),
    };
    let Call {
        method, path, nth, ..
    } = call;
    format!("{method} {path} {nth} {content}")
}

fn write_json(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (name, value) in sorted {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_json(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write_json(item, out);
                out.push(',');
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn create_habit(request: &CreateHabit) -> String {
    structure(
        "CreateHabit",
        &[
            ("id", option(request.id, hyphenated)),
            ("title", patch_text(&request.title)),
            ("description", patch_text(&request.description)),
            ("color", patch_text(&request.color)),
            ("icon", patch_text(&request.icon)),
            ("sort_order", patch(&request.sort_order, i32::to_string)),
            ("kind", patch(&request.kind, |it| habit_type((*it).into()))),
            (
                "frequency_type",
                patch(&request.frequency_type, |it| frequency_type((*it).into())),
            ),
            ("weekdays", patch(&request.weekdays, |days| list(days))),
            ("interval", patch(&request.interval, u16::to_string)),
            (
                "times_per_week",
                patch(&request.times_per_week, u8::to_string),
            ),
            (
                "target_value",
                patch(&request.target_value, |it| float(*it)),
            ),
            (
                "target_direction",
                patch(&request.target_direction, |it| direction((*it).into())),
            ),
            ("effective_from", patch_text(&request.effective_from)),
            ("unit", patch_text(&request.unit)),
            ("reminder_time", patch_text(&request.reminder_time)),
            ("start_date", patch_text(&request.start_date)),
            ("end_date", patch_text(&request.end_date)),
            ("archived_at", patch_text(&request.archived_at)),
        ],
    )
}

fn create_entry(request: &CreateEntry) -> String {
    structure(
        "CreateEntry",
        &[
            ("id", option(request.id, hyphenated)),
            ("habit_id", patch_text(&request.habit_id)),
            ("completion_date", patch_text(&request.completion_date)),
            ("timezone", patch_text(&request.timezone)),
            ("local_date", patch_text(&request.local_date)),
            ("kind", patch(&request.kind, |it| entry_kind((*it).into()))),
            ("value", patch(&request.value, |it| float(*it))),
            ("notes", patch_text(&request.notes)),
        ],
    )
}

fn habit_fields(fields: &HabitFields) -> String {
    let text = |name: &'static str| move |text: &str| tuple(name, &quoted(text));
    let title = fields.title.as_ref().map(Title::as_str);
    let description = fields.description.as_ref().map(Description::as_str);
    let color = fields.color.as_ref().map(Color::as_str);
    let icon = fields.icon.as_ref().map(Icon::as_str);
    let unit = fields.unit.as_ref().map(Unit::as_str);
    let effective_from = option(fields.effective_from, |from| match from {
        EffectiveFrom::Start => "Start".into(),
        EffectiveFrom::Day(date) => tuple("Day", &iso(date)),
    });
    let reminder_time = option(fields.reminder_time, |time| {
        option(time, |time| tuple("TimeOfDay", &time.minutes().to_string()))
    });
    let date = |date| option(date, |date| option(date, iso));
    let archived_at = option(fields.archived_at, |at| option(at, instant));
    structure(
        "HabitFields",
        &[
            ("title", option(title, text("Title"))),
            ("description", option(description, text("Description"))),
            ("color", option(color, text("Color"))),
            ("icon", option(icon, text("Icon"))),
            ("sort_order", option(fields.sort_order, |it| it.to_string())),
            ("schedule", schedule_fields(&fields.schedule)),
            ("target", target_fields(&fields.target)),
            ("effective_from", effective_from),
            ("unit", option(unit, text("Unit"))),
            ("reminder_time", reminder_time),
            ("start_date", date(fields.start_date)),
            ("end_date", date(fields.end_date)),
            ("archived_at", archived_at),
        ],
    )
}

fn schedule_fields(fields: &ScheduleFields) -> String {
    let times_per_week = option(fields.times_per_week, |it| it.to_string());
    structure(
        "ScheduleFields",
        &[
            (
                "frequency_type",
                option(fields.frequency_type, frequency_type),
            ),
            ("weekdays", option(fields.weekdays.as_deref(), list)),
            ("interval", option(fields.interval, |it| it.to_string())),
            ("times_per_week", times_per_week),
        ],
    )
}

fn target_fields(fields: &TargetFields) -> String {
    structure(
        "TargetFields",
        &[
            ("kind", option(fields.kind, habit_type)),
            ("value", option(fields.value, quantity)),
            ("direction", option(fields.direction, direction)),
        ],
    )
}

fn entry_fields(fields: &EntryFields) -> String {
    let completion = option(fields.completion, |completion| match completion {
        Completion::At(at) => tuple("At", &instant(at)),
        Completion::Day(date) => tuple("Day", &iso(date)),
    });
    let timezone = option(fields.timezone.as_ref(), |zone| {
        option(zone.as_ref(), |zone| tuple("Zone", zone.name()))
    });
    structure(
        "EntryFields",
        &[
            (
                "habit_id",
                option(fields.habit_id, |id| {
                    tuple("HabitId", &hyphenated(id.uuid()))
                }),
            ),
            ("completion", completion),
            ("timezone", timezone),
            (
                "local_date",
                option(fields.local_date, |date| option(date, iso)),
            ),
            ("kind", option(fields.kind, entry_kind)),
            ("value", option(fields.value, quantity)),
            (
                "notes",
                option(fields.notes.as_ref(), |it| {
                    tuple("Notes", &quoted(it.as_str()))
                }),
            ),
        ],
    )
}

fn base_text(base: Base) -> String {
    match base {
        Base::Version(version) => tuple("Version", &tuple("Version", &version.get().to_string())),
        Base::Any => "Any".into(),
    }
}

fn structure(name: &str, members: &[(&str, String)]) -> String {
    let members: Vec<_> = members
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    format!("{name} {{ {} }}", members.join(", "))
}

fn tuple(name: &str, value: &str) -> String {
    format!("{name}({value})")
}

fn option<T>(value: Option<T>, text: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "None".into(), |value| tuple("Some", &text(value)))
}

fn patch<T>(value: &Patch<T>, text: impl FnOnce(&T) -> String) -> String {
    match value {
        Patch::Absent => "Absent".into(),
        Patch::Null => "Null".into(),
        Patch::Value(value) => tuple("Value", &text(value)),
    }
}

fn patch_text(value: &Patch<String>) -> String {
    patch(value, |text| quoted(text))
}

/// A text between quotation marks, escaped as the standard library does it.
fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// A float as the standard library prints it: `20.0`, `1e16`.
fn float(number: f64) -> String {
    format!("{number:?}")
}

fn list<T: ToString>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(T::to_string).collect();
    format!("[{}]", items.join(", "))
}

fn hyphenated(id: Uuid) -> String {
    let hex = format!("{:032x}", id.as_u128());
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    parts.join("-")
}

fn quantity(value: Quantity) -> String {
    tuple("Quantity", &value.thousandths().to_string())
}

fn instant(instant: Timestamp) -> String {
    let utc = TimeZone::UTC.to_datetime(instant.to_jiff());
    let (date, time) = (utc.date(), utc.time());
    let micros = time.subsec_nanosecond() / 1_000;
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    format!(
        "{}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z",
        iso(date)
    )
}

fn habit_type(kind: habits::HabitType) -> String {
    match HabitType::from(kind) {
        HabitType::Boolean => "Boolean".into(),
        HabitType::Numeric => "Numeric".into(),
        HabitType::Timer => "Timer".into(),
    }
}

fn frequency_type(kind: habits::FrequencyType) -> String {
    match FrequencyType::from(kind) {
        FrequencyType::Daily => "Daily".into(),
        FrequencyType::Weekly => "Weekly".into(),
        FrequencyType::SpecificDays => "SpecificDays".into(),
        FrequencyType::Interval => "Interval".into(),
    }
}

fn direction(direction: habits::TargetDirection) -> String {
    match TargetDirection::from(direction) {
        TargetDirection::AtLeast => "AtLeast".into(),
        TargetDirection::AtMost => "AtMost".into(),
    }
}

fn entry_kind(kind: DomainEntryKind) -> String {
    match EntryKind::from(kind) {
        EntryKind::Value => "Value".into(),
        EntryKind::Skip => "Skip".into(),
    }
}
