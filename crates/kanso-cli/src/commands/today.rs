//! `kanso today`

use std::collections::BTreeMap;

use jiff::civil::Date;
use kanso_client::domain::HabitId;
use kanso_client::domain::entries::Entry;
use kanso_client::domain::habits::{Habit, HabitType};
use kanso_client::domain::progress::{TodayState, TodayStatus};
use kanso_client::protocol::stats::StreakRecord;
use kanso_client::{TodayHabit, View};
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Tone, entry_json, habit_json, say, strong, table};
use crate::words;

/// A line of the list: a habit, its state today, and its entries of the day.
struct Line<'a> {
    habit: &'a Habit,
    is_pending: bool,
    status: TodayStatus,
    entries: Vec<View<Entry>>,
}

pub(crate) fn run(context: &Context) -> anyhow::Result<Exit> {
    let list = context.client.today_list(context.zone.as_ref())?;
    let today = list.today;
    // One query for all habits, not one per habit.
    let mut entries = entries_by_habit(context, today)?;
    let mut lines = Vec::new();
    for TodayHabit {
        habit: View {
            record, is_pending, ..
        },
        status,
    } in &list.habits
    {
        // A habit that was done without being due has another state than `NotDue`, so it is shown.
        if record.details.archived_at.is_none() && status.state != TodayState::NotDue {
            lines.push(Line {
                habit: record,
                is_pending: *is_pending,
                status: *status,
                entries: entries.remove(&record.id).unwrap_or_default(),
            });
        }
    }
    let value = json!({
        "date": today.to_string(),
        "habits": lines.iter().map(Line::json).collect::<Vec<_>>(),
    });
    context.output.data(&value, || as_table(today, &lines))?;
    if lines.is_empty() {
        say("Nothing is due today.");
    }
    context.remark_on_zone()?;
    Ok(Exit::Ok)
}

fn entries_by_habit(
    context: &Context,
    day: Date,
) -> anyhow::Result<BTreeMap<HabitId, Vec<View<Entry>>>> {
    let mut entries: BTreeMap<HabitId, Vec<View<Entry>>> = BTreeMap::new();
    for view in context.client.entries(None, day, day)? {
        let habit = view.record.details.habit_id;
        entries.entry(habit).or_default().push(view);
    }
    Ok(entries)
}

impl Line<'_> {
    fn json(&self) -> Value {
        let status = &self.status;
        json!({
            "habit": habit_json(self.habit, self.is_pending),
            "entries": self.entries.iter().map(entry_json).collect::<Vec<_>>(),
            "sum": words::quantity(status.value).to_f64(),
            "state": status.state.as_str(),
            "streak": StreakRecord::from(status.streak),
            "at_risk": status.is_at_risk,
        })
    }

    const fn mark(&self) -> (&'static str, Tone) {
        match self.status.state {
            TodayState::Done => ("[x]", Tone::Good),
            TodayState::Pending | TodayState::NotDue => ("[ ]", Tone::Plain),
            TodayState::Within => ("[~]", Tone::Good),
            TodayState::Exceeded => ("[!]", Tone::Bad),
            TodayState::Skip => ("[-]", Tone::Rest),
        }
    }

    fn so_far(&self) -> String {
        let kind = self.habit.details.target().kind();
        match (self.status.state, kind, self.entries.last()) {
            (_, _, None) => String::new(),
            (TodayState::Skip, ..) => "skipped".to_owned(),
            (_, HabitType::Boolean, Some(last)) => words::entry(self.habit, &last.record),
            (_, _, Some(_)) => {
                let sum = words::quantity(self.status.value);
                format!("{sum}{}", words::unit(self.habit))
            }
        }
    }

    fn streak(&self) -> (String, Tone) {
        let streak = self.status.streak;
        let count = words::streak(streak.current, streak.unit);
        match (streak.current, self.status.is_at_risk) {
            (0, _) => (String::new(), Tone::Plain),
            // An early warning: the streak ends at the end of the user's day.
            (_, true) => (format!("{count}, ends today"), Tone::Half),
            (_, false) => (count, Tone::Plain),
        }
    }
}

fn as_table(today: Date, lines: &[Line<'_>]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut table = table(&["", "HABIT", "SO FAR", "TARGET", "STREAK", "DUE"]);
    for line in lines {
        let (mark, tone) = line.mark();
        let (streak, streak_tone) = line.streak();
        table.add_row([
            tone.cell(mark),
            Tone::Plain.cell(&line.habit.details.title),
            Tone::Plain.cell(line.so_far()),
            Tone::Plain.cell(words::target(line.habit)),
            streak_tone.cell(streak),
            Tone::Faint.cell(words::schedule(line.habit.details.schedule())),
        ]);
    }
    format!("{}\n{}", strong(&words::long_date(today)), table.trim_fmt())
}
