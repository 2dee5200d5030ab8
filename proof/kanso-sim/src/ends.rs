//! How everything stands when nothing moves any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use kanso_application::ports::clock::Clock as _;
use kanso_application::ports::storage::{Backlog, DeltaQuery, Scope, Storage};
use kanso_application::streaks::Streaks;
use kanso_domain::accounts::Email;
use kanso_domain::habits::StoredStreak;
use kanso_domain::sync::{Digest, Head, Since};
use kanso_domain::{HabitId, Record, Seq, UserId};
use kanso_protocol::sync::Change;
use serde_json::Value;
use uuid::Uuid;

use crate::actors::Device;
use crate::cluster::Kept;
use crate::feeds::Told;
use crate::history::Who;
use crate::time::Time;

/// What the server holds of one person.
#[derive(Clone, Debug, Default)]
pub struct PersonEnd {
    /// The person.
    pub person: u32,
    /// Their account.
    pub user: Option<UserId>,
    /// What the server says its live records add up to.
    pub digest: String,
    /// What they do add up to.
    pub sum: String,
    /// All records, tombstones too.
    pub records: BTreeMap<Uuid, End>,
    /// Habits whose stored streaks are not those of a fresh computation: id, stored, fresh.
    pub wrong_streaks: Vec<(Uuid, String, String)>,
}

/// One record.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// Its version.
    pub version: i64,
    /// Whether it is a tombstone.
    pub is_deleted: bool,
    /// Of an entry, its habit.
    pub habit: Option<Uuid>,
    /// What is on the wire of it, without what follows from other records.
    pub members: Value,
}

/// What a device holds.
#[derive(Clone, Debug, Default)]
pub struct DeviceEnd {
    /// The device.
    pub who: Option<Who>,
    /// How its sync stands, when that is not as it should be.
    pub trouble: Option<String>,
    /// Operations that wait.
    pub waiting: u64,
    /// What its live records add up to.
    pub sum: String,
    /// Its live records.
    pub records: BTreeMap<Uuid, End>,
}

/// How everything stands.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// How often a copy was put back.
    pub restores: u32,
    /// The longest way of a message, in milliseconds.
    pub longest_delay: u64,
    /// Whether several servers shared the storage.
    pub has_others: bool,
    /// Whether a call of the storage may have waited for others, or failed.
    pub has_busy_store: bool,
    /// Streaks that wait to be computed, and those that were given up.
    pub backlog: Backlog,
    /// People for whom news are carried although nobody waits for any.
    pub waiters: usize,
    /// What servers remember some time after the last request.
    pub kept: Vec<Kept>,
    /// Who follows an event stream and has not read everything.
    pub behind: Vec<Who>,
    /// Where histories were ever said to stand.
    pub told: Told,
    /// What the server holds.
    pub people: Vec<PersonEnd>,
    /// What devices hold.
    pub devices: Vec<DeviceEnd>,
}

impl PersonEnd {
    /// Reads everything of `person` from the storage itself.
    pub async fn read(
        storage: &Arc<dyn Storage>,
        time: &Time,
        person: u32,
    ) -> anyhow::Result<Self> {
        let user = account(storage, person).await?;
        let user = user.context("the account is gone")?;
        let query = DeltaQuery {
            since: Since::Position(Seq::ZERO),
            scope: Scope::Everything,
            limit: None,
        };
        let page = storage
            .delta(user, query)
            .await?
            .context("an account is gone")?;
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

impl DeviceEnd {
    /// Reads what a device holds.
    pub fn read(device: &Device) -> anyhow::Result<Self> {
        let records = device.client.server_records()?;
        let live = records.iter().filter(|record| !record.stamp().is_deleted());
        Ok(Self {
            who: Some(device.who),
            trouble: (!device.is_quiet()).then(|| format!("{:?}", device.state())),
            waiting: device.client.status()?.waiting,
            sum: sum(&records),
            records: shown(&live.map(named).collect()),
        })
    }
}

/// Live records, without entries whose habit is not live.
pub fn shown(records: &BTreeMap<Uuid, End>) -> BTreeMap<Uuid, End> {
    let is_live = |id: &Uuid| records.get(id).is_some_and(|end| !end.is_deleted);
    let shown = records
        .iter()
        .filter(|(id, end)| is_live(id) && end.habit.as_ref().is_none_or(is_live));
    shown.map(|(id, end)| (*id, end.clone())).collect()
}

fn named(record: &Record) -> (Uuid, End) {
    let habit = match record {
        Record::Habit(_) => None,
        Record::Entry(entry) => Some(entry.details.habit_id.uuid()),
    };
    let end = End {
        version: record.stamp().version.get(),
        is_deleted: record.stamp().is_deleted(),
        habit,
        members: members(record),
    };
    (record.id(), end)
}

/// The members on the wire, but for the streaks, which follow from entries and the day, and the
/// time of the newest change, which a stored streak moves.
fn members(record: &Record) -> Value {
    let json = serde_json::to_value(Change::from(record)).unwrap_or_default();
    let mut members = json.get("record").cloned().unwrap_or_default();
    if let Some(members) = members.as_object_mut() {
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
    let stored = storage.habits(user, true).await?;
    let mut fresh = stored.clone();
    for habit in &mut fresh {
        // Nothing is known of it, so it is computed.
        habit.streak = StoredStreak::default();
    }
    let clock = time.clock(0);
    let feed = Arc::new(kanso_testkit::QuietFeed);
    let streaks = Streaks::new(Arc::clone(storage) as _, Arc::clone(&clock) as _, feed);
    streaks.refresh(user, fresh.iter_mut().collect()).await?;
    let differ = |(stored, fresh): &(kanso_domain::habits::Habit, kanso_domain::habits::Habit)| {
        let figures = |streak: &StoredStreak| (streak.current, streak.longest);
        figures(&stored.streak) != figures(&fresh.streak)
    };
    let pairs = stored.into_iter().zip(fresh).filter(differ);
    let told = |streak: StoredStreak| format!("{streak:?} (it is {})", clock.now());
    Ok(pairs
        .map(|(stored, fresh)| (stored.id.uuid(), told(stored.streak), told(fresh.streak)))
        .collect())
}

/// Whether the stored streaks of all are those of a fresh computation. For up to a minute after a
/// midnight they are not: the worker has not begun the day yet.
pub async fn streaks_are_fresh(
    storage: &Arc<dyn Storage>,
    time: &Time,
    people: u32,
) -> anyhow::Result<bool> {
    for person in 1..=people {
        // Of an account that is gone is said elsewhere.
        let Some(user) = account(storage, person).await? else {
            continue;
        };
        if !wrong_streaks(storage, time, user).await?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The queue, in the storage itself.
pub async fn backlog(storage: &Arc<dyn Storage>) -> anyhow::Result<Backlog> {
    Ok(storage.streak_backlog().await?)
}

/// Where the history of each person stands, in the storage itself; nowhere if the account is gone.
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
