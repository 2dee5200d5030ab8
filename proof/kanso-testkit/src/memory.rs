//! A storage in memory: the contract in its simplest form.

mod accounts;
mod admission;
mod copies;
mod devices;
mod events;
mod journal;
mod purges;
mod quota;
mod records;
mod replicas;
mod streaks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use kanso_application::ports::admission::Invitation;
use kanso_application::ports::devices::Device;
use kanso_application::ports::storage::{Storage, StorageError};
use kanso_domain::accounts::{Account, Email, PasswordHash, SettingsRecord};
use kanso_domain::entries::Entry;
use kanso_domain::events::SecurityEvent;
use kanso_domain::habits::Habit;
use kanso_domain::sessions::Session;
use kanso_domain::sync::{Epoch, Head, OwnQuota, Receipt};
use kanso_domain::{Date, DeviceId, EntryId, HabitId, OpId, Seq, SessionId, Timestamp, UserId};

use streaks::Queue;

/// A storage that keeps all records in memory, sorted, behind one lock.
///
/// No call waits, so each call is one atomic step. The simulated PostgreSQL relies on that.
#[derive(Debug)]
pub struct MemoryStorage {
    epoch: Mutex<Epoch>,
    /// `None` once it is closed.
    state: Mutex<Option<State>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    emails: BTreeMap<Email, UserId>,
    users: BTreeMap<UserId, UserData>,
    invitations: BTreeMap<[u8; 32], Invitation>,
}

/// All data of one user.
#[derive(Clone, Debug)]
struct UserData {
    account: Account,
    password_hash: PasswordHash,
    is_disabled: bool,
    head: Head,
    /// The epochs of the history, oldest first, each with the head at its beginning.
    starts: Vec<(Epoch, Seq)>,
    sessions: BTreeMap<SessionId, Session>,
    events: Vec<SecurityEvent>,
    habits: BTreeMap<HabitId, Habit>,
    entries: BTreeMap<EntryId, Entry>,
    purged_habits: BTreeSet<HabitId>,
    purged_entries: BTreeSet<EntryId>,
    settings: Option<SettingsRecord>,
    devices: BTreeMap<DeviceId, Device>,
    /// With the time of each.
    receipts: BTreeMap<OpId, (Timestamp, Receipt)>,
    queue: Queue,
    day_begun: Option<Date>,
    own_quota: OwnQuota,
    /// Hashes that sessions replaced last.
    replaced_passwords: BTreeMap<SessionId, PasswordHash>,
}

impl MemoryStorage {
    /// Creates an empty storage with the history `epoch`.
    pub fn new(epoch: Epoch) -> Self {
        Self {
            epoch: Mutex::new(epoch),
            state: Mutex::new(Some(State::default())),
        }
    }

    /// Epoch of the history.
    pub fn epoch(&self) -> Epoch {
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> Result<T, StorageError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = || StorageError::Unavailable("the storage is closed".into());
        // A poisoned lock is taken over: a panic in one test must not fail another with a
        // misleading message.
        state.as_mut().map(work).ok_or_else(closed)
    }

    fn with_user<T>(
        &self,
        user: UserId,
        work: impl FnOnce(&mut UserData) -> T,
    ) -> Result<Option<T>, StorageError> {
        self.with(|state| state.users.get_mut(&user).map(work))
    }
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::new(Epoch::new(1))
    }
}

#[async_trait]
impl Storage for MemoryStorage {
    async fn ping(&self) -> Result<(), StorageError> {
        self.with(|_| ())
    }

    async fn close(&self) -> Result<(), StorageError> {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}
