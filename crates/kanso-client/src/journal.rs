//! Recorded days of all habits, for streaks, rates and calendars.

use std::collections::BTreeMap;

use jiff::civil::Date;
use kanso_domain::accounts::Settings;
use kanso_domain::calendar::local_day;
use kanso_domain::habits::Habit;
use kanso_domain::progress::{DayLog, HabitProgress};
use kanso_domain::{HabitId, Zone};

use crate::client::Client;
use crate::replica::{JournalSnapshot, ReplicaError, View};

/// Habits and their recorded days at one moment.
///
/// The server computes its statistics with the same functions, so both show the same numbers once
/// both have the same records.
#[derive(Clone, Debug)]
pub struct Journal {
    /// Settings that define the user's days. The zone is the requested one.
    pub settings: Settings,
    /// Current day of the user.
    pub today: Date,
    /// Habits, archived ones included, in the order of the list.
    pub habits: Vec<View<Habit>>,
    logs: BTreeMap<HabitId, DayLog>,
}

impl Journal {
    /// Returns the progress of `habit` as of today.
    pub fn progress<'a>(&self, habit: &'a Habit) -> HabitProgress<'a> {
        let log = self.logs.get(&habit.id).cloned().unwrap_or_default();
        HabitProgress::new(habit, log, &self.settings, self.today)
    }

    /// Returns the progress of all habits as of today, in the order of the list.
    pub fn all_progress(&self) -> impl Iterator<Item = HabitProgress<'_>> {
        self.habits.iter().map(|view| self.progress(&view.record))
    }
}

impl Client {
    /// Reads the recorded days of `habit`, or of all habits if it is `None`.
    ///
    /// `zone` defines the user's days; with `None` it is the account's zone.
    ///
    /// # Errors
    /// The local database failed.
    ///
    /// # Examples
    /// ```
    /// use kanso_client::Client;
    /// use kanso_client::protocol::{Patch, entries::EntryMembers, habits::HabitMembers};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let client = Client::open(folder.path())?;
    /// let habit = client.create_habit(HabitMembers {
    ///     title: Patch::Value("Read".into()),
    ///     ..HabitMembers::default()
    /// })?;
    /// client.create_entry(EntryMembers {
    ///     habit_id: Patch::Value(habit.id.to_string()),
    ///     completion_date: Patch::Value(client.today(None)?.to_string()),
    ///     ..EntryMembers::default()
    /// })?;
    ///
    /// let journal = client.journal(None, None)?;
    /// let streak = journal.progress(&habit).streak();
    /// assert_eq!(streak.current, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn journal(
        &self,
        zone: Option<&Zone>,
        habit: Option<HabitId>,
    ) -> Result<Journal, ReplicaError> {
        let JournalSnapshot {
            mut settings,
            habits,
            logs,
        } = self.replica()?.journal(habit)?;
        if let Some(zone) = zone {
            settings.timezone = zone.clone();
        }
        let today = local_day(self.now(), &settings.timezone, settings.day_start);
        Ok(Journal {
            settings,
            today,
            habits,
            logs,
        })
    }
}
