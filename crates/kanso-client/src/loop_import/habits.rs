//! Reader of `Habits.csv`, the list of habits.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use kanso_domain::HabitId;
use kanso_domain::calendar::days_after;
use kanso_domain::text::{Color, Description, Title, Unit};
use kanso_protocol::Patch;
use kanso_protocol::habits::{HabitMembers, HabitType, TargetDirection};

use super::frequency::{ScheduleFit, schedule};
use super::report::{ImportReport, ImportRow};
use super::table::{CsvLine, CsvTable};
use super::{ExportedEntry, ExportedHabit, checkmarks, derived_id};
use crate::edits::check_habit;

/// A row of `Habits.csv`, and later its entries.
#[derive(Debug)]
pub(super) struct ListedHabit {
    /// Number with which the name of the habit's folder begins.
    pub(super) position: u32,
    pub(super) name: String,
    id: HabitId,
    is_numeric: bool,
    is_archived: bool,
    members: HabitMembers,
    entries: Vec<ExportedEntry>,
    warnings: Vec<String>,
}

/// Reads the list. Adds unreadable rows to `report`.
pub(super) fn read(bytes: &[u8], report: &mut ImportReport) -> Vec<ListedHabit> {
    let table = CsvTable::read(bytes, &[], |_| false);
    let mut listed = Vec::new();
    let mut positions = BTreeSet::new();
    let mut occurrences: BTreeMap<(String, bool), u32> = BTreeMap::new();
    for (line, place) in table.rows.iter().zip(1..) {
        let name = match table.cell(line, &["Name"]) {
            Ok(name) => name.unwrap_or_default().to_owned(),
            Err(reason) => {
                report.rows.push(ImportRow::error("", None, reason));
                continue;
            }
        };
        let habit = read_habit(&table, line, place, &name).and_then(|mut habit| {
            if !positions.insert(habit.position) {
                return Err(format!("position {} appears twice", habit.position));
            }
            // A yes-no habit and a numerical one may share a name, and are counted apart.
            let key = (name.clone(), habit.is_numeric);
            let occurrence = occurrences.entry(key).or_default();
            habit.id = id(&name, habit.is_numeric, *occurrence);
            *occurrence += 1;
            Ok(habit)
        });
        match habit {
            Ok(habit) => listed.push(habit),
            Err(reason) => {
                let reason = format!("Habits.csv line {}: {reason}", line.number);
                report.rows.push(ImportRow::error(&name, None, reason));
            }
        }
    }
    listed
}

/// Derives the id of a habit. It is the same in every export and on every device.
///
/// Loop exports no ids. A name can appear several times, so the number of the occurrence counts too.
fn id(name: &str, is_numeric: bool, occurrence: u32) -> HabitId {
    let kind = if is_numeric { "numerical" } else { "yes_no" };
    HabitId::new(derived_id(&format!("habit\n{name}\n{kind}\n{occurrence}")))
}

fn read_habit(
    table: &CsvTable,
    line: &CsvLine,
    place: u32,
    name: &str,
) -> Result<ListedHabit, String> {
    let cell = |names: &[&str]| table.cell(line, names).map(Option::unwrap_or_default);
    let position = match cell(&["Position"])? {
        "" => place,
        number => number
            .parse()
            .map_err(|_| format!("the position {number:?} is not a number"))?,
    };
    let is_numeric = match cell(&["Type"])? {
        "NUMERICAL" | "1" => true,
        "YES_NO" | "0" | "" => false,
        other => return Err(format!("the type {other:?} is unknown")),
    };
    let mut warnings = Vec::new();
    let mut members = HabitMembers {
        title: Patch::Value(cut(name, Title::MAX, "the name", &mut warnings)),
        description: description(cell(&["Question"])?, cell(&["Description"])?, &mut warnings),
        color: color(cell(&["Color", "Colour"])?, &mut warnings),
        sort_order: Patch::Value(i32::try_from(position).unwrap_or(i32::MAX)),
        kind: Patch::Value(if is_numeric {
            HabitType::Numeric
        } else {
            HabitType::Boolean
        }),
        ..HabitMembers::default()
    };
    if is_numeric {
        let unit = cell(&["Unit"])?;
        members.unit = Patch::Value(cut(unit, Unit::MAX, "the unit", &mut warnings));
        read_target(
            cell(&["Target Type"])?,
            cell(&["Target Value"])?,
            &mut members,
            &mut warnings,
        )?;
    }
    read_frequency(
        table.cell(line, &["FrequencyNumerator", "NumRepetitions"])?,
        table.cell(line, &["FrequencyDenominator", "Interval"])?,
        &mut members,
        &mut warnings,
    )?;
    let fields = members
        .clone()
        .fields()
        .map_err(|error| error.to_string())?;
    check_habit(&fields).map_err(|error| error.to_string())?;
    Ok(ListedHabit {
        position,
        name: name.to_owned(),
        // The caller sets the id, which depends on the rows before this one.
        id: HabitId::new(uuid::Uuid::nil()),
        is_numeric,
        is_archived: ["true", "1"].contains(&cell(&["Archived?"])?),
        members,
        entries: Vec::new(),
        warnings,
    })
}

/// Cuts `text` to `max` characters, with a warning.
pub(super) fn cut(text: &str, max: usize, what: &str, warnings: &mut Vec<String>) -> String {
    let text = text.trim();
    if text.chars().count() <= max {
        return text.to_owned();
    }
    warnings.push(format!("{what} is cut to {max} characters"));
    text.chars().take(max).collect()
}

fn description(question: &str, memo: &str, warnings: &mut Vec<String>) -> Patch<String> {
    let parts: Vec<&str> = [question, memo]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    let whole = parts.join("\n");
    Patch::Value(cut(&whole, Description::MAX, "the description", warnings))
}

fn color(text: &str, warnings: &mut Vec<String>) -> Patch<String> {
    match Color::new(text) {
        Ok(color) => Patch::Value(color.to_string()),
        Err(_) if text.is_empty() => Patch::Absent,
        Err(_) => {
            warnings.push(format!("unknown colour {text:?}, the default is used"));
            Patch::Absent
        }
    }
}

fn read_target(
    direction: &str,
    value: &str,
    members: &mut HabitMembers,
    warnings: &mut Vec<String>,
) -> Result<(), String> {
    let is_limit = match direction {
        "AT_MOST" | "1" => true,
        "AT_LEAST" | "0" | "" => false,
        other => return Err(format!("the target type {other:?} is unknown")),
    };
    members.target_direction = Patch::Value(if is_limit {
        TargetDirection::AtMost
    } else {
        TargetDirection::AtLeast
    });
    let number: f64 = match value {
        "" => 0.0,
        text => text
            .parse()
            .map_err(|_| format!("the target {text:?} is not a number"))?,
    };
    // A quantity has three decimals.
    let rounded = (number * 1_000.0).round() / 1_000.0;
    if rounded.to_bits() != number.to_bits() {
        warnings.push(format!("the target {value} is rounded to {rounded}"));
    }
    // At least 0 would be met on every day. A limit of 0 is fine: it means never.
    if rounded == 0.0 && !is_limit {
        warnings.push("a target of 0 is always reached, 1 is used".to_owned());
        return Ok(());
    }
    members.target_value = Patch::Value(rounded);
    Ok(())
}

fn read_frequency(
    times: Option<&str>,
    days: Option<&str>,
    members: &mut HabitMembers,
    warnings: &mut Vec<String>,
) -> Result<(), String> {
    let (Some(times), Some(days)) = (times, days) else {
        warnings.push("the export has no frequency, daily is used".to_owned());
        return Ok(());
    };
    let number = |text: &str| {
        text.parse::<u32>()
            .map_err(|_| format!("the frequency {times}/{days} is not two numbers"))
    };
    match schedule(number(times)?, number(days)?) {
        None => Err(format!("no schedule fits {times} times in {days} days")),
        Some(ScheduleFit::Exact(schedule)) => {
            schedule.fill(members);
            Ok(())
        }
        Some(ScheduleFit::Nearest(schedule)) => {
            schedule.fill(members);
            warnings.push(format!(
                "{times} times in {days} days becomes the nearest schedule: {schedule}"
            ));
            Ok(())
        }
    }
}

impl ListedHabit {
    pub(super) fn read_entries(&mut self, bytes: &[u8], report: &mut ImportReport) {
        self.entries = checkmarks::read(bytes, self.id, &self.name, self.is_numeric, report);
    }

    /// Returns the days with entries.
    pub(super) fn days(&self) -> impl Iterator<Item = Date> {
        self.entries.iter().map(|entry| entry.date)
    }

    /// Returns the habit to create. `newest` is the newest day of the whole export.
    pub(super) fn ready(self, newest: Date) -> ExportedHabit {
        // The day after the newest entry: the habit was still in use on that one.
        let last_day = self.days().max().unwrap_or(newest);
        ExportedHabit {
            id: self.id,
            archived_on: self.is_archived.then(|| days_after(last_day, 1)),
            name: self.name,
            members: self.members,
            entries: self.entries,
            warnings: self.warnings,
        }
    }
}
