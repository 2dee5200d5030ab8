//! The real storage with one planted bug.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kanso_application::ports::admission::{
    AdmissionState, AdmissionStore, Entitlement, Invitation, InvitedRegistration, ListedAccount,
};
use kanso_application::ports::devices::{Device, DeviceStore, Sighting};
use kanso_application::ports::quota::{AccountUsage, QuotaStore};
use kanso_application::ports::storage::{
    AccountStore, Credentials, DecideRefresh, EmailReplacement, NewAccount, NewEmail, NewPassword,
    Storage, StorageError,
};
use kanso_domain::accounts::{Account, Email, PasswordHash, SettingsChange};
use kanso_domain::events::SecurityEvent;
use kanso_domain::sessions::{Refreshed, Session};
use kanso_domain::sync::{OwnQuota, Page};
use kanso_domain::{DeviceId, HabitId, Seq, SessionId, Timestamp, UserId};
use tokio::time::Instant;
use uuid::Uuid;

use super::Bug;
use crate::chance::Chance;
use crate::store::delegated;

/// The real storage with one planted bug.
pub struct MutantStorage {
    pub(super) bug: Bug,
    pub(super) inner: Arc<dyn Storage>,
    pub(super) chance: Arc<Chance>,
    memory: Arc<Mutex<MutantMemory>>,
}

/// State that a bug needs between calls.
#[derive(Default)]
pub(super) struct MutantMemory {
    /// Positions that are hidden until an instant.
    pub(super) hidden: BTreeMap<(UserId, Seq), Instant>,
    /// Number of version increments by the worker, by habit.
    pub(super) bumped: BTreeMap<(UserId, HabitId), i64>,
    /// Positions of entries that were not delivered again when their habits were revived.
    pub(super) unsent: BTreeSet<(UserId, Seq)>,
    /// Last complete page of each user, with its query.
    pub(super) earlier: BTreeMap<UserId, (String, Page)>,
}

impl MutantStorage {
    /// Wraps `inner` with `bug`.
    pub fn new(bug: Bug, inner: Arc<dyn Storage>, chance: Chance) -> Self {
        Self {
            bug,
            inner,
            chance: Arc::new(chance),
            memory: Arc::default(),
        }
    }

    /// Wraps the connection of another server with the same bug and the same state.
    #[must_use]
    pub fn around_connection(&self, inner: Arc<dyn Storage>) -> Self {
        Self {
            bug: self.bug,
            inner,
            chance: Arc::clone(&self.chance),
            memory: Arc::clone(&self.memory),
        }
    }

    pub(super) fn inner(&self) -> &dyn Storage {
        &*self.inner
    }

    pub(super) async fn around<T>(&self, call: impl Future<Output = T> + Send) -> T {
        call.await
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, MutantMemory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if `bug` is planted here and takes effect now.
    pub(super) fn strikes(&self, bug: Bug, percent: u32) -> bool {
        self.bug == bug && self.chance.happens(percent)
    }
}

delegated!(AccountStore for MutantStorage {
    create_account(new: NewAccount) -> bool;
    credentials(email: &Email) -> Option<Credentials>;
    account(user: UserId) -> Option<Account>;
    change_settings(user: UserId, change: SettingsChange, now: Timestamp) -> Option<Account>;
    replace_password(user: UserId, new: NewPassword) -> bool;
    replaced_password(user: UserId, session: SessionId) -> Option<PasswordHash>;
    delete_account(user: UserId) -> bool;
    replace_email(user: UserId, new: NewEmail) -> EmailReplacement;
    open_session(session: Session, checked: PasswordHash, most: u32) -> bool;
    sessions(user: UserId) -> Vec<Session>;
    end_session(user: UserId, session: SessionId) -> bool;
    record_events(events: Vec<SecurityEvent>, most: u32) -> ();
    events(user: UserId, before: Option<Uuid>, limit: u32) -> Vec<SecurityEvent>;
}

async fn refresh_session(
    &self,
    user: UserId,
    session: SessionId,
    decide: DecideRefresh,
) -> Result<Option<Refreshed>, StorageError> {
    // Without the previous token a retry after a lost answer counts as reuse and ends the session:
    // check 11.
    let has_grace = self.bug != Bug::NoGrace;
    let decide: DecideRefresh = Arc::new(move |session: Session| {
        let previous = session.previous.filter(|_| has_grace);
        decide(Session { previous, ..session })
    });
    self.inner.refresh_session(user, session, decide).await
}

async fn session_is_open(
    &self,
    user: UserId,
    session: SessionId,
    now: Timestamp,
) -> Result<bool, StorageError> {
    if self.strikes(Bug::SessionForgotten, 3) {
        self.inner.end_session(user, session).await?;
    }
    self.inner.session_is_open(user, session, now).await
});

delegated!(AdmissionStore for MutantStorage {
    admission_state() -> AdmissionState;
    keep_invitation(invitation: Invitation) -> ();
    is_entitled(entitlement: Entitlement) -> bool;
    create_invited_account(new: NewAccount, entitlement: Entitlement) -> InvitedRegistration;
    set_disabled(user: UserId, is_disabled: bool) -> bool;
    is_disabled(user: UserId) -> bool;
    accounts(after: Option<UserId>, limit: u32) -> Vec<ListedAccount>;
});

delegated!(DeviceStore for MutantStorage {
    meet_device(sighting: Sighting, most: u32) -> ();
    note_devices(sightings: Vec<Sighting>) -> Vec<(UserId, DeviceId)>;
    devices(user: UserId) -> Vec<Device>;
    forget_device(user: UserId, device: DeviceId, kept: Option<SessionId>) -> bool;
});

delegated!(QuotaStore for MutantStorage {
    usage(user: UserId) -> Option<AccountUsage>;
    set_own_quota(user: UserId, own: OwnQuota) -> bool;
});

delegated!(Storage for MutantStorage {
    ping() -> ();
    close() -> ();
});
