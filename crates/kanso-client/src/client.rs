//! One device's client: the local side.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use jiff::civil::Date;
use kanso_domain::accounts::Settings;
use kanso_domain::calendar::local_day;
use kanso_domain::entries::Entry;
use kanso_domain::habits::Habit;
use kanso_domain::{EntryId, HabitId, Record, Zone};

use tokio::sync::broadcast;

use crate::changes::{CAPACITY, Changes};
use crate::clock::{Clock, Ids};
use crate::replica::{Failure, Replica, ReplicaError, Shown, Status};
use crate::system::{SystemClock, SystemIds};

/// One device of one person.
///
/// Reads and edits are short transactions on the local file and never wait for the network.
/// Several processes may open the same folder.
pub struct Client {
    replica: Mutex<Replica>,
    /// The thread whose closure is in the middle of a transaction.
    editing: Mutex<Option<ThreadId>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    /// One sync at a time: a second one waits for the first.
    pub(crate) syncing: tokio::sync::Mutex<()>,
    pub(crate) observers: broadcast::Sender<Changes>,
}

/// What was held while something panicked: its transaction was rolled back, so the store is whole.
fn unpoisoned<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This thread is in the middle of a transaction, until this is dropped.
struct Editing<'a>(&'a Mutex<Option<ThreadId>>);

impl<'a> Editing<'a> {
    fn begin(editing: &'a Mutex<Option<ThreadId>>) -> Self {
        *unpoisoned(editing) = Some(thread::current().id());
        Self(editing)
    }
}

impl Drop for Editing<'_> {
    fn drop(&mut self) {
        *unpoisoned(self.0) = None;
    }
}

impl Client {
    /// Opens the replica in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// The folder or the file cannot be used.
    pub fn open(folder: &Path) -> Result<Self, ReplicaError> {
        Self::open_with(folder, Arc::new(SystemClock), Arc::new(SystemIds))
    }

    /// The same with another clock and other ids than the machine's.
    ///
    /// # Errors
    /// The folder or the file cannot be used.
    pub fn open_with(
        folder: &Path,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, ReplicaError> {
        let replica = Replica::open(folder, ids.next_id())?;
        Ok(Self::of(replica, clock, ids))
    }

    /// A client whose replica goes with the process.
    ///
    /// # Errors
    /// The store failed.
    pub fn in_memory(clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Result<Self, ReplicaError> {
        let replica = Replica::in_memory(ids.next_id())?;
        Ok(Self::of(replica, clock, ids))
    }

    fn of(replica: Replica, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self {
            replica: Mutex::new(replica),
            editing: Mutex::new(None),
            clock,
            ids,
            syncing: tokio::sync::Mutex::new(()),
            observers: broadcast::Sender::new(CAPACITY),
        }
    }

    /// The store. Never held across a wait.
    ///
    /// # Errors
    /// `InTransaction` from within [`while_editing`](Self::while_editing), which holds it.
    pub(crate) fn replica(&self) -> Result<MutexGuard<'_, Replica>, ReplicaError> {
        if *unpoisoned(&self.editing) == Some(thread::current().id()) {
            return Err(ReplicaError::InTransaction);
        }
        Ok(unpoisoned(&self.replica))
    }

    /// Runs `work`, which is somebody else's, while the store is held for it.
    pub(crate) fn while_editing<T>(&self, work: impl FnOnce() -> T) -> T {
        let _over = Editing::begin(&self.editing);
        work()
    }

    /// How the replica stands.
    ///
    /// # Errors
    /// The store failed.
    pub fn status(&self) -> Result<Status, ReplicaError> {
        self.replica()?.status()
    }

    /// The account's settings as they were last read; before the first log-in, the defaults.
    ///
    /// # Errors
    /// The store failed.
    pub fn settings(&self) -> Result<Settings, ReplicaError> {
        Ok(self.replica()?.profile()?.settings)
    }

    /// The civil day that it is now in `zone`, else in the account's zone, with days that begin
    /// when the account says.
    ///
    /// # Errors
    /// The store failed.
    pub fn today(&self, zone: Option<&Zone>) -> Result<Date, ReplicaError> {
        let settings = self.settings()?;
        let zone = zone.unwrap_or(&settings.timezone);
        Ok(local_day(self.clock.now(), zone, settings.day_start))
    }

    /// The present instant, by the client's clock.
    pub fn now(&self) -> kanso_domain::Timestamp {
        self.clock.now()
    }

    /// All habits, archived ones too, by their place in the list, then newest first.
    ///
    /// # Errors
    /// The store failed.
    pub fn habits(&self) -> Result<Vec<Shown<Habit>>, ReplicaError> {
        self.replica()?.habits()
    }

    /// One habit.
    ///
    /// # Errors
    /// The store failed.
    pub fn habit(&self, id: HabitId) -> Result<Option<Shown<Habit>>, ReplicaError> {
        self.replica()?.habit(id)
    }

    /// The entries from one day to another, both included, of one habit or of all; by day.
    ///
    /// # Errors
    /// The store failed.
    pub fn entries(
        &self,
        habit: Option<HabitId>,
        from: Date,
        to: Date,
    ) -> Result<Vec<Shown<Entry>>, ReplicaError> {
        self.replica()?.entries(habit, from, to)
    }

    /// One entry.
    ///
    /// # Errors
    /// The store failed.
    pub fn entry(&self, id: EntryId) -> Result<Option<Shown<Entry>>, ReplicaError> {
        self.replica()?.entry(id)
    }

    /// What the server refused for good and nobody has decided on, oldest first.
    ///
    /// # Errors
    /// The store failed.
    pub fn failures(&self) -> Result<Vec<Failure>, ReplicaError> {
        self.replica()?.failures()
    }

    /// The server's records as they were last delivered, tombstones too, without the outbox: for
    /// comparing replicas.
    ///
    /// # Errors
    /// The store failed.
    pub fn server_records(&self) -> Result<Vec<Record>, ReplicaError> {
        self.replica()?.base()
    }
}
