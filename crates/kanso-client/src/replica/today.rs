//! The status of each habit today, kept until the habit, its entries, the settings or the day change.
//!
//! A status depends on all days of a habit. To compute it from a history of years takes longer than a
//! list of the day may take, and most habits do not change between two looks at it.

use jiff::civil::Date;
use kanso_domain::accounts::Settings;
use kanso_domain::habits::Habit;
use kanso_domain::progress::{HabitProgress, Streak, TodayState, TodayStatus, UnitName};
use rusqlite::{Connection, MAIN_DB, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::journal::log;
use super::{Replica, ReplicaError, View, account, view};

/// Habits with their status on a day, read in one transaction.
#[derive(Clone, Debug)]
pub(crate) struct TodaySnapshot {
    pub(crate) settings: Settings,
    pub(crate) habits: Vec<(View<Habit>, TodayStatus)>,
}

impl Replica {
    /// Reads all habits, archived ones included, in the order of the list, with their status.
    ///
    /// `adjust` may replace the zone of the account, and `today` returns the day for settings.
    pub(crate) fn today(
        &mut self,
        adjust: impl FnOnce(&mut Settings),
        today: impl FnOnce(&Settings) -> Date,
    ) -> Result<TodaySnapshot, ReplicaError> {
        let stored = account::settings(&self.connection)?;
        let mut settings = stored.clone();
        adjust(&mut settings);
        let today = today(&settings);
        let basis = basis(&settings, today);
        // Another zone than the account's is for one look: its status would displace the usual one.
        let is_kept = settings == stored && !self.connection.is_readonly(MAIN_DB)?;
        let reading = self.connection.transaction()?;
        let (mut habits, mut is_complete) = (Vec::new(), true);
        for habit in view::habits(&reading)? {
            let known = known(&reading, &habit.record, &basis)?;
            is_complete &= known.is_some();
            habits.push((habit, known));
        }
        drop(reading);
        if is_complete {
            let habits = habits
                .into_iter()
                .filter_map(|(habit, status)| Some((habit, status?)));
            let habits = habits.collect();
            return Ok(TodaySnapshot { settings, habits });
        }
        if is_kept {
            match self.compute(settings.clone(), today, Some(&basis)) {
                // Keeping it only saves time. On a full disk, or beside a process that writes for long,
                // the list is still read.
                Err(ReplicaError::Storage { source }) => {
                    tracing::debug!(%source, "status of today not kept");
                }
                computed => return computed,
            }
        }
        self.compute(settings, today, None)
    }

    /// Computes the status of the habits that have none, and keeps it if there is a `basis`.
    fn compute(
        &mut self,
        settings: Settings,
        today: Date,
        basis: Option<&str>,
    ) -> Result<TodaySnapshot, ReplicaError> {
        // A transaction that writes, from its first read on: a change by another process between the
        // computation and the writing would leave an old status behind.
        let transaction = match basis {
            Some(_) => self.begin()?,
            None => self.connection.transaction()?,
        };
        let mut habits = Vec::new();
        for habit in view::habits(&transaction)? {
            let known = match basis {
                Some(basis) => known(&transaction, &habit.record, basis)?,
                None => None,
            };
            let status = match known {
                Some(status) => status,
                None => computed(&transaction, &habit.record, &settings, today)?,
            };
            if let (None, Some(basis)) = (known, basis) {
                keep(&transaction, &habit.record, basis, status)?;
            }
            habits.push((habit, status));
        }
        transaction.commit()?;
        Ok(TodaySnapshot { settings, habits })
    }
}

/// Returns what a status depends on besides the habit and its entries.
fn basis(settings: &Settings, today: Date) -> String {
    let Settings {
        timezone,
        week_start,
        day_start,
    } = settings;
    let version = env!("CARGO_PKG_VERSION");
    let week_start = week_start.as_str();
    format!("{today} {timezone} {week_start} {day_start} {version}")
}

fn known(
    connection: &Connection,
    habit: &Habit,
    basis: &str,
) -> Result<Option<TodayStatus>, ReplicaError> {
    let sql = "SELECT status FROM today WHERE habit_id = ?1 AND basis = ?2";
    let json: Option<String> = connection
        .prepare_cached(sql)?
        .query_row(params![habit.id.uuid(), basis], |row| row.get(0))
        .optional()?;
    // A status that cannot be read is computed again.
    let stored = json.and_then(|json| serde_json::from_str::<StoredStatus>(&json).ok());
    Ok(stored.and_then(StoredStatus::status))
}

fn keep(
    connection: &Connection,
    habit: &Habit,
    basis: &str,
    status: TodayStatus,
) -> Result<(), ReplicaError> {
    let stored = StoredStatus::from(status);
    let json = serde_json::to_string(&stored).map_err(ReplicaError::damaged)?;
    let sql = "INSERT OR REPLACE INTO today (habit_id, basis, status) VALUES (?1, ?2, ?3)";
    connection
        .prepare_cached(sql)?
        .execute(params![habit.id.uuid(), basis, json])?;
    Ok(())
}

fn computed(
    connection: &Connection,
    habit: &Habit,
    settings: &Settings,
    today: Date,
) -> Result<TodayStatus, ReplicaError> {
    let log = log(connection, habit.id)?;
    Ok(HabitProgress::new(habit, log, settings, today).today_status())
}

/// A [`TodayStatus`] as it is stored.
#[derive(Deserialize, Serialize)]
struct StoredStatus {
    state: String,
    value: i64,
    is_at_risk: bool,
    current: u32,
    longest: u32,
    unit: String,
    since: Option<Date>,
    at_risk_until: Option<Date>,
}

impl From<TodayStatus> for StoredStatus {
    fn from(status: TodayStatus) -> Self {
        let streak = status.streak;
        Self {
            state: status.state.as_str().to_owned(),
            value: status.value,
            is_at_risk: status.is_at_risk,
            current: streak.current,
            longest: streak.longest,
            unit: streak.unit.as_str().to_owned(),
            since: streak.since,
            at_risk_until: streak.at_risk_until,
        }
    }
}

impl StoredStatus {
    /// Returns the status; `None` if this version does not know one of its names.
    fn status(self) -> Option<TodayStatus> {
        let states = TodayState::ALL.into_iter();
        let units = UnitName::ALL.into_iter();
        Some(TodayStatus {
            state: states
                .into_iter()
                .find(|state| state.as_str() == self.state)?,
            value: self.value,
            is_at_risk: self.is_at_risk,
            streak: Streak {
                current: self.current,
                longest: self.longest,
                unit: units.into_iter().find(|unit| unit.as_str() == self.unit)?,
                since: self.since,
                at_risk_until: self.at_risk_until,
            },
        })
    }
}
