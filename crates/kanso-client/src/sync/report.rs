//! Reports of a sync.

use kanso_protocol::sync::OperationRequest;

use crate::calls::CallError;
use crate::replica::{Failure, ResyncReason, Unread};

/// Result of a sync.
#[derive(Debug, Default)]
pub struct SyncReport {
    /// Number of operations that the server acknowledged.
    pub pushed: u64,
    /// Number of acknowledged operations that the server merged with edits of other devices.
    pub merged: u64,
    /// Number of records delivered, this device's own changes included.
    pub pulled: u64,
    /// Operations that the server rejected. They stay in [`Client::failures`] until the user has
    /// decided.
    ///
    /// [`Client::failures`]: crate::Client::failures
    pub failures: Vec<Failure>,
    /// Number of operations left for the next sync.
    pub waiting: u64,
    /// Reason of the resync, if all records were read again.
    pub resynced: Option<ResyncReason>,
    /// Number of damaged records found on this device.
    pub damaged: u64,
    /// Number of records repaired after a comparison with the server.
    pub repaired: u64,
    /// Number of records given back to a server that had lost them.
    pub offered: u64,
    /// Number of records that had been deleted and are there again, because the server was restored to
    /// a backup from before the deletion. A deletion is not repeated: the backup may have been restored to
    /// undo it. The user can delete the records again.
    pub undeleted: u64,
    /// True if the two sides still differ. The next sync tries again.
    pub differs: bool,
    /// Operations that a proxy before the server refuses, because they are too large for it. They stay
    /// in the outbox.
    pub too_large: Vec<OperationRequest>,
    /// Operations for which the account has no room on the server. They stay in the outbox: they are
    /// carried out once something was deleted, or the operator has raised the quota.
    pub over_quota: Vec<OperationRequest>,
    /// True if a comparison was made and shows nothing, because the server has records of a kind that
    /// this version does not know.
    pub is_incomparable: bool,
    /// Data of the server that this version cannot read completely. Update the program to read it.
    pub unread: Unread,
}

impl SyncReport {
    /// Returns the report of this sync and of one that continued it.
    #[must_use]
    pub fn followed_by(mut self, next: Self) -> Self {
        self.failures.extend(next.failures);
        Self {
            pushed: self.pushed + next.pushed,
            merged: self.merged + next.merged,
            pulled: self.pulled + next.pulled,
            failures: self.failures,
            resynced: next.resynced.or(self.resynced),
            damaged: self.damaged + next.damaged,
            repaired: self.repaired + next.repaired,
            offered: self.offered + next.offered,
            undeleted: self.undeleted + next.undeleted,
            // The state at the end.
            waiting: next.waiting,
            differs: next.differs,
            too_large: next.too_large,
            over_quota: next.over_quota,
            is_incomparable: next.is_incomparable,
            unread: next.unread,
        }
    }
}

/// A sync that did not complete. The work in `so_far` is stored; the next sync continues.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct Interrupted {
    /// Report of the work done before the interruption.
    pub so_far: SyncReport,
    /// Reason of the interruption.
    #[source]
    pub cause: CallError,
}

/// Progress of a running sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Number of operations answered in this round.
    pub answered: u64,
    /// Number of operations not yet acknowledged.
    pub waiting: u64,
    /// Number of records delivered so far.
    pub pulled: u64,
    /// Number of records that the server has yet to deliver.
    pub remaining: u64,
}
