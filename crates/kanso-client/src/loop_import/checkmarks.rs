//! Reader of `Checkmarks.csv`, the days of one habit.

use std::collections::BTreeSet;

use jiff::civil::Date;
use kanso_domain::text::Notes;
use kanso_domain::time::parse_date;
use kanso_domain::{HabitId, Quantity};
use kanso_protocol::Patch;
use kanso_protocol::entries::{EntryKind, EntryMembers};

use super::ExportedEntry;
use super::habits::cut;
use super::report::{ImportReport, ImportRow};
use super::table::{CsvLine, CsvTable};

/// Value of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DayMark {
    Value(Quantity),
    Skip,
    Automatic,
    Unknown,
}

/// Reads the days. Unreadable rows go to `report`, and days that are left out are counted there.
pub(super) fn read(
    bytes: &[u8],
    habit: HabitId,
    name: &str,
    is_numeric: bool,
    report: &mut ImportReport,
) -> Vec<ExportedEntry> {
    let table = CsvTable::read(bytes, &["Date", "Value", "Notes"], |row| {
        let first = row.get(0).and_then(|cell| std::str::from_utf8(cell).ok());
        first.is_some_and(|text| parse_date(text.trim()).is_some())
    });
    let mut seen = BTreeSet::new();
    let mut entries = Vec::new();
    for line in &table.rows {
        let place = format!("Checkmarks.csv line {}", line.number);
        let date = match read_date(&table, line) {
            Ok(date) => date,
            Err(reason) => {
                report
                    .rows
                    .push(ImportRow::error(name, None, format!("{place}: {reason}")));
                continue;
            }
        };
        let mark = read_mark(&table, line, is_numeric);
        let is_first = seen.insert(date);
        match mark {
            Ok(DayMark::Automatic) => report.automatic += 1,
            Ok(DayMark::Unknown) => report.unknown += 1,
            // The first row wins; the report names the second.
            Ok(_) if !is_first => {
                let reason = format!("{place}: the day appears twice");
                report.rows.push(ImportRow::error(name, Some(date), reason));
            }
            Ok(mark) => match entry(&table, line, habit, date, mark) {
                Ok(entry) => entries.push(entry),
                Err(reason) => report.rows.push(ImportRow::error(name, Some(date), reason)),
            },
            Err(reason) => {
                let reason = format!("{place}: {reason}");
                report.rows.push(ImportRow::error(name, Some(date), reason));
            }
        }
    }
    // Loop writes the newest day first.
    entries.sort_by_key(|entry| entry.date);
    entries
}

fn read_date(table: &CsvTable, line: &CsvLine) -> Result<Date, String> {
    let text = table.cell(line, &["Date"])?.unwrap_or_default();
    parse_date(text).ok_or_else(|| format!("{text:?} is not a date"))
}

fn read_mark(table: &CsvTable, line: &CsvLine, is_numeric: bool) -> Result<DayMark, String> {
    let text = table
        .cell(line, &["Value", "Checkmark"])?
        .unwrap_or_default();
    let code: Option<i64> = match text {
        "UNKNOWN" => Some(-1),
        "NO" => Some(0),
        "YES_AUTO" => Some(1),
        "YES_MANUAL" => Some(2),
        "SKIP" => Some(3),
        number => number.parse().ok(),
    };
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic());
    match code {
        Some(-1) => Ok(DayMark::Unknown),
        // In a numerical habit `3` is the amount 0.003, while the word `SKIP` means a skipped day.
        Some(3) if is_word || !is_numeric => Ok(DayMark::Skip),
        Some(thousandths) if is_numeric => Quantity::from_thousandths(thousandths)
            .map(DayMark::Value)
            .map_err(|error| format!("the value {text} {error}")),
        Some(0) => Ok(DayMark::Value(Quantity::ZERO)),
        Some(1) => Ok(DayMark::Automatic),
        Some(2) => Ok(DayMark::Value(Quantity::ONE)),
        _ => Err(format!("the value {text:?} is unknown")),
    }
}

fn entry(
    table: &CsvTable,
    line: &CsvLine,
    habit: HabitId,
    date: Date,
    mark: DayMark,
) -> Result<ExportedEntry, String> {
    let mut warnings = Vec::new();
    let notes = table.cell(line, &["Notes"])?.unwrap_or_default();
    let notes = cut(notes, Notes::MAX, "the note", &mut warnings);
    let members = EntryMembers {
        habit_id: Patch::Value(habit.to_string()),
        completion_date: Patch::Value(date.to_string()),
        kind: match mark {
            DayMark::Skip => Patch::Value(EntryKind::Skip),
            _ => Patch::Absent,
        },
        value: match mark {
            DayMark::Value(value) => Patch::Value(value.to_f64()),
            _ => Patch::Absent,
        },
        notes: if notes.is_empty() {
            Patch::Absent
        } else {
            Patch::Value(notes)
        },
        ..EntryMembers::default()
    };
    members
        .clone()
        .fields()
        .map_err(|error| error.to_string())?;
    Ok(ExportedEntry {
        date,
        members,
        warnings,
    })
}
