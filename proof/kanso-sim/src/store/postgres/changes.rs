//! The ports of accounts, devices, queues and purges: the rows that each change locks.

use std::collections::BTreeSet;

use kanso_application::ports::admission::{
    AdmissionState, AdmissionStore, Entitlement, Invitation, InvitedRegistration, ListedAccount,
};
use kanso_application::ports::devices::{Device, DeviceStore, Sighting};
use kanso_application::ports::housekeeping::{PurgeStore, TextsToErase};
use kanso_application::ports::storage::{
    AccountStore, Backlog, ComputedStreak, Credentials, DayBorder, DecideRefresh, EmailReplacement,
    NewAccount, NewEmail, NewPassword, StorageError, StreakClaim, StreakJob, StreakOutcome,
    StreakQueue,
};
use kanso_domain::accounts::{Account, Email, PasswordHash, SettingsChange};
use kanso_domain::events::SecurityEvent;
use kanso_domain::sessions::{Refreshed, Session};
use kanso_domain::{Date, DeviceId, SessionId, Timestamp, UserId};
use uuid::Uuid;

use super::pool::ConnectionPool;
use super::rows::Row;
use super::work;
use crate::store::delegated;

/// A change that reads nothing first: locks its rows one after the other and is made with the
/// commit.
///
/// The rows are those that the statements of `kanso-postgres` lock, in the same order, so a
/// deadlock there would be one here.
macro_rules! change {
    ($node:ident, [$($row:expr),*], $name:ident($($argument:ident),*)) => {{
        $node.transact(move |mut transaction| {
            $(let $argument = $argument.clone();)*
            Box::pin(async move {
                $(transaction.lock($row).await?;)*
                transaction.statement().await?;
                transaction.commit(change!($name($($argument),*))).await
            })
        })
        .await
    }};
    ($name:ident($($argument:ident),*)) => {
        move |memory| Box::pin(async move { memory.$name($($argument),*).await })
    };
}

delegated!(AccountStore for ConnectionPool {
    credentials(email: &Email) -> Option<Credentials>;
    account(user: UserId) -> Option<Account>;
    session_is_open(user: UserId, session: SessionId, now: Timestamp) -> bool;
    replaced_password(user: UserId, session: SessionId) -> Option<PasswordHash>;
    sessions(user: UserId) -> Vec<Session>;
    events(user: UserId, before: Option<Uuid>, limit: u32) -> Vec<SecurityEvent>;
}

async fn create_account(&self, new: NewAccount) -> Result<bool, StorageError> {
    change!(self, [Row::Email(new.account.email.clone())], create_account(new))
}

async fn change_settings(
    &self,
    user: UserId,
    change: SettingsChange,
    now: Timestamp,
) -> Result<Option<Account>, StorageError> {
    change!(self, [Row::User(user), Row::Jobs(user)], change_settings(user, change, now))
}

async fn replace_password(&self, user: UserId, new: NewPassword) -> Result<bool, StorageError> {
    change!(self, [Row::User(user)], replace_password(user, new))
}

async fn delete_account(&self, user: UserId) -> Result<bool, StorageError> {
    change!(self, [Row::User(user), Row::Jobs(user)], delete_account(user))
}

async fn replace_email(&self, user: UserId, new: NewEmail) -> Result<EmailReplacement, StorageError> {
    change!(self, [Row::User(user), Row::Email(new.email.clone())], replace_email(user, new))
}

async fn record_events(&self, events: Vec<SecurityEvent>, most: u32) -> Result<(), StorageError> {
    change!(self, [], record_events(events, most))
}

async fn open_session(
    &self,
    session: Session,
    checked: PasswordHash,
    most: u32,
) -> Result<bool, StorageError> {
    change!(self, [Row::User(session.user_id)], open_session(session, checked, most))
}

async fn end_session(&self, user: UserId, session: SessionId) -> Result<bool, StorageError> {
    change!(self, [Row::Session(user, session)], end_session(user, session))
}

async fn refresh_session(
    &self,
    user: UserId,
    session: SessionId,
    decide: DecideRefresh,
) -> Result<Option<Refreshed>, StorageError> {
    work::refresh(self, user, session, decide).await
});

delegated!(AdmissionStore for ConnectionPool {
    admission_state() -> AdmissionState;
    is_entitled(entitlement: Entitlement) -> bool;
    is_disabled(user: UserId) -> bool;
    accounts(after: Option<UserId>, limit: u32) -> Vec<ListedAccount>;
}

async fn keep_invitation(&self, invitation: Invitation) -> Result<(), StorageError> {
    change!(self, [], keep_invitation(invitation))
}

async fn create_invited_account(
    &self,
    new: NewAccount,
    entitlement: Entitlement,
) -> Result<InvitedRegistration, StorageError> {
    change!(
        self,
        [Row::Server, Row::Email(new.account.email.clone())],
        create_invited_account(new, entitlement)
    )
}

async fn set_disabled(&self, user: UserId, is_disabled: bool) -> Result<bool, StorageError> {
    change!(self, [Row::User(user)], set_disabled(user, is_disabled))
});

delegated!(StreakQueue for ConnectionPool {
    streak_backlog() -> Backlog;
    day_borders() -> Vec<DayBorder>;
}

async fn claim_streaks(&self, now: Timestamp, limit: u32) -> Result<Vec<StreakClaim>, StorageError> {
    work::claim(self, now, limit).await
}

async fn finish_streaks(
    &self,
    user: UserId,
    computed: Vec<ComputedStreak>,
    now: Timestamp,
) -> Result<Vec<StreakOutcome>, StorageError> {
    change!(self, [Row::User(user), Row::Jobs(user)], finish_streaks(user, computed, now))
}

async fn release_streaks(
    &self,
    user: UserId,
    jobs: Vec<StreakJob>,
    available_at: Timestamp,
) -> Result<(), StorageError> {
    change!(self, [Row::User(user), Row::Jobs(user)], release_streaks(user, jobs, available_at))
}

async fn begin_day(
    &self,
    border: &DayBorder,
    today: Date,
    limit: u32,
    now: Timestamp,
) -> Result<bool, StorageError> {
    work::begin_day(self, border.clone(), today, limit, now).await
});

delegated!(DeviceStore for ConnectionPool {
    devices(user: UserId) -> Vec<Device>;
}

async fn meet_device(&self, sighting: Sighting, most: u32) -> Result<(), StorageError> {
    change!(self, [Row::User(sighting.user)], meet_device(sighting, most))
}

// `FOR KEY SHARE`, as a foreign key takes it: devices of one user do not block each other, only a
// change or deletion of the account does.
async fn note_devices(
    &self,
    sightings: Vec<Sighting>,
) -> Result<Vec<(UserId, DeviceId)>, StorageError> {
    self.transact(move |mut transaction| {
        let sightings = sightings.clone();
        Box::pin(async move {
            // In one order, so that two calls cannot deadlock.
            let users: BTreeSet<_> = sightings.iter().map(|sighting| sighting.user).collect();
            for user in users {
                transaction.share(Row::User(user)).await?;
            }
            transaction.commit(change!(note_devices(sightings))).await
        })
    })
    .await
}

async fn forget_device(
    &self,
    user: UserId,
    device: DeviceId,
    kept: Option<SessionId>,
) -> Result<bool, StorageError> {
    change!(self, [], forget_device(user, device, kept))
});

delegated!(PurgeStore for ConnectionPool {
    texts_to_erase(before: Timestamp, limit: u32) -> Vec<TextsToErase>;
}

async fn erase_accounts(&self, limit: u32) -> Result<u32, StorageError> {
    change!(self, [], erase_accounts(limit))
}

async fn purge_receipts(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError> {
    change!(self, [], purge_receipts(before, limit))
}

async fn purge_events(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError> {
    change!(self, [], purge_events(before, limit))
}

async fn purge_tombstones(&self, before: Timestamp, limit: u32) -> Result<u32, StorageError> {
    work::purge_tombstones(self, before, limit).await
});
