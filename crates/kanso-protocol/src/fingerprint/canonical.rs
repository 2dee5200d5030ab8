//! The canonical text: lines of `name=value`, with one spelling for each value.

use jiff::civil::Date;
use kanso_domain::entries::{Completion, EntryFields, EntryKind};
use kanso_domain::habits::{
    EffectiveFrom, FrequencyType, HabitFields, HabitType, ScheduleFields, TargetDirection,
    TargetFields,
};
use kanso_domain::sync::OnConflict;
use kanso_domain::text::{Color, Description, Icon, Notes, Title, Unit};
use kanso_domain::{Quantity, Timestamp};
use uuid::Uuid;

const HEX: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
];

/// A canonical text that is being written.
pub(super) struct Canonical(String);

impl Canonical {
    pub(super) fn titled(title: &str) -> Self {
        Self(format!("{title}\n"))
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    /// Writes one of a few words that this module knows.
    pub(super) fn word(&mut self, name: &str, word: &str) {
        for part in [name, "=", word, "\n"] {
            self.0.push_str(part);
        }
    }

    /// Writes any text, behind its length in bytes.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.word(name, &measured(text));
    }

    pub(super) fn number(&mut self, name: &str, number: i64) {
        self.word(name, &number.to_string());
    }

    pub(super) fn count(&mut self, name: &str, count: usize) {
        self.word(name, &count.to_string());
    }

    pub(super) fn uuid(&mut self, name: &str, id: Uuid) {
        // Not with `format!`: for the two ids of an entry it cost more than one percent of a push.
        let digits = id
            .as_bytes()
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 0xf]);
        let hex: String = digits.map(|digit| HEX[usize::from(digit)]).collect();
        self.word(name, &hex);
    }

    fn maybe_text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    fn maybe_word(&mut self, name: &str, word: Option<&str>) {
        if let Some(word) = word {
            self.word(name, word);
        }
    }

    fn maybe_number(&mut self, name: &str, number: Option<i64>) {
        if let Some(number) = number {
            self.number(name, number);
        }
    }

    /// Writes a member that `null` clears, if it is there.
    fn nullable<T>(
        &mut self,
        name: &str,
        value: Option<&Option<T>>,
        write: impl FnOnce(&mut Self, &str, &T),
    ) {
        match value {
            None => {}
            Some(None) => self.word(name, "null"),
            Some(Some(value)) => write(self, name, value),
        }
    }

    fn date(&mut self, name: &str, date: Date) {
        self.word(name, &iso(date));
    }

    /// Writes an instant as microseconds since 1970 in UTC.
    fn instant(&mut self, name: &str, instant: Timestamp) {
        self.number(name, instant.as_micros());
    }
}

fn measured(text: &str) -> String {
    format!("{}:{text}", text.len())
}

pub(super) fn iso(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

/// The members of a record that an edit gives.
pub(super) trait Members {
    fn write(&self, text: &mut Canonical);
}

// Each type is taken apart without `..`, so a new member does not compile until it is written too.

impl Members for HabitFields {
    fn write(&self, text: &mut Canonical) {
        let Self {
            title,
            description,
            color,
            icon,
            sort_order,
            schedule,
            target,
            effective_from,
            unit,
            reminder_time,
            start_date,
            end_date,
            archived_at,
        } = self;
        text.maybe_text("title", title.as_ref().map(Title::as_str));
        text.maybe_text("description", description.as_ref().map(Description::as_str));
        text.maybe_text("color", color.as_ref().map(Color::as_str));
        text.maybe_text("icon", icon.as_ref().map(Icon::as_str));
        text.maybe_number("sort_order", sort_order.map(i64::from));
        write_schedule(text, schedule);
        write_target(text, target);
        match effective_from {
            None => {}
            Some(EffectiveFrom::Start) => text.word("effective_from", "start"),
            Some(EffectiveFrom::Day(date)) => text.date("effective_from", *date),
        }
        text.maybe_text("unit", unit.as_ref().map(Unit::as_str));
        text.nullable(
            "reminder_time",
            reminder_time.as_ref(),
            |text, name, time| {
                text.number(name, time.minutes().into());
            },
        );
        text.nullable("start_date", start_date.as_ref(), |text, name, date| {
            text.date(name, *date);
        });
        text.nullable("end_date", end_date.as_ref(), |text, name, date| {
            text.date(name, *date);
        });
        text.nullable(
            "archived_at",
            archived_at.as_ref(),
            |text, name, instant| {
                text.instant(name, *instant);
            },
        );
    }
}

fn write_schedule(text: &mut Canonical, fields: &ScheduleFields) {
    let ScheduleFields {
        frequency_type,
        weekdays,
        interval,
        times_per_week,
    } = fields;
    text.maybe_word("frequency_type", frequency_type.map(FrequencyType::as_str));
    if let Some(days) = weekdays {
        // A set: neither the order nor a day that is named twice means anything.
        let mut days = days.clone();
        days.sort_unstable();
        days.dedup();
        let days: Vec<_> = days.iter().map(u8::to_string).collect();
        text.word("weekdays", &format!("[{}]", days.join(",")));
    }
    text.maybe_number("interval", interval.map(i64::from));
    text.maybe_number("times_per_week", times_per_week.map(i64::from));
}

fn write_target(text: &mut Canonical, fields: &TargetFields) {
    let TargetFields {
        kind,
        value,
        direction,
    } = fields;
    text.maybe_word("type", kind.map(HabitType::as_str));
    text.maybe_number("target_value", value.map(Quantity::thousandths));
    text.maybe_word("target_direction", direction.map(TargetDirection::as_str));
}

impl Members for EntryFields {
    fn write(&self, text: &mut Canonical) {
        let Self {
            habit_id,
            completion,
            timezone,
            local_date,
            kind,
            value,
            notes,
        } = self;
        if let Some(id) = habit_id {
            text.uuid("habit_id", id.uuid());
        }
        match completion {
            None => {}
            Some(Completion::At(instant)) => text.instant("completion_date", *instant),
            // A date is that date in every zone, so it is not its midnight.
            Some(Completion::Day(date)) => text.date("completion_date", *date),
        }
        text.nullable("timezone", timezone.as_ref(), |text, name, zone| {
            text.text(name, zone.name());
        });
        text.nullable("local_date", local_date.as_ref(), |text, name, date| {
            text.date(name, *date);
        });
        text.maybe_word("kind", kind.map(EntryKind::as_str));
        text.maybe_number("value", value.map(Quantity::thousandths));
        text.maybe_text("notes", notes.as_ref().map(Notes::as_str));
    }
}

pub(super) const fn boolean(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

pub(super) const fn on_conflict(policy: OnConflict) -> &'static str {
    match policy {
        OnConflict::Reject => "reject",
        OnConflict::Merge => "merge",
        OnConflict::Server => "server",
        OnConflict::Client => "client",
    }
}
