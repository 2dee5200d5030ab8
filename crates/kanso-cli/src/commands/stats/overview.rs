//! Statistics of all habits, one line each.

use comfy_table::CellAlignment;
use kanso_client::domain::progress::{HabitProgress, Rate, Streak};
use kanso_client::protocol::stats::{HabitGlanceRecord, OverviewResponse, RateRecord};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Tone, say, table};
use crate::words;

/// Periods of the rates, today included.
const RECENT: [(&str, i32); 2] = [("last_7_days", 7), ("last_30_days", 30)];
const BAR_WIDTH: u16 = 5;

pub(super) fn run(context: &Context) -> anyhow::Result<Exit> {
    let journal = context.journal(None)?;
    let habits: Vec<HabitProgress<'_>> = journal
        .all_progress()
        // Archived habits would only lower the overall rates.
        .filter(|progress| progress.habit.details.archived_at.is_none())
        .collect();
    context
        .output
        .data(&as_json(&habits), || as_table(&habits))?;
    if habits.is_empty() {
        say("No habits. Create one with `kanso habit add TITLE`.");
    }
    Ok(Exit::Ok)
}

fn overall(habits: &[HabitProgress<'_>], days: i32) -> Rate {
    habits.iter().map(|habit| habit.recent_rate(days)).sum()
}

/// Returns the server's response, with the rates of each habit added.
fn as_json(habits: &[HabitProgress<'_>]) -> Value {
    // The server's response type, so that scripts read the same members from both.
    let mut value = json!(OverviewResponse {
        total_habits: habits.len(),
        last_7_days: overall(habits, 7).into(),
        last_30_days: overall(habits, 30).into(),
        habits: habits.iter().map(HabitGlanceRecord::new).collect(),
    });
    let glances = value["habits"].as_array_mut().into_iter().flatten();
    for (glance, habit) in glances.zip(habits) {
        for (name, days) in RECENT {
            glance[name] = json!(RateRecord::from(habit.recent_rate(days)));
        }
    }
    value
}

fn as_table(habits: &[HabitProgress<'_>]) -> String {
    if habits.is_empty() {
        return String::new();
    }
    let mut table = table(&[
        "HABIT", "STREAK", "LONGEST", "7 DAYS", "", "30 DAYS", "", "STRENGTH",
    ]);
    for habit in habits {
        let standing = habit.today_status();
        let streak = standing.streak;
        let tone = if standing.is_at_risk {
            Tone::Half
        } else {
            Tone::Plain
        };
        let mut row = vec![
            Tone::Plain.cell(&habit.habit.details.title),
            tone.cell(current(streak)),
            Tone::Plain.cell(streak.longest),
        ];
        row.extend(rates(|days| habit.recent_rate(days)));
        row.push(Tone::Plain.cell(strength(habit.strength())));
        table.add_row(row);
    }
    if habits.len() > 1 {
        let mut row = vec![
            Tone::Faint.cell("all"),
            Tone::Plain.cell(""),
            Tone::Plain.cell(""),
        ];
        row.extend(rates(|days| overall(habits, days)));
        table.add_row(row);
    }
    // The numeric columns; names and bars stay aligned to the left.
    for column in 2..7 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

fn rates(rate: impl Fn(i32) -> Rate) -> impl Iterator<Item = comfy_table::Cell> {
    RECENT.into_iter().flat_map(move |(_, days)| {
        let rate = rate(days);
        let fraction = match rate.due() {
            0 => String::new(),
            due => format!("{}/{due}", rate.done),
        };
        [
            Tone::Plain.cell(fraction),
            Tone::Plain.cell(words::percent(rate)),
        ]
    })
}

fn current(streak: Streak) -> String {
    match streak.current {
        0 => "none".to_owned(),
        current => words::streak(current, streak.unit),
    }
}

fn strength(strength: Option<f64>) -> String {
    strength.map_or_else(String::new, |strength| {
        format!(
            "{} {:.0} %",
            words::bar(strength, BAR_WIDTH),
            strength * 100.0
        )
    })
}
