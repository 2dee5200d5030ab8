//! Statistics of one habit.

use comfy_table::CellAlignment;
use kanso_client::domain::WeekStart;
use kanso_client::domain::habits::{Habit, HabitType, TargetDirection};
use kanso_client::domain::progress::{HabitProgress, Period, PeriodTotal, Streak, totals};
use kanso_client::protocol::stats::HabitStatsResponse;
use serde_json::json;

use super::explain;
use crate::arguments::Stats;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{heading, line, say, strong, table};
use crate::words;

/// Most weeks, months and years that the table lists, each.
const PERIODS: usize = 6;
const BAR_WIDTH: u16 = 20;

pub(super) fn run(context: &Context, habit: &Habit, stats: &Stats) -> anyhow::Result<Exit> {
    let journal = context.journal(Some(habit.id))?;
    let progress = journal.progress(habit);
    // Weeks begin on the day that the account's settings name, as on the server.
    let week_start = journal.settings.week_start;
    let value = json!(HabitStatsResponse::new(
        &progress,
        week_start,
        stats.explain
    ));
    let units = progress.units();
    let shown = explain::shown(&units, stats);
    context.output.data(&value, || {
        let mut parts = vec![title(habit), summary(&progress)];
        if progress.log().first_day().is_some() {
            parts.push(by_weekday(&progress, week_start));
            parts.push(sums(&progress, week_start));
        }
        parts.extend((!shown.is_empty()).then(|| explain::as_table(shown)));
        parts.join("\n\n")
    })?;
    if stats.explain && shown.len() < units.len() && !context.output.is_json() {
        let older = words::count((units.len() - shown.len()) as u64, "older one");
        say(&format!("{older} left out: --all shows everything."));
    }
    Ok(Exit::Ok)
}

fn title(habit: &Habit) -> String {
    let details = &habit.details;
    let about = [
        words::target(habit),
        words::schedule(details.schedule()),
        details.archived_at.map_or("", |_| "archived").to_owned(),
    ];
    heading(details.title.as_str(), &about)
}

fn summary(progress: &HabitProgress<'_>) -> String {
    let rate = progress.overall_rate();
    let rate = match rate.due() {
        0 => "nothing was due yet".to_owned(),
        _ => format!(
            "{}, {} done and {} missed",
            words::percent(rate),
            rate.done,
            rate.missed
        ),
    };
    let strength = match progress.strength() {
        None => "nothing recorded yet".to_owned(),
        Some(strength) => {
            let bar = words::bar(strength, BAR_WIDTH);
            format!("{:.0} %  {bar}", strength * 100.0)
        }
    };
    let lines = [
        line("Streak", &streak(progress)),
        line("Rate", &rate),
        line("Strength", &strength),
    ];
    lines.join("\n")
}

fn streak(progress: &HabitProgress<'_>) -> String {
    let Streak {
        current,
        longest,
        unit,
        since,
        at_risk_until,
    } = progress.streak();
    let longest = match longest {
        0 => return "none yet".to_owned(),
        longest => format!("longest {}", words::streak(longest, unit)),
    };
    let Some(since) = since else {
        return format!("none, {longest}");
    };
    let now = format!("{} since {since}, {longest}", words::streak(current, unit));
    // A day without an entry keeps a limit, so its streak is not at risk.
    let is_limit = progress.habit.details.target().direction() == TargetDirection::AtMost;
    match at_risk_until {
        Some(day) if !is_limit && day == progress.today() => {
            format!("{now}\n{}", line("", "ends unless it is done today"))
        }
        Some(day) if !is_limit => {
            let text = format!("ends unless it is done by {day}");
            format!("{now}\n{}", line("", &text))
        }
        _ => now,
    }
}

/// Returns a chart of the days with a met target, by day of the week.
fn by_weekday(progress: &HabitProgress<'_>, week_start: WeekStart) -> String {
    let days = progress.done_by_weekday();
    // At least 1, so that a habit without a met target does not divide by zero.
    let most = f64::from(days.into_iter().max().unwrap_or_default().max(1));
    let lines = words::days_of_week(week_start).map(|day| {
        let done = days.get(day).copied().unwrap_or_default();
        let bar = words::bar(f64::from(done) / most, BAR_WIDTH);
        format!("{}  {bar} {done:>4}", words::day_name(day))
    });
    let lines: Vec<String> = lines.collect();
    format!("{}\n{}", strong("Days done"), lines.join("\n"))
}

/// Returns a table of the newest weeks, months and years: sums of amounts and numbers of days.
fn sums(progress: &HabitProgress<'_>, week_start: WeekStart) -> String {
    let is_tick = progress.habit.details.target().kind() == HabitType::Boolean;
    let columns = [
        ("WEEK OF", Period::Week(week_start), "%Y-%m-%d"),
        ("MONTH", Period::Month, "%Y-%m"),
        ("YEAR", Period::Year, "%Y"),
    ];
    let mut header = Vec::new();
    let mut groups = Vec::new();
    for (name, period, format) in columns {
        let sum = (!is_tick).then_some("SUM");
        header.extend([name].into_iter().chain(sum).chain(["DAYS"]));
        let newest_first = totals(progress.log(), period).into_iter().rev();
        let cells = |total: PeriodTotal| {
            let sum = (!is_tick).then(|| words::quantity(total.sum).to_string());
            let name = total.first_day.strftime(format).to_string();
            let days = total.ticked_days.to_string();
            [name].into_iter().chain(sum).chain([days]).collect()
        };
        let rows: Vec<Vec<String>> = newest_first.map(cells).take(PERIODS).collect();
        groups.push(rows);
    }
    // The three groups stand side by side and have different lengths; missing cells are blank.
    let width = header.len() / groups.len();
    let mut table = table(&header);
    for row in 0..groups.iter().map(Vec::len).max().unwrap_or_default() {
        let cells = groups.iter().flat_map(|group| match group.get(row) {
            Some(cells) => cells.clone(),
            None => vec![String::new(); width],
        });
        table.add_row(cells);
    }
    for (place, column) in table.column_iter_mut().enumerate() {
        if place % width > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let unit = words::unit(progress.habit);
    let name = if unit.is_empty() { "" } else { " in" };
    format!(
        "{}\n{}",
        strong(&format!("Recorded{name}{unit}")),
        table.trim_fmt()
    )
}
