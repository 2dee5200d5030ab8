//! `kanso habit delete`

use jiff::civil::Date;

use super::report;
use crate::context::Context;
use crate::environment::{can_ask, confirm};
use crate::exit::Exit;
use crate::find;
use crate::words::count;

pub(super) fn run(context: &Context, wanted: &str, yes: bool) -> anyhow::Result<Exit> {
    let habit = find::habit(context, wanted)?;
    // A script is not asked: `kanso undo` and `kanso habit restore` bring the habit back.
    if !yes && can_ask() {
        let entries = context
            .client
            .entries(Some(habit.id), Date::MIN, Date::MAX)?;
        let entries = count(entries.len() as u64, "entry");
        let title = habit.details.title.as_str();
        let question = format!("Delete {title:?} and its {entries}?");
        confirm(&question, yes)?;
    }
    context.client.delete_habit(habit.id)?;
    report(context, &habit, "Deleted")
}
