//! `kanso habit list`

use kanso_client::View;
use kanso_client::domain::habits::Habit;
use serde_json::Value;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Tone, habit_json, say, table, with_stand_in};
use crate::words;

pub(super) fn run(context: &Context, all: bool) -> anyhow::Result<Exit> {
    let mut habits = context.client.habits()?;
    if !all {
        habits.retain(|view| view.record.details.archived_at.is_none());
    }
    let json = |view: &View<Habit>| {
        with_stand_in(habit_json(&view.record, view.is_pending), view.is_stand_in)
    };
    let value = Value::Array(habits.iter().map(json).collect());
    context.output.data(&value, || as_table(&habits))?;
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
    for View {
        record,
        is_pending,
        is_stand_in,
    } in habits
    {
        let details = &record.details;
        let id = words::short_id(&record.id);
        let mut states = Vec::new();
        if details.archived_at.is_some() {
            states.push("archived");
        }
        if *is_pending {
            states.push("to sync");
        }
        if *is_stand_in {
            states.push("needs a newer kanso");
        }
        table.add_row(
            [
                id,
                details.title.to_string(),
                words::schedule(details.schedule()),
                words::target(record),
                states.join(", "),
            ]
            .map(|text| Tone::Plain.cell(text)),
        );
    }
    table.trim_fmt()
}
