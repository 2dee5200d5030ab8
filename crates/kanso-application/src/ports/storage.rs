//! The storage of records and accounts.
//!
//! The ports are coarse (ADR 0002). A write is one call: the adapter locks the user, loads the
//! records that the write needs, calls a pure function for the decision, stores its result and
//! commits. So no use case can do I/O under the lock, and no transaction outlives a call. A read is
//! one call that returns one consistent snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use kanso_domain::accounts::Settings;
use kanso_domain::entries::{Completion, Entry, EntryKind};
use kanso_domain::habits::{Habit, StoredStreak};
use kanso_domain::sync::{
    Buckets, Changeset, CursorRefusal, Epoch, Head, LoadSet, Loaded, Page, Since,
};
use kanso_domain::{
    Date, DayStart, EntryId, HabitId, Quantity, Record, Seq, SessionId, Timestamp, UserId, Zone,
};
use uuid::Uuid;

use super::admission::AdmissionStore;
use super::devices::DeviceStore;
use super::housekeeping::PurgeStore;
use super::quota::QuotaStore;

pub use super::account_store::{
    AccountStore, DecideRefresh, EmailReplacement, EndSessions, NewAccount, NewEmail, NewPassword,
};
pub use super::credentials::Credentials;
pub use super::lists::{EntryFilter, EntryKey, EntryQuery, HabitKey, HabitQuery};
pub use super::storage_error::StorageError;

/// The decision of a write. It is pure, because a storage may call it again after a serialization
/// failure.
pub type Decide = Arc<dyn Fn(Loaded) -> Result<Changeset, CursorRefusal> + Send + Sync>;

/// The outcome of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "almost every write is committed, and a box would cost each an allocation"
)]
pub enum WriteOutcome {
    /// The changeset is durable.
    Committed(Changeset),
    /// The decision refused the write. Nothing was stored.
    Refused(CursorRefusal),
    /// There is no such account.
    NoSuchUser,
}

/// The kinds of record in a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All kinds, with the settings.
    Everything,
    /// Habits only.
    Habits,
    /// Entries only.
    Entries,
}

/// A query for a part of the history of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeltaQuery {
    /// Start of the delta.
    pub since: Since,
    /// Kinds of record.
    pub scope: Scope,
    /// Most records of the page; `None` for all.
    pub limit: Option<u32>,
}

/// Habits and their entries, reduced to the parts that statistics need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// Newest change.
    pub head: Head,
    /// Settings of the user.
    pub settings: Settings,
    /// Live habits.
    pub habits: Vec<Habit>,
    /// Live entries of the habits, by habit and then by local date.
    pub entries: BTreeMap<HabitId, Vec<JournalEntry>>,
}

/// An entry without its notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// Time or date at which it was done.
    pub completion: Completion,
    /// Civil date for which the entry counts.
    pub local_date: Date,
    /// Kind of the entry: an amount or a day off.
    pub kind: EntryKind,
    /// Amount.
    pub value: Quantity,
}

/// The parts of a snapshot, in the order in which they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotPart {
    /// Habits.
    Habits,
    /// Entries of this day and later.
    EntriesSince(Date),
    /// Entries before this day.
    EntriesBefore(Date),
}

/// A query for a piece of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotQuery {
    /// Part of the snapshot.
    pub part: SnapshotPart,
    /// Id of the last record that was read; `None` for the first piece.
    pub after: Option<Uuid>,
    /// Most records.
    pub limit: u32,
}

/// Some live records of one part, by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotPiece {
    /// Newest change at the time of the read.
    pub head: Head,
    /// Records. If they are fewer than the limit, the part ends with them.
    pub records: Vec<Record>,
}

/// The differences between a replica and the storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Newest change at the time of the comparison.
    pub head: Head,
    /// Buckets that differ, in ascending order.
    pub differing: Vec<u8>,
    /// The first few of these buckets, each with all its live records.
    pub stored: BTreeMap<u8, Vec<Record>>,
}

/// Most users in a call of [`RecordStore::heads`].
pub const MAX_HEADS: usize = 1_000;

/// The storage of habits and entries.
#[async_trait]
pub trait RecordStore: Send + Sync {
    /// Locks `user`, loads `keys`, calls `decide`, and commits its changeset durably.
    ///
    /// Every write takes this lock, so for one user the order of commits is the order of `seq` (ADR
    /// 0001). The streaks of `stale_streaks` are queued in the same transaction, one row per habit
    /// ([`StreakQueue`]). A record must replace exactly the version that it names. Any other stored
    /// version is [`StorageError::Corrupt`], because the lock makes it impossible.
    async fn write(
        &self,
        user: UserId,
        keys: LoadSet,
        decide: Decide,
    ) -> Result<WriteOutcome, StorageError>;

    /// Returns the changed records in the order of `seq`, or `None` if there is no such account.
    /// They and the head are read in one snapshot, so no record is newer than the head.
    ///
    /// * A live entry of a deleted habit is left out. The tombstone of the habit covers it, and a
    ///   revived habit gives it a new `seq`.
    /// * The tombstone of an entry is always there, even if its habit is deleted, because a revival
    ///   of the habit does not change it.
    /// * [`Since::Beginning`] leaves out every tombstone, and [`Since::FirstPull`] those up to the
    ///   start of the pull.
    /// * With [`Scope::Everything`] the settings are there too, if they changed.
    async fn delta(&self, user: UserId, query: DeltaQuery) -> Result<Option<Page>, StorageError>;

    /// Returns the newest change, or `None` if there is no such account.
    async fn head(&self, user: UserId) -> Result<Option<Head>, StorageError>;

    /// Returns the newest position up to which the present history is the same as the one of `epoch`, or
    /// `None` if there is no such account.
    ///
    /// A database can be restored several times between two syncs of a device. So this is the lowest of
    /// the positions at which the histories after `epoch` began. Of an unknown epoch it is
    /// [`Seq::ZERO`]: it branched off from this history at a position that this database does not know.
    async fn shared_up_to(&self, user: UserId, epoch: Epoch) -> Result<Option<Seq>, StorageError>;

    /// Returns the heads of the given users that have accounts, in no particular order.
    ///
    /// It takes up to [`MAX_HEADS`] users and reads each by key, so the cost depends on the number
    /// of users in the call, not on the size of the storage.
    async fn heads(&self, users: &[UserId]) -> Result<Vec<(UserId, Seq)>, StorageError>;

    /// Returns a piece of all live records, or `None` if there is no such account. Entries of a
    /// deleted habit are left out.
    async fn snapshot(
        &self,
        user: UserId,
        query: SnapshotQuery,
    ) -> Result<Option<SnapshotPiece>, StorageError>;

    /// Compares all live records with the buckets of a replica, in one snapshot. Returns `None` if
    /// there is no such account.
    ///
    /// The result has the records of the first differing buckets: whole buckets only, about `limit`
    /// records, and at least one bucket.
    async fn compare(
        &self,
        user: UserId,
        replica: Buckets,
        limit: u32,
    ) -> Result<Option<Comparison>, StorageError>;

    /// Returns the live habits with their entries in one snapshot, or `None` if there is no such
    /// account.
    ///
    /// With `only` it returns just those habits. Habits are in the order of
    /// [`RecordStore::habits`].
    async fn journal(
        &self,
        user: UserId,
        only: Option<&[HabitId]>,
    ) -> Result<Option<Journal>, StorageError>;

    /// Returns a live habit.
    async fn habit(&self, user: UserId, id: HabitId) -> Result<Option<Habit>, StorageError>;

    /// Returns live habits in the order of [`HabitKey`].
    async fn habits(&self, user: UserId, query: HabitQuery) -> Result<Vec<Habit>, StorageError>;

    /// Returns a live entry of a live habit.
    async fn entry(&self, user: UserId, id: EntryId) -> Result<Option<Entry>, StorageError>;

    /// Returns the keys of live entries of live habits, in the order of [`EntryKey`].
    ///
    /// A long list is read in two steps: its keys at one instant, and then the entries, piece by piece.
    async fn entry_keys(
        &self,
        user: UserId,
        query: EntryQuery,
    ) -> Result<Vec<EntryKey>, StorageError>;

    /// Returns the live entries of live habits with these ids, in no particular order.
    async fn entries(&self, user: UserId, ids: Vec<EntryId>) -> Result<Vec<Entry>, StorageError>;
}

/// The claimed streak jobs of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreakClaim {
    /// User of the habits.
    pub user: UserId,
    /// One or more jobs, each for a different habit.
    pub jobs: Vec<StreakJob>,
}

/// A streak to recompute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreakJob {
    /// Habit.
    pub habit: HabitId,
    /// Generation of the job. It grows with each change after which the streak must be recomputed.
    pub generation: i64,
    /// Number of claims since the last change, including this one.
    pub attempts: u32,
}

/// A job with its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComputedStreak {
    /// Job.
    pub job: StreakJob,
    /// Streak. It is ignored if the habit is deleted.
    pub streak: StoredStreak,
}

/// Time in seconds after which an unfinished claim expires.
pub const LEASE_SECONDS: i64 = 30;

/// Attempts after which a job is parked until the next change of its habit.
pub const MAX_ATTEMPTS: u32 = 10;

/// The outcome of a computed streak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreakOutcome {
    /// Stored. It moved `seq`, so other devices get it.
    Published,
    /// Stored, with the same value as before.
    Unchanged,
    /// Not stored: the habit changed meanwhile or is deleted.
    Superseded,
}

/// The queue of streaks to recompute.
///
/// It has one row per habit, which is written in the transaction of the change. So no change is
/// lost, and the queue is never longer than the number of habits.
#[async_trait]
pub trait StreakQueue: Send + Sync {
    /// Claims up to `limit` free jobs at `now`, oldest first, for [`LEASE_SECONDS`]. Returns one
    /// claim per user.
    ///
    /// A job without a claim since its last change is due at once. Its time is not compared with
    /// `now`, because the history of a user may be ahead of the clock. Jobs with [`MAX_ATTEMPTS`]
    /// claims are left out.
    async fn claim_streaks(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<StreakClaim>, StorageError>;

    /// Stores the results of jobs of `user` and removes the jobs, all in one transaction under the
    /// lock on the user. Returns the outcomes in the order of the jobs.
    ///
    /// A streak is stored only if its job still has the same generation. The `seq` and `updated_at`
    /// of the habit change only with `current` or `longest`, and its `version` never. The call is
    /// idempotent.
    async fn finish_streaks(
        &self,
        user: UserId,
        computed: Vec<ComputedStreak>,
        now: Timestamp,
    ) -> Result<Vec<StreakOutcome>, StorageError>;

    /// Releases jobs of `user` before their leases expire. They are free again at `available_at`.
    async fn release_streaks(
        &self,
        user: UserId,
        jobs: Vec<StreakJob>,
        available_at: Timestamp,
    ) -> Result<(), StorageError>;

    /// Returns the length of the queue.
    async fn streak_backlog(&self) -> Result<Backlog, StorageError>;

    /// Returns the distinct pairs of zone and day start of all users.
    async fn day_borders(&self) -> Result<Vec<DayBorder>, StorageError>;

    /// Begins `today` for the users with this `border` for whom it has not begun yet, and queues
    /// the streaks that a new day may change.
    ///
    /// A new day may change a current streak above 0. It may change the streak of a habit that is
    /// or was a limit, because a day without an entry keeps a limit. And it may change the streak
    /// of a habit with entries after the day of that streak. A waiting or claimed job gets a new
    /// generation, so that no streak of the day before is stored.
    ///
    /// The call ends after the user with whom the number of users and queued streaks reaches
    /// `limit`, so that no write waits long. Returns true if more users may be left.
    async fn begin_day(
        &self,
        border: &DayBorder,
        today: Date,
        limit: u32,
        now: Timestamp,
    ) -> Result<bool, StorageError>;
}

/// The length of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Number of waiting and claimed jobs.
    pub waiting: u64,
    /// Earliest time at which one of them is due: the time of its last change, or of its next
    /// attempt. It may be in the future.
    pub due_since: Option<Timestamp>,
    /// Number of parked jobs.
    pub parked: u64,
}

/// The start of days in a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayBorder {
    /// Zone.
    pub timezone: Zone,
    /// Wall-clock time.
    pub day_start: DayStart,
}

/// A storage: all of its ports together.
#[async_trait]
pub trait Storage:
    RecordStore + AccountStore + AdmissionStore + StreakQueue + DeviceStore + PurgeStore + QuotaStore
{
    /// Succeeds if the storage answers.
    async fn ping(&self) -> Result<(), StorageError>;

    /// Returns the newest change of the user if the session exists and has not expired at `now`: the two checks
    /// of most requests, which a storage may answer in one read.
    async fn head_of_session(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Option<Head>, StorageError> {
        if self.session_is_open(user, session, now).await? {
            self.head(user).await
        } else {
            Ok(None)
        }
    }

    /// Finishes running calls, writes all data and releases the storage. Later calls return
    /// [`StorageError::Unavailable`]. Closing twice is a no-op.
    async fn close(&self) -> Result<(), StorageError>;

    /// Waits until the storage is broken so badly that only a restart of the process helps. It
    /// never returns for a storage that recovers by itself or that was closed.
    async fn broken(&self) {
        std::future::pending::<()>().await;
    }
}
