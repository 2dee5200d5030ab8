//! The device's own store: what the server delivered, what was written here since, and what the
//! two make together. Every change is one transaction; the file is the owner's alone.

mod account;
mod base;
mod check;
mod codec;
mod delivery;
mod editor;
mod error;
mod failures;
mod journal;
mod offers;
mod open;
mod outbox;
mod overlay;
mod recovery;
mod refusals;
mod row;
mod shown;
mod unsure;

pub use account::Binding;
pub use delivery::Resync;
pub use error::ReplicaError;
pub use failures::Failure;
pub use recovery::ManyDeletions;
pub use shown::Shown;

pub(crate) use account::Session;
pub(crate) use delivery::{Applied, Batch, Delivery};
pub(crate) use editor::Editor;
pub(crate) use journal::Recorded;
pub(crate) use outbox::{BEGINNING, NewOperation};
pub(crate) use recovery::{Hindered, Stored, Terms};

use kanso_domain::{Entity, Timestamp};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use uuid::Uuid;

/// One device's store.
#[derive(Debug)]
pub(crate) struct Replica {
    connection: Connection,
}

/// Names one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) entity: Entity,
    pub(crate) id: Uuid,
}

impl Key {
    pub(crate) const fn habit(id: kanso_domain::HabitId) -> Self {
        Self {
            entity: Entity::Habit,
            id: id.uuid(),
        }
    }

    pub(crate) const fn entry(id: kanso_domain::EntryId) -> Self {
        Self {
            entity: Entity::Entry,
            id: id.uuid(),
        }
    }
}

/// How the replica stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// This installation.
    pub device_id: Uuid,
    /// Whose records these are, once somebody has logged in.
    pub binding: Option<Binding>,
    /// Whether the device may speak for the account; if not, log in again. Nothing is lost.
    pub is_signed_in: bool,
    /// Operations that the server has not taken yet.
    pub waiting: u64,
    /// Operations that the server refused for good and that a person has to look at.
    pub failures: u64,
    /// When a sync last ran to its end.
    pub last_sync_at: Option<Timestamp>,
}

impl Replica {
    /// A write: it sees what others committed before it began, and nobody writes beside it.
    fn begin(&mut self) -> Result<Transaction<'_>, ReplicaError> {
        Ok(self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    pub(crate) fn status(&self) -> Result<Status, ReplicaError> {
        let connection = &self.connection;
        Ok(Status {
            device_id: account::device_id(connection)?,
            binding: account::binding(connection)?,
            is_signed_in: account::session(connection)?.is_some(),
            waiting: outbox::count(connection)?,
            failures: failures::count(connection)?,
            last_sync_at: account::last_sync_at(connection)?,
        })
    }
}
