//! The list of today.

use jiff::civil::Date;
use kanso_domain::Zone;
use kanso_domain::accounts::Settings;
use kanso_domain::calendar::local_day;
use kanso_domain::habits::Habit;
use kanso_domain::progress::TodayStatus;

use crate::client::Client;
use crate::replica::{ReplicaError, TodaySnapshot, View};

/// The habits with their status today.
#[derive(Clone, Debug)]
pub struct TodayList {
    /// Settings that define the user's days. The zone is the requested one.
    pub settings: Settings,
    /// Current day of the user.
    pub today: Date,
    /// Habits, archived ones included, in the order of the list. The state
    /// [`NotDue`](kanso_domain::progress::TodayState::NotDue) marks those of which nothing is expected.
    pub habits: Vec<TodayHabit>,
}

/// A habit with its status today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TodayHabit {
    /// The habit.
    pub habit: View<Habit>,
    /// Its status.
    pub status: TodayStatus,
}

impl Client {
    /// Returns all habits with their status today.
    ///
    /// The replica keeps each status until the habit, one of its entries, the settings or the day
    /// changes. So this is fast beside a history of years, where [`journal`](Self::journal) reads all
    /// of it.
    ///
    /// `zone` defines the user's days; with `None` it is the account's zone.
    ///
    /// # Errors
    /// The local database failed.
    ///
    /// # Examples
    /// ```
    /// use kanso_client::Client;
    /// use kanso_client::domain::progress::TodayState;
    /// use kanso_client::protocol::{Patch, habits::HabitMembers};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let client = Client::open(folder.path())?;
    /// client.create_habit(HabitMembers {
    ///     title: Patch::Value("Read".into()),
    ///     ..HabitMembers::default()
    /// })?;
    ///
    /// let list = client.today_list(None)?;
    /// assert_eq!(list.habits[0].status.state, TodayState::Pending);
    /// # Ok(())
    /// # }
    /// ```
    pub fn today_list(&self, zone: Option<&Zone>) -> Result<TodayList, ReplicaError> {
        let now = self.now();
        let adjust = |settings: &mut Settings| {
            if let Some(zone) = zone {
                settings.timezone = zone.clone();
            }
        };
        let day = |settings: &Settings| local_day(now, &settings.timezone, settings.day_start);
        let TodaySnapshot { settings, habits } = self.replica()?.today(adjust, day)?;
        Ok(TodayList {
            today: day(&settings),
            settings,
            habits: habits
                .into_iter()
                .map(|(habit, status)| TodayHabit { habit, status })
                .collect(),
        })
    }
}
