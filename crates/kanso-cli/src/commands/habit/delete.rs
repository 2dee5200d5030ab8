//! `kanso habit delete`

use super::report;
use crate::context::Context;
use crate::exit::Exit;
use crate::find;

pub(super) fn run(context: &Context, wanted: &str) -> anyhow::Result<Exit> {
    let habit = find::habit(context, wanted)?;
    context.client.delete_habit(habit.id)?;
    report(context, &habit, "Deleted")
}
