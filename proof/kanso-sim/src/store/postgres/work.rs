//! Transactions that read before they change records, and those that skip locked rows.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use kanso_application::ports::housekeeping::PurgeStore as _;
use kanso_application::ports::storage::{
    AccountStore as _, DayBorder, Decide, DecideRefresh, RecordStore as _, StorageError,
    StreakClaim, StreakQueue as _, WriteOutcome,
};
use kanso_domain::sessions::{Refreshed, Session};
use kanso_domain::sync::{Changeset, CursorRefusal, LoadSet, Loaded};
use kanso_domain::{Date, SessionId, Timestamp, UserId};
use kanso_testkit::MemoryStorage;

use super::attempts::AttemptError;
use super::pool::ConnectionPool;
use super::rows::Row;
use super::transaction::{CommitFuture, Transaction};
use crate::mutants::Bug;

/// Locks the user, loads, decides, and stores with the commit.
///
/// The lock on the user's row comes first, because it orders all writes of a user: positions are
/// assigned under it, so no reader sees a later one before an earlier one.
pub(super) async fn write(
    node: &ConnectionPool,
    user: UserId,
    keys: LoadSet,
    decide: Decide,
) -> Result<WriteOutcome, StorageError> {
    // Only the planted bug uses it: each attempt has to decide again on the state that it loads.
    let kept: Arc<Mutex<Option<Changeset>>> = Arc::default();
    node.transact(move |mut transaction| {
        let (keys, decide, kept) = (keys.clone(), Arc::clone(&decide), Arc::clone(&kept));
        Box::pin(async move {
            transaction.lock(Row::User(user)).await?;
            let Some(mut current) = current(&transaction.memory(), user, &keys).await? else {
                transaction.statement().await?;
                transaction.finish();
                return Ok(WriteOutcome::NoSuchUser);
            };
            transaction.statement().await?;
            if transaction.is_after_uncertain {
                // Only a planted bug retries here.
                current.receipts.clear();
            }
            let changeset = match decided(&transaction, &decide, current, &kept) {
                Ok(changeset) => changeset,
                Err(refusal) => {
                    transaction.statement().await?;
                    transaction.finish();
                    return Ok(WriteOutcome::Refused(refusal));
                }
            };
            // The queue rows are locked after the user's row in every transaction, so two of them
            // cannot deadlock.
            if !changeset.stale_streaks.is_empty() {
                transaction.lock(Row::Jobs(user)).await?;
            }
            let store: Decide = Arc::new(move |_| Ok(changeset.clone()));
            let write = move |memory: Arc<MemoryStorage>| -> CommitFuture<_> {
                Box::pin(async move { memory.write(user, keys, store).await })
            };
            transaction.commit(write).await
        })
    })
    .await
}

/// Decides on the state that was loaded under the lock.
fn decided(
    transaction: &Transaction,
    decide: &Decide,
    current: Loaded,
    kept: &Mutex<Option<Changeset>>,
) -> Result<Changeset, CursorRefusal> {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if transaction.has_bug(Bug::DecisionKept)
        && transaction.attempt > 1
        && let Some(kept) = kept.take()
    {
        return Ok(kept);
    }
    let mut changeset = decide(current)?;
    if transaction.is_after_uncertain {
        // Stored receipts keep their rows.
        changeset.receipts.clear();
    }
    if transaction.has_bug(Bug::DecisionKept) {
        *kept = Some(changeset.clone());
    }
    Ok(changeset)
}

/// Loads the state for a write; `None` if the user does not exist.
async fn current(
    memory: &MemoryStorage,
    user: UserId,
    keys: &LoadSet,
) -> Result<Option<Loaded>, StorageError> {
    let seen: Arc<Mutex<Option<Loaded>>> = Arc::default();
    let keep = Arc::clone(&seen);
    let look: Decide = Arc::new(move |current| {
        *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(current);
        // A refusal, so that nothing is stored.
        Err(CursorRefusal::Ahead)
    });
    memory.write(user, keys.clone(), look).await?;
    Ok(seen.lock().unwrap_or_else(PoisonError::into_inner).take())
}

/// Rotates a refresh token under a lock on its session alone. The user's row is not locked, so a
/// refresh does not wait for a push.
pub(super) async fn refresh(
    node: &ConnectionPool,
    user: UserId,
    session: SessionId,
    decide: DecideRefresh,
) -> Result<Option<Refreshed>, StorageError> {
    node.transact(move |mut transaction| {
        let decide = Arc::clone(&decide);
        Box::pin(async move {
            transaction.lock(Row::Session(user, session)).await?;
            let memory = transaction.memory();
            let Some(stored) = stored_session(&memory, user, session).await? else {
                transaction.finish();
                return Ok(None);
            };
            transaction.statement().await?;
            let refreshed = decide(stored);
            let store: DecideRefresh = Arc::new(move |_| refreshed.clone());
            let rotate = move |memory: Arc<MemoryStorage>| -> CommitFuture<_> {
                Box::pin(async move { memory.refresh_session(user, session, store).await })
            };
            transaction.commit(rotate).await
        })
    })
    .await
}

async fn stored_session(
    memory: &MemoryStorage,
    user: UserId,
    session: SessionId,
) -> Result<Option<Session>, StorageError> {
    // `Repeated` stores nothing.
    let look: DecideRefresh = Arc::new(Refreshed::Repeated);
    let seen = memory.refresh_session(user, session, look).await?;
    Ok(match seen {
        Some(Refreshed::Repeated(stored)) => Some(stored),
        _ => None,
    })
}

/// Claims streaks of users whose jobs are not locked. PostgreSQL skips single jobs; this skips
/// users.
pub(super) async fn claim(
    node: &ConnectionPool,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<StreakClaim>, StorageError> {
    node.transact(move |mut transaction| {
        Box::pin(async move {
            transaction.is_claim = true;
            transaction.statement().await?;
            let memory = transaction.memory();
            // The claim runs on a copy first, to know the users before their rows are locked.
            let due = memory.copied().claim_streaks(now, limit).await?;
            let due = due.iter().map(|claim| claim.user);
            let due = due.filter(|user| transaction.try_lock(Row::Jobs(*user)));
            let held: BTreeSet<_> = due.collect();
            transaction.statement().await?;
            let change = move |memory: Arc<MemoryStorage>| -> CommitFuture<_> {
                Box::pin(async move {
                    let claimed = memory.claim_streaks(now, limit);
                    memory.restricted_to(&held, claimed).await
                })
            };
            transaction.commit(change).await
        })
    })
    .await
}

/// Locks all users whose rows are free. Returns them, and true if others are locked.
fn lock_free_users(
    transaction: &mut Transaction,
    memory: &MemoryStorage,
) -> Result<(BTreeSet<UserId>, bool), AttemptError> {
    let (free, held): (BTreeSet<_>, BTreeSet<_>) = memory
        .user_ids()?
        .into_iter()
        .partition(|user| transaction.try_lock(Row::User(*user)));
    Ok((free, !held.is_empty()))
}

/// Begins a day for the users whose rows are free; the others are left for the next call.
pub(super) async fn begin_day(
    node: &ConnectionPool,
    border: DayBorder,
    today: Date,
    limit: u32,
    now: Timestamp,
) -> Result<bool, StorageError> {
    node.transact(move |mut transaction| {
        let border = border.clone();
        Box::pin(async move {
            transaction.statement().await?;
            let memory = transaction.memory();
            let (free, are_others_left) = lock_free_users(&mut transaction, &memory)?;
            // The queue rows of these users are taken with the lock on their row held, in the
            // common order.
            for user in &free {
                transaction.lock(Row::Jobs(*user)).await?;
            }
            let change = move |memory: Arc<MemoryStorage>| -> CommitFuture<_> {
                Box::pin(async move {
                    let begun = memory.begin_day(&border, today, limit, now);
                    memory.restricted_to(&free, begun).await
                })
            };
            let is_more_left = transaction.commit(change).await?;
            Ok(is_more_left || are_others_left)
        })
    })
    .await
}

/// Purges tombstones of the users whose rows are free.
pub(super) async fn purge_tombstones(
    node: &ConnectionPool,
    before: Timestamp,
    limit: u32,
) -> Result<u32, StorageError> {
    node.transact(move |mut transaction| {
        Box::pin(async move {
            transaction.statement().await?;
            let memory = transaction.memory();
            let (free, _) = lock_free_users(&mut transaction, &memory)?;
            transaction.statement().await?;
            let change = move |memory: Arc<MemoryStorage>| -> CommitFuture<_> {
                Box::pin(async move {
                    let purged = memory.purge_tombstones(before, limit);
                    memory.restricted_to(&free, purged).await
                })
            };
            transaction.commit(change).await
        })
    })
    .await
}
