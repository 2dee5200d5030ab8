//! `kanso habit archive` and `kanso habit unarchive`

use super::report;
use crate::context::Context;
use crate::exit::Exit;
use crate::find;

pub(super) fn run(context: &Context, wanted: &str, archived: bool) -> anyhow::Result<Exit> {
    let habit = find::habit(context, wanted)?;
    let habit = context.client.archive_habit(habit.id, archived)?;
    let what = if archived { "Archived" } else { "Unarchived" };
    report(context, &habit, what)
}
