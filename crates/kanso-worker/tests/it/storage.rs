//! In-memory storage that can hang, fail and panic in the calls of a worker.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kanso_application::ports::admission::{
    AdmissionState, AdmissionStore, Entitlement, Invitation, InvitedRegistration, ListedAccount,
};
use kanso_application::ports::devices::{Device, DeviceStore, Sighting};
use kanso_application::ports::housekeeping::{PurgeStore, TextsToErase};
use kanso_application::ports::quota::{AccountUsage, QuotaStore};
use kanso_application::ports::storage::{
    AccountStore, Backlog, Comparison, ComputedStreak, Credentials, DayBorder, Decide,
    DecideRefresh, DeltaQuery, EmailReplacement, EntryKey, EntryQuery, HabitQuery, Journal,
    NewAccount, NewEmail, NewPassword, RecordStore, SnapshotPiece, SnapshotQuery, Storage,
    StorageError, StreakClaim, StreakJob, StreakOutcome, StreakQueue, WriteOutcome,
};
use kanso_domain::accounts::{Account, Email, PasswordHash, SettingsChange};
use kanso_domain::entries::Entry;
use kanso_domain::events::SecurityEvent;
use kanso_domain::habits::Habit;
use kanso_domain::sessions::{Refreshed, Session};
use kanso_domain::sync::{Buckets, Epoch, Head, LoadSet, OwnQuota, Page};
use kanso_domain::{Date, DeviceId, EntryId, HabitId, Seq, SessionId, Timestamp, UserId};
use kanso_testkit::MemoryStorage;
use tokio::sync::{Notify, RwLock};
use uuid::Uuid;

type Answer<T> = Result<T, StorageError>;

/// Fault in a worker's calls for a habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InjectedFault {
    Fails,
    Panics,
    /// Fails only when the worker stores the computed streak.
    FailsToStore,
}

#[derive(Debug)]
pub(crate) struct FaultyStorage {
    inner: Arc<MemoryStorage>,
    plan: Mutex<Plan>,
    /// Notified when the last step is done.
    pub(crate) dead: Notify,
    /// Read lock that every read of a journal takes. A test blocks reads with the write lock.
    pub(crate) read_gate: RwLock<()>,
}

#[derive(Debug, Default)]
struct Plan {
    steps_left: Option<u32>,
    fault: Option<(HabitId, InjectedFault)>,
}

impl FaultyStorage {
    pub(crate) fn new() -> Self {
        Self {
            inner: Arc::default(),
            plan: Mutex::default(),
            dead: Notify::new(),
            read_gate: RwLock::new(()),
        }
    }

    /// Lets workers take `steps` steps and hang in the next one; `None` removes the limit.
    pub(crate) fn die_after(&self, steps: Option<u32>) {
        self.plan().steps_left = steps;
    }

    pub(crate) fn fault(&self, fault: Option<(HabitId, InjectedFault)>) {
        self.plan().fault = fault;
    }

    /// Returns the storage without faults, for the test itself.
    pub(crate) const fn records(&self) -> &Arc<MemoryStorage> {
        &self.inner
    }

    fn has_fault(&self, habit: HabitId, fault: InjectedFault) -> bool {
        self.plan().fault == Some((habit, fault))
    }

    fn plan(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a step: the time before or after a call of a worker.
    async fn step(&self) {
        let is_last = match &mut self.plan().steps_left {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        };
        if is_last {
            self.dead.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

fn no_disk() -> StorageError {
    StorageError::Unavailable("no disk".into())
}

#[async_trait]
impl StreakQueue for FaultyStorage {
    async fn claim_streaks(&self, now: Timestamp, limit: u32) -> Answer<Vec<StreakClaim>> {
        self.step().await;
        let claims = self.inner.claim_streaks(now, limit).await;
        self.step().await;
        claims
    }

    async fn finish_streaks(
        &self,
        user: UserId,
        computed: Vec<ComputedStreak>,
        now: Timestamp,
    ) -> Answer<Vec<StreakOutcome>> {
        self.step().await;
        let finishing = computed
            .iter()
            .any(|one| self.has_fault(one.job.habit, InjectedFault::FailsToStore));
        if finishing {
            return Err(no_disk());
        }
        let outcomes = self.inner.finish_streaks(user, computed, now).await;
        self.step().await;
        outcomes
    }

    async fn release_streaks(
        &self,
        user: UserId,
        jobs: Vec<StreakJob>,
        available_at: Timestamp,
    ) -> Answer<()> {
        self.inner.release_streaks(user, jobs, available_at).await
    }

    async fn streak_backlog(&self) -> Answer<Backlog> {
        self.inner.streak_backlog().await
    }

    async fn day_borders(&self) -> Answer<Vec<DayBorder>> {
        self.step().await;
        self.inner.day_borders().await
    }

    async fn begin_day(
        &self,
        border: &DayBorder,
        today: Date,
        limit: u32,
        now: Timestamp,
    ) -> Answer<bool> {
        let begun = self.inner.begin_day(border, today, limit, now).await;
        self.step().await;
        begun
    }
}

#[async_trait]
impl RecordStore for FaultyStorage {
    async fn journal(&self, user: UserId, only: Option<&[HabitId]>) -> Answer<Option<Journal>> {
        self.step().await;
        let _inside = self.read_gate.read().await;
        for &habit in only.unwrap_or_default() {
            if self.has_fault(habit, InjectedFault::Fails) {
                return Err(no_disk());
            }
            assert!(
                !self.has_fault(habit, InjectedFault::Panics),
                "panic injected by the test"
            );
        }
        self.inner.journal(user, only).await
    }

    async fn shared_up_to(&self, user: UserId, epoch: Epoch) -> Answer<Option<Seq>> {
        self.inner.shared_up_to(user, epoch).await
    }

    async fn heads(&self, users: &[UserId]) -> Answer<Vec<(UserId, Seq)>> {
        self.inner.heads(users).await
    }

    async fn snapshot(&self, user: UserId, query: SnapshotQuery) -> Answer<Option<SnapshotPiece>> {
        self.inner.snapshot(user, query).await
    }

    async fn compare(
        &self,
        user: UserId,
        replica: Buckets,
        limit: u32,
    ) -> Answer<Option<Comparison>> {
        self.inner.compare(user, replica, limit).await
    }

    async fn write(&self, user: UserId, keys: LoadSet, decide: Decide) -> Answer<WriteOutcome> {
        self.inner.write(user, keys, decide).await
    }

    async fn delta(&self, user: UserId, query: DeltaQuery) -> Answer<Option<Page>> {
        self.inner.delta(user, query).await
    }

    async fn head(&self, user: UserId) -> Answer<Option<Head>> {
        self.inner.head(user).await
    }

    async fn habit(&self, user: UserId, id: HabitId) -> Answer<Option<Habit>> {
        self.inner.habit(user, id).await
    }

    async fn habits(&self, user: UserId, query: HabitQuery) -> Answer<Vec<Habit>> {
        self.inner.habits(user, query).await
    }

    async fn entry(&self, user: UserId, id: EntryId) -> Answer<Option<Entry>> {
        self.inner.entry(user, id).await
    }

    async fn entry_keys(&self, user: UserId, query: EntryQuery) -> Answer<Vec<EntryKey>> {
        self.inner.entry_keys(user, query).await
    }

    async fn entries(&self, user: UserId, ids: Vec<EntryId>) -> Answer<Vec<Entry>> {
        self.inner.entries(user, ids).await
    }
}

#[async_trait]
impl AccountStore for FaultyStorage {
    async fn create_account(&self, new: NewAccount) -> Answer<bool> {
        self.inner.create_account(new).await
    }

    async fn credentials(&self, email: &Email) -> Answer<Option<Credentials>> {
        self.inner.credentials(email).await
    }

    async fn account(&self, user: UserId) -> Answer<Option<Account>> {
        self.inner.account(user).await
    }

    async fn change_settings(
        &self,
        user: UserId,
        change: SettingsChange,
        now: Timestamp,
    ) -> Answer<Option<Account>> {
        self.inner.change_settings(user, change, now).await
    }

    async fn replaced_password(
        &self,
        user: UserId,
        session: SessionId,
    ) -> Answer<Option<PasswordHash>> {
        self.inner.replaced_password(user, session).await
    }

    async fn replace_password(&self, user: UserId, new: NewPassword) -> Answer<bool> {
        self.inner.replace_password(user, new).await
    }

    async fn delete_account(&self, user: UserId) -> Answer<bool> {
        self.inner.delete_account(user).await
    }

    async fn replace_email(&self, user: UserId, new: NewEmail) -> Answer<EmailReplacement> {
        self.inner.replace_email(user, new).await
    }

    async fn open_session(
        &self,
        session: Session,
        checked: PasswordHash,
        most: u32,
    ) -> Answer<bool> {
        self.inner.open_session(session, checked, most).await
    }

    async fn record_events(&self, events: Vec<SecurityEvent>, most: u32) -> Answer<()> {
        self.inner.record_events(events, most).await
    }

    async fn events(
        &self,
        user: UserId,
        before: Option<Uuid>,
        limit: u32,
    ) -> Answer<Vec<SecurityEvent>> {
        self.inner.events(user, before, limit).await
    }

    async fn refresh_session(
        &self,
        user: UserId,
        session: SessionId,
        decide: DecideRefresh,
    ) -> Answer<Option<Refreshed>> {
        self.inner.refresh_session(user, session, decide).await
    }

    async fn sessions(&self, user: UserId) -> Answer<Vec<Session>> {
        self.inner.sessions(user).await
    }

    async fn session_is_open(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Answer<bool> {
        self.inner.session_is_open(user, session, now).await
    }

    async fn end_session(&self, user: UserId, session: SessionId) -> Answer<bool> {
        self.inner.end_session(user, session).await
    }
}

#[async_trait]
impl AdmissionStore for FaultyStorage {
    async fn admission_state(&self) -> Answer<AdmissionState> {
        self.inner.admission_state().await
    }

    async fn keep_invitation(&self, invitation: Invitation) -> Answer<()> {
        self.inner.keep_invitation(invitation).await
    }

    async fn is_entitled(&self, entitlement: Entitlement) -> Answer<bool> {
        self.inner.is_entitled(entitlement).await
    }

    async fn create_invited_account(
        &self,
        new: NewAccount,
        entitlement: Entitlement,
    ) -> Answer<InvitedRegistration> {
        self.inner.create_invited_account(new, entitlement).await
    }

    async fn set_disabled(&self, user: UserId, is_disabled: bool) -> Answer<bool> {
        self.inner.set_disabled(user, is_disabled).await
    }

    async fn is_disabled(&self, user: UserId) -> Answer<bool> {
        self.inner.is_disabled(user).await
    }

    async fn accounts(&self, after: Option<UserId>, limit: u32) -> Answer<Vec<ListedAccount>> {
        self.inner.accounts(after, limit).await
    }
}

#[async_trait]
impl DeviceStore for FaultyStorage {
    async fn meet_device(&self, sighting: Sighting, most: u32) -> Answer<()> {
        self.inner.meet_device(sighting, most).await
    }

    async fn note_devices(&self, sightings: Vec<Sighting>) -> Answer<Vec<(UserId, DeviceId)>> {
        self.inner.note_devices(sightings).await
    }

    async fn devices(&self, user: UserId) -> Answer<Vec<Device>> {
        self.inner.devices(user).await
    }

    async fn forget_device(
        &self,
        user: UserId,
        device: DeviceId,
        kept: Option<SessionId>,
    ) -> Answer<bool> {
        self.inner.forget_device(user, device, kept).await
    }
}

#[async_trait]
impl PurgeStore for FaultyStorage {
    async fn purge_receipts(&self, before: Timestamp, limit: u32) -> Answer<u32> {
        self.inner.purge_receipts(before, limit).await
    }

    async fn purge_events(&self, before: Timestamp, limit: u32) -> Answer<u32> {
        self.inner.purge_events(before, limit).await
    }

    async fn purge_tombstones(&self, before: Timestamp, limit: u32) -> Answer<u32> {
        self.inner.purge_tombstones(before, limit).await
    }

    async fn texts_to_erase(&self, before: Timestamp, limit: u32) -> Answer<Vec<TextsToErase>> {
        self.inner.texts_to_erase(before, limit).await
    }

    async fn erase_accounts(&self, limit: u32) -> Answer<u32> {
        self.inner.erase_accounts(limit).await
    }
}

#[async_trait]
impl QuotaStore for FaultyStorage {
    async fn usage(&self, user: UserId) -> Answer<Option<AccountUsage>> {
        self.inner.usage(user).await
    }

    async fn set_own_quota(&self, user: UserId, own: OwnQuota) -> Answer<bool> {
        self.inner.set_own_quota(user, own).await
    }
}

#[async_trait]
impl Storage for FaultyStorage {
    async fn ping(&self) -> Answer<()> {
        self.inner.ping().await
    }

    async fn close(&self) -> Answer<()> {
        self.inner.close().await
    }
}
