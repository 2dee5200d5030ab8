//! Transactions that look before they change something, and those that skip what others hold.

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

use super::attempts::Failure;
use super::node::Node;
use super::rows::Row;
use super::transaction::{Changing, Transaction};
use crate::planted::Bug;

/// The lock and what must be seen; then what is stored and the commit.
pub(super) async fn write(
    node: &Node,
    user: UserId,
    keys: LoadSet,
    decide: Decide,
) -> Result<WriteOutcome, StorageError> {
    let kept: Arc<Mutex<Option<Changeset>>> = Arc::default();
    node.transact(move |mut transaction| {
        let (keys, decide, kept) = (keys.clone(), Arc::clone(&decide), Arc::clone(&kept));
        Box::pin(async move {
            transaction.lock(Row::User(user)).await?;
            let Some(mut current) = current(&transaction.memory(), user, &keys).await? else {
                transaction.step().await?;
                transaction.ended();
                return Ok(WriteOutcome::NoSuchUser);
            };
            transaction.step().await?;
            if transaction.was_unsure {
                // Only a planted bug tries again here.
                current.receipts.clear();
            }
            let changeset = match decided(&transaction, &decide, current, &kept) {
                Ok(changeset) => changeset,
                Err(refusal) => {
                    transaction.step().await?;
                    transaction.ended();
                    return Ok(WriteOutcome::Refused(refusal));
                }
            };
            if !changeset.stale_streaks.is_empty() {
                transaction.lock(Row::Jobs(user)).await?;
            }
            let store: Decide = Arc::new(move |_| Ok(changeset.clone()));
            let write = move |memory: Arc<MemoryStorage>| -> Changing<_> {
                Box::pin(async move { memory.write(user, keys, store).await })
            };
            transaction.commit(write).await
        })
    })
    .await
}

/// What the decision is, now that `current` is under the lock.
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
    if transaction.was_unsure {
        // Those that are stored already keep their rows.
        changeset.receipts.clear();
    }
    if transaction.has_bug(Bug::DecisionKept) {
        *kept = Some(changeset.clone());
    }
    Ok(changeset)
}

/// What a write sees; none when there is no such person.
async fn current(
    memory: &MemoryStorage,
    user: UserId,
    keys: &LoadSet,
) -> Result<Option<Loaded>, StorageError> {
    let seen: Arc<Mutex<Option<Loaded>>> = Arc::default();
    let keep = Arc::clone(&seen);
    let look: Decide = Arc::new(move |current| {
        *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(current);
        // Refused, so that nothing is stored.
        Err(CursorRefusal::Ahead)
    });
    memory.write(user, keys.clone(), look).await?;
    Ok(seen.lock().unwrap_or_else(PoisonError::into_inner).take())
}

/// Under a lock on the session alone.
pub(super) async fn refresh(
    node: &Node,
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
                transaction.ended();
                return Ok(None);
            };
            transaction.step().await?;
            let refreshed = decide(stored);
            let store: DecideRefresh = Arc::new(move |_| refreshed.clone());
            let rotate = move |memory: Arc<MemoryStorage>| -> Changing<_> {
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
    // Nothing is stored for one that is repeated.
    let look: DecideRefresh = Arc::new(Refreshed::Repeated);
    let seen = memory.refresh_session(user, session, look).await?;
    Ok(match seen {
        Some(Refreshed::Repeated(stored)) => Some(stored),
        _ => None,
    })
}

/// Leases of streaks that nobody else is changing. PostgreSQL skips single jobs; this skips people.
pub(super) async fn claim(
    node: &Node,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<StreakClaim>, StorageError> {
    node.transact(move |mut transaction| {
        Box::pin(async move {
            transaction.is_claim = true;
            transaction.step().await?;
            let memory = transaction.memory();
            let due = memory.copied().claim_streaks(now, limit).await?;
            let due = due.iter().map(|claim| claim.user);
            let due = due.filter(|user| transaction.lock_if_free(Row::Jobs(*user)));
            let held: BTreeSet<_> = due.collect();
            transaction.step().await?;
            let change = move |memory: Arc<MemoryStorage>| -> Changing<_> {
                Box::pin(async move {
                    let claimed = memory.claim_streaks(now, limit);
                    memory.among(&held, claimed).await
                })
            };
            transaction.commit(change).await
        })
    })
    .await
}

/// The people whom nobody else has locked, under locks now, and whether there are others.
fn free_people(
    transaction: &mut Transaction,
    memory: &MemoryStorage,
) -> Result<(BTreeSet<UserId>, bool), Failure> {
    let (free, held): (BTreeSet<_>, BTreeSet<_>) = memory
        .everybody()?
        .into_iter()
        .partition(|user| transaction.lock_if_free(Row::User(*user)));
    Ok((free, !held.is_empty()))
}

/// Begins a day for those whom nobody holds; the others are left for the next time.
pub(super) async fn begin_day(
    node: &Node,
    border: DayBorder,
    today: Date,
    limit: u32,
    now: Timestamp,
) -> Result<bool, StorageError> {
    node.transact(move |mut transaction| {
        let border = border.clone();
        Box::pin(async move {
            transaction.step().await?;
            let memory = transaction.memory();
            let (free, are_others_left) = free_people(&mut transaction, &memory)?;
            for user in &free {
                transaction.lock(Row::Jobs(*user)).await?;
            }
            let change = move |memory: Arc<MemoryStorage>| -> Changing<_> {
                Box::pin(async move {
                    let begun = memory.begin_day(&border, today, limit, now);
                    memory.among(&free, begun).await
                })
            };
            let is_more_left = transaction.commit(change).await?;
            Ok(is_more_left || are_others_left)
        })
    })
    .await
}

/// Removes tombstones of those whom nobody holds.
pub(super) async fn purge_tombstones(
    node: &Node,
    before: Timestamp,
    limit: u32,
) -> Result<u32, StorageError> {
    node.transact(move |mut transaction| {
        Box::pin(async move {
            transaction.step().await?;
            let memory = transaction.memory();
            let (free, _) = free_people(&mut transaction, &memory)?;
            transaction.step().await?;
            let change = move |memory: Arc<MemoryStorage>| -> Changing<_> {
                Box::pin(async move {
                    let purged = memory.purge_tombstones(before, limit);
                    memory.among(&free, purged).await
                })
            };
            transaction.commit(change).await
        })
    })
    .await
}
