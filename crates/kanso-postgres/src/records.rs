//! The port for habits and entries.

use async_trait::async_trait;
use futures::FutureExt as _;
use kanso_application::ports::storage::{
    Comparison, Decide, DeltaQuery, EntryKey, EntryQuery, HabitQuery, Journal, RecordStore,
    SnapshotPiece, SnapshotQuery, StorageError, WriteOutcome,
};
use kanso_domain::entries::Entry;
use kanso_domain::habits::Habit;
use kanso_domain::sync::{Buckets, Changeset, Epoch, Head, LoadSet, Loaded, Page, Usage};
use kanso_domain::{Entity, EntryId, HabitId, Seq, UserId};

use crate::attempts::{BEGIN, COMMIT};
use crate::columns::{bind, bound, bound_all};
use crate::connection::Connection;
use crate::error::DatabaseError;
use crate::{
    PostgresStorage, compare, delta, entries, habits, journal, purged, receipts, snapshot,
    streak_queue, usage, users,
};

#[async_trait]
impl RecordStore for PostgresStorage {
    async fn write(
        &self,
        user: UserId,
        keys: LoadSet,
        decide: Decide,
    ) -> Result<WriteOutcome, StorageError> {
        self.transact((user, keys, decide), |connection, (user, keys, decide)| {
            write(connection, *user, keys, decide).boxed()
        })
        .await
    }

    async fn delta(&self, user: UserId, query: DeltaQuery) -> Result<Option<Page>, StorageError> {
        // Most devices that ask are up to date. One row answers them without a transaction.
        let Some(head) = self.head(user).await? else {
            return Ok(None);
        };
        if query.since.is_up_to_date(head) {
            return Ok(Some(Page::empty(head)));
        }
        self.read((user, query), |connection, (user, query)| {
            delta::read(connection, *user, *query).boxed()
        })
        .await
    }

    async fn head(&self, user: UserId) -> Result<Option<Head>, StorageError> {
        self.look_up(user, |connection, user| {
            users::head(connection, *user).boxed()
        })
        .await
    }

    async fn shared_up_to(&self, user: UserId, epoch: Epoch) -> Result<Option<Seq>, StorageError> {
        self.read((user, epoch), |connection, (user, epoch)| {
            users::shared_up_to(connection, *user, *epoch).boxed()
        })
        .await
    }

    async fn heads(&self, users: &[UserId]) -> Result<Vec<(UserId, Seq)>, StorageError> {
        self.look_up(users.to_vec(), |connection, users| {
            users::heads(connection, users).boxed()
        })
        .await
    }

    async fn snapshot(
        &self,
        user: UserId,
        query: SnapshotQuery,
    ) -> Result<Option<SnapshotPiece>, StorageError> {
        self.read((user, query), |connection, (user, query)| {
            snapshot::read(connection, *user, *query).boxed()
        })
        .await
    }

    async fn compare(
        &self,
        user: UserId,
        replica: Buckets,
        limit: u32,
    ) -> Result<Option<Comparison>, StorageError> {
        let data = (user, replica, limit);
        self.read(data, |connection, (user, replica, limit)| {
            compare::read(connection, *user, replica, *limit).boxed()
        })
        .await
    }

    async fn journal(
        &self,
        user: UserId,
        only: Option<&[HabitId]>,
    ) -> Result<Option<Journal>, StorageError> {
        let only = only.map(<[_]>::to_vec);
        self.read((user, only), |connection, (user, only)| {
            journal::read(connection, *user, only.as_deref()).boxed()
        })
        .await
    }

    async fn habit(&self, user: UserId, id: HabitId) -> Result<Option<Habit>, StorageError> {
        self.look_up((user, id), |connection, (user, id)| {
            habits::find_live(connection, *user, *id).boxed()
        })
        .await
    }

    async fn habits(&self, user: UserId, query: HabitQuery) -> Result<Vec<Habit>, StorageError> {
        self.look_up((user, query), |connection, (user, query)| {
            habits::list(connection, *user, query).boxed()
        })
        .await
    }

    async fn entry(&self, user: UserId, id: EntryId) -> Result<Option<Entry>, StorageError> {
        self.look_up((user, id), |connection, (user, id)| {
            entries::find_live(connection, *user, *id).boxed()
        })
        .await
    }

    async fn entry_keys(
        &self,
        user: UserId,
        query: EntryQuery,
    ) -> Result<Vec<EntryKey>, StorageError> {
        self.look_up((user, query), |connection, (user, query)| {
            entries::keys(connection, *user, query).boxed()
        })
        .await
    }

    async fn entries(&self, user: UserId, ids: Vec<EntryId>) -> Result<Vec<Entry>, StorageError> {
        self.look_up((user, ids), |connection, (user, ids)| {
            entries::some_live(connection, *user, ids).boxed()
        })
        .await
    }
}

/// Decides on a write and stores it in two round trips: the first locks the user and loads, the
/// second stores and commits.
async fn write(
    connection: &Connection,
    user: UserId,
    keys: &LoadSet,
    decide: &Decide,
) -> Result<WriteOutcome, DatabaseError> {
    let Some(loaded) = load(connection, user, keys).await? else {
        connection.command(COMMIT).await?;
        return Ok(WriteOutcome::NoSuchUser);
    };
    let before = (loaded.head, loaded.usage);
    match decide(loaded) {
        Ok(changeset) => {
            store(connection, user, before, &changeset).await?;
            Ok(WriteOutcome::Committed(changeset))
        }
        Err(refusal) => {
            connection.command(COMMIT).await?;
            Ok(WriteOutcome::Refused(refusal))
        }
    }
}

/// Begins the transaction, locks the user and loads the records of a write; `None` if there is no
/// such account.
///
/// The order matters. The transaction is READ COMMITTED, so each statement takes its snapshot when
/// it begins, and the server begins none before the lock is granted. What is loaded is therefore
/// the state after the last writer of this user, although all requests leave in one round trip.
async fn load(
    connection: &Connection,
    user: UserId,
    keys: &LoadSet,
) -> Result<Option<Loaded>, DatabaseError> {
    let of_user = |ids| vec![bound(&user), ids];
    let mut pipeline = connection.pipeline();
    // Prepared here, before BEGIN: inside `store` the round trip would be spent under the lock.
    pipeline.prepare_also(&STORE_STATEMENTS);
    pipeline.command(BEGIN);
    let locked = pipeline.add(users::LOCK, bind![user]);
    let ids = of_user(bound_all(&keys.receipts));
    let receipts = pipeline.add_if(!keys.receipts.is_empty(), receipts::NAMED, ids);
    let ids = of_user(bound_all(&keys.entries));
    let named = pipeline.add_if(!keys.entries.is_empty(), entries::NAMED, ids);
    let ids = of_user(bound_all(&keys.entries_of));
    let live = pipeline.add_if(!keys.entries_of.is_empty(), entries::LIVE_OF, ids);
    let ids = of_user(bound_all(&keys.first_entry_of));
    let asked = !keys.first_entry_of.is_empty();
    let first_days = pipeline.add_if(asked, entries::FIRST_DAYS_OF, ids);
    let ids = vec![
        bound(&user),
        bound_all(&keys.habits),
        bound_all(&keys.entries),
        bound_all(&keys.entries_of),
    ];
    let habits = pipeline.add(habits::NAMED, ids);
    let ids = keys.habits.iter().map(|id| id.uuid());
    let ids: Vec<_> = ids.chain(keys.entries.iter().map(|id| id.uuid())).collect();
    let counted = pipeline.add_if(keys.counts_habits, habits::COUNT_LIVE, bind![user]);
    let purged = pipeline.add_if(!ids.is_empty(), purged::AMONG, of_user(bound_all(&ids)));

    let answers = pipeline.send().await?;
    let read = |row: &_| users::read_locked(row, connection.epoch);
    let Some(row) = answers.first(locked, read)? else {
        return Ok(None);
    };
    let usage = usage::counted(connection, user, row.usage).await?;
    if row.usage.is_none() {
        // Stored at once: a write that changes nothing would count again.
        let values = bind![user, usage.records, usage.bytes];
        connection.execute(usage::SET, values).await?;
    }
    let receipts = answers.all(receipts, receipts::read)?.into_iter();
    let mut entries = answers.all(named, entries::read)?;
    entries.extend(answers.all(live, entries::read)?);
    let habits = answers.all(habits, habits::read)?.into_iter();
    let first_days = answers.all(first_days, entries::read_first_day)?;
    let mut loaded = Loaded {
        head: row.head,
        settings: row.settings,
        usage,
        own_quota: row.own_quota,
        receipts: receipts.map(|found| (found.key.op_id, found)).collect(),
        entries: entries.into_iter().map(|entry| (entry.id, entry)).collect(),
        habits: habits.map(|habit| (habit.id, habit)).collect(),
        live_habits: answers
            .first(counted, habits::read_count)?
            .unwrap_or_default(),
        purged_habits: [].into(),
        purged_entries: [].into(),
        first_entries: first_days.into_iter().collect(),
    };
    note_purged(&mut loaded, keys, answers.all(purged, purged::read)?);
    Ok(Some(loaded))
}

/// Notes which of the named records were purged.
fn note_purged(loaded: &mut Loaded, keys: &LoadSet, purged: Vec<(Entity, uuid::Uuid)>) {
    // Every purge raises the floor, so a floor of zero means that nothing was purged yet.
    if loaded.head.floor.seq == Seq::ZERO {
        return;
    }
    for (entity, id) in purged {
        let (habit, entry) = (HabitId::new(id), EntryId::new(id));
        // Habits and entries share the table of purged ids, and a client may use one UUID for
        // both: each id counts only for its own kind. A record that was created again under a
        // purged id is there, and not purged.
        match entity {
            Entity::Habit if keys.habits.contains(&habit) => {
                if !loaded.habits.contains_key(&habit) {
                    loaded.purged_habits.insert(habit);
                }
            }
            Entity::Entry if keys.entries.contains(&entry) => {
                if !loaded.entries.contains_key(&entry) {
                    loaded.purged_entries.insert(entry);
                }
            }
            Entity::Habit | Entity::Entry => {}
        }
    }
}

/// Every statement that [`store`] may send.
const STORE_STATEMENTS: [&str; 9] = [
    habits::INSERT,
    habits::UPDATE,
    entries::INSERT,
    entries::UPDATE,
    receipts::INSERT,
    streak_queue::QUEUE,
    streak_queue::REMOVE,
    users::SET_HEAD,
    usage::SET,
];

/// Stores a changeset that was decided on at `before`, and commits, in one round trip.
async fn store(
    connection: &Connection,
    user: UserId,
    before: (Head, Usage),
    changeset: &Changeset,
) -> Result<(), DatabaseError> {
    let now = changeset.head.changed_at;
    let mut pipeline = connection.pipeline();
    // Habits come first: the foreign key of an entry refers to its habit.
    for save in &changeset.habits {
        habits::save(&mut pipeline, user, save);
    }
    for save in &changeset.entries {
        entries::save(&mut pipeline, user, save);
    }
    for receipt in &changeset.receipts {
        receipts::insert(&mut pipeline, user, receipt, now)?;
    }
    for &habit in &changeset.stale_streaks {
        pipeline.add(streak_queue::QUEUE, bind![user, now, habit]);
    }
    let saved = changeset.habits.iter().map(|save| &save.record);
    for tombstone in saved.filter(|habit| habit.stamp.is_deleted()) {
        pipeline.add(streak_queue::REMOVE, bind![user, tombstone.id]);
    }
    let (head, stored) = before;
    let usage = changeset.usage;
    if changeset.head != head {
        users::set_head(&mut pipeline, user, changeset.head, Some(usage));
    } else if usage != stored {
        // Only receipts were added.
        pipeline.add(usage::SET, bind![user, usage.records, usage.bytes]);
    }
    pipeline.commit().await
}

#[cfg(test)]
mod tests;
