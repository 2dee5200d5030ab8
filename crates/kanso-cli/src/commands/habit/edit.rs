//! `kanso habit edit`

use kanso_client::protocol::Patch;
use kanso_client::protocol::habits::HabitMembers;

use super::{options, report};
use crate::arguments::HabitOptions;
use crate::context::Context;
use crate::exit::{Exit, Usage};
use crate::find;
use crate::words::FirstApplied;

pub(super) fn run(
    context: &Context,
    wanted: &str,
    title: Option<String>,
    from: Option<FirstApplied>,
    options: HabitOptions,
) -> anyhow::Result<Exit> {
    let mut members = options::members(options);
    members.title = Patch::optional(title);
    // An edit without options would succeed without doing anything, which hides a typing error.
    if members == HabitMembers::default() {
        let how = "nothing to change; `kanso habit edit --help` lists the options";
        return Err(Usage(how.to_owned()).into());
    }
    members.effective_from = match from {
        None => Patch::Absent,
        Some(FirstApplied::Start) => Patch::Value("start".to_owned()),
        Some(FirstApplied::Day(day)) => Patch::Value(day.date(context.today()?).to_string()),
    };
    let habit = find::habit(context, wanted)?;
    let habit = context.client.update_habit(habit.id, members)?;
    report(context, &habit, "Changed")
}
