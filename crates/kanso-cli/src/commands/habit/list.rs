//! `kanso habit list`

use kanso_client::View;
use kanso_client::domain::habits::Habit;
use serde_json::Value;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::{habit_json, say, table};
use crate::words;

/// Number of characters of an id in the list. They include the time in the id up to the millisecond,
/// which tells the habits of one user apart.
const ID_WIDTH: usize = 13;

pub(super) fn run(context: &Context, all: bool) -> anyhow::Result<Exit> {
    let mut habits = context.client.habits()?;
    if !all {
        habits.retain(|view| view.record.details.archived_at.is_none());
    }
    let json = |view: &View<Habit>| habit_json(&view.record, view.is_pending);
    let value = Value::Array(habits.iter().map(json).collect());
    context.output.data(&value, || as_table(&habits));
    // On stderr, so that the output of an empty list stays empty.
    if habits.is_empty() {
        let hint = "No habits. Create one with `kanso habit add TITLE`.";
        say(hint);
    }
    Ok(Exit::Ok)
}

fn as_table(habits: &[View<Habit>]) -> String {
    if habits.is_empty() {
        return String::new();
    }
    let mut table = table(&["ID", "HABIT", "DUE", "TARGET", ""]);
    for View { record, is_pending } in habits {
        let details = &record.details;
        let id: String = record.id.to_string().chars().take(ID_WIDTH).collect();
        let mut states = Vec::new();
        if details.archived_at.is_some() {
            states.push("archived");
        }
        if *is_pending {
            states.push("to sync");
        }
        table.add_row([
            id,
            details.title.to_string(),
            words::schedule(details.schedule()),
            words::target(record),
            states.join(", "),
        ]);
    }
    table.trim_fmt()
}
