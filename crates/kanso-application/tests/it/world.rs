//! All ports of the use cases, in memory.

use std::sync::{Arc, Mutex};

use kanso_application::accounts::{AccountPorts, Accounts, Grant, LogIn, Registration};
use kanso_application::devices::Devices;
use kanso_application::disk::DiskGuard;
use kanso_application::entries::Entries;
use kanso_application::habits::Habits;
use kanso_application::ports::credentials::{Identity, Passwords};
use kanso_application::ports::feed::{Feed, Subscription};
use kanso_application::ports::limiter::ClientAddress;
use kanso_application::ports::throttle::{GuessCount, Guesser};
use kanso_application::ports::work_signal::WorkSignal;
use kanso_application::security::Security;
use kanso_application::sync::Sync;
use kanso_application::{Fault, Outcome, RecordPorts};
use kanso_domain::accounts::{Email, Password};
use kanso_domain::sessions::SessionLimits;
use kanso_domain::sync::Quota;
use kanso_domain::{Seq, SessionId, UserId};
use kanso_testkit::build::noon;
use kanso_testkit::{
    CountedInvitations, CountedRefreshTokens, CountingThrottle, ManualClock, MemoryStorage,
    NullFeed, PlainAccessTokens, PlainDeviceProofs, PlainPasswords, PlainPseudonyms, SequentialIds,
};
use uuid::Uuid;

pub(crate) const PASSWORD: &str = "correct horse";

/// A signal without workers.
struct NoWorkers;

impl WorkSignal for NoWorkers {
    fn streaks(&self) {}
}

/// Records publications. Every user has a subscriber, who receives nothing.
#[derive(Default)]
pub(crate) struct RecordingFeed(Mutex<Vec<(UserId, Seq)>>);

impl RecordingFeed {
    /// Returns the positions that were published since the last call.
    pub(crate) fn published(&self, user: UserId) -> Vec<i64> {
        let published = std::mem::take(&mut *self.0.lock().unwrap());
        let its = published.into_iter().filter(|(whose, _)| *whose == user);
        its.map(|(_, head)| head.get()).collect()
    }
}

impl Feed for RecordingFeed {
    fn publish(&self, user: UserId, head: Seq) {
        self.0.lock().unwrap().push((user, head));
    }

    fn has_subscribers(&self, _user: UserId) -> bool {
        true
    }

    fn followed(&self) -> Vec<UserId> {
        Vec::new()
    }

    fn catch_up(&self, _user: UserId, _head: Seq) -> bool {
        false
    }

    fn subscribe(&self, user: UserId) -> Box<dyn Subscription> {
        NullFeed.subscribe(user)
    }
}

pub(crate) struct World {
    pub(crate) storage: Arc<MemoryStorage>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) throttle: Arc<CountingThrottle>,
    pub(crate) feed: Arc<RecordingFeed>,
    pub(crate) accounts: Accounts,
    pub(crate) security: Security,
    account_ports: AccountPorts,
    pub(crate) habits: Habits,
    pub(crate) entries: Entries,
    pub(crate) sync: Sync,
}

impl World {
    /// Returns a world at noon without accounts. Three failures throttle.
    pub(crate) fn new() -> Self {
        let storage = Arc::new(MemoryStorage::default());
        let clock = Arc::new(ManualClock::at(noon()));
        let ids = Arc::new(SequentialIds::default());
        let throttle = Arc::new(CountingThrottle::allowing(3));
        let feed = Arc::new(RecordingFeed::default());
        let pseudonyms = Arc::new(PlainPseudonyms);
        let security = Security::new(storage.clone(), clock.clone(), ids.clone(), pseudonyms);
        let account_ports = AccountPorts {
            storage: storage.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            passwords: Arc::new(PlainPasswords),
            access_tokens: Arc::new(PlainAccessTokens),
            refresh_tokens: Arc::new(CountedRefreshTokens),
            device_proofs: Arc::new(PlainDeviceProofs),
            throttle: throttle.clone(),
            feed: feed.clone(),
            invitation_codes: Arc::new(CountedInvitations::default()),
            security: security.clone(),
            session_limits: SessionLimits::default(),
            disk: DiskGuard::default(),
        };
        let ports = RecordPorts {
            quota: Quota::default(),
            disk: DiskGuard::default(),
            storage: storage.clone(),
            clock: clock.clone(),
            ids,
            wake: Arc::new(NoWorkers),
            feed: feed.clone(),
        };
        let devices = Devices::new(storage.clone(), clock.clone());
        Self {
            accounts: Accounts::new(account_ports.clone()),
            security,
            account_ports,
            habits: Habits::new(ports.clone()),
            entries: Entries::new(ports.clone()),
            sync: Sync::new(ports, devices),
            storage,
            clock,
            throttle,
            feed,
        }
    }

    /// Returns the world with other password checks.
    pub(crate) fn with_passwords(mut self, passwords: impl Passwords + 'static) -> Self {
        self.account_ports.passwords = Arc::new(passwords);
        self.accounts = Accounts::new(self.account_ports.clone());
        self
    }

    /// Registers a user.
    pub(crate) async fn register(&self) -> UserId {
        let password = Password::choose(PASSWORD).unwrap();
        match self
            .accounts
            .register(ada(), password, home())
            .await
            .unwrap()
        {
            Registration::Registered(account) => account.id,
            refused => panic!("expected the address to be free: {refused:?}"),
        }
    }

    /// Deletes the account of a user, as a session of it does.
    pub(crate) async fn delete(&self, user_id: UserId) -> Outcome<()> {
        let session_id = SessionId::new(Uuid::from_u128(77));
        let who = Identity {
            user_id,
            session_id,
        };
        self.accounts.delete(who, home()).await
    }

    /// Logs in with this password.
    pub(crate) async fn log_in(&self, password: &str) -> LogIn {
        let password = Password::claimed(password);
        self.accounts.log_in(ada(), password, home()).await.unwrap()
    }

    /// Returns the grant of a log-in with the right password.
    pub(crate) async fn granted(&self) -> Grant {
        match self.log_in(PASSWORD).await {
            LogIn::Granted(grant) => *grant,
            LogIn::Refused => panic!("expected a grant, was refused"),
            LogIn::Disabled => panic!("expected a grant, the account is disabled"),
            LogIn::Throttled { wait_seconds } => panic!("throttled for {wait_seconds} s"),
        }
    }
}

/// Address of Ada's home.
pub(crate) fn home() -> ClientAddress {
    ClientAddress::new("192.0.2.7".parse().unwrap())
}

/// Count of the guesses from there.
pub(crate) fn from_home() -> GuessCount {
    GuessCount::of_guesser(&ada(), Guesser::Address(home()))
}

pub(crate) fn ada() -> Email {
    "ada@example.org".parse().unwrap()
}

/// Returns true for the answer that every use case gives after the account was deleted.
pub(crate) fn is_account_gone<T>(answer: &Result<T, Fault>) -> bool {
    matches!(answer, Err(Fault::AccountGone))
}
