//! Kinds about streaks, scores and totals.

use jiff::ToSpan as _;
use jiff::civil::Date;
use kanso_domain::Quantity;
use kanso_domain::entries::EntryKind;
use kanso_domain::habits::{HabitType, Schedule, Target, TargetDirection, TargetFields};
use kanso_domain::progress::{
    Pace, Period, PeriodTotal, UnitState, rate, strength, strength_step, totals, units,
};
use serde_json::Value;

use super::{Answer, close, expected, list, number, parse, same, text};
use crate::support::{Habit, every, target, weekdays};

pub(super) fn answer(kind: &str, vector: &Value) -> Option<Answer> {
    Some(match kind {
        "streak" | "current_streak" => streak(vector),
        "best_streaks" => best_streaks(vector),
        "gap_days" => gap_days(vector),
        "completed_today" => completed_today(vector),
        "next_due_dates" => next_due_dates(vector),
        "score_step" => score_step(vector),
        "score_series" => score_series(vector),
        "score_today" => score_today(vector),
        "grouped_sum" => grouped(vector, |total| total.sum / 1_000),
        "grouped_count" => grouped(vector, |total| i64::from(total.ticked_days)),
        "weekly_stats" => weekly_stats(vector),
        _ => return None,
    })
}

fn today(vector: &Value) -> Date {
    parse(&vector["today"])
}

fn schedule(frequency: &Value) -> Schedule {
    if let Some(days) = frequency["interval_days"].as_u64() {
        every(u16::try_from(days).expect("days"))
    } else if frequency["weekdays"] == "all" {
        weekdays(&[0, 1, 2, 3, 4, 5, 6])
    } else if let Some(names) = frequency["weekdays"].as_array() {
        let numbers = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
            .into_iter()
            .zip(0_u8..);
        let chosen = numbers.filter(|(name, _)| names.iter().any(|given| given == name));
        weekdays(&chosen.map(|(_, number)| number).collect::<Vec<_>>())
    } else {
        Schedule::Daily
    }
}

fn pace(frequency: &Value) -> Pace {
    let part = |name: &str| frequency[name].as_u64().and_then(|n| u32::try_from(n).ok());
    Pace {
        times: part("times").unwrap_or(1),
        days: part("days").unwrap_or(1),
    }
}

fn target_of(habit: &Value) -> Target {
    if habit["type"] != "numeric" {
        return Target::TICK;
    }
    let direction = match habit["target_type"].as_str() {
        Some("at_most") => TargetDirection::AtMost,
        _ => TargetDirection::AtLeast,
    };
    target(TargetFields {
        kind: Some(HabitType::Numeric),
        value: Some(quantity(&habit["target"])),
        direction: Some(direction),
    })
}

fn quantity(value: &Value) -> Quantity {
    Quantity::from_f64(number(value)).expect("an amount")
}

/// Returns a habit with the entries of the vector, created on the first of their days or on its
/// last.
fn habit(vector: &Value) -> Habit {
    let mut habit = Habit::new(schedule(&vector["frequency"])).created(today(vector));
    habit.target = target_of(&vector["habit"]);
    habit.entries = entries(vector);
    habit
}

fn entries(vector: &Value) -> Vec<(Date, EntryKind, Quantity)> {
    if let Some(rule) = vector["entries"]["generate"].as_str() {
        return generated(rule, today(vector));
    }
    let entries = vector["entries"].as_array().map_or(&[][..], Vec::as_slice);
    entries.iter().filter_map(entry).collect()
}

fn entry(entry: &Value) -> Option<(Date, EntryKind, Quantity)> {
    if entry.is_string() {
        return Some((parse(entry), EntryKind::Value, Quantity::ONE));
    }
    let date = parse(&entry["date"]);
    match entry["state"].as_str() {
        Some("yes") => Some((date, EntryKind::Value, Quantity::ONE)),
        Some("skip") => Some((date, EntryKind::Skip, Quantity::ZERO)),
        Some(_) => None,
        None => Some((date, EntryKind::Value, quantity(&entry["value"]))),
    }
}

/// Returns the entries that a rule describes.
fn generated(rule: &str, today: Date) -> Vec<(Date, EntryKind, Quantity)> {
    let ago = |days: i64| today.saturating_sub(days.days());
    let ticks = |days: Vec<i64>| {
        days.into_iter()
            .map(|days| (ago(days), EntryKind::Value, Quantity::ONE))
            .collect()
    };
    match rule {
        "for k in 0..99: yes at today-7k and today-7k-1" => {
            ticks((0..=99).flat_map(|k| [7 * k, 7 * k + 1]).collect())
        }
        "for k in 0..99: yes at today-14k and today-14k-13" => {
            ticks((0..=99).flat_map(|k| [14 * k, 14 * k + 13]).collect())
        }
        "yes at today-0..today-89" => ticks((0..=89).collect()),
        _ => {
            let amount = rule
                .strip_suffix(" a day for 500 days")
                .expect("a known rule");
            let amount: Quantity = amount.parse().expect("an amount");
            (0..500)
                .map(|days| (ago(days), EntryKind::Value, amount))
                .collect()
        }
    }
}

fn streak(vector: &Value) -> Answer {
    let streak = habit(vector).streak(today(vector));
    let expected = expected(vector);
    if let Some(longest) = expected["longest"].as_u64() {
        same(&u64::from(streak.longest), &longest)?;
    }
    if let Some(longest) = vector["expected_ours"]["longest"].as_u64() {
        same(&u64::from(streak.longest), &longest)?;
    }
    // Some suites have only the current streak, and none for 0.
    let current = expected["current"]
        .as_u64()
        .or(expected.as_u64())
        .unwrap_or(0);
    same(&u64::from(streak.current), &current)
}

fn best_streaks(vector: &Value) -> Answer {
    let (habit, today) = (habit(vector), today(vector));
    let (mut runs, mut run) = (Vec::new(), 0_u64);
    for unit in units(&habit.plan(today), &habit.log(), today) {
        match unit.state {
            UnitState::Done => run += 1,
            UnitState::Missed => runs.push(std::mem::take(&mut run)),
            UnitState::Neutral(_) | UnitState::Pending => {}
        }
    }
    runs.push(run);
    let expected: Vec<u64> = list(expected(vector))
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    let mut lengths = runs.clone();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    let shortest = lengths[expected.len() - 1];
    // The longest streaks, newest first. Of those with the shortest length, the newest are taken.
    let mut left = expected
        .iter()
        .filter(|length| **length == shortest)
        .count();
    let mut best = Vec::new();
    for length in runs.into_iter().rev() {
        if length > shortest || (length == shortest && left > 0) {
            left -= usize::from(length == shortest);
            best.push(length);
        }
    }
    same(&best, &expected)?;
    same(&habit.streak(today).longest, &6)
}

fn gap_days(vector: &Value) -> Answer {
    let mut habit = habit(vector);
    habit.zone = parse(&vector["zone"]);
    let units = units(&habit.plan(today(vector)), &habit.log(), today(vector));
    let missed = units
        .iter()
        .filter(|unit| unit.state == UnitState::Missed)
        .count();
    same(&Some(missed as u64), &expected(vector).as_u64())
}

fn completed_today(vector: &Value) -> Answer {
    let (habit, today) = (habit(vector), today(vector));
    let units = units(&habit.plan(today), &habit.log(), today);
    let is_done = units
        .last()
        .is_some_and(|unit| unit.state == UnitState::Done);
    same(&is_done, &(expected(vector) == true))
}

fn next_due_dates(vector: &Value) -> Answer {
    let start: Date = parse(&vector["start"]);
    let habit = Habit {
        start: Some(start),
        ..habit(vector)
    };
    let expected: Vec<Date> = list(expected(vector)).iter().map(parse).collect();
    let horizon = *expected.last().expect("some dates");
    let units = units(&habit.plan(horizon), &habit.log(), horizon);
    let due: Vec<Date> = units
        .iter()
        .map(kanso_domain::progress::Unit::first_day)
        .filter(|day| *day > start)
        .collect();
    same(&due, &expected)
}

fn score_step(vector: &Value) -> Answer {
    let pace = pace(&vector["frequency"]);
    for (input, expected) in list(&vector["inputs"]).iter().zip(list(expected(vector))) {
        let score = strength_step(pace, number(&input["previous"]), number(&input["check"]));
        close(score, expected, &vector["tolerance"])?;
    }
    Ok(())
}

fn scores(vector: &Value) -> Vec<f64> {
    let habit = habit(vector);
    strength(
        pace(&vector["frequency"]),
        habit.target,
        &habit.log(),
        today(vector),
    )
}

fn score_series(vector: &Value) -> Answer {
    let mut newest_first = scores(vector).into_iter().rev();
    for expected in list(expected(vector)) {
        // Before its first entry a habit has its starting strength.
        close(
            newest_first.next().unwrap_or(0.0),
            expected,
            &vector["tolerance"],
        )?;
    }
    Ok(())
}

fn score_today(vector: &Value) -> Answer {
    let score = scores(vector).pop().unwrap_or(0.0);
    if vector["compare"] == "gt" {
        let bound = number(expected(vector));
        return if score > bound {
            Ok(())
        } else {
            Err(format!("{score} is not above {bound}"))
        };
    }
    close(score, expected(vector), &vector["tolerance"])
}

fn grouped(vector: &Value, amount: impl Fn(&PeriodTotal) -> i64) -> Answer {
    let log = habit(vector).log();
    let periods = [
        ("month", Period::Month),
        ("quarter", Period::Quarter),
        ("year", Period::Year),
    ];
    for (name, period) in periods {
        let totals = totals(&log, period);
        for (key, expected) in expected(vector)[name].as_object().expect("groups") {
            let ours = match key.as_str() {
                "groups" => i64::try_from(totals.len()).expect("few"),
                key => totals
                    .iter()
                    .find(|total| label(period, total.first_day) == key)
                    .map_or(0, &amount),
            };
            same(&Some(ours), &expected.as_i64()).map_err(|error| format!("{key}: {error}"))?;
        }
    }
    Ok(())
}

fn label(period: Period, day: Date) -> String {
    match period {
        Period::Month => day.strftime("%Y-%m").to_string(),
        Period::Quarter => format!("{}-Q{}", day.year(), (day.month() + 2) / 3),
        Period::Year => day.year().to_string(),
        Period::Week(_) => day.to_string(),
    }
}

fn weekly_stats(vector: &Value) -> Answer {
    let (from, to) = (jiff::civil::date(2024, 1, 10), today(vector));
    let of = |name: &str| {
        let mine = list(&vector["entries"])
            .iter()
            .filter(|entry| entry["habit"] == name);
        let entries: Vec<_> = mine
            .map(|entry| {
                (
                    parse(&entry["instant_date"]),
                    EntryKind::Value,
                    quantity(&entry["value"]),
                )
            })
            .collect();
        let target_value = list(&vector["entries"])
            .iter()
            .find(|entry| entry["habit"] == name)
            .map(|entry| quantity(&entry["target"]));
        let target = target(TargetFields {
            kind: Some(HabitType::Numeric),
            value: target_value,
            direction: None,
        });
        Habit {
            target,
            entries,
            ..Habit::new(Schedule::Daily).created(from)
        }
    };
    // The suite divides by all days of the range. With our rules this is the rate after the last
    // day is over.
    let after = to.saturating_add(1.day());
    let expected = expected(vector);
    let mut rates = Vec::new();
    for name in ["h1", "h2"] {
        let (habit, expected) = (of(name), &expected[name]);
        let (plan, log) = (habit.plan(after), habit.log());
        let days = [0, 1, 2].map(|days| from.saturating_add(days.days()));
        let progress = days.map(|day| log.total(day).sum / 1_000);
        let wanted: Vec<_> = list(&expected["daily_progress"])
            .iter()
            .map(Value::as_i64)
            .collect();
        same(&progress.map(Some).to_vec(), &wanted)?;
        rates.push(rate(&plan, &log, after, from, to));
        if name == "h1" {
            let rate = rates[0].percent().unwrap_or(0.0);
            close(rate, &expected["completion_rate"], &vector["tolerance"])?;
            same(
                &Some(progress.iter().sum::<i64>()),
                &expected["total_value"].as_i64(),
            )?;
            same(
                &Some(u64::from(rates[0].done)),
                &expected["days_completed"].as_u64(),
            )?;
        }
    }
    let overall: kanso_domain::progress::Rate = rates.into_iter().sum();
    let percent = overall.percent().unwrap_or(0.0);
    close(
        percent,
        &expected["overall_completion_rate"],
        &vector["tolerance"],
    )
    .map_err(|error| format!("{}: {error}", text(&vector["title"])))
}
