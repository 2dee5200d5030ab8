//! `kanso heatmap`

mod grid;

use jiff::civil::Date;
use kanso_client::Journal;
use kanso_client::domain::WeekStart;
use kanso_client::domain::calendar::{DayNumber, days_before, week_begins};
use kanso_client::domain::progress::{CellState, HabitProgress};
use kanso_client::protocol::stats::{HabitCells, HeatmapResponse};
use serde_json::json;

use crate::arguments::{Heatmap, MAX_WEEKS};
use crate::context::Context;
use crate::exit::{Exit, Usage};
use crate::find;
use crate::output::{heading, say};
use crate::words;
use grid::{Grid, legend};

/// Default number of weeks: half a year, which fits with a gap between the weeks.
const DEFAULT_WEEKS: u8 = 26;

/// Range of dates, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    from: Date,
    to: Date,
}

pub(crate) fn run(context: &Context, asked: &Heatmap) -> anyhow::Result<Exit> {
    let habit = match &asked.habit {
        Some(habit) => Some(find::habit(context, habit)?.id),
        None => None,
    };
    let journal = context.journal(habit)?;
    let range = Range::new(asked, journal.today, journal.settings.week_start)?;
    let Range { from, to } = range;
    let cells = |progress: HabitProgress<'_>| HabitCells::new(&progress, from, to);
    let value = json!(HeatmapResponse {
        from: from.to_string(),
        to: to.to_string(),
        habits: journal.all_progress().map(cells).collect(),
    });
    context
        .output
        .data(&value, || as_text(&journal, range, habit.is_some()))?;
    if journal.habits.is_empty() {
        say("No habits. Create one with `kanso habit add TITLE`.");
    }
    Ok(Exit::Ok)
}

impl Range {
    /// Returns the requested range. Without a first day, it has whole weeks.
    fn new(asked: &Heatmap, today: Date, week_start: WeekStart) -> Result<Self, Usage> {
        let to = asked.to.map_or(today, |day| day.date(today));
        let weeks = i32::from(asked.weeks.unwrap_or(DEFAULT_WEEKS));
        let begins = |date| week_begins(DayNumber::of(date), week_start);
        let from = match asked.from {
            Some(day) => day.date(today),
            // The last week counts too, hence `weeks - 1` before it.
            None => days_before(begins(to).date(), (weeks - 1) * 7),
        };
        if to < from {
            return Err(Usage(format!("{to} is before {from}")));
        }
        // Partial weeks at both ends take a column each.
        let weeks = begins(to).days_since(begins(from)) / 7 + 1;
        if i64::from(weeks) > MAX_WEEKS {
            let text = format!("{from} to {to} is {weeks} weeks; at most {MAX_WEEKS} fit");
            return Err(Usage(text));
        }
        Ok(Self { from, to })
    }
}

/// Returns one calendar per habit and the legend.
fn as_text(journal: &Journal, range: Range, is_named: bool) -> String {
    let week_start = journal.settings.week_start;
    let mut parts = Vec::new();
    for progress in journal.all_progress() {
        let cells = progress.cells(range.from, range.to);
        let is_blank = cells.iter().all(|cell| cell.state == CellState::None);
        // Without a name, an archived habit with an empty calendar is left out.
        if is_named || !(is_blank && progress.habit.details.archived_at.is_some()) {
            let grid = Grid::new(&cells, range.from, range.to, week_start);
            parts.push(format!(
                "{}\n{}",
                title(&progress, range),
                grid.draw(progress.habit)
            ));
        }
    }
    if parts.is_empty() {
        return String::new();
    }
    parts.push(legend());
    parts.join("\n\n")
}

fn title(progress: &HabitProgress<'_>, Range { from, to }: Range) -> String {
    let details = &progress.habit.details;
    let about = [
        words::target(progress.habit),
        words::schedule(details.schedule()),
        format!("{from} to {to}"),
    ];
    heading(details.title.as_str(), &about)
}
