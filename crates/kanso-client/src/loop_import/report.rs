//! Report of an import, row by row.

use jiff::civil::Date;

/// Outcome of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImportOutcome {
    /// The record is created.
    New,
    /// The record exists already, with the same values.
    Unchanged,
    /// The record exists already with other values, and stays as it is.
    Kept,
    /// The record was deleted on this device, and is not created again.
    Deleted,
    /// The row cannot be imported.
    Error,
}

impl ImportOutcome {
    /// All outcomes.
    pub const ALL: [Self; 5] = [
        Self::New,
        Self::Unchanged,
        Self::Kept,
        Self::Deleted,
        Self::Error,
    ];

    /// Returns the name of the outcome in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Unchanged => "unchanged",
            Self::Kept => "kept",
            Self::Deleted => "deleted",
            Self::Error => "error",
        }
    }
}

/// Report on one habit, or on one day of a habit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRow {
    /// Name of the habit; empty for a problem of the archive as a whole.
    pub habit: String,
    /// Day of the entry; `None` for the habit itself.
    pub date: Option<Date>,
    /// Outcome of the row.
    pub outcome: ImportOutcome,
    /// Reasons for the outcome, and changes that made the record valid.
    pub remarks: Vec<String>,
}

impl ImportRow {
    pub(super) fn error(habit: &str, date: Option<Date>, reason: impl Into<String>) -> Self {
        Self {
            habit: habit.to_owned(),
            date,
            outcome: ImportOutcome::Error,
            remarks: vec![reason.into()],
        }
    }
}

/// Result of an import or of a dry run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Habits and days in the order of the export. Unreadable rows come first.
    pub rows: Vec<ImportRow>,
    /// Number of days that Loop filled in by itself. They follow from the days that the user
    /// marked, and are left out.
    pub automatic: u64,
    /// Number of days without a value in Loop.
    pub unknown: u64,
}

impl ImportReport {
    /// Returns the number of habits with this outcome.
    pub fn habits(&self, outcome: ImportOutcome) -> usize {
        self.count(|row| row.date.is_none() && row.outcome == outcome)
    }

    /// Returns the number of days with this outcome.
    pub fn entries(&self, outcome: ImportOutcome) -> usize {
        self.count(|row| row.date.is_some() && row.outcome == outcome)
    }

    fn count(&self, is_counted: impl Fn(&ImportRow) -> bool) -> usize {
        self.rows.iter().filter(|row| is_counted(row)).count()
    }
}
