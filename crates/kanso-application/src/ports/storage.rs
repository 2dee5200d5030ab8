//! Where records and accounts are kept.
//!
//! The ports are coarse. A write is one call: the adapter locks the user, loads what the write
//! must see, asks a pure function what to do, stores that and commits; nobody can do I/O under
//! the lock, and no transaction outlives a call. A read is one call that returns one consistent
//! snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use kanso_domain::accounts::{Account, Email, PasswordHash, Settings, SettingsChange};
use kanso_domain::entries::{Completion, Entry, EntryKind};
use kanso_domain::habits::{Habit, StoredStreak};
use kanso_domain::sessions::{Refreshed, Session};
use kanso_domain::sync::{Buckets, Changeset, CursorRefusal, Head, LoadSet, Loaded, Page, Since};
use kanso_domain::{
    Date, DayStart, EntryId, HabitId, Quantity, Record, Seq, SessionId, Timestamp, UserId, Zone,
};
use uuid::Uuid;

use super::devices::DeviceStore;
use super::housekeeping::PurgeStore;

pub use super::storage_error::StorageError;

/// What to do with the state that a write sees. Pure, because a storage may ask again after a
/// serialization failure.
pub type Decide = Arc<dyn Fn(Loaded) -> Result<Changeset, CursorRefusal> + Send + Sync>;

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The changeset is durable.
    Committed(Changeset),
    /// The decision was to do nothing.
    Refused(CursorRefusal),
    /// There is no such account.
    NoSuchUser,
}

/// Which records a delta carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All kinds.
    Everything,
    /// Habits alone.
    Habits,
    /// Entries alone.
    Entries,
}

/// What to read of a user's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeltaQuery {
    /// Where the delta begins.
    pub since: Since,
    /// Which kinds of record.
    pub scope: Scope,
    /// The most records of a page; none for all of them.
    pub limit: Option<u32>,
}

/// Which live entries to list. Bounds are inclusive; an instant is compared with the completion,
/// a date with the local date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct EntryFilter {
    /// Of this habit alone.
    pub habit_id: Option<HabitId>,
    /// Not before.
    pub from: Option<Completion>,
    /// Not after.
    pub to: Option<Completion>,
}

/// Habits and what is recorded for them, without what statistics do not need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    /// The newest change.
    pub head: Head,
    /// How the person's days are read.
    pub settings: Settings,
    /// The live habits.
    pub habits: Vec<Habit>,
    /// Their live entries, by habit and then by local date.
    pub entries: BTreeMap<HabitId, Vec<JournalEntry>>,
}

/// An entry without its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// When it was done.
    pub completion: Completion,
    /// The civil date that it counts for.
    pub local_date: Date,
    /// An amount, or a day off.
    pub kind: EntryKind,
    /// How much.
    pub value: Quantity,
}

/// A part of everything that is live, in the order in which a snapshot sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotPart {
    /// The habits.
    Habits,
    /// The entries of this day and later.
    EntriesSince(Date),
    /// The entries before this day.
    EntriesBefore(Date),
}

/// Which piece of a snapshot to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotQuery {
    /// Which part.
    pub part: SnapshotPart,
    /// After the record with this id; none for the first piece.
    pub after: Option<Uuid>,
    /// The most records.
    pub limit: u32,
}

/// Some live records of one part, by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotPiece {
    /// The newest change when they were read.
    pub head: Head,
    /// The records; fewer than were asked for when the part ends with them.
    pub records: Vec<Record>,
}

/// How a replica compares with what is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The newest change when they were compared.
    pub head: Head,
    /// The buckets in which they differ, ascending.
    pub differing: Vec<u8>,
    /// All live records of the first of these buckets.
    pub stored: BTreeMap<u8, Vec<Record>>,
}

/// Of how many people [`RecordStore::heads`] is asked at a time.
pub const MAX_HEADS: usize = 1_000;

/// Habits and entries.
#[async_trait]
pub trait RecordStore: Send + Sync {
    /// Locks `user`, loads `keys`, decides, and commits what was decided, durably.
    ///
    /// Every writer comes this way, so for one user the order of commits is the order of `seq`.
    /// The streaks of `stale_streaks` are queued in the same transaction, one row a habit
    /// ([`StreakQueue`]). A save must replace exactly the version that it names; anything else is
    /// [`StorageError::Corrupt`], because the lock should have made it impossible.
    async fn write(
        &self,
        user: UserId,
        keys: LoadSet,
        decide: Decide,
    ) -> Result<WriteOutcome, StorageError>;

    /// What changed, in the order of `seq`, in one snapshot bounded by its head; `None` when
    /// there is no such account.
    ///
    /// A live entry of a deleted habit is left out: its habit's tombstone implies it, and a habit
    /// that is revived stamps it anew. The tombstone of an entry is there whatever became of its
    /// habit, because a habit that is revived leaves it as it is. [`Since::Beginning`] leaves out
    /// every tombstone, and [`Since::FirstPull`] those up to where it began. With
    /// [`Scope::Everything`] the settings are there too, if they changed.
    async fn delta(&self, user: UserId, query: DeltaQuery) -> Result<Option<Page>, StorageError>;

    /// The newest change; `None` when there is no such account.
    async fn head(&self, user: UserId) -> Result<Option<Head>, StorageError>;

    /// Where the histories of these people stand, of those who have accounts, in no order. For up
    /// to [`MAX_HEADS`] people, whoever they are: one look each by key, so it costs what it is
    /// asked for and not what is stored.
    async fn heads(&self, users: &[UserId]) -> Result<Vec<(UserId, Seq)>, StorageError>;

    /// A piece of everything that is live; `None` when there is no such account. An entry of a
    /// deleted habit is not.
    async fn snapshot(
        &self,
        user: UserId,
        query: SnapshotQuery,
    ) -> Result<Option<SnapshotPiece>, StorageError>;

    /// Compares everything that is live with what a replica holds, in one snapshot; `None` when
    /// there is no such account. The records of the buckets that differ are handed out up to
    /// about `limit`, whole buckets only, and at least one.
    async fn compare(
        &self,
        user: UserId,
        replica: Buckets,
        limit: u32,
    ) -> Result<Option<Comparison>, StorageError>;

    /// The live habits, or only those that are named, with what is recorded for them, in one
    /// snapshot; `None` when there is no such account. Habits are in the order of
    /// [`RecordStore::habits`].
    async fn journal(
        &self,
        user: UserId,
        only: Option<&[HabitId]>,
    ) -> Result<Option<Journal>, StorageError>;

    /// A live habit.
    async fn habit(&self, user: UserId, id: HabitId) -> Result<Option<Habit>, StorageError>;

    /// The live habits by `sort_order`, then newest first (by creation, then id, descending).
    async fn habits(&self, user: UserId, archived_too: bool) -> Result<Vec<Habit>, StorageError>;

    /// A live entry of a live habit.
    async fn entry(&self, user: UserId, id: EntryId) -> Result<Option<Entry>, StorageError>;

    /// The live entries of live habits that `filter` lets through, newest completion first, then
    /// by id, descending.
    async fn entries(&self, user: UserId, filter: EntryFilter) -> Result<Vec<Entry>, StorageError>;
}

/// An account to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// The account.
    pub account: Account,
    /// The hash of its password.
    pub password_hash: PasswordHash,
}

/// What a log-in needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Whose they are.
    pub user_id: UserId,
    /// The hash of the password.
    pub password_hash: PasswordHash,
}

/// A password that takes the place of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPassword {
    /// The hash that is replaced.
    pub replaces: PasswordHash,
    /// The hash that takes its place.
    pub hash: PasswordHash,
    /// What becomes of the sessions.
    pub sessions: EndSessions,
}

/// What becomes of a person's sessions when the password is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndSessions {
    /// All go on: it is the same password with another hash.
    None,
    /// All end but this one.
    AllBut(SessionId),
    /// All end.
    All,
}

/// What to do with a session whose refresh token was presented. Pure, as [`Decide`].
pub type DecideRefresh = Arc<dyn Fn(Session) -> Refreshed + Send + Sync>;

/// Accounts and sessions.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Stores a new account, its history empty (`seq` 0, changed when it was created); `false`
    /// when the e-mail address is taken.
    async fn create_account(&self, new: NewAccount) -> Result<bool, StorageError>;

    /// The credentials for a log-in name.
    async fn credentials(&self, email: &Email) -> Result<Option<Credentials>, StorageError>;

    /// An account.
    async fn account(&self, user: UserId) -> Result<Option<Account>, StorageError>;

    /// Changes settings and returns the account as it then is. When days or weeks are read
    /// differently afterwards, that is a change of the user's history, under the lock on the user,
    /// and the streaks of all live habits are queued in the same transaction.
    async fn change_settings(
        &self,
        user: UserId,
        change: SettingsChange,
        now: Timestamp,
    ) -> Result<Option<Account>, StorageError>;

    /// Replaces the hash of the password and ends sessions, in one transaction; `false`, and nothing
    /// is changed, when another hash is stored than the one to be replaced, or the account is gone.
    async fn replace_password(&self, user: UserId, new: NewPassword) -> Result<bool, StorageError>;

    /// Removes every row of the account; `false` when there was none.
    async fn delete_account(&self, user: UserId) -> Result<bool, StorageError>;

    /// Stores a new session and removes those of its user that have expired by its creation;
    /// `false` when the password is no longer the one with the hash `checked`, or the account is
    /// gone: of a log-in and a change of the password at the same time one is first.
    async fn open_session(
        &self,
        session: Session,
        checked: PasswordHash,
    ) -> Result<bool, StorageError>;

    /// Loads a session under lock, decides, and stores a rotated one or removes one that was
    /// reused or has expired; `None` when there is no such session.
    async fn refresh_session(
        &self,
        user: UserId,
        session: SessionId,
        decide: DecideRefresh,
    ) -> Result<Option<Refreshed>, StorageError>;

    /// Whether a session exists and has not expired at `now`.
    async fn session_is_open(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<bool, StorageError>;

    /// The sessions of a person, those that have expired and were not removed yet among them, the
    /// oldest first, then by id.
    async fn sessions(&self, user: UserId) -> Result<Vec<Session>, StorageError>;

    /// Removes a session; no matter whether there was one.
    async fn end_session(&self, user: UserId, session: SessionId) -> Result<(), StorageError>;
}

/// Streaks of one person that must be computed anew, held by whoever claimed them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreakClaim {
    /// Whose habits they are.
    pub user: UserId,
    /// One or more, each of another habit.
    pub jobs: Vec<StreakJob>,
}

/// A streak that must be computed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreakJob {
    /// The habit.
    pub habit: HabitId,
    /// Moves with each change after which the streak must be computed anew.
    pub generation: i64,
    /// How often it was claimed since the last change, this time included.
    pub attempts: u32,
}

/// A job, and what was computed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComputedStreak {
    /// The job.
    pub job: StreakJob,
    /// The streak; no matter which when the habit is gone.
    pub streak: StoredStreak,
}

/// How long a claim holds, in seconds.
pub const LEASE_SECONDS: i64 = 30;

/// After so many attempts a job is parked: it waits for the next change of its habit.
pub const MAX_ATTEMPTS: u32 = 10;

/// What became of a computed streak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreakOutcome {
    /// It is stored; other devices get it, because it moved `seq`.
    Published,
    /// It is stored, and was the same before.
    Unchanged,
    /// A change came in between, or the habit is gone: nothing was stored.
    Superseded,
}

/// The streaks that must be computed anew: one row a habit, written with the change that made
/// them so, so that none is ever lost and the queue cannot outgrow the habits.
#[async_trait]
pub trait StreakQueue: Send + Sync {
    /// Claims up to `limit` jobs that are free at `now`, oldest first, for [`LEASE_SECONDS`], and
    /// hands them out by person, each of whom comes once. One that was not tried since its change
    /// is free whatever `now` is: the user's history may be ahead of the clock.
    /// Those that were claimed [`MAX_ATTEMPTS`] times are left out.
    async fn claim_streaks(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<StreakClaim>, StorageError>;

    /// Stores what was computed for jobs of `user` and takes them off the queue, all in one
    /// transaction under the lock on the user, and says what became of each, in their order.
    /// A streak is stored only if the generation still is its job's; the habit's `seq` and
    /// `updated_at` move only if `current` or `longest` do, its `version` never. To finish a job
    /// again is nothing.
    async fn finish_streaks(
        &self,
        user: UserId,
        computed: Vec<ComputedStreak>,
        now: Timestamp,
    ) -> Result<Vec<StreakOutcome>, StorageError>;

    /// Gives jobs of `user` back before their leases have run out; they are free again at
    /// `available_at`.
    async fn release_streaks(
        &self,
        user: UserId,
        jobs: Vec<StreakJob>,
        available_at: Timestamp,
    ) -> Result<(), StorageError>;

    /// How many jobs wait or are held, and how many are parked.
    async fn streak_backlog(&self) -> Result<Backlog, StorageError>;

    /// The distinct ways in which the people of this server begin their days.
    async fn day_borders(&self) -> Result<Vec<DayBorder>, StorageError>;

    /// Queues the streaks that a new day may change, of people of `border` for whom `today` was
    /// not begun yet, and notes that it was: a current streak above 0, a limit, which is kept by
    /// the day's passing, or something that was recorded ahead. What waits or is held is queued
    /// anew, so that nobody stores a streak of the day before.
    ///
    /// Ends after the person with whom `limit` people and streaks are reached, so that nobody's
    /// write waits long. Says whether people may be left.
    async fn begin_day(
        &self,
        border: &DayBorder,
        today: Date,
        limit: u32,
        now: Timestamp,
    ) -> Result<bool, StorageError>;
}

/// The queue's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Jobs that wait or are held.
    pub waiting: u64,
    /// Since when the oldest of them is due: since the last change of its habit or, when it was
    /// tried and given back, since it may be tried again, which may be yet to come.
    pub due_since: Option<Timestamp>,
    /// Jobs that were tried too often.
    pub parked: u64,
}

/// When days begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayBorder {
    /// Where.
    pub timezone: Zone,
    /// On the wall clock.
    pub day_start: DayStart,
}

/// A whole storage.
#[async_trait]
pub trait Storage: RecordStore + AccountStore + StreakQueue + DeviceStore + PurgeStore {
    /// Whether the storage answers.
    async fn ping(&self) -> Result<(), StorageError>;

    /// Finishes what runs, writes everything to its place and lets go. Calls made afterwards are
    /// [`StorageError::Unavailable`], but closing again is nothing.
    async fn close(&self) -> Result<(), StorageError>;

    /// Waits until the storage is broken for as long as this process lives, so that only another
    /// process can help. One that heals by itself is never that, nor is one that was closed.
    async fn broken(&self) {
        std::future::pending::<()>().await;
    }
}
