//! The port over habits and entries.

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use kanso_application::ports::storage::{
    Comparison, Decide, DeltaQuery, EntryFilter, Journal, RecordStore, SnapshotPiece,
    SnapshotQuery, StorageError, WriteOutcome,
};
use kanso_domain::entries::Entry;
use kanso_domain::habits::Habit;
use kanso_domain::sync::{Buckets, Changeset, Head, LoadSet, Loaded, Page};
use kanso_domain::{Entity, EntryId, HabitId, Seq, UserId};

use crate::attempts::{BEGIN, COMMIT};
use crate::columns::{bound, bound_all};
use crate::connection::{Connection, sent};
use crate::error::Failure;
use crate::{
    PostgresStorage, compare, delta, dirty, entries, graves, habits, journal, receipts, snapshot,
    users,
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
        // Most who ask have seen everything, and learn so from one row.
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

    async fn habits(&self, user: UserId, archived_too: bool) -> Result<Vec<Habit>, StorageError> {
        self.look_up((user, archived_too), |connection, (user, archived_too)| {
            habits::list(connection, *user, *archived_too).boxed()
        })
        .await
    }

    async fn entry(&self, user: UserId, id: EntryId) -> Result<Option<Entry>, StorageError> {
        self.look_up((user, id), |connection, (user, id)| {
            entries::find_live(connection, *user, *id).boxed()
        })
        .await
    }

    async fn entries(&self, user: UserId, filter: EntryFilter) -> Result<Vec<Entry>, StorageError> {
        self.look_up((user, filter), |connection, (user, filter)| {
            entries::list(connection, *user, filter).boxed()
        })
        .await
    }
}

/// Two round trips: the lock and what must be seen; what is stored and the commit.
async fn write(
    connection: &Connection,
    user: UserId,
    keys: &LoadSet,
    decide: &Decide,
) -> Result<WriteOutcome, Failure> {
    let Some(current) = load(connection, user, keys).await? else {
        connection.command(COMMIT).await?;
        return Ok(WriteOutcome::NoSuchUser);
    };
    let before = current.head;
    match decide(current) {
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

/// Begins the transaction, locks the user and reads what a write sees; `None` when there is no
/// such account.
///
/// Each statement sees what was committed when it begins, and none begins before the lock is
/// granted, because the server carries them out in the order in which they are sent.
async fn load(
    connection: &Connection,
    user: UserId,
    keys: &LoadSet,
) -> Result<Option<Loaded>, Failure> {
    connection
        .prepare(&[
            users::LOCK,
            receipts::NAMED,
            entries::NAMED,
            entries::LIVE_OF,
            habits::NAMED,
            graves::AMONG,
        ])
        .await?;
    let of_user = |ids| vec![bound(&user), ids];
    let begun = sent(connection.command(BEGIN)).await;
    let locked = sent(users::lock(connection, user)).await;
    let receipts = bound_all(&keys.receipts);
    let receipts = connection.all(receipts::NAMED, of_user(receipts), receipts::read);
    let receipts = sent(unless(keys.receipts.is_empty(), receipts)).await;
    let named = connection.all(
        entries::NAMED,
        of_user(bound_all(&keys.entries)),
        entries::read,
    );
    let named = sent(unless(keys.entries.is_empty(), named)).await;
    let live = connection.all(
        entries::LIVE_OF,
        of_user(bound_all(&keys.entries_of)),
        entries::read,
    );
    let live = sent(unless(keys.entries_of.is_empty(), live)).await;
    let ids = vec![
        bound(&user),
        bound_all(&keys.habits),
        bound_all(&keys.entries),
        bound_all(&keys.entries_of),
    ];
    let habits = sent(connection.all(habits::NAMED, ids, habits::read)).await;
    let ids = keys.habits.iter().map(|id| id.uuid());
    let ids: Vec<_> = ids.chain(keys.entries.iter().map(|id| id.uuid())).collect();
    let buried = connection.all(graves::AMONG, of_user(bound_all(&ids)), graves::read);
    let buried = sent(unless(ids.is_empty(), buried)).await;

    begun.await?;
    let Some((head, settings)) = locked.await? else {
        return Ok(None);
    };
    let receipts = receipts.await?.into_iter();
    let entries = named.await?.into_iter().chain(live.await?);
    let mut current = Loaded {
        head,
        settings,
        receipts: receipts.map(|found| (found.key.op_id, found)).collect(),
        entries: entries.map(|entry| (entry.id, entry)).collect(),
        habits: habits
            .await?
            .into_iter()
            .map(|habit| (habit.id, habit))
            .collect(),
        purged_habits: [].into(),
        purged_entries: [].into(),
    };
    note_buried(&mut current, keys, buried.await?);
    Ok(Some(current))
}

/// Those of the named records that are not there any more.
fn note_buried(current: &mut Loaded, keys: &LoadSet, buried: Vec<(Entity, uuid::Uuid)>) {
    if current.head.floor.seq == Seq::ZERO {
        return;
    }
    for (entity, id) in buried {
        let (habit, entry) = (HabitId::new(id), EntryId::new(id));
        match entity {
            Entity::Habit if keys.habits.contains(&habit) => {
                if !current.habits.contains_key(&habit) {
                    current.purged_habits.insert(habit);
                }
            }
            Entity::Entry if keys.entries.contains(&entry) => {
                if !current.entries.contains_key(&entry) {
                    current.purged_entries.insert(entry);
                }
            }
            Entity::Habit | Entity::Entry => {}
        }
    }
}

/// Nothing when there is nothing to ask for, so that nothing is sent.
async fn unless<T>(
    is_empty: bool,
    asked: impl Future<Output = Result<Vec<T>, Failure>>,
) -> Result<Vec<T>, Failure> {
    if is_empty {
        Ok(Vec::new())
    } else {
        asked.await
    }
}

/// Stores a changeset that was decided on at `before`, and commits. Habits come first: entries
/// refer to them.
///
/// The commit is sent before it is known what became of the rest: if any of it failed, the server
/// rolls back instead.
async fn store(
    connection: &Connection,
    user: UserId,
    before: Head,
    changeset: &Changeset,
) -> Result<(), Failure> {
    connection
        .prepare(&[
            habits::INSERT,
            habits::UPDATE,
            entries::INSERT,
            entries::UPDATE,
            receipts::INSERT,
            dirty::QUEUE,
            dirty::REMOVE,
            users::SET_HEAD,
        ])
        .await?;
    let now = changeset.head.changed_at;
    let mut steps: Vec<BoxFuture<'_, Result<(), Failure>>> = Vec::new();
    for save in &changeset.habits {
        steps.push(habits::save(connection, user, save).boxed());
    }
    for save in &changeset.entries {
        steps.push(entries::save(connection, user, save).boxed());
    }
    for receipt in &changeset.receipts {
        steps.push(receipts::insert(connection, user, receipt, now).boxed());
    }
    for &habit in &changeset.stale_streaks {
        steps.push(dirty::queue(connection, user, habit, now).boxed());
    }
    let saved = changeset.habits.iter().map(|save| &save.record);
    for tombstone in saved.filter(|habit| habit.stamp.is_deleted()) {
        steps.push(dirty::remove(connection, user, tombstone.id).boxed());
    }
    if changeset.head != before {
        steps.push(users::set_head(connection, user, changeset.head).boxed());
    }
    connection.commit_after(steps).await
}
