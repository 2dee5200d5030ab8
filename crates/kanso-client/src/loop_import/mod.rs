//! Bringing a history over from Loop Habit Tracker: its export of CSV files in a zip.
//!
//! Ids are derived from what is in the export, so importing it twice, or on two devices, makes
//! nothing twice. What is here already is left as it is, also when it was edited since: an import
//! never overwrites. A row that cannot be read is reported and does not stop the others.

mod archive;
mod checkmarks;
mod frequency;
mod habits;
mod report;
mod table;
mod write;

pub use report::{ImportReport, Outcome, Row};

use std::io::{Read, Seek};

use jiff::civil::Date;
use kanso_domain::HabitId;
use kanso_protocol::entries::EntryMembers;
use kanso_protocol::habits::HabitMembers;
use uuid::Uuid;

use crate::Client;
use crate::replica::ReplicaError;

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Not a zip file, or a damaged one.
    #[error("the file is not a zip archive that can be read: {reason}")]
    NotAZip {
        /// What is wrong with it.
        reason: String,
    },
    /// A zip file without the list of habits.
    #[error("the archive has no Habits.csv, so it is not an export of Loop Habit Tracker")]
    NotAnExport,
    /// Larger than any export: it is not unpacked.
    #[error("the archive is too large: {what}")]
    TooLarge {
        /// Which limit it exceeds.
        what: String,
    },
    /// The local store failed.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// Whether an import writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Say what would be done.
    DryRun,
    /// Do it: all of it in one transaction.
    Write,
}

/// Namespace of the ids that are derived from an export.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1c_3b0a_5d0e_4c57_9a51_7d2f_0c6b_84e3);

fn derived_id(key: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, key.as_bytes())
}

/// A habit of an export, ready to be made.
#[derive(Debug)]
struct ExportedHabit {
    id: HabitId,
    name: String,
    members: HabitMembers,
    entries: Vec<ExportedEntry>,
    /// What was changed to make it fit.
    warnings: Vec<String>,
}

/// An entry of an export, ready to be made.
#[derive(Debug)]
struct ExportedEntry {
    date: Date,
    members: EntryMembers,
    warnings: Vec<String>,
}

/// What was read of an export.
#[derive(Debug, Default)]
struct Export {
    habits: Vec<ExportedHabit>,
    /// What could not be read, and what is not to be imported.
    report: ImportReport,
}

impl Client {
    /// Imports an export of Loop Habit Tracker.
    ///
    /// # Errors
    /// See [`ImportError`]; then nothing was imported. What is wrong with single rows is in the
    /// report.
    pub fn import_loop(
        &self,
        file: impl Read + Seek,
        mode: Mode,
    ) -> Result<ImportReport, ImportError> {
        let export = read(file)?;
        self.write_export(export, mode)
    }
}

fn read(file: impl Read + Seek) -> Result<Export, ImportError> {
    let archive = archive::read(file)?;
    let mut export = Export::default();
    for problem in archive.problems {
        export.report.rows.push(Row::error("", None, problem));
    }
    let mut listed = habits::read(&archive.habits, &mut export.report);
    for habit in &mut listed {
        match archive.checkmarks.get(&habit.position) {
            Some(Ok(bytes)) => habit.read_entries(bytes, &mut export.report),
            Some(Err(reason)) => {
                let row = Row::error(&habit.name, None, format!("Checkmarks.csv: {reason}"));
                export.report.rows.push(row);
            }
            None => {}
        }
    }
    // Loop does not say when a habit was archived: the newest day of the export stands for it.
    let days = listed.iter().flat_map(habits::Listed::days);
    let newest = days.max().unwrap_or(jiff::civil::date(1970, 1, 1));
    export.habits = listed
        .into_iter()
        .map(|habit| habit.ready(newest))
        .collect();
    Ok(export)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
