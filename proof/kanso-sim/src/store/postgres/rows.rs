//! Locks on rows, in the order in which they are asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kanso_domain::accounts::Email;
use kanso_domain::{SessionId, UserId};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// What can be locked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Row {
    /// The entry of an address in the directory.
    Email(Email),
    /// The row of a person.
    User(UserId),
    /// The queued streaks of a person.
    Jobs(UserId),
    /// A session.
    Session(UserId, SessionId),
}

/// A lock that is held.
#[derive(Debug)]
#[expect(dead_code, reason = "a lock is let go when it is dropped")]
pub(super) enum RowLock {
    Exclusive(OwnedRwLockWriteGuard<()>),
    Shared(OwnedRwLockReadGuard<()>),
}

/// The locks of a database. Its keeper hands each out first come, first served.
#[derive(Debug, Default)]
pub(super) struct Rows {
    locks: Mutex<BTreeMap<Row, Arc<RwLock<()>>>>,
    /// What is never let go, for a bug.
    leaked: Mutex<Vec<RowLock>>,
}

impl Rows {
    /// `FOR UPDATE`: waits until nobody else has the row.
    pub(super) async fn exclusive(&self, row: Row) -> RowLock {
        RowLock::Exclusive(self.of(row).write_owned().await)
    }

    /// `FOR KEY SHARE`: waits until nobody has the row for an update.
    pub(super) async fn shared(&self, row: Row) -> RowLock {
        RowLock::Shared(self.of(row).read_owned().await)
    }

    /// `FOR UPDATE SKIP LOCKED`: none if somebody else has the row.
    pub(super) fn try_exclusive(&self, row: Row) -> Option<RowLock> {
        self.of(row).try_write_owned().ok().map(RowLock::Exclusive)
    }

    /// Never lets go of these.
    pub(super) fn leak(&self, locks: Vec<RowLock>) {
        let mut leaked = self.leaked.lock().unwrap_or_else(PoisonError::into_inner);
        leaked.extend(locks);
    }

    fn of(&self, row: Row) -> Arc<RwLock<()>> {
        let mut rows = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(rows.entry(row).or_default())
    }
}
