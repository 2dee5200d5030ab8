//! `kanso habit add`

use kanso_client::protocol::Patch;

use super::{options, report};
use crate::arguments::{HabitOptions, Kind};
use crate::context::Context;
use crate::exit::Exit;

pub(super) fn run(
    context: &Context,
    title: String,
    mut options: HabitOptions,
) -> anyhow::Result<Exit> {
    // A target or a unit makes sense only for amounts, so they imply the numeric kind.
    if options.kind.is_none() && (options.target.is_some() || options.unit.is_some()) {
        options.kind = Some(Kind::Numeric);
    }
    let mut members = options::members(options);
    members.title = Patch::Value(title);
    let habit = context.client.create_habit(members)?;
    report(context, &habit, "Created")
}
