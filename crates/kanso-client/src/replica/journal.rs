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
use rusqlite::{Connection, Row};
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

/// The two members of an entry that statistics need.
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

/// Columns that [`amount`] reads, in this order. An index has all of them.
const AMOUNT: &str = "local_date, kind, value, id";

fn logs(
    connection: &Connection,
    habit: Option<HabitId>,
) -> Result<BTreeMap<HabitId, DayLog>, ReplicaError> {
    if let Some(habit) = habit {
        return Ok(BTreeMap::from([(habit, log(connection, habit)?)]));
    }
    // The index has the entries of each habit side by side, by day.
    let sql = format!(
        "SELECT {AMOUNT}, habit_id FROM shown INDEXED BY shown_by_habit WHERE entity = 'entry'"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    // Collected per habit first: a log is built from all days of its habit at once.
    let mut days: BTreeMap<Uuid, Days> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        days.entry(row.get(4)?)
            .or_default()
            .push(amount(connection, row)?);
    }
    let log = |(habit, days): (Uuid, Days)| (HabitId::new(habit), days.into_iter().collect());
    Ok(days.into_iter().map(log).collect())
}

/// Returns the recorded days of one habit.
pub(super) fn log(connection: &Connection, habit: HabitId) -> Result<DayLog, ReplicaError> {
    let sql = format!("SELECT {AMOUNT} FROM shown WHERE habit_id = ?1 AND entity = 'entry'");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([habit.uuid()])?;
    let mut days = Days::new();
    while let Some(row) = rows.next()? {
        days.push(amount(connection, row)?);
    }
    Ok(days.into_iter().collect())
}

fn amount(
    connection: &Connection,
    row: &Row<'_>,
) -> Result<(Date, EntryKind, Quantity), ReplicaError> {
    let date: String = row.get(0)?;
    let day = parse_date(&date);
    let day = day.ok_or_else(|| ReplicaError::damaged(format_args!("invalid date {date:?}")))?;
    let kind: Option<String> = row.get(1)?;
    let known = |name: String| {
        let mut kinds = EntryKind::ALL.into_iter();
        kinds.find(|kind| kind.as_str() == name)
    };
    let (kind, value) = match kind.and_then(known) {
        Some(kind) => {
            let value = Quantity::from_thousandths(row.get(2)?);
            (kind, value.map_err(ReplicaError::damaged)?)
        }
        None => recorded_amount(connection, row.get(3)?)?,
    };
    Ok((day, kind, value))
}

/// Reads the kind and the value from the record itself.
fn recorded_amount(
    connection: &Connection,
    entry: Uuid,
) -> Result<(EntryKind, Quantity), ReplicaError> {
    let sql = "SELECT record FROM shown WHERE entity = 'entry' AND id = ?1";
    let json: String = connection
        .prepare_cached(sql)?
        .query_row([entry], |row| row.get(0))?;
    let Amount { kind, value } = serde_json::from_str(&json).map_err(ReplicaError::damaged)?;
    let value = Quantity::from_f64(value).map_err(ReplicaError::damaged)?;
    Ok((kind.into(), value))
}
