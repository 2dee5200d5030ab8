//! `kanso undo`

use kanso_client::domain::habits::Habit;
use kanso_client::domain::{HabitId, Record};
use kanso_client::{EditError, UndoError, UndoScope, Undone, View};
use serde_json::{Value, json};

use crate::arguments::Undo;
use crate::context::Context;
use crate::escape;
use crate::exit::{Exit, Usage};
use crate::find;
use crate::output::{entry_json, habit_json};
use crate::words;

pub(crate) fn run(context: &Context, undo: &Undo) -> anyhow::Result<Exit> {
    let habit = match &undo.habit {
        // Also of a habit that was just deleted.
        Some(wanted) => Some(find::habit_or_deleted(context, wanted)?),
        None => None,
    };
    let day = undo.on.map(|day| context.day(Some(day))).transpose()?;
    let scope = UndoScope {
        habit: habit.as_ref().map(|habit| habit.id),
        day,
    };
    match context.client.undo(scope) {
        Ok(undone) => report(context, &undone),
        // A named day may have entries that were made on another device, or long ago.
        Err(UndoError::Nothing) if habit.is_some() && day.is_some() => delete_last(context, undo),
        Err(error @ (UndoError::Nothing | UndoError::TooLongAgo { .. })) => {
            let how = "`kanso log` lists the entries, `kanso entry` changes them";
            Err(Usage(format!("{error}; {how}")).into())
        }
        Err(UndoError::Edit(EditError::Replica(error))) => Err(error.into()),
        Err(error) => Err(error.into()),
    }
}

/// Deletes the last entry of the named habit and day.
fn delete_last(context: &Context, undo: &Undo) -> anyhow::Result<Exit> {
    let habit = find::habit(context, undo.habit.as_deref().unwrap_or_default())?;
    let day = context.day(undo.on)?;
    let title = habit.details.title.as_str();
    let mut entries = context.client.entries(Some(habit.id), day, day)?;
    // Entries are in the order of their instants, so the last one is the newest.
    let Some(last) = entries.pop() else {
        return Err(Usage(format!("{title:?} has no entry on {day}")).into());
    };
    context.client.delete_entry(last.record.id)?;
    let what = words::entry(&habit, &last.record);
    let title = escape::plain(title);
    let text = format!("{title}, {day}: deleted the entry {what:?}.");
    let value = json!({"undone": [{"what": "created", "record": entry_json(&last)}]});
    context.output.done(&value, &text)?;
    Ok(Exit::Ok)
}

fn report(context: &Context, undone: &[Undone]) -> anyhow::Result<Exit> {
    let mut values = Vec::new();
    let mut lines = Vec::new();
    for one in undone {
        let what = match (&one.before, &one.after) {
            (_, None) => "created",
            (None, Some(_)) => "deleted",
            (Some(_), Some(_)) => "changed",
        };
        let Some(record) = one.after.as_ref().or(one.before.as_ref()) else {
            continue;
        };
        values.push(json!({"what": what, "record": as_json(context, record)?}));
        lines.push(as_text(context, one, record)?);
    }
    let text = lines.join("\n");
    context.output.done(&json!({"undone": values}), &text)?;
    Ok(Exit::Ok)
}

fn as_json(context: &Context, record: &Record) -> anyhow::Result<Value> {
    Ok(match record {
        Record::Habit(habit) => {
            let view = context.client.habit(habit.id)?;
            habit_json(habit, view.is_some_and(|view| view.is_pending))
        }
        Record::Entry(entry) => {
            let view = context.client.entry(entry.id)?;
            let is_pending = view.is_some_and(|view| view.is_pending);
            entry_json(&View {
                record: entry.clone(),
                is_pending,
                is_stand_in: false,
            })
        }
    })
}

fn as_text(context: &Context, undone: &Undone, record: &Record) -> anyhow::Result<String> {
    let (is_gone, is_back) = (undone.after.is_none(), undone.before.is_none());
    let entry = match record {
        Record::Habit(habit) => {
            let title = habit.details.title.as_str();
            return Ok(match (is_gone, is_back) {
                (true, _) => format!("Undone: {title:?} is deleted again."),
                (_, true) => format!("Undone: {title:?} is back."),
                _ => format!("Undone: {title:?} is as before."),
            });
        }
        Record::Entry(entry) => entry,
    };
    let day = entry.details.local_date;
    let Some(habit) = habit_of(context, entry.details.habit_id)? else {
        return Ok(format!("Undone: an entry of {day}."));
    };
    let title = escape::plain(habit.details.title.as_str());
    let what = words::entry(&habit, entry);
    Ok(match (is_gone, is_back) {
        (true, _) => format!("{title}, {day}: deleted the entry {what:?}."),
        (_, true) => format!("{title}, {day}: the entry {what:?} is back."),
        _ => format!("{title}, {day}: the entry is {what:?} again."),
    })
}

fn habit_of(context: &Context, id: HabitId) -> anyhow::Result<Option<Habit>> {
    Ok(context.client.habit(id)?.map(|view| view.record))
}
