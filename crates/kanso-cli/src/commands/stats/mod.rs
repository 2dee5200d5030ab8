//! `kanso stats`

mod explain;
mod habit;
mod overview;

use crate::arguments::Stats;
use crate::context::Context;
use crate::exit::Exit;
use crate::find;

pub(crate) fn run(context: &Context, stats: &Stats) -> anyhow::Result<Exit> {
    match &stats.habit {
        None => overview::run(context),
        Some(habit) => habit::run(context, &find::habit(context, habit)?, stats),
    }
}
