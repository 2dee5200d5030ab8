//! What all features about records share: their ports, and the one way by which records are
//! submitted.

use std::sync::Arc;

use kanso_domain::UserId;
use kanso_domain::sync::{
    Action, Changeset, Cursor, CursorRefusal, LoadSet, Loaded, Operation, OperationOutcome,
    ReceiptKey, decide,
};

use crate::ports::clock::Clock;
use crate::ports::feed::Feed;
use crate::ports::ids::Ids;
use crate::ports::storage::{Storage, WriteOutcome};
use crate::ports::work_signal::WorkSignal;
use crate::{Fault, Outcome};

/// The ports that features about records need.
#[derive(Clone)]
pub struct RecordPorts {
    /// Where records are kept.
    pub storage: Arc<dyn Storage>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn Ids>,
    /// Wakes the workers after a change.
    pub wake: Arc<dyn WorkSignal>,
    /// Tells other devices of a change.
    pub feed: Arc<dyn Feed>,
}

impl RecordPorts {
    /// Carries out `operations` for `user`, unless `cursor` shows that the client knows another
    /// history than this one.
    pub(crate) async fn submit(
        &self,
        user: UserId,
        cursor: Option<Cursor>,
        operations: Vec<Operation>,
    ) -> Outcome<Result<Changeset, CursorRefusal>> {
        let (load_set, now) = (LoadSet::of(&operations), self.clock.now());
        let decide = Arc::new(move |loaded: Loaded| {
            if let Some(cursor) = cursor {
                cursor.since(loaded.head)?;
            }
            Ok(decide(loaded, &operations, now))
        });
        match self.storage.write(user, load_set, decide).await? {
            WriteOutcome::Committed(changeset) => {
                if !changeset.stale_streaks.is_empty() {
                    self.wake.streaks();
                }
                if changeset.head.seq > changeset.before {
                    self.feed.publish(user, changeset.head.seq);
                }
                Ok(Ok(changeset))
            }
            WriteOutcome::Refused(refusal) => Ok(Err(refusal)),
            WriteOutcome::NoSuchUser => Err(Fault::AccountGone),
        }
    }

    /// Carries out one command.
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
        let submitted = self.submit(user, None, vec![operation]).await?;
        let outcome = submitted
            .ok()
            .and_then(|mut changeset| changeset.outcomes.pop());
        // Without a cursor nothing is refused, and one operation has one outcome.
        outcome.ok_or(Fault::AccountGone)
    }
}

/// What makes a call exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RetryKey {
    /// With a key, its result is stored and a retry has no second effect.
    pub key: Option<ReceiptKey>,
}
