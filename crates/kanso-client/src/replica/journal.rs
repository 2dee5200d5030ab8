//! What was recorded: the amounts of the entries, without the rest of them.

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

use super::{Replica, ReplicaError, Shown, account, shown};

/// Habits, what was recorded for them, and how the person's days are read: from one moment.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) settings: Settings,
    pub(crate) habits: Vec<Shown<Habit>>,
    pub(crate) logs: BTreeMap<HabitId, DayLog>,
}

/// What counts of an entry. Its other members are not read: there may be years of them.
#[derive(Deserialize)]
struct Amount {
    kind: WireKind,
    value: f64,
}

type Days = Vec<(Date, EntryKind, Quantity)>;

impl Replica {
    /// One habit or all, archived ones too, in the order of the list.
    pub(crate) fn recorded(&mut self, habit: Option<HabitId>) -> Result<Recorded, ReplicaError> {
        // Another process may be writing: all of it is read from one snapshot.
        let snapshot = self.connection.transaction()?;
        let habits = match habit {
            Some(id) => shown::habit(&snapshot, id)?.into_iter().collect(),
            None => shown::habits(&snapshot)?,
        };
        Ok(Recorded {
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
    let mut days: BTreeMap<Uuid, Days> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (habit, date, json): (Uuid, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        days.entry(habit).or_default().push(amount(&date, &json)?);
    }
    let log = |(habit, days): (Uuid, Days)| (HabitId::new(habit), days.into_iter().collect());
    Ok(days.into_iter().map(log).collect())
}

fn amount(date: &str, json: &str) -> Result<(Date, EntryKind, Quantity), ReplicaError> {
    let no_date = || ReplicaError::damaged(format_args!("a date {date:?}"));
    let Amount { kind, value } = serde_json::from_str(json).map_err(ReplicaError::damaged)?;
    Ok((
        parse_date(date).ok_or_else(no_date)?,
        kind.into(),
        Quantity::from_f64(value).map_err(ReplicaError::damaged)?,
    ))
}
