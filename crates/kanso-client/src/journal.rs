//! What was recorded, ready to be asked for streaks, rates and days.

use std::collections::BTreeMap;

use jiff::civil::Date;
use kanso_domain::accounts::Settings;
use kanso_domain::calendar::local_day;
use kanso_domain::habits::Habit;
use kanso_domain::progress::{DayLog, HabitProgress};
use kanso_domain::{HabitId, Zone};

use crate::Client;
use crate::replica::{Recorded, ReplicaError, Shown};

/// Habits and what was recorded for them at one moment.
///
/// The server answers its statistics with the same functions, so what follows from a journal is
/// what the server says once both have the same records.
#[derive(Clone, Debug)]
pub struct Journal {
    /// How the person's days are read; the zone is the one that was asked for.
    pub settings: Settings,
    /// Today, as the person reads it.
    pub today: Date,
    /// The habits, archived ones too, in the order of the list.
    pub habits: Vec<Shown<Habit>>,
    logs: BTreeMap<HabitId, DayLog>,
}

impl Journal {
    /// `habit` as it stands today.
    pub fn judge<'a>(&self, habit: &'a Habit) -> HabitProgress<'a> {
        let log = self.logs.get(&habit.id).cloned().unwrap_or_default();
        HabitProgress::new(habit, log, &self.settings, self.today)
    }

    /// All habits as they stand today, in the order of the list.
    pub fn judged(&self) -> impl Iterator<Item = HabitProgress<'_>> {
        self.habits.iter().map(|shown| self.judge(&shown.record))
    }
}

impl Client {
    /// What was recorded for `habit`, else for all, to be read in `zone`, else in the account's.
    ///
    /// # Errors
    /// The store failed.
    pub fn journal(
        &self,
        zone: Option<&Zone>,
        habit: Option<HabitId>,
    ) -> Result<Journal, ReplicaError> {
        let Recorded {
            mut settings,
            habits,
            logs,
        } = self.replica()?.recorded(habit)?;
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
