//! `kanso habit`

mod add;
mod archive;
mod delete;
mod edit;
mod list;
mod options;
mod restore;

use kanso_client::domain::habits::Habit;

use crate::arguments::HabitCommand;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::habit_json;

pub(crate) fn run(context: &Context, command: HabitCommand) -> anyhow::Result<Exit> {
    match command {
        HabitCommand::Add { title, options } => add::run(context, title, options),
        HabitCommand::List { all } => list::run(context, all),
        HabitCommand::Edit {
            habit,
            title,
            from,
            options,
        } => edit::run(context, &habit, title, from, *options),
        HabitCommand::Archive { habit } => archive::run(context, &habit, true),
        HabitCommand::Unarchive { habit } => archive::run(context, &habit, false),
        HabitCommand::Delete { habit, yes } => delete::run(context, &habit, yes),
        HabitCommand::Restore { habit } => restore::run(context, &habit),
    }
}

/// Confirms a change of a habit.
fn report(context: &Context, habit: &Habit, what: &str) -> anyhow::Result<Exit> {
    // Read again: the edit returns the record, but not whether it waits. A deleted habit has no view.
    let view = context.client.habit(habit.id)?;
    let is_pending = view.is_some_and(|view| view.is_pending);
    let text = format!("{what} {:?}.", habit.details.title.as_str());
    context.output.done(&habit_json(habit, is_pending), &text)?;
    Ok(Exit::Ok)
}
