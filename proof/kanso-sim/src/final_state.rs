//! The final state, after recovery.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use kanso_application::ports::clock::Clock as _;
use kanso_application::ports::storage::{Backlog, DeltaQuery, HabitQuery, Scope, Storage};
use kanso_application::streaks::Streaks;
use kanso_domain::accounts::Email;
use kanso_domain::habits::StoredStreak;
use kanso_domain::sync::{Digest, Head, Since};
use kanso_domain::{HabitId, Record, Seq, UserId};
use kanso_protocol::sync::Change;
use serde_json::Value;
use uuid::Uuid;

use crate::actors::SimDevice;
use crate::cluster::MemoryUse;
use crate::feeds::PublishedHeads;
use crate::history::Actor;
use crate::time::Time;

/// Records of one user on the server.
#[derive(Clone, Debug, Default)]
pub struct FinalUser {
    /// The user's number.
    pub person: u32,
    /// The account.
    pub user: Option<UserId>,
    /// Digest that the server stores.
    pub digest: String,
    /// Digest of its live records, computed here.
    pub sum: String,
    /// All records with their tombstones.
    pub records: BTreeMap<Uuid, RecordState>,
    /// Habits whose stored streaks differ from a fresh computation: id, stored, fresh.
    pub wrong_streaks: Vec<(Uuid, String, String)>,
}

/// One record.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordState {
    /// Its version.
    pub version: i64,
    /// True for a tombstone.
    pub is_deleted: bool,
    /// The habit of an entry.
    pub habit: Option<Uuid>,
    /// Its members on the wire, without those that are derived from other records.
    pub members: Value,
}

/// Replica of a device.
#[derive(Clone, Debug, Default)]
pub struct FinalDevice {
    /// The device.
    pub actor: Option<Actor>,
    /// State of its sync, unless it is idle.
    pub trouble: Option<String>,
    /// Number of operations in its outbox.
    pub waiting: u64,
    /// Digest of its live records.
    pub sum: String,
    /// Its live records.
    pub records: BTreeMap<Uuid, RecordState>,
}

/// The final state.
#[derive(Clone, Debug, Default)]
pub struct FinalState {
    /// Number of restores.
    pub restores: u32,
    /// Longest delay of a message, in milliseconds.
    pub longest_delay: u64,
    /// Number of days for which tombstones are kept.
    pub tombstone_days: u32,
    /// True if several servers share the storage.
    pub has_others: bool,
    /// True if a call of the storage may wait or fail.
    pub has_busy_store: bool,
    /// Streaks that wait for computation, and those that were parked.
    pub backlog: Backlog,
    /// Number of users with subscribers although no client waits.
    pub waiters: usize,
    /// Memory of the servers some time after the last request.
    pub retained: Vec<MemoryUse>,
    /// Followers of event streams that have not read everything.
    pub behind: Vec<Actor>,
    /// Members that the devices cannot read in the words of their server, so that a stand-in is shown.
    pub unread_members: &'static [&'static str],
    /// All heads that were ever published.
    pub published: PublishedHeads,
    /// Records on the server.
    pub people: Vec<FinalUser>,
    /// Replicas of the devices.
    pub devices: Vec<FinalDevice>,
}

impl RecordState {
    /// Compares two states without the members named `unread`.
    pub fn equals(&self, other: &Self, unread: &[&str]) -> bool {
        let without = |state: &Self| {
            let mut state = state.clone();
            if let Some(members) = state.members.as_object_mut() {
                for name in unread {
                    members.remove(*name);
                }
            }
            state
        };
        self == other || (!unread.is_empty() && without(self) == without(other))
    }
}

impl FinalUser {
    /// Reads all records of `person` from the storage itself.
    pub async fn read(
        storage: &Arc<dyn Storage>,
        time: &Time,
        person: u32,
    ) -> anyhow::Result<Self> {
        let user = account(storage, person).await?;
        let user = user.context("the account is missing")?;
        let query = DeltaQuery {
            since: Since::Position(Seq::ZERO),
            scope: Scope::Everything,
            limit: None,
        };
        let page = storage
            .delta(user, query)
            .await?
            .context("the account is missing")?;
        let wrong_streaks = wrong_streaks(storage, time, user).await?;
        let records: BTreeMap<_, _> = page.records.iter().map(named).collect();
        Ok(Self {
            person,
            user: Some(user),
            digest: page.head.digest.to_string(),
            sum: sum(&page.records),
            records,
            wrong_streaks,
        })
    }
}

impl FinalDevice {
    /// Reads the replica of a device.
    pub fn read(device: &SimDevice) -> anyhow::Result<Self> {
        let records = device.client().server_records()?;
        let live = records.iter().filter(|record| !record.stamp().is_deleted());
        Ok(Self {
            actor: Some(device.actor),
            trouble: (!device.is_quiet()).then(|| format!("{:?}", device.state())),
            waiting: device.client().status()?.waiting,
            sum: sum(&records),
            records: shown(&live.map(named).collect()),
        })
    }
}

/// Returns the live records, without entries whose habit is not live.
pub fn shown(records: &BTreeMap<Uuid, RecordState>) -> BTreeMap<Uuid, RecordState> {
    let is_live = |id: &Uuid| records.get(id).is_some_and(|end| !end.is_deleted);
    let shown = records
        .iter()
        .filter(|(id, end)| is_live(id) && end.habit.as_ref().is_none_or(is_live));
    shown.map(|(id, end)| (*id, end.clone())).collect()
}

fn named(record: &Record) -> (Uuid, RecordState) {
    let habit = match record {
        Record::Habit(_) => None,
        Record::Entry(entry) => Some(entry.details.habit_id.uuid()),
    };
    let end = RecordState {
        version: record.stamp().version.get(),
        is_deleted: record.stamp().is_deleted(),
        habit,
        members: members(record),
    };
    (record.id(), end)
}

/// Returns the wire members without the streaks, which follow from entries and the day, and without
/// `updated_at`, which a stored streak moves.
fn members(record: &Record) -> Value {
    let json = serde_json::to_value(Change::from(record)).unwrap_or_default();
    let mut members = json.get("record").cloned().unwrap_or_default();
    if let Some(members) = members.as_object_mut() {
        // Check 9 compares streaks on their own. Here they would report the same fault twice.
        for derived in ["current_streak", "longest_streak", "updated_at"] {
            members.remove(derived);
        }
    }
    members
}

fn sum(records: &[Record]) -> String {
    let live = |id: HabitId| {
        let habit = records.iter().find(|record| record.id() == id.uuid());
        habit.is_some_and(|habit| !habit.stamp().is_deleted())
    };
    let counted = records.iter().filter(|record| match record {
        Record::Habit(habit) => !habit.stamp.is_deleted(),
        Record::Entry(entry) => !entry.stamp.is_deleted() && live(entry.details.habit_id),
    });
    counted.map(Digest::of_record).sum::<Digest>().to_string()
}

async fn wrong_streaks(
    storage: &Arc<dyn Storage>,
    time: &Time,
    user: UserId,
) -> anyhow::Result<Vec<(Uuid, String, String)>> {
    let stored = storage.habits(user, HabitQuery::all(true)).await?;
    let mut fresh = stored.clone();
    for habit in &mut fresh {
        // An empty streak forces a computation.
        habit.streak = StoredStreak::default();
    }
    let clock = time.clock(0);
    let feed = Arc::new(kanso_testkit::NullFeed);
    let streaks = Streaks::new(Arc::clone(storage) as _, Arc::clone(&clock) as _, feed);
    streaks.refresh(user, fresh.iter_mut().collect()).await?;
    let differ = |(stored, fresh): &(kanso_domain::habits::Habit, kanso_domain::habits::Habit)| {
        let figures = |streak: &StoredStreak| (streak.current, streak.longest);
        figures(&stored.streak) != figures(&fresh.streak)
    };
    let pairs = stored.into_iter().zip(fresh).filter(differ);
    let describe = |streak: StoredStreak| format!("{streak:?} (it is {})", clock.now());
    Ok(pairs
        .map(|(stored, fresh)| {
            (
                stored.id.uuid(),
                describe(stored.streak),
                describe(fresh.streak),
            )
        })
        .collect())
}

/// Returns true if all stored streaks equal a fresh computation. For up to a minute after midnight
/// they do not, because the worker has not begun the day yet.
pub async fn streaks_are_fresh(
    storage: &Arc<dyn Storage>,
    time: &Time,
    people: u32,
) -> anyhow::Result<bool> {
    for person in 1..=people {
        // A missing account is reported by `FinalUser::read`.
        let Some(user) = account(storage, person).await? else {
            continue;
        };
        if !wrong_streaks(storage, time, user).await?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the backlog of the storage itself.
pub async fn backlog(storage: &Arc<dyn Storage>) -> anyhow::Result<Backlog> {
    Ok(storage.streak_backlog().await?)
}

/// Returns the head of each user in the storage itself; `None` if the account is missing.
pub async fn heads(storage: &Arc<dyn Storage>, people: u32) -> anyhow::Result<Vec<Option<Head>>> {
    let mut heads = Vec::new();
    for person in 1..=people {
        let head = match account(storage, person).await? {
            Some(user) => storage.head(user).await?,
            None => None,
        };
        heads.push(head);
    }
    Ok(heads)
}

async fn account(storage: &Arc<dyn Storage>, person: u32) -> anyhow::Result<Option<UserId>> {
    let email: Email = format!("p{person}@example.org").parse()?;
    let found = storage.credentials(&email).await?;
    Ok(found.map(|credentials| credentials.user_id))
}
