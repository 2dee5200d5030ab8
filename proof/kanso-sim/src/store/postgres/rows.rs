//! Row locks, granted in the order of request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kanso_domain::accounts::Email;
use kanso_domain::{SessionId, UserId};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// Lockable rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Row {
    /// The row of the server.
    Server,
    /// An address in the directory.
    Email(Email),
    /// The row of a user.
    User(UserId),
    /// The queued streaks of a user.
    Jobs(UserId),
    /// A session.
    Session(UserId, SessionId),
}

/// A granted lock.
#[derive(Debug)]
#[expect(dead_code, reason = "dropping the guard releases the lock")]
pub(super) enum RowLock {
    Exclusive(OwnedRwLockWriteGuard<()>),
    Shared(OwnedRwLockReadGuard<()>),
}

/// The row locks of a database. Tokio's `RwLock` is fair, so locks are granted first come, first
/// served, as in PostgreSQL's lock queue.
#[derive(Debug, Default)]
pub(super) struct Rows {
    locks: Mutex<BTreeMap<Row, Arc<RwLock<()>>>>,
    /// Locks that are never released, for a planted bug.
    leaked: Mutex<Vec<RowLock>>,
}

impl Rows {
    /// `FOR UPDATE`: waits until the row is free.
    pub(super) async fn exclusive(&self, row: Row) -> RowLock {
        RowLock::Exclusive(self.of(row).write_owned().await)
    }

    /// `FOR KEY SHARE`: waits until the row has no exclusive lock.
    pub(super) async fn shared(&self, row: Row) -> RowLock {
        RowLock::Shared(self.of(row).read_owned().await)
    }

    /// `FOR UPDATE SKIP LOCKED`: returns `None` if the row is locked.
    pub(super) fn try_exclusive(&self, row: Row) -> Option<RowLock> {
        self.of(row).try_write_owned().ok().map(RowLock::Exclusive)
    }

    /// Never releases these locks.
    pub(super) fn leak(&self, locks: Vec<RowLock>) {
        let mut leaked = self.leaked.lock().unwrap_or_else(PoisonError::into_inner);
        leaked.extend(locks);
    }

    fn of(&self, row: Row) -> Arc<RwLock<()>> {
        // Entries are never removed: a run has few users, and a removal would race with a waiter.
        let mut rows = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(rows.entry(row).or_default())
    }
}
