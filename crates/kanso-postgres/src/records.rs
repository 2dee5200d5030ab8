//! The port for habits and entries.

use async_trait::async_trait;
use futures::FutureExt as _;
use kanso_application::ports::storage::{
    Comparison, Decide, DeltaQuery, EntryKey, EntryQuery, HabitQuery, Journal, RecordStore, Scope,
    SnapshotPiece, SnapshotQuery, StorageError, WriteOutcome,
};
use kanso_domain::entries::Entry;
use kanso_domain::habits::Habit;
use kanso_domain::sync::{Buckets, Changeset, Epoch, Head, LoadSet, Page, Since, Usage};
use kanso_domain::{EntryId, HabitId, Seq, UserId};

use crate::attempts::{BEGIN, COMMIT};
use crate::columns::{bind, bound, bound_all};
use crate::connection::Connection;
use crate::error::DatabaseError;
use crate::load::{self, Extent, State};
use crate::push::{self, Push};
use crate::{
    PostgresStorage, compare, delta, entries, habits, journal, page, receipts, snapshot,
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
        let turn = self.writers.enter(user);
        let data = (user, keys, decide, turn);
        self.transact(data, |connection, (user, keys, decide, turn)| {
            write(connection, *user, keys, decide, turn.is_alone()).boxed()
        })
        .await
    }

    async fn delta(&self, user: UserId, query: DeltaQuery) -> Result<Option<Page>, StorageError> {
        let after = match query.since {
            Since::Beginning => Some(Seq::ZERO),
            Since::Position(after) | Since::FirstPull { after, .. } => Some(after),
            Since::Instant(_) => None,
        };
        if let Some(after) = after.filter(|_| query.scope == Scope::Everything) {
            return self
                .look_up((user, query, after), |connection, (user, query, after)| {
                    page::read(connection, *user, *query, *after).boxed()
                })
                .await;
        }
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

/// Decides on a write and stores it.
///
/// A push of entries needs two statements: one loads, and one stores if nothing has changed since. Any other
/// write, and a push that met another writer, holds the lock on the user from the load to the commit.
async fn write(
    connection: &Connection,
    user: UserId,
    keys: &LoadSet,
    decide: &Decide,
    is_alone: bool,
) -> Result<WriteOutcome, DatabaseError> {
    // Beside another writer the second statement would only find that the user's row has changed.
    if let Some(extent) = Extent::of_push(keys).filter(|_| is_alone) {
        let written = push_unlocked(connection, user, (keys, extent), decide);
        if let Some(outcome) = written.await? {
            return Ok(outcome);
        }
    }
    let Some(state) = load(connection, user, keys).await? else {
        connection.command(COMMIT).await?;
        return Ok(WriteOutcome::NoSuchUser);
    };
    let before = (state.loaded.head, state.loaded.usage);
    match decide(state.loaded) {
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

/// Writes without a transaction around the load and the store; returns `None` if the write has to hold the
/// lock.
///
/// The load is one statement, so it reads one snapshot, and the store takes place only if the user's row is
/// still the one of that snapshot. So the decision is the one that would be made under the lock.
async fn push_unlocked(
    connection: &Connection,
    user: UserId,
    (keys, extent): (&LoadSet, Extent),
    decide: &Decide,
) -> Result<Option<WriteOutcome>, DatabaseError> {
    let mut pipeline = connection.pipeline();
    pipeline.prepare_also(&push::STATEMENTS);
    let rows = pipeline.add(extent.sql(), load::parameters(user, keys));
    let answers = pipeline.send().await?;
    let asked = (keys, extent);
    let Some(state) = load::read(connection, asked, answers.rows(rows))? else {
        return Ok(Some(WriteOutcome::NoSuchUser));
    };
    let before = (state.loaded.head, state.loaded.usage);
    if !state.is_fit_for_push() {
        return Ok(None);
    }
    let changeset = match decide(state.loaded) {
        Ok(changeset) => changeset,
        Err(refusal) => return Ok(Some(WriteOutcome::Refused(refusal))),
    };
    // Also before a result that was stored earlier is repeated: it may be in a replaced history only.
    connection.ensure_newest()?;
    if changeset.is_empty() && (changeset.head, changeset.usage) == before {
        return Ok(Some(WriteOutcome::Committed(changeset)));
    }
    let Some(push) = Push::of(&changeset) else {
        return Ok(None);
    };
    match push::store(connection, user, before, &push).await {
        Ok(is_stored) => Ok(is_stored.then_some(WriteOutcome::Committed(changeset))),
        // Decided again under the lock, which names the record if the error remains.
        Err(error) if error.is_stale() => Ok(None),
        Err(error) => Err(error),
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
) -> Result<Option<State>, DatabaseError> {
    let of_user = |ids| vec![bound(&user), ids];
    let mut pipeline = connection.pipeline();
    // Prepared here, before BEGIN: inside `store` the round trip would be spent under the lock.
    pipeline.prepare_also(&STORE_STATEMENTS);
    pipeline.command(BEGIN);
    pipeline.add(users::LOCK, bind![user]);
    let asked = (keys, Extent::Everything);
    let rows = pipeline.add(asked.1.sql(), load::parameters(user, keys));
    let ids = of_user(bound_all(&keys.entries_of));
    let live = pipeline.add_if(!keys.entries_of.is_empty(), entries::LIVE_OF, ids);
    let ids = of_user(bound_all(&keys.first_entry_of));
    let needs_days = !keys.first_entry_of.is_empty();
    let first_days = pipeline.add_if(needs_days, entries::FIRST_DAYS_OF, ids);
    let counted = pipeline.add_if(keys.counts_habits, habits::COUNT_LIVE, bind![user]);

    let answers = pipeline.send().await?;
    let Some(mut state) = load::read(connection, asked, answers.rows(rows))? else {
        return Ok(None);
    };
    let loaded = &mut state.loaded;
    if !state.is_counted {
        // Stored at once: a write that changes nothing would count again.
        let usage = usage::counted(connection, user, None).await?;
        let values = bind![user, usage.records, usage.bytes];
        connection.execute(usage::SET, values).await?;
        loaded.usage = usage;
    }
    let live = answers.all(live, entries::read)?.into_iter();
    loaded.entries.extend(live.map(|entry| (entry.id, entry)));
    loaded.first_entries = answers
        .all(first_days, entries::read_first_day)?
        .into_iter()
        .collect();
    loaded.live_habits = answers
        .first(counted, habits::read_count)?
        .unwrap_or_default();
    Ok(Some(state))
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
    for save in &changeset.habits {
        habits::save(&mut pipeline, user, save);
    }
    entries::save(&mut pipeline, user, &changeset.entries);
    receipts::insert(&mut pipeline, user, &changeset.receipts, now)?;
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
