//! Import of habits and their history from Loop Habit Tracker, which exports CSV files in a zip file.
//!
//! The ids of habits and entries are derived from the content of the export. So an import that runs
//! twice, or on two devices, creates no duplicates. It never overwrites: a record that exists stays
//! as it is, also if it was edited since. An unreadable row is reported and does not stop the import
//! of the others.

mod archive;
mod checkmarks;
mod frequency;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod habits;
mod report;
mod table;
mod write;

pub use report::{ImportOutcome, ImportReport, ImportRow};

use std::io::{Read, Seek};

use jiff::civil::Date;
use kanso_domain::HabitId;
use kanso_protocol::entries::EntryMembers;
use kanso_protocol::habits::HabitMembers;
use uuid::Uuid;

use crate::client::Client;
use crate::replica::ReplicaError;

/// Reason why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is not a zip file, or is damaged.
    #[error("the file is not a readable zip archive: {reason}")]
    NotAZip {
        /// Description of the fault.
        reason: String,
    },
    /// The zip file has no `Habits.csv`.
    #[error("the archive has no Habits.csv, so it is not an export of Loop Habit Tracker")]
    NotAnExport,
    /// The archive is larger than any export, so it was not unpacked.
    #[error("the archive is too large: {what}")]
    TooLarge {
        /// Description of the exceeded limit.
        what: String,
    },
    /// The local database failed.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// Effect of an import on the replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportMode {
    /// Reports the rows, writes nothing.
    DryRun,
    /// Writes all rows in one transaction.
    Write,
}

/// Namespace of the derived ids (UUID version 5). It must never change: with another one, a second
/// import of the same file would create everything twice.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1c_3b0a_5d0e_4c57_9a51_7d2f_0c6b_84e3);

fn derived_id(key: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, key.as_bytes())
}

/// A habit of an export, ready to be created.
#[derive(Debug)]
struct ExportedHabit {
    id: HabitId,
    name: String,
    /// Day from which it is archived, if it is.
    archived_on: Option<Date>,
    members: HabitMembers,
    entries: Vec<ExportedEntry>,
    /// Changes that were needed to make it valid.
    warnings: Vec<String>,
}

/// An entry of an export, ready to be created.
#[derive(Debug)]
struct ExportedEntry {
    date: Date,
    members: EntryMembers,
    warnings: Vec<String>,
}

/// Readable content of an export.
#[derive(Debug, Default)]
struct Export {
    habits: Vec<ExportedHabit>,
    /// Unreadable rows, and counts of days that are left out.
    report: ImportReport,
}

impl Client {
    /// Imports an export of Loop Habit Tracker.
    ///
    /// # Errors
    /// See [`ImportError`]. Then nothing was imported. Errors in single rows are in the report.
    ///
    /// # Examples
    /// ```
    /// use kanso_client::Client;
    /// use kanso_client::loop_import::{ImportMode, ImportOutcome};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let client = Client::open(folder.path())?;
    /// # let path = concat!(
    /// #     env!("CARGO_MANIFEST_DIR"),
    /// #     "/tests/fixtures/loop_habits_csv_v2.3.1.zip"
    /// # );
    /// let export = std::fs::File::open(path)?;
    /// let report = client.import_loop(export, ImportMode::DryRun)?;
    /// assert_eq!(report.habits(ImportOutcome::New), 3);
    /// assert!(client.habits()?.is_empty(), "a dry run writes nothing");
    /// # Ok(())
    /// # }
    /// ```
    pub fn import_loop(
        &self,
        file: impl Read + Seek,
        mode: ImportMode,
    ) -> Result<ImportReport, ImportError> {
        let export = read(file)?;
        self.write_export(export, mode)
    }
}

fn read(file: impl Read + Seek) -> Result<Export, ImportError> {
    let archive = archive::read(file)?;
    let mut export = Export::default();
    for problem in archive.problems {
        export.report.rows.push(ImportRow::error("", None, problem));
    }
    let mut listed = habits::read(&archive.habits, &mut export.report);
    for habit in &mut listed {
        match archive.checkmarks.get(&habit.position) {
            Some(Ok(bytes)) => habit.read_entries(bytes, &mut export.report),
            // The habit itself is readable and is imported without its days.
            Some(Err(reason)) => {
                let row = ImportRow::error(&habit.name, None, format!("Checkmarks.csv: {reason}"));
                export.report.rows.push(row);
            }
            None => {}
        }
    }
    // Loop does not export when a habit was archived, so it is the day after its newest entry. A habit
    // without entries gets the day after the newest one of the export. The clock would give each device another instant, and thus a conflict.
    let days = listed.iter().flat_map(habits::ListedHabit::days);
    let newest = days.max().unwrap_or(jiff::civil::date(1970, 1, 1));
    export.habits = listed
        .into_iter()
        .map(|habit| habit.ready(newest))
        .collect();
    Ok(export)
}

#[cfg(test)]
mod tests;
