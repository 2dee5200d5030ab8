//! `kanso habit restore`

use super::report;
use crate::context::Context;
use crate::exit::Exit;
use crate::find;

pub(super) fn run(context: &Context, wanted: &str) -> anyhow::Result<Exit> {
    let habit = find::deleted_habit(context, wanted)?;
    let habit = context.client.revive_habit(habit.id)?;
    report(context, &habit, "Restored")
}
