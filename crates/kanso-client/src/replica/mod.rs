//! The device's local database (the replica) and every statement that reads or writes it.
//!
//! It has four parts. The *mirror* (SQL table `base`) holds the server's records as they were last
//! delivered. The *outbox* holds the operations that this device made and the server has not
//! delivered back. The *view* (SQL table `shown`) is the mirror with the outbox applied; lists and
//! statistics read it. The *failures* are rejected operations that wait for the user's decision.
//!
//! Each change is one transaction, and the view is derived in the transaction that changes the
//! mirror or the outbox. A crash therefore never leaves the parts in disagreement. The files are
//! readable by their owner only.

mod account;
mod adopt;
mod after_create;
mod apply;
mod change;
mod check;
mod codec;
mod damage;
mod deeds;
mod delivered;
mod editor;
mod error;
mod failures;
mod foreign;
mod give_back;
mod identity;
mod journal;
mod local_edits;
mod log_in;
mod mirror;
mod open;
mod outbox;
mod overlay;
mod own_versions;
mod position;
mod recovery;
mod rejections;
mod row;
mod salvage;
mod stand_in;
mod stranded;
mod today;
mod unknown_outcome;
mod view;

pub use account::BoundAccount;
pub use adopt::Adoption;
pub use error::ReplicaError;
pub use failures::Failure;
pub use position::ResyncReason;
pub use recovery::ManyDeletions;
pub use salvage::{Salvage, salvage};
pub use view::View;

pub(crate) use account::{DeliveredSettings, Session};
pub(crate) use apply::{ApplyReport, Batch, SyncAnswer};
pub(crate) use change::{Change, members, operation};
pub(crate) use deeds::{Deed, RecordChange};
pub(crate) use editor::{Editor, Recording};
pub(crate) use foreign::ForeignRecord;
pub(crate) use give_back::{members as record_members, members_where};
pub(crate) use journal::JournalSnapshot;
pub(crate) use outbox::{NewOperation, OUTBOX_START, body as outbox_body};
pub(crate) use recovery::{ApplyError, RemoteBuckets, RepairOptions};
pub(crate) use row::MirrorRow;
pub(crate) use today::TodaySnapshot;

use kanso_domain::{Entity, Timestamp};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use uuid::Uuid;

/// Connection to one device's local database.
#[derive(Debug)]
pub(crate) struct Replica {
    connection: Connection,
}

/// Identity of one record: its kind and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RecordKey {
    pub(crate) entity: Entity,
    pub(crate) id: Uuid,
}

impl RecordKey {
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

/// State of the replica: its account, its session and the work that is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Id of this client installation.
    pub device_id: Uuid,
    /// Account that the replica belongs to; `None` before the first log-in.
    pub account: Option<BoundAccount>,
    /// True if the device has a session. If false, log in again; no local data is lost.
    pub is_signed_in: bool,
    /// Number of operations that the server has not acknowledged.
    pub waiting: u64,
    /// Number of rejected operations that need the user's decision.
    pub failures: u64,
    /// Instant at which a sync last completed.
    pub last_sync_at: Option<Timestamp>,
    /// Data of the server that this version cannot read completely.
    pub unread: Unread,
}

/// Data of the server that this version cannot read completely, because the server is newer. It is
/// stored as it came: after an update of the program it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// Number of records. A stand-in is shown for those that can be read in part.
    pub records: u64,
    /// Number of operations whose result could not be read. They stay in the outbox.
    pub results: u64,
    /// Names and values of the account's settings that are not known. Others are in force on this
    /// device, see [`Client::settings`](crate::Client::settings).
    pub settings: Vec<(&'static str, String)>,
}

impl Unread {
    /// Returns true if the program needs an update to read everything.
    pub fn needs_update(&self) -> bool {
        *self != Self::default()
    }
}

impl Replica {
    /// Begins a transaction that writes.
    fn begin(&mut self) -> Result<Transaction<'_>, ReplicaError> {
        // `IMMEDIATE` takes SQLite's write lock at the start. A deferred transaction would take it
        // at its first write, and would fail with `SQLITE_BUSY_SNAPSHOT` if another process had
        // committed since its first read. The busy timeout does not cover that case.
        Ok(self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    pub(crate) fn status(&self) -> Result<Status, ReplicaError> {
        let connection = &self.connection;
        Ok(Status {
            device_id: account::device_id(connection)?,
            account: account::account(connection)?,
            is_signed_in: account::session(connection)?.is_some(),
            waiting: outbox::count(connection)?,
            failures: failures::count(connection)?,
            last_sync_at: account::last_sync_at(connection)?,
            unread: Unread {
                records: foreign::count_unread(connection)?,
                results: foreign::unread_results(connection)?,
                settings: account::unknown_settings(connection)?,
            },
        })
    }
}
