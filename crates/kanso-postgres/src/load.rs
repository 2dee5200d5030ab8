//! Everything that a write works on, read by one statement.
//!
//! Each row of the statement looks up one operation, one entry and one habit by their keys. `OFFSET 0`
//! keeps the planner from turning a look-up into a join: without statistics it would take a scan of
//! all records of the user for cheaper than ten look-ups.

use kanso_domain::entries::Entry;
use kanso_domain::habits::Habit;
use kanso_domain::sync::{LoadSet, Loaded};
use kanso_domain::{EntryId, HabitId, OpId, Seq, UserId};
use tokio_postgres::Row;

use crate::columns::{Columns, Parameter, bound, bound_all};
use crate::connection::Connection;
use crate::entries::{self, entry_columns};
use crate::error::DatabaseError;
use crate::habits::{self, habit_columns};
use crate::receipts::{self, receipt_columns};
use crate::statements::has_key;
use crate::usage::usage_columns;
use crate::users::{self, head_columns};

/// Reads the user $1, the receipts of the operations $2, the entries $3, and the habits $4 by
/// `$habit`. The first row has the columns of the user.
macro_rules! load {
    ($habit:expr, $also:literal, $parts:expr) => {
        concat!(
            "SELECT account.*, receipt.*, entry.*, habit.*",
            $also,
            " FROM unnest($2::uuid[], $3::uuid[], $4::uuid[])
                 WITH ORDINALITY AS asked (op, entry, habit, nth)
             LEFT JOIN LATERAL (
                 SELECT ",
            head_columns!(),
            ", timezone, week_start, day_start, ",
            usage_columns!(),
            " FROM users WHERE user_id = $1 AND NOT is_deleted AND asked.nth = 1 OFFSET 0
             ) AS account ON TRUE
             LEFT JOIN LATERAL (
                 SELECT ",
            receipt_columns!(),
            " FROM receipts WHERE user_id = $1 AND op_id = asked.op OFFSET 0
             ) AS receipt ON TRUE
             LEFT JOIN LATERAL (
                 SELECT ",
            entry_columns!(),
            " FROM entries WHERE ",
            has_key!("id", "asked.entry"),
            " OFFSET 0
             ) AS entry ON TRUE
             LEFT JOIN LATERAL (
                 SELECT ",
            $habit,
            " OFFSET 0
             ) AS habit ON TRUE ",
            $parts
        )
    };
}

macro_rules! entry_grave {
    () => {
        "LEFT JOIN LATERAL (
             SELECT id FROM graves WHERE user_id = $1 AND id = asked.entry AND entity = 'entry'
                 AND entry.id IS NULL OFFSET 0
         ) AS entry_grave ON TRUE "
    };
}

/// Reads everything: the habits $4, and the habits of the entries.
const EVERYTHING: &str = load!(
    concat!(
        habit_columns!(),
        " FROM habits WHERE ",
        has_key!("id", "asked.habit")
    ),
    ", entry_grave.*, owner.*, habit_grave.*",
    concat!(
        entry_grave!(),
        "LEFT JOIN LATERAL (
             SELECT ",
        habit_columns!(),
        " FROM habits WHERE ",
        has_key!("id", "entry.habit_id"),
        " AND entry.habit_id <> ALL ($4) OFFSET 0
         ) AS owner ON TRUE
         LEFT JOIN LATERAL (
             SELECT id FROM graves WHERE user_id = $1 AND id = asked.habit AND entity = 'habit'
                 AND habit.id IS NULL OFFSET 0
         ) AS habit_grave ON TRUE"
    )
);

/// Reads what new entries of the habits $4 need.
const CREATES: &str = load!(
    concat!(
        habit_columns!(),
        " FROM habits WHERE ",
        has_key!("id", "asked.habit")
    ),
    ", entry_grave.*",
    entry_grave!()
);

/// Reads entries and their habits.
const EDITS: &str = load!(
    concat!(
        habit_columns!(),
        " FROM habits WHERE ",
        has_key!("id", "entry.habit_id")
    ),
    "",
    ""
);

// First column of each part of a row.
const RECEIPT: usize = 15;
const ENTRY: usize = RECEIPT + 7;
const HABIT: usize = ENTRY + 16;
const ENTRY_GRAVE: usize = HABIT + 23;
const OWNER: usize = ENTRY_GRAVE + 1;
const HABIT_GRAVE: usize = OWNER + 23;

/// The records that a statement of this module reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All that any write needs of single records.
    Everything,
    /// The habits of new entries, and the entries if they are there already.
    Creates,
    /// Entries with their habits.
    Edits,
}

impl Extent {
    /// Returns the smallest extent for a push of entries; `None` if the write is another one.
    pub(crate) fn of_push(keys: &LoadSet) -> Option<Self> {
        let is_push =
            keys.entries_of.is_empty() && keys.first_entry_of.is_empty() && !keys.counts_habits;
        let extent = if keys.habits.is_empty() {
            Self::Edits
        } else {
            Self::Creates
        };
        is_push.then_some(extent)
    }

    pub(crate) const fn sql(self) -> &'static str {
        match self {
            Self::Everything => EVERYTHING,
            Self::Creates => CREATES,
            Self::Edits => EDITS,
        }
    }

    /// Returns true if everything that `keys` ask for was read: a missing record may have been purged, and an
    /// entry that is already there may be of another habit.
    fn has_all(self, keys: &LoadSet, loaded: &Loaded) -> bool {
        let owners = || loaded.entries.values().map(|entry| entry.details.habit_id);
        let is_there = |habit: &HabitId| loaded.habits.contains_key(habit);
        match self {
            Self::Everything => true,
            Self::Creates => keys.habits.iter().all(is_there) && owners().all(|id| is_there(&id)),
            Self::Edits => loaded.entries.len() == keys.entries.len(),
        }
    }
}

/// The state that a write works on, and what the store must know to write on top of it.
pub(crate) struct State {
    pub(crate) loaded: Loaded,
    /// True if the extent of the statement was enough.
    pub(crate) is_complete: bool,
    /// True if `users` holds the usage.
    pub(crate) is_counted: bool,
    /// True if the newest change was written in the present epoch.
    pub(crate) is_of_epoch: bool,
}

impl State {
    /// Returns true if a push can be stored on top of it.
    //
    // The first write of an epoch also keeps the start of the one before, and the first write after an
    // upgrade counts what is stored.
    pub(crate) const fn is_fit_for_push(&self) -> bool {
        self.is_complete && self.is_counted && self.is_of_epoch
    }
}

/// Returns the parameters of an [`Extent`].
pub(crate) fn parameters(user: UserId, keys: &LoadSet) -> Vec<Parameter> {
    let mut receipts: Vec<Option<OpId>> = keys.receipts.iter().copied().map(Some).collect();
    if keys.receipts.is_empty() && keys.entries.is_empty() && keys.habits.is_empty() {
        // The user is on the first row, so there has to be one.
        receipts.push(None);
    }
    let habits = keys.habits.union(&keys.entries_of);
    vec![
        bound(&user),
        bound_all(&receipts),
        bound_all(&keys.entries),
        bound_all(habits),
    ]
}

/// Reads the rows of an [`Extent`]; `None` if there is no such account.
pub(crate) fn read(
    connection: &Connection,
    (keys, extent): (&LoadSet, Extent),
    rows: &[Row],
) -> Result<Option<State>, DatabaseError> {
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    if Columns::from(first, 0).take::<Option<Seq>>()?.is_none() {
        return Ok(None);
    }
    let account = users::read_locked(first, connection.epoch)?;
    let mut loaded = Loaded {
        own_quota: account.own_quota,
        usage: account.usage.unwrap_or_default(),
        ..Loaded::empty(account.head, account.settings)
    };
    // Every purge raises the floor, so a floor of zero means that nothing was purged yet.
    let has_graves = account.head.floor.seq != Seq::ZERO;
    for row in rows {
        if Columns::from(row, RECEIPT)
            .take::<Option<OpId>>()?
            .is_some()
        {
            let found = receipts::read(&mut Columns::from(row, RECEIPT))?;
            loaded.receipts.insert(found.key.op_id, found);
        }
        if Columns::from(row, ENTRY)
            .take::<Option<EntryId>>()?
            .is_some()
        {
            let entry: Entry = entries::read_columns(&mut Columns::from(row, ENTRY))?;
            loaded.entries.insert(entry.id, entry);
        }
        read_habit(&mut loaded, row, HABIT)?;
        if extent == Extent::Everything {
            read_habit(&mut loaded, row, OWNER)?;
        }
        if has_graves && extent != Extent::Edits {
            let entry = Columns::from(row, ENTRY_GRAVE).take::<Option<EntryId>>()?;
            loaded.purged_entries.extend(entry);
        }
        if has_graves && extent == Extent::Everything {
            let habit = Columns::from(row, HABIT_GRAVE).take::<Option<HabitId>>()?;
            let asked = habit.filter(|habit| keys.habits.contains(habit));
            loaded.purged_habits.extend(asked);
        }
    }
    Ok(Some(State {
        is_complete: extent.has_all(keys, &loaded),
        loaded,
        is_counted: account.usage.is_some(),
        is_of_epoch: account.is_of_epoch,
    }))
}

/// Reads the habit that begins at a column, if there is one. Many entries have the same habit, which is read
/// once.
fn read_habit(loaded: &mut Loaded, row: &Row, start: usize) -> Result<(), DatabaseError> {
    let id = Columns::from(row, start).take::<Option<HabitId>>()?;
    if id.is_some_and(|id| !loaded.habits.contains_key(&id)) {
        let habit: Habit = habits::read_columns(&mut Columns::from(row, start))?;
        loaded.habits.insert(habit.id, habit);
    }
    Ok(())
}
