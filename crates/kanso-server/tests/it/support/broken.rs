//! A broken storage, and a router on it.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use kanso_application::disk::DiskGuard;
use kanso_application::ports::admission::{
    AdmissionState, AdmissionStore, Entitlement, Invitation, InvitedRegistration, ListedAccount,
};
use kanso_application::ports::clock::Clock as _;
use kanso_application::ports::credentials::Identity;
use kanso_application::ports::devices::MAX_DEVICES;
use kanso_application::ports::devices::{Device, DeviceStore, Sighting};
use kanso_application::ports::housekeeping::{PurgeStore, TextsToErase};
use kanso_application::ports::ids::Ids;
use kanso_application::ports::quota::{AccountUsage, QuotaStore};
use kanso_application::ports::storage::{
    AccountStore, Backlog, Comparison, ComputedStreak, Credentials, DayBorder, Decide,
    DecideRefresh, DeltaQuery, EmailReplacement, EntryKey, EntryQuery, HabitQuery, Journal,
    NewAccount, NewEmail, NewPassword, RecordStore, SnapshotPiece, SnapshotQuery, Storage,
    StorageError, StreakClaim, StreakJob, StreakOutcome, StreakQueue, WriteOutcome,
};
use kanso_credentials::{Argon2Passwords, Entropy, HashCost, Queue, SigningKey, SystemEntropy};
use kanso_domain::accounts::{Account, Email, PasswordHash, SettingsChange};
use kanso_domain::entries::Entry;
use kanso_domain::events::SecurityEvent;
use kanso_domain::habits::Habit;
use kanso_domain::sessions::SessionLimits;
use kanso_domain::sessions::{Refreshed, Session};
use kanso_domain::sync::Quota;
use kanso_domain::sync::{Buckets, Epoch, Head, LoadSet, OwnQuota, Page};
use kanso_domain::{Date, DeviceId, EntryId, HabitId, Seq, SessionId, Timestamp, UserId};
use kanso_local::{LocalFeed, LocalLimiter, LocalThrottle, LocalTickets, RandomIds};
use kanso_server::assembly::{
    self, Assembly, AssemblyOptions, CredentialPorts, ServerPorts, SharedPorts, SigningKeys,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::{ManualClock, new_id};

/// Behaviour of every storage call except the check of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Broken {
    Away,
    Corrupt,
    Hanging,
    Panicking,
}

impl Broken {
    async fn answer<T>(self) -> Result<T, StorageError> {
        let secret = || "canary: SELECT * FROM users in /var/lib/kanso.db".into();
        match self {
            Self::Away => Err(StorageError::Unavailable(secret())),
            Self::Corrupt => Err(StorageError::Corrupt(secret())),
            Self::Hanging => std::future::pending().await,
            Self::Panicking => panic!("canary: a bug"),
        }
    }
}

type Answer<T> = Result<T, StorageError>;

#[async_trait]
impl RecordStore for Broken {
    async fn write(&self, _: UserId, _: LoadSet, _: Decide) -> Answer<WriteOutcome> {
        self.answer().await
    }

    async fn delta(&self, _: UserId, _: DeltaQuery) -> Answer<Option<Page>> {
        self.answer().await
    }

    async fn head(&self, _: UserId) -> Answer<Option<Head>> {
        self.answer().await
    }

    async fn shared_up_to(&self, _: UserId, _: Epoch) -> Answer<Option<Seq>> {
        self.answer().await
    }

    async fn heads(&self, _: &[UserId]) -> Answer<Vec<(UserId, Seq)>> {
        self.answer().await
    }

    async fn snapshot(&self, _: UserId, _: SnapshotQuery) -> Answer<Option<SnapshotPiece>> {
        self.answer().await
    }

    async fn compare(&self, _: UserId, _: Buckets, _: u32) -> Answer<Option<Comparison>> {
        self.answer().await
    }

    async fn journal(&self, _: UserId, _: Option<&[HabitId]>) -> Answer<Option<Journal>> {
        self.answer().await
    }

    async fn habit(&self, _: UserId, _: HabitId) -> Answer<Option<Habit>> {
        self.answer().await
    }

    async fn habits(&self, _: UserId, _: HabitQuery) -> Answer<Vec<Habit>> {
        self.answer().await
    }

    async fn entry(&self, _: UserId, _: EntryId) -> Answer<Option<Entry>> {
        self.answer().await
    }

    async fn entry_keys(&self, _: UserId, _: EntryQuery) -> Answer<Vec<EntryKey>> {
        self.answer().await
    }

    async fn entries(&self, _: UserId, _: Vec<EntryId>) -> Answer<Vec<Entry>> {
        self.answer().await
    }
}

#[async_trait]
impl AccountStore for Broken {
    async fn create_account(&self, _: NewAccount) -> Answer<bool> {
        self.answer().await
    }

    async fn credentials(&self, _: &Email) -> Answer<Option<Credentials>> {
        self.answer().await
    }

    async fn account(&self, _: UserId) -> Answer<Option<Account>> {
        self.answer().await
    }

    async fn change_settings(
        &self,
        _: UserId,
        _: SettingsChange,
        _: Timestamp,
    ) -> Answer<Option<Account>> {
        self.answer().await
    }

    async fn replaced_password(&self, _: UserId, _: SessionId) -> Answer<Option<PasswordHash>> {
        self.answer().await
    }

    async fn replace_password(&self, _: UserId, _: NewPassword) -> Answer<bool> {
        self.answer().await
    }

    async fn delete_account(&self, _: UserId) -> Answer<bool> {
        self.answer().await
    }

    async fn replace_email(&self, _: UserId, _: NewEmail) -> Answer<EmailReplacement> {
        self.answer().await
    }

    async fn open_session(&self, _: Session, _: PasswordHash, _: u32) -> Answer<bool> {
        self.answer().await
    }

    async fn record_events(&self, _: Vec<SecurityEvent>, _: u32) -> Answer<()> {
        self.answer().await
    }

    async fn events(&self, _: UserId, _: Option<Uuid>, _: u32) -> Answer<Vec<SecurityEvent>> {
        self.answer().await
    }

    async fn refresh_session(
        &self,
        _: UserId,
        _: SessionId,
        _: DecideRefresh,
    ) -> Answer<Option<Refreshed>> {
        self.answer().await
    }

    async fn sessions(&self, _: UserId) -> Answer<Vec<Session>> {
        self.answer().await
    }

    async fn session_is_open(&self, _: UserId, _: SessionId, _: Timestamp) -> Answer<bool> {
        Ok(true)
    }

    async fn end_session(&self, _: UserId, _: SessionId) -> Answer<bool> {
        self.answer().await
    }
}

#[async_trait]
impl AdmissionStore for Broken {
    async fn admission_state(&self) -> Answer<AdmissionState> {
        self.answer().await
    }

    async fn keep_invitation(&self, _: Invitation) -> Answer<()> {
        self.answer().await
    }

    async fn is_entitled(&self, _: Entitlement) -> Answer<bool> {
        self.answer().await
    }

    async fn create_invited_account(
        &self,
        _: NewAccount,
        _: Entitlement,
    ) -> Answer<InvitedRegistration> {
        self.answer().await
    }

    async fn set_disabled(&self, _: UserId, _: bool) -> Answer<bool> {
        self.answer().await
    }

    async fn is_disabled(&self, _: UserId) -> Answer<bool> {
        self.answer().await
    }

    async fn accounts(&self, _: Option<UserId>, _: u32) -> Answer<Vec<ListedAccount>> {
        self.answer().await
    }
}

#[async_trait]
impl StreakQueue for Broken {
    async fn claim_streaks(&self, _: Timestamp, _: u32) -> Answer<Vec<StreakClaim>> {
        self.answer().await
    }

    async fn finish_streaks(
        &self,
        _: UserId,
        _: Vec<ComputedStreak>,
        _: Timestamp,
    ) -> Answer<Vec<StreakOutcome>> {
        self.answer().await
    }

    async fn release_streaks(&self, _: UserId, _: Vec<StreakJob>, _: Timestamp) -> Answer<()> {
        self.answer().await
    }

    async fn streak_backlog(&self) -> Answer<Backlog> {
        self.answer().await
    }

    async fn day_borders(&self) -> Answer<Vec<DayBorder>> {
        self.answer().await
    }

    async fn begin_day(&self, _: &DayBorder, _: Date, _: u32, _: Timestamp) -> Answer<bool> {
        self.answer().await
    }
}

#[async_trait]
impl DeviceStore for Broken {
    async fn meet_device(&self, _: Sighting, _: u32) -> Answer<()> {
        self.answer().await
    }

    async fn note_devices(&self, _: Vec<Sighting>) -> Answer<Vec<(UserId, DeviceId)>> {
        self.answer().await
    }

    async fn devices(&self, _: UserId) -> Answer<Vec<Device>> {
        self.answer().await
    }

    async fn forget_device(&self, _: UserId, _: DeviceId, _: Option<SessionId>) -> Answer<bool> {
        self.answer().await
    }
}

#[async_trait]
impl PurgeStore for Broken {
    async fn purge_receipts(&self, _: Timestamp, _: u32) -> Answer<u32> {
        self.answer().await
    }

    async fn purge_events(&self, _: Timestamp, _: u32) -> Answer<u32> {
        self.answer().await
    }

    async fn purge_tombstones(&self, _: Timestamp, _: u32) -> Answer<u32> {
        self.answer().await
    }

    async fn texts_to_erase(&self, _: Timestamp, _: u32) -> Answer<Vec<TextsToErase>> {
        self.answer().await
    }

    async fn erase_accounts(&self, _: u32) -> Answer<u32> {
        self.answer().await
    }
}

#[async_trait]
impl QuotaStore for Broken {
    async fn usage(&self, _: UserId) -> Answer<Option<AccountUsage>> {
        self.answer().await
    }

    async fn set_own_quota(&self, _: UserId, _: OwnQuota) -> Answer<bool> {
        self.answer().await
    }
}

#[async_trait]
impl Storage for Broken {
    async fn ping(&self) -> Answer<()> {
        self.answer().await
    }

    /// As [`session_is_open`](AccountStore::session_is_open): the requests get past the check of the session.
    async fn head_of_session(
        &self,
        _: UserId,
        _: SessionId,
        at: Timestamp,
    ) -> Answer<Option<Head>> {
        Ok(Some(Head::beginning(Epoch::new(1), at)))
    }

    async fn close(&self) -> Answer<()> {
        self.answer().await
    }
}

/// A router on a broken storage, an accepted token, and the tracker of its writes.
pub(crate) fn broken_server(broken: Broken) -> (Router, String, TaskTracker) {
    server_on(Arc::new(broken), kanso_http::Options::default())
}

/// A router on this storage, with a token for an unknown session, and the tracker of its writes.
pub(crate) fn server_on(
    storage: Arc<dyn Storage>,
    http: kanso_http::Options,
) -> (Router, String, TaskTracker) {
    let clock = Arc::new(ManualClock::at("2026-11-22T12:00:00Z"));
    let ids: Arc<dyn Ids> = Arc::new(RandomIds);
    let credentials = credentials(&ids);
    let id = || new_id().parse().expect("an id");
    let identity = Identity {
        user_id: UserId::new(id()),
        session_id: SessionId::new(id()),
    };
    let access_tokens = Arc::clone(&credentials.access_tokens);
    let token = access_tokens.issue(identity, clock.now());
    let ports = ServerPorts {
        storage,
        clock: clock.clone(),
        ids,
        feed: Arc::new(LocalFeed::new()),
        credentials,
        disk: DiskGuard::default(),
        throttle: Arc::new(LocalThrottle::new(clock.clone())),
        tickets: Arc::new(LocalTickets::new(clock)),
        limiter: Arc::new(LocalLimiter::new()),
        evictable: Vec::new(),
        shared: SharedPorts::default(),
    };
    let options = AssemblyOptions {
        quota: Quota::default(),
        sessions: SessionLimits::default(),
        most_devices: MAX_DEVICES,
        http,
        workers: None,
        sweeps_storage: false,
        snapshot_piece: None,
    };
    let Assembly { router, writes, .. } =
        assembly::assemble(ports, options, &CancellationToken::new());
    (router, token.expect("a token").token, writes)
}

fn credentials(ids: &Arc<dyn Ids>) -> CredentialPorts {
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let cost = HashCost {
        memory_kib: 64,
        passes: 1,
        lanes: 1,
    };
    let passwords = Argon2Passwords::new(cost, Queue::for_this_machine(), entropy.clone());
    let keys = SigningKeys {
        current: SigningKey::hs256(new_id().as_bytes()).expect("a strong key"),
        former: Vec::new(),
    };
    let passwords = Arc::new(passwords.expect("a hasher"));
    CredentialPorts::new(keys, "kanso", passwords, ids, &entropy)
}
