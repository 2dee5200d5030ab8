//! The storage as one server sees it: calls take time, and the server may die within one.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

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
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::delegated;
use crate::chance::Chance;

/// One server process.
#[derive(Debug)]
pub struct Process {
    ended: CancellationToken,
    chance: Chance,
}

impl Process {
    /// Creates a process that lives until `ended`.
    pub fn new(ended: CancellationToken, chance: Chance) -> Self {
        Self { ended, chance }
    }

    /// Lets other tasks run, for as long as a call may take. Never returns after the process has
    /// ended: a dead process executes nothing more.
    async fn pause_or_die(&self) {
        // Half of the calls are not interrupted, three in eight let another task run first, and one
        // in eight takes time. All three are needed to reach both orders of two concurrent calls.
        match self.chance.between(0, 7) {
            0 => tokio::time::sleep(Duration::from_millis(self.chance.between(1, 20))).await,
            1..=3 => tokio::task::yield_now().await,
            _ => {}
        }
        if self.ended.is_cancelled() {
            pending::<()>().await;
        }
    }
}

/// The storage as one server sees it.
pub struct ServerStorage {
    inner: Arc<dyn Storage>,
    process: Process,
}

impl ServerStorage {
    /// Wraps `inner` for a server process.
    pub fn new(inner: Arc<dyn Storage>, process: Process) -> Self {
        Self { inner, process }
    }

    fn inner(&self) -> &dyn Storage {
        &*self.inner
    }

    /// Makes the call. The server may die before the call has an effect, or after it and before the
    /// server knows.
    async fn around<T>(&self, call: impl Future<Output = T> + Send) -> T {
        // Before the call: a death here means that nothing was stored.
        self.process.pause_or_die().await;
        let answer = call.await;
        self.process.pause_or_die().await;
        answer
    }
}

delegated!(RecordStore for ServerStorage {
    write(user: UserId, keys: LoadSet, decide: Decide) -> WriteOutcome;
    delta(user: UserId, query: DeltaQuery) -> Option<Page>;
    head(user: UserId) -> Option<Head>;
    shared_up_to(user: UserId, epoch: Epoch) -> Option<Seq>;
    heads(users: &[UserId]) -> Vec<(UserId, Seq)>;
    snapshot(user: UserId, query: SnapshotQuery) -> Option<SnapshotPiece>;
    compare(user: UserId, replica: Buckets, limit: u32) -> Option<Comparison>;
    journal(user: UserId, only: Option<&[HabitId]>) -> Option<Journal>;
    habit(user: UserId, id: HabitId) -> Option<Habit>;
    habits(user: UserId, query: HabitQuery) -> Vec<Habit>;
    entry(user: UserId, id: EntryId) -> Option<Entry>;
    entry_keys(user: UserId, query: EntryQuery) -> Vec<EntryKey>;
    entries(user: UserId, ids: Vec<EntryId>) -> Vec<Entry>;
});

delegated!(AccountStore for ServerStorage {
    create_account(new: NewAccount) -> bool;
    credentials(email: &Email) -> Option<Credentials>;
    account(user: UserId) -> Option<Account>;
    change_settings(user: UserId, change: SettingsChange, now: Timestamp) -> Option<Account>;
    replace_password(user: UserId, new: NewPassword) -> bool;
    replaced_password(user: UserId, session: SessionId) -> Option<PasswordHash>;
    delete_account(user: UserId) -> bool;
    replace_email(user: UserId, new: NewEmail) -> EmailReplacement;
    open_session(session: Session, checked: PasswordHash, most: u32) -> bool;
    refresh_session(user: UserId, session: SessionId, decide: DecideRefresh) -> Option<Refreshed>;
    session_is_open(user: UserId, session: SessionId, now: Timestamp) -> bool;
    sessions(user: UserId) -> Vec<Session>;
    end_session(user: UserId, session: SessionId) -> bool;
    record_events(events: Vec<SecurityEvent>, most: u32) -> ();
    events(user: UserId, before: Option<Uuid>, limit: u32) -> Vec<SecurityEvent>;
});

delegated!(AdmissionStore for ServerStorage {
    admission_state() -> AdmissionState;
    keep_invitation(invitation: Invitation) -> ();
    is_entitled(entitlement: Entitlement) -> bool;
    create_invited_account(new: NewAccount, entitlement: Entitlement) -> InvitedRegistration;
    set_disabled(user: UserId, is_disabled: bool) -> bool;
    is_disabled(user: UserId) -> bool;
    accounts(after: Option<UserId>, limit: u32) -> Vec<ListedAccount>;
});

delegated!(StreakQueue for ServerStorage {
    claim_streaks(now: Timestamp, limit: u32) -> Vec<StreakClaim>;
    finish_streaks(user: UserId, computed: Vec<ComputedStreak>, now: Timestamp) -> Vec<StreakOutcome>;
    release_streaks(user: UserId, jobs: Vec<StreakJob>, available_at: Timestamp) -> ();
    streak_backlog() -> Backlog;
    day_borders() -> Vec<DayBorder>;
    begin_day(border: &DayBorder, today: Date, limit: u32, now: Timestamp) -> bool;
});

delegated!(DeviceStore for ServerStorage {
    meet_device(sighting: Sighting, most: u32) -> ();
    note_devices(sightings: Vec<Sighting>) -> Vec<(UserId, DeviceId)>;
    devices(user: UserId) -> Vec<Device>;
    forget_device(user: UserId, device: DeviceId, kept: Option<SessionId>) -> bool;
});

delegated!(PurgeStore for ServerStorage {
    purge_receipts(before: Timestamp, limit: u32) -> u32;
    purge_tombstones(before: Timestamp, limit: u32) -> u32;
    purge_events(before: Timestamp, limit: u32) -> u32;
    texts_to_erase(before: Timestamp, limit: u32) -> Vec<TextsToErase>;
    erase_accounts(limit: u32) -> u32;
});

delegated!(QuotaStore for ServerStorage {
    usage(user: UserId) -> Option<AccountUsage>;
    set_own_quota(user: UserId, own: OwnQuota) -> bool;
});

delegated!(Storage for ServerStorage {
    ping() -> ();
    close() -> ();
});
