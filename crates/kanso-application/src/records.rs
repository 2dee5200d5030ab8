//! The shared part of the features about records: their ports, and the one way to write records.

use std::sync::Arc;

use kanso_domain::UserId;
use kanso_domain::sync::{
    Action, Changeset, Cursor, CursorRefusal, LoadSet, Loaded, Operation, OperationOutcome, Quota,
    ReceiptKey, Seen, decide_push,
};

use crate::disk::{DiskGuard, DiskLevel};
use crate::ports::clock::Clock;
use crate::ports::feed::Feed;
use crate::ports::ids::Ids;
use crate::ports::storage::{Storage, WriteOutcome};
use crate::ports::work_signal::WorkSignal;
use crate::{Fault, Outcome};

/// The ports of the features about records.
#[derive(Clone)]
pub struct RecordPorts {
    /// Storage of records.
    pub storage: Arc<dyn Storage>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Source of ids.
    pub ids: Arc<dyn Ids>,
    /// Signal for the workers after a change.
    pub wake: Arc<dyn WorkSignal>,
    /// Feed that notifies other devices of a change.
    pub feed: Arc<dyn Feed>,
    /// Bounds of every account.
    pub quota: Quota,
    /// Guard of the disk.
    pub disk: DiskGuard,
}

impl RecordPorts {
    /// Carries out `operations` for `user`. A cursor of another history refuses all of them.
    ///
    /// `seen` holds the edits of its own that the sender knows.
    pub(crate) async fn submit(
        &self,
        user: UserId,
        cursor: Option<Cursor>,
        operations: Vec<Operation>,
        seen: Seen,
    ) -> Outcome<Result<Changeset, CursorRefusal>> {
        let is_full = self.disk.level() == DiskLevel::Full;
        // Deletions go on: they are how users make room.
        if is_full && !operations.iter().all(Operation::is_deletion) {
            return Err(Fault::DiskFull);
        }
        let (load_set, now) = (LoadSet::of(&operations), self.clock.now());
        let quota = self.quota;
        let decide = Arc::new(move |loaded: Loaded| {
            // Checked in the decision, under the lock on the user. After an earlier check a purge
            // could still raise the floor.
            if let Some(cursor) = cursor {
                cursor.since(loaded.head)?;
            }
            Ok(decide_push(loaded, &operations, seen.clone(), quota, now))
        });
        match self.storage.write(user, load_set, decide).await? {
            WriteOutcome::Committed(changeset) => {
                // After the commit: a worker that is woken before it would find an empty queue.
                if !changeset.stale_streaks.is_empty() {
                    self.wake.streaks();
                }
                // A retry or a refusal moves nothing, and other devices need no notice of it.
                if changeset.head.seq > changeset.before {
                    self.feed.publish(user, changeset.head.seq);
                }
                Ok(Ok(changeset))
            }
            WriteOutcome::Refused(refusal) => Ok(Err(refusal)),
            WriteOutcome::NoSuchUser => Err(Fault::AccountGone),
        }
    }

    /// Carries out one operation.
    pub(crate) async fn submit_one(
        &self,
        user: UserId,
        retry_key: RetryKey,
        action: Action,
    ) -> Outcome<OperationOutcome> {
        let operation = Operation {
            key: retry_key.key,
            ..Operation::once(action)
        };
        let seen = Seen::default();
        let submitted = self.submit(user, None, vec![operation], seen).await?;
        let outcome = submitted
            .ok()
            .and_then(|mut changeset| changeset.outcomes.pop());
        // Without a cursor no write is refused, and one operation has one outcome, so the outcome
        // is always there.
        outcome.ok_or(Fault::AccountGone)
    }
}

/// The key of a call that must have its effect once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RetryKey {
    /// Key of the stored result. With a key, a retry has no second effect.
    pub key: Option<ReceiptKey>,
}
