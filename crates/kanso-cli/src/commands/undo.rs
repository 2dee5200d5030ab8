//! `kanso undo`

use crate::arguments::Undo;
use crate::context::Context;
use crate::exit::{Exit, Usage};
use crate::find;
use crate::output::entry_json;
use crate::words;

pub(crate) fn run(context: &Context, undo: &Undo) -> anyhow::Result<Exit> {
    let habit = find::habit(context, &undo.habit)?;
    let day = context.day(undo.on)?;
    let title = habit.details.title.as_str();
    let mut entries = context.client.entries(Some(habit.id), day, day)?;
    // Entries are in the order of their instants, so the last one is the newest.
    let Some(last) = entries.pop() else {
        return Err(Usage(format!("{title:?} has no entry on {day}")).into());
    };
    context.client.delete_entry(last.record.id)?;
    let what = words::entry(&habit, &last.record);
    let text = format!("{title}, {day}: deleted the entry {what:?}.");
    context.output.done(&entry_json(&last), &text);
    Ok(Exit::Ok)
}
