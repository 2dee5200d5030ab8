//! What an import did, row by row.

use jiff::civil::Date;

/// What became of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It is made.
    New,
    /// It is here already.
    Unchanged,
    /// It is here already and says something else: what is here is kept.
    Kept,
    /// It was here and was deleted: it is not brought back.
    Deleted,
    /// It cannot be imported.
    Error,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 5] = [
        Self::New,
        Self::Unchanged,
        Self::Kept,
        Self::Deleted,
        Self::Error,
    ];

    /// A word for it.
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

/// One habit, or one day of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The habit's name; empty for what is about the archive as a whole.
    pub habit: String,
    /// The day; none for the habit itself.
    pub date: Option<Date>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, or what was changed to make it fit.
    pub remarks: Vec<String>,
}

impl Row {
    pub(super) fn error(habit: &str, date: Option<Date>, reason: impl Into<String>) -> Self {
        Self {
            habit: habit.to_owned(),
            date,
            outcome: Outcome::Error,
            remarks: vec![reason.into()],
        }
    }
}

/// What an import did or, as a dry run, would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Habits and days in the order of the export, after what could not be read at all.
    pub rows: Vec<Row>,
    /// Days that Loop had filled in by itself; they follow from the others and are left out.
    pub automatic: u64,
    /// Days of which Loop knows nothing.
    pub unknown: u64,
}

impl ImportReport {
    /// How many habits had this outcome.
    pub fn habits(&self, outcome: Outcome) -> usize {
        self.count(|row| row.date.is_none() && row.outcome == outcome)
    }

    /// How many days had this outcome.
    pub fn entries(&self, outcome: Outcome) -> usize {
        self.count(|row| row.date.is_some() && row.outcome == outcome)
    }

    fn count(&self, is_counted: impl Fn(&Row) -> bool) -> usize {
        self.rows.iter().filter(|row| is_counted(row)).count()
    }
}
