//! `kanso done`

use jiff::civil::Date;
use kanso_client::domain::entries::Entry;
use kanso_client::domain::habits::{Habit, HabitType};
use kanso_client::protocol::Patch;
use kanso_client::protocol::entries::{EntryKind, EntryMembers};

use crate::arguments::Done;
use crate::context::Context;
use crate::escape;
use crate::exit::{Exit, Usage};
use crate::find;
use crate::output::entry_json;
use crate::words;

pub(crate) fn run(context: &Context, done: &Done) -> anyhow::Result<Exit> {
    let habit = find::habit(context, &done.habit)?;
    let is_ticked = habit.details.target().kind() == HabitType::Boolean;
    if !is_ticked && !done.skip && done.value.is_none() {
        let title = habit.details.title.as_str();
        let how = format!("an amount is needed: kanso done {title:?} AMOUNT");
        return Err(Usage(how).into());
    }
    let day = context.day(done.on)?;
    // A boolean habit and a day off have one entry per day, so a second `done` updates it. Amounts
    // add up, so each `done` is an entry of its own.
    let replaced = if is_ticked || done.skip {
        context.client.entries(Some(habit.id), day, day)?.pop()
    } else {
        None
    };
    let entry = if let Some(shown) = replaced {
        let members = members(done, is_ticked);
        context.client.update_entry(shown.record.id, members)?
    } else {
        let members = new(context, &habit, done, is_ticked)?;
        context.client.create_entry(members)?
    };
    report(context, &habit, &entry, day)
}

/// Returns the members that the command line sets.
fn members(done: &Done, is_ticked: bool) -> EntryMembers {
    let (kind, value) = match (done.skip, done.value) {
        (true, _) => (EntryKind::Skip, Some(0.0)),
        (false, Some(value)) => (EntryKind::Value, Some(value.to_f64())),
        (false, None) => (EntryKind::Value, is_ticked.then_some(1.0)),
    };
    EntryMembers {
        kind: Patch::Value(kind),
        value: Patch::optional(value),
        notes: Patch::optional(done.note.clone()),
        ..EntryMembers::default()
    }
}

fn new(
    context: &Context,
    habit: &Habit,
    done: &Done,
    is_ticked: bool,
) -> anyhow::Result<EntryMembers> {
    let local_date = match done.on {
        None => None,
        Some(_) => Some(context.day(done.on)?.to_string()),
    };
    let now = || context.client.now().to_string();
    // With `--on` the entry is a date without a time, so it stays on this day in every zone. Without
    // it the entry has the current instant.
    let completion = local_date.clone().unwrap_or_else(now);
    Ok(EntryMembers {
        habit_id: Patch::Value(habit.id.to_string()),
        completion_date: Patch::Value(completion),
        // The entry keeps the user's present zone: its day must not depend on the zone of a reader.
        timezone: Patch::Value(context.zone()?.to_string()),
        local_date: Patch::optional(local_date),
        ..members(done, is_ticked)
    })
}

fn report(context: &Context, habit: &Habit, entry: &Entry, day: Date) -> anyhow::Result<Exit> {
    let title = habit.details.title.as_str();
    let what = words::entry(habit, entry);
    if let Some(shown) = context.client.entry(entry.id)? {
        let title = escape::plain(title);
        let text = format!("{title}, {day}: {what}.");
        context.output.done(&entry_json(&shown), &text)?;
    }
    Ok(Exit::Ok)
}
