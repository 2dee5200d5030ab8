//! Everything that a use case needs, in memory.

use std::sync::{Arc, Mutex};

use kanso_application::accounts::{AccountPorts, Accounts, Grant, LogIn, Registration};
use kanso_application::devices::Devices;
use kanso_application::entries::Entries;
use kanso_application::habits::Habits;
use kanso_application::ports::credentials::Passwords;
use kanso_application::ports::feed::{Feed, Subscription};
use kanso_application::ports::work_signal::WorkSignal;
use kanso_application::sync::Sync;
use kanso_application::{Fault, RecordPorts};
use kanso_domain::accounts::{Email, Password};
use kanso_domain::{Seq, UserId};
use kanso_testkit::build::noon;
use kanso_testkit::{
    CountedRefreshTokens, CountingThrottle, ManualClock, MemoryStorage, NullFeed,
    PlainAccessTokens, PlainPasswords, SequentialIds,
};

pub(crate) const PASSWORD: &str = "correct horse";

/// Nobody works here.
struct Asleep;

impl WorkSignal for Asleep {
    fn streaks(&self) {}
}

/// Notes what is published. Everybody has a subscriber, who hears nothing.
#[derive(Default)]
pub(crate) struct LoudFeed(Mutex<Vec<(UserId, Seq)>>);

impl LoudFeed {
    /// What was published since somebody looked, as numbers.
    pub(crate) fn published(&self, user: UserId) -> Vec<i64> {
        let heard = std::mem::take(&mut *self.0.lock().unwrap());
        let its = heard.into_iter().filter(|(whose, _)| *whose == user);
        its.map(|(_, head)| head.get()).collect()
    }
}

impl Feed for LoudFeed {
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
    pub(crate) feed: Arc<LoudFeed>,
    pub(crate) accounts: Accounts,
    account_ports: AccountPorts,
    pub(crate) habits: Habits,
    pub(crate) entries: Entries,
    pub(crate) sync: Sync,
}

impl World {
    /// A world at noon in which nobody is registered, and three failures throttle.
    pub(crate) fn new() -> Self {
        let storage = Arc::new(MemoryStorage::default());
        let clock = Arc::new(ManualClock::at(noon()));
        let ids = Arc::new(SequentialIds::default());
        let throttle = Arc::new(CountingThrottle::allowing(3));
        let feed = Arc::new(LoudFeed::default());
        let account_ports = AccountPorts {
            storage: storage.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            passwords: Arc::new(PlainPasswords),
            access_tokens: Arc::new(PlainAccessTokens),
            refresh_tokens: Arc::new(CountedRefreshTokens),
            throttle: throttle.clone(),
            feed: feed.clone(),
        };
        let ports = RecordPorts {
            storage: storage.clone(),
            clock: clock.clone(),
            ids,
            wake: Arc::new(Asleep),
            feed: feed.clone(),
        };
        let devices = Devices::new(storage.clone(), clock.clone());
        Self {
            accounts: Accounts::new(account_ports.clone()),
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

    /// The same world, in which passwords are checked in another way.
    pub(crate) fn with_passwords(mut self, passwords: impl Passwords + 'static) -> Self {
        self.account_ports.passwords = Arc::new(passwords);
        self.accounts = Accounts::new(self.account_ports.clone());
        self
    }

    /// Somebody with an account.
    pub(crate) async fn person(&self) -> UserId {
        let password = Password::choose(PASSWORD).unwrap();
        match self.accounts.register(ada(), password).await.unwrap() {
            Registration::Registered(account) => account.id,
            Registration::EmailTaken => panic!("expected the address to be free"),
        }
    }

    /// Logs in with this password.
    pub(crate) async fn log_in(&self, password: &str) -> LogIn {
        let password = Password::claimed(password);
        self.accounts.log_in(ada(), password).await.unwrap()
    }

    /// What a log-in with the right password grants.
    pub(crate) async fn granted(&self) -> Grant {
        match self.log_in(PASSWORD).await {
            LogIn::Granted(grant) => *grant,
            LogIn::Refused => panic!("expected a grant, was refused"),
            LogIn::Throttled { wait_seconds } => panic!("throttled for {wait_seconds} s"),
        }
    }
}

pub(crate) fn ada() -> Email {
    "ada@example.org".parse().unwrap()
}

/// What every use case says to somebody whose account is gone.
pub(crate) fn says_account_gone<T>(answer: &Result<T, Fault>) -> bool {
    matches!(answer, Err(Fault::AccountGone))
}
