//! `kanso entry`

use jiff::civil::Date;
use kanso_client::View;
use kanso_client::domain::entries::Entry;
use kanso_client::domain::habits::{Habit, HabitType};
use kanso_client::protocol::Patch;
use kanso_client::protocol::entries::{EntryKind, EntryMembers};

use crate::arguments::{EntryChange, EntryCommand, EntryName};
use crate::context::Context;
use crate::escape;
use crate::exit::{Exit, Usage};
use crate::find;
use crate::output::entry_json;
use crate::words::{self, NoneOr};

pub(crate) fn run(context: &Context, command: EntryCommand) -> anyhow::Result<Exit> {
    match command {
        EntryCommand::Edit { name, change } => edit(context, &name, change),
        EntryCommand::Delete { name } => delete(context, &name),
    }
}

fn edit(context: &Context, name: &EntryName, change: EntryChange) -> anyhow::Result<Exit> {
    let (habit, day, found) = named(context, name)?;
    let is_ticked = habit.details.target().kind() == HabitType::Boolean;
    let mut members = EntryMembers {
        notes: match change.note {
            None => Patch::Absent,
            Some(NoneOr::None) => Patch::Value(String::new()),
            Some(NoneOr::Value(note)) => Patch::Value(note),
        },
        ..EntryMembers::default()
    };
    if change.skip {
        members.kind = Patch::Value(EntryKind::Skip);
        members.value = Patch::Value(0.0);
    } else if let Some(value) = change.value {
        members.kind = Patch::Value(EntryKind::Value);
        members.value = Patch::Value(value.to_f64());
    } else if change.done {
        if !is_ticked {
            let how = "--done is for habits without an amount; name the amount instead";
            return Err(Usage(how.to_owned()).into());
        }
        members.kind = Patch::Value(EntryKind::Value);
        members.value = Patch::Value(1.0);
    }
    if let Some(to) = change.to {
        let to = to.date(context.today()?).to_string();
        members.completion_date = Patch::Value(to.clone());
        members.local_date = Patch::Value(to);
    }
    if members == EntryMembers::default() {
        let how = "nothing to change; `kanso entry edit --help` lists the options";
        return Err(Usage(how.to_owned()).into());
    }
    let entry = context.client.update_entry(found.record.id, members)?;
    let what = words::entry(&habit, &entry);
    let title = escape::plain(habit.details.title.as_str());
    let new_day = entry.details.local_date;
    let text = if new_day == day {
        format!("{title}, {day}: {what}.")
    } else {
        format!("{title}, {day}: moved to {new_day}, {what}.")
    };
    if let Some(shown) = context.client.entry(entry.id)? {
        context.output.done(&entry_json(&shown), &text)?;
    }
    Ok(Exit::Ok)
}

fn delete(context: &Context, name: &EntryName) -> anyhow::Result<Exit> {
    let (habit, day, found) = named(context, name)?;
    context.client.delete_entry(found.record.id)?;
    let what = words::entry(&habit, &found.record);
    let title = escape::plain(habit.details.title.as_str());
    let text = format!("{title}, {day}: deleted the entry {what:?}. `kanso undo` brings it back.");
    context.output.done(&entry_json(&found), &text)?;
    Ok(Exit::Ok)
}

/// Returns the entry that the command line names, with its habit and its day.
fn named(context: &Context, name: &EntryName) -> anyhow::Result<(Habit, Date, View<Entry>)> {
    let habit = find::habit(context, &name.habit)?;
    let title = habit.details.title.as_str();
    let day = name.day.date(context.today()?);
    let mut entries = context.client.entries(Some(habit.id), day, day)?;
    if let Some(id) = &name.id {
        let id = id.to_lowercase();
        entries.retain(|view| view.record.id.to_string().starts_with(&id));
    }
    match entries.as_slice() {
        [one] => Ok((habit.clone(), day, one.clone())),
        [] => Err(Usage(format!("{title:?} has no such entry on {day}")).into()),
        several => {
            let lines = several.iter().map(|view| {
                let what = words::entry(&habit, &view.record);
                let note = escape::plain(view.record.details.notes.as_str());
                format!("\n  --id {}  {what}  {note}", view.record.id)
            });
            let lines: String = lines.collect();
            let text = format!("{title:?} has several entries on {day}; name one of them:{lines}");
            Err(Usage(text).into())
        }
    }
}
