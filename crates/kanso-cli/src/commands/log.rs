//! `kanso log`

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use kanso_client::View;
use kanso_client::domain::HabitId;
use kanso_client::domain::entries::Entry;
use kanso_client::domain::habits::Habit;
use serde_json::Value;

use crate::arguments::Log;
use crate::context::Context;
use crate::exit::{Exit, Usage};
use crate::find;
use crate::output::{Tone, entry_json, say, table};
use crate::words;

/// Number of days that are listed if the command line names none.
const DAYS: i32 = 30;

pub(crate) fn run(context: &Context, asked: &Log) -> anyhow::Result<Exit> {
    let habit = match &asked.habit {
        Some(wanted) => Some(find::habit(context, wanted)?.id),
        None => None,
    };
    let today = context.today()?;
    let (from, to) = days(asked, today)?;
    let mut entries = context.client.entries(habit, from, to)?;
    // The newest day first, as it is the one that a user looks for.
    entries.reverse();
    let habits = context.client.habits()?.into_iter();
    let habits: BTreeMap<HabitId, Habit> =
        habits.map(|view| (view.record.id, view.record)).collect();
    let value = Value::Array(entries.iter().map(|view| as_json(view, &habits)).collect());
    context
        .output
        .data(&value, || as_table(&entries, &habits))?;
    if entries.is_empty() {
        say(&format!("No entries from {from} to {to}."));
    }
    Ok(Exit::Ok)
}

/// Returns the first and the last day to list.
fn days(asked: &Log, today: Date) -> Result<(Date, Date), Usage> {
    if let Some(day) = asked.on {
        let day = day.date(today);
        return Ok((day, day));
    }
    // Without a last day, days to come are listed too: an entry can be made ahead.
    let to = asked.to.map_or(Date::MAX, |day| day.date(today));
    let newest = to.min(today);
    let days = asked.days.map_or(DAYS, i32::from);
    let from = match asked.from {
        Some(day) => day.date(today),
        None => newest.checked_sub((days - 1).days()).unwrap_or(Date::MIN),
    };
    if to < from {
        return Err(Usage(format!("{to} is before {from}")));
    }
    Ok((from, to))
}

fn as_json(view: &View<Entry>, habits: &BTreeMap<HabitId, Habit>) -> Value {
    let mut value = entry_json(view);
    if let (Some(members), Some(habit)) = (
        value.as_object_mut(),
        habits.get(&view.record.details.habit_id),
    ) {
        let title = habit.details.title.to_string();
        members.insert("habit".to_owned(), Value::from(title));
    }
    value
}

fn as_table(entries: &[View<Entry>], habits: &BTreeMap<HabitId, Habit>) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let mut table = table(&["DATE", "HABIT", "WHAT", "NOTE", "ID"]);
    for View { record, .. } in entries {
        let details = &record.details;
        let habit = habits.get(&details.habit_id);
        let title = habit.map_or("", |habit| habit.details.title.as_str());
        let what = habit.map_or_else(String::new, |habit| words::entry(habit, record));
        table.add_row([
            Tone::Plain.cell(details.local_date),
            Tone::Plain.cell(title),
            Tone::Plain.cell(what),
            Tone::Plain.cell(&details.notes),
            Tone::Faint.cell(words::short_id(&record.id)),
        ]);
    }
    table.trim_fmt()
}
