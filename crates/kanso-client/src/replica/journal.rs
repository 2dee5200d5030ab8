//! Amounts of all entries by habit and day, for statistics.

use std::collections::BTreeMap;

use jiff::civil::Date;
use kanso_domain::accounts::Settings;
use kanso_domain::entries::EntryKind;
use kanso_domain::habits::Habit;
use kanso_domain::progress::DayLog;
use kanso_domain::time::parse_date;
use kanso_domain::{HabitId, Quantity};
use kanso_protocol::entries::EntryKind as WireKind;
use rusqlite::{Connection, params};
use serde::Deserialize;
use uuid::Uuid;

use super::{Replica, ReplicaError, View, account, view};

/// Habits, the amounts recorded for them and the settings, read in one transaction.
#[derive(Clone, Debug)]
pub(crate) struct JournalSnapshot {
    pub(crate) settings: Settings,
    pub(crate) habits: Vec<View<Habit>>,
    pub(crate) logs: BTreeMap<HabitId, DayLog>,
}

/// The two members of an entry that statistics need. The other members of a history of years are
/// not parsed.
#[derive(Deserialize)]
struct Amount {
    kind: WireKind,
    value: f64,
}

type Days = Vec<(Date, EntryKind, Quantity)>;

impl Replica {
    /// Reads one habit or all habits, archived ones included, in the order of the list.
    pub(crate) fn journal(
        &mut self,
        habit: Option<HabitId>,
    ) -> Result<JournalSnapshot, ReplicaError> {
        // Another process may be writing. One transaction gives all queries the same snapshot.
        let snapshot = self.connection.transaction()?;
        let habits = match habit {
            Some(id) => view::habit(&snapshot, id)?.into_iter().collect(),
            None => view::habits(&snapshot)?,
        };
        Ok(JournalSnapshot {
            settings: account::settings(&snapshot)?,
            habits,
            logs: logs(&snapshot, habit)?,
        })
    }
}

fn logs(
    connection: &Connection,
    habit: Option<HabitId>,
) -> Result<BTreeMap<HabitId, DayLog>, ReplicaError> {
    let mut statement = connection.prepare_cached(
        "SELECT habit_id, local_date, record FROM shown
         WHERE entity = 'entry' AND (?1 IS NULL OR habit_id = ?1)",
    )?;
    let mut rows = statement.query(params![habit.map(HabitId::uuid)])?;
    // Collected per habit first: a log is built from all days of its habit at once.
    let mut days: BTreeMap<Uuid, Days> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (habit, date, json): (Uuid, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        days.entry(habit).or_default().push(amount(&date, &json)?);
    }
    let log = |(habit, days): (Uuid, Days)| (HabitId::new(habit), days.into_iter().collect());
    Ok(days.into_iter().map(log).collect())
}

fn amount(date: &str, json: &str) -> Result<(Date, EntryKind, Quantity), ReplicaError> {
    let no_date = || ReplicaError::damaged(format_args!("invalid date {date:?}"));
    let Amount { kind, value } = serde_json::from_str(json).map_err(ReplicaError::damaged)?;
    Ok((
        parse_date(date).ok_or_else(no_date)?,
        kind.into(),
        Quantity::from_f64(value).map_err(ReplicaError::damaged)?,
    ))
}
