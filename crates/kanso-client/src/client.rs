//! The client of one device: local reads and edits.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use jiff::civil::Date;
use kanso_domain::accounts::Settings;
use kanso_domain::calendar::local_day;
use kanso_domain::entries::Entry;
use kanso_domain::habits::Habit;
use kanso_domain::{EntryId, HabitId, Record, Zone};
use tokio::sync::broadcast;

use crate::changes::{CAPACITY, Changes, Origin};
use crate::clock::{Clock, Ids};
use crate::replica::{Failure, RecordKey, Replica, ReplicaError, Status, View};
use crate::system::{SystemClock, SystemIds};

/// Client of one device.
///
/// Reads and edits are short transactions on a local SQLite file and never wait for the network.
/// Several processes may open the same folder.
///
/// # Examples
/// ```
/// use kanso_client::Client;
/// use kanso_client::protocol::Patch;
/// use kanso_client::protocol::habits::HabitMembers;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let client = Client::open(folder)?;
/// client.create_habit(HabitMembers {
///     title: Patch::Value("Read".into()),
///     ..HabitMembers::default()
/// })?;
///
/// // The habit is visible at once and survives the process.
/// drop(client);
/// let habits = Client::open(folder)?.habits()?;
/// assert_eq!(habits[0].record.details.title.as_str(), "Read");
/// assert!(habits[0].is_pending, "the server does not have it yet");
/// # Ok(())
/// # }
/// ```
pub struct Client {
    replica: Mutex<Replica>,
    /// Thread that is running the closure of a transaction. See [`Client::replica`].
    transaction_thread: Mutex<Option<ThreadId>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    /// Held for the whole of a sync, so that a second sync waits for the first.
    pub(crate) syncing: tokio::sync::Mutex<()>,
    /// Largest size of the operations of one push, in bytes. A proxy may accept less than the server.
    pub(crate) push_bytes: AtomicUsize,
    observers: broadcast::Sender<Changes>,
}

/// Locks `mutex`, also after a panic of another holder.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The panic dropped the holder's transaction, which rolled it back. So the replica is in its
    // last committed state, and refusing all further calls would gain nothing.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Marks the current thread as inside a transaction until it is dropped, also by a panic.
struct TransactionScope<'a>(&'a Mutex<Option<ThreadId>>);

impl<'a> TransactionScope<'a> {
    fn begin(thread: &'a Mutex<Option<ThreadId>>) -> Self {
        *unpoisoned(thread) = Some(thread::current().id());
        Self(thread)
    }
}

impl Drop for TransactionScope<'_> {
    fn drop(&mut self) {
        *unpoisoned(self.0) = None;
    }
}

impl Client {
    /// Opens the replica in `folder`. Creates the folder and the replica if they do not exist.
    ///
    /// # Errors
    /// [`ReplicaError::Inaccessible`], [`ReplicaError::Foreign`] or [`ReplicaError::Newer`] if the
    /// folder or the file cannot be used; [`ReplicaError::Storage`] if SQLite fails.
    pub fn open(folder: &Path) -> Result<Self, ReplicaError> {
        Self::open_with(folder, Arc::new(SystemClock), Arc::new(SystemIds))
    }

    /// Opens the replica in `folder` with the given clock and ids.
    ///
    /// # Errors
    /// Those of [`Client::open`].
    pub fn open_with(
        folder: &Path,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> Result<Self, ReplicaError> {
        let replica = Replica::open(folder, ids.next_id())?;
        Ok(Self::of(replica, clock, ids))
    }

    /// Creates a client whose replica is in memory and ends with the process.
    ///
    /// # Errors
    /// [`ReplicaError::Storage`] if SQLite fails.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use kanso_client::Client;
    /// use kanso_client::system::{SystemClock, SystemIds};
    ///
    /// # fn main() -> Result<(), kanso_client::ReplicaError> {
    /// let client = Client::in_memory(Arc::new(SystemClock), Arc::new(SystemIds))?;
    /// assert!(client.habits()?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn in_memory(clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Result<Self, ReplicaError> {
        let replica = Replica::in_memory(ids.next_id())?;
        Ok(Self::of(replica, clock, ids))
    }

    /// Creates a client with a copy of this replica in memory, as the backup of a phone is copied to
    /// another phone. It keeps the device id and the session, because a replica in memory has no file
    /// by which it could notice that it is a copy. For tests of what a server does with copies.
    ///
    /// # Errors
    /// [`ReplicaError::Storage`] if SQLite fails.
    #[doc(hidden)]
    pub fn copied(&self, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Result<Self, ReplicaError> {
        let replica = self.replica()?.copied()?;
        Ok(Self::of(replica, clock, ids))
    }

    fn of(replica: Replica, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self {
            replica: Mutex::new(replica),
            transaction_thread: Mutex::new(None),
            clock,
            ids,
            syncing: tokio::sync::Mutex::new(()),
            push_bytes: AtomicUsize::new(usize::MAX),
            observers: broadcast::Sender::new(CAPACITY),
        }
    }

    /// Locks the replica. The guard must not be held across an `await`.
    ///
    /// # Errors
    /// `InTransaction` on a thread that is inside [`in_transaction`](Self::in_transaction).
    pub(crate) fn replica(&self) -> Result<MutexGuard<'_, Replica>, ReplicaError> {
        // A transaction holds this lock while it runs the app's closure. `std::sync::Mutex` is not
        // re-entrant, so a closure that called the client itself would wait for its own thread for
        // ever. Comparing thread ids turns that deadlock into an error. Other threads are not
        // affected: they wait until the transaction is over.
        if *unpoisoned(&self.transaction_thread) == Some(thread::current().id()) {
            return Err(ReplicaError::InTransaction);
        }
        Ok(unpoisoned(&self.replica))
    }

    /// Runs the app's closure `work` while the caller holds the lock of the replica.
    pub(crate) fn in_transaction<T>(&self, work: impl FnOnce() -> T) -> T {
        let _scope = TransactionScope::begin(&self.transaction_thread);
        work()
    }

    /// Returns the state of the replica: account, session, waiting operations and failures.
    ///
    /// # Errors
    /// The local database failed.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), kanso_client::ReplicaError> {
    /// # let folder = tempfile::tempdir().expect("a folder");
    /// let client = kanso_client::Client::open(folder.path())?;
    /// let status = client.status()?;
    /// assert_eq!(status.account, None, "no log-in yet");
    /// assert_eq!((status.waiting, status.failures), (0, 0));
    /// # Ok(())
    /// # }
    /// ```
    pub fn status(&self) -> Result<Status, ReplicaError> {
        self.replica()?.status()
    }

    /// Stores the zone of the device, such as that of the operating system.
    ///
    /// It is in force before the first log-in, and while this version does not know the zone of the
    /// account. An account without a zone of its own gets it at the first log-in.
    ///
    /// # Errors
    /// The local database failed.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let client = kanso_client::Client::open(folder.path())?;
    /// client.set_device_zone(Some(&"Asia/Tokyo".parse()?))?;
    /// assert_eq!(client.settings()?.timezone.name(), "Asia/Tokyo");
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_device_zone(&self, zone: Option<&Zone>) -> Result<(), ReplicaError> {
        self.replica()?.set_device_zone(zone)
    }

    /// Returns the settings that are in force on this device: those of the account as they were last
    /// read, and before the first log-in the defaults with the zone of the device.
    ///
    /// In place of a setting that this version does not know, the default is in force;
    /// [`Unread::settings`](crate::Unread::settings) names it.
    ///
    /// # Errors
    /// The local database failed.
    pub fn settings(&self) -> Result<Settings, ReplicaError> {
        Ok(self.replica()?.profile()?.settings)
    }

    /// Returns the current day in `zone`, or in the account's zone if `zone` is `None`.
    ///
    /// A day begins at the account's `day_start`, so after midnight it may still be yesterday.
    ///
    /// # Errors
    /// The local database failed.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use kanso_client::clock::Clock;
    /// use kanso_client::domain::Timestamp;
    /// use kanso_client::system::SystemIds;
    ///
    /// /// A clock that always shows the same instant.
    /// struct FixedClock;
    ///
    /// impl Clock for FixedClock {
    ///     fn now(&self) -> Timestamp {
    ///         "2026-11-22T12:00:00Z".parse().expect("a valid instant")
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = kanso_client::Client::in_memory(Arc::new(FixedClock), Arc::new(SystemIds))?;
    /// assert_eq!(client.today(None)?.to_string(), "2026-11-22");
    ///
    /// let kiritimati = "Pacific/Kiritimati".parse()?;
    /// assert_eq!(client.today(Some(&kiritimati))?.to_string(), "2026-11-23");
    /// # Ok(())
    /// # }
    /// ```
    pub fn today(&self, zone: Option<&Zone>) -> Result<Date, ReplicaError> {
        let settings = self.settings()?;
        let zone = zone.unwrap_or(&settings.timezone);
        Ok(local_day(self.clock.now(), zone, settings.day_start))
    }

    /// Returns the current instant of the client's clock.
    pub fn now(&self) -> kanso_domain::Timestamp {
        self.clock.now()
    }

    /// Returns all habits, archived ones included, by sort order, then newest first.
    ///
    /// # Errors
    /// The local database failed.
    pub fn habits(&self) -> Result<Vec<View<Habit>>, ReplicaError> {
        self.replica()?.habits()
    }

    /// Returns one habit; `None` if it does not exist or is deleted.
    ///
    /// # Errors
    /// The local database failed.
    pub fn habit(&self, id: HabitId) -> Result<Option<View<Habit>>, ReplicaError> {
        self.replica()?.habit(id)
    }

    /// Returns the entries of the days `from` to `to`, both included, by day.
    ///
    /// `None` for `habit` returns the entries of all habits.
    ///
    /// # Errors
    /// The local database failed.
    pub fn entries(
        &self,
        habit: Option<HabitId>,
        from: Date,
        to: Date,
    ) -> Result<Vec<View<Entry>>, ReplicaError> {
        self.replica()?.entries(habit, from, to)
    }

    /// Returns one entry; `None` if it or its habit does not exist or is deleted.
    ///
    /// # Errors
    /// The local database failed.
    pub fn entry(&self, id: EntryId) -> Result<Option<View<Entry>>, ReplicaError> {
        self.replica()?.entry(id)
    }

    /// Returns the rejected operations that wait for the user's decision, oldest first.
    ///
    /// Decide on each with [`Client::keep_mine`], [`Client::take_theirs`] or [`Client::merge`].
    ///
    /// # Errors
    /// The local database failed.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let client = kanso_client::Client::open(folder.path())?;
    /// for failure in client.failures()? {
    ///     println!("both devices changed {:?}", failure.clashing());
    ///     if failure.mergeable().is_empty() {
    ///         client.take_theirs(failure.id)?;
    ///     } else {
    ///         client.merge(failure.id)?;
    ///     }
    /// }
    /// assert!(client.failures()?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn failures(&self) -> Result<Vec<Failure>, ReplicaError> {
        self.replica()?.failures()
    }

    /// Returns the server's records as last delivered, tombstones included and without the outbox,
    /// to compare replicas in tests.
    ///
    /// # Errors
    /// The local database failed.
    pub fn server_records(&self) -> Result<Vec<Record>, ReplicaError> {
        self.replica()?.mirror()
    }

    /// Subscribes to the changes that this client makes, by edits and by syncs.
    ///
    /// A receiver that falls behind gets `Lagged` and should read everything again. Changes that
    /// another process makes in the same folder are not reported.
    ///
    /// # Examples
    /// ```
    /// use kanso_client::protocol::{Patch, habits::HabitMembers};
    /// use kanso_client::{Client, Origin};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let client = Client::open(folder.path())?;
    /// let mut changes = client.changes();
    /// let habit = client.create_habit(HabitMembers {
    ///     title: Patch::Value("Read".into()),
    ///     ..HabitMembers::default()
    /// })?;
    /// let change = changes.try_recv()?;
    /// assert_eq!(change.origin, Origin::Edit);
    /// assert!(change.habits.contains(&habit.id));
    /// # Ok(())
    /// # }
    /// ```
    pub fn changes(&self) -> broadcast::Receiver<Changes> {
        self.observers.subscribe()
    }

    /// Reports that the user decided on a failure. No record changed, but the number of failures
    /// did, so the set of changed records is empty.
    pub(crate) fn publish_decision(&self) {
        self.send(Changes::of(Origin::Edit, BTreeSet::new(), false));
    }

    /// Reports the records that a committed transaction changed.
    pub(crate) fn publish(&self, origin: Origin, changed: BTreeSet<RecordKey>, everything: bool) {
        if !changed.is_empty() || everything {
            self.send(Changes::of(origin, changed, everything));
        }
    }

    fn send(&self, changes: Changes) {
        // The only error is that there is no receiver, which is normal.
        let _ = self.observers.send(changes);
    }
}
