//! `kanso today`

use jiff::civil::Date;
use kanso_client::Shown;
use kanso_client::domain::Quantity;
use kanso_client::domain::entries::{Entry, EntryKind};
use kanso_client::domain::habits::{Habit, HabitType, Schedule, TargetDirection};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::Exit;
use crate::output::{entry_json, habit_json, say, strong, table};
use crate::words;

/// A habit and what was recorded for the day.
struct Line {
    habit: Habit,
    is_pending: bool,
    entries: Vec<Shown<Entry>>,
}

pub(crate) fn run(context: &Context) -> anyhow::Result<Exit> {
    let today = context.today()?;
    let mut lines = Vec::new();
    for Shown { record, is_pending } in context.client.habits()? {
        if is_due(&record, today) {
            let entries = context.client.entries(Some(record.id), today, today)?;
            lines.push(Line {
                habit: record,
                is_pending,
                entries,
            });
        }
    }
    let value = json!({
        "date": today.to_string(),
        "habits": lines.iter().map(Line::json).collect::<Vec<_>>(),
    });
    context.output.data(&value, || as_table(today, &lines));
    if lines.is_empty() {
        say("Nothing is due today.");
    }
    Ok(Exit::Ok)
}

/// Whether the day is one of the habit's. A habit that is due on any days of a week or once in a
/// while is due each day.
fn is_due(habit: &Habit, day: Date) -> bool {
    let details = &habit.details;
    let starts = details.start_date.is_none_or(|start| start <= day);
    let lasts = details.end_date.is_none_or(|end| day <= end);
    let is_scheduled = match details.schedule() {
        Schedule::SpecificDays { weekdays } => {
            let number = day.weekday().to_sunday_zero_offset();
            weekdays.contains(u8::try_from(number).unwrap_or_default())
        }
        Schedule::Daily | Schedule::Weekly { .. } | Schedule::Interval { .. } => true,
    };
    details.archived_at.is_none() && starts && lasts && is_scheduled
}

impl Line {
    fn json(&self) -> Value {
        json!({
            "habit": habit_json(&self.habit, self.is_pending),
            "entries": self.entries.iter().map(entry_json).collect::<Vec<_>>(),
            "sum": self.sum().to_f64(),
        })
    }

    fn sum(&self) -> Quantity {
        let values = self.entries.iter().map(|shown| shown.record.details.value);
        let thousandths = values.map(Quantity::thousandths).sum();
        Quantity::from_thousandths(thousandths).unwrap_or(Quantity::MAX)
    }

    /// Done, not done or a day off; of a limit, only what was recorded: the day is not over.
    fn mark(&self) -> &'static str {
        let target = self.habit.details.target();
        let is_skip = |shown: &Shown<Entry>| shown.record.details.kind == EntryKind::Skip;
        match target.direction() {
            TargetDirection::AtLeast if self.sum() >= target.value() => "[x]",
            _ if self.entries.iter().any(is_skip) => "[-]",
            TargetDirection::AtMost if self.sum() > target.value() => "[!]",
            _ => "[ ]",
        }
    }

    fn so_far(&self) -> String {
        match (self.habit.details.target().kind(), self.entries.last()) {
            (_, None) => String::new(),
            (HabitType::Boolean, Some(last)) => words::entry(&self.habit, &last.record),
            (_, Some(_)) => format!("{}{}", self.sum(), words::unit(&self.habit)),
        }
    }
}

fn as_table(today: Date, lines: &[Line]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut table = table(&["", "HABIT", "SO FAR", "TARGET", "DUE"]);
    for line in lines {
        table.add_row([
            line.mark().to_owned(),
            line.habit.details.title.to_string(),
            line.so_far(),
            words::target(&line.habit),
            words::schedule(line.habit.details.schedule()),
        ]);
    }
    format!("{}\n{}", strong(&today.to_string()), table.trim_fmt())
}
