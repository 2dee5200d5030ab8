//! Accounts: registration, log-in, sessions, settings.

use std::sync::Arc;

use kanso_domain::accounts::{Account, Email, Password, Settings, SettingsChange};
use kanso_domain::sessions::{Refreshed, Session};
use kanso_domain::{SessionId, Timestamp, UserId};

mod password;
mod recent_changes;

pub use self::password::PasswordChange;
use self::password::{GuessOutcome, VerifiedPassword};
use self::recent_changes::RecentChanges;
use crate::live::announce;
use crate::ports::clock::Clock;
use crate::ports::credentials::{AccessToken, AccessTokens, Identity, Passwords, RefreshTokens};
use crate::ports::feed::Feed;
use crate::ports::ids::Ids;
use crate::ports::limiter::ClientAddress;
use crate::ports::storage::{NewAccount, Storage};
use crate::ports::throttle::{GuessCount, Guesser, LoginThrottle};
use crate::{Fault, Outcome};

/// Time in seconds after which an unused session expires. A device that was off for three months
/// can still sync.
pub const SESSION_SECONDS: i64 = 90 * 86_400;

/// The ports of the feature.
#[derive(Clone)]
pub struct AccountPorts {
    /// Storage of accounts and sessions.
    pub storage: Arc<dyn Storage>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Source of ids.
    pub ids: Arc<dyn Ids>,
    /// Password hashing.
    pub passwords: Arc<dyn Passwords>,
    /// Access tokens.
    pub access_tokens: Arc<dyn AccessTokens>,
    /// Refresh tokens.
    pub refresh_tokens: Arc<dyn RefreshTokens>,
    /// Throttle of password guesses.
    pub throttle: Arc<dyn LoginThrottle>,
    /// Feed that notifies devices of changed settings.
    pub feed: Arc<dyn Feed>,
}

/// The feature: registration, log-in, sessions and settings.
///
/// ```
/// use std::sync::Arc;
///
/// use kanso_application::accounts::{AccountPorts, Accounts, LogIn, Registration};
/// use kanso_application::ports::limiter::ClientAddress;
/// use kanso_domain::accounts::{Email, Password};
/// use kanso_testkit::build::noon;
/// use kanso_testkit::{
///     CountedRefreshTokens, CountingThrottle, PlainAccessTokens, PlainPasswords, ManualClock,
///     MemoryStorage, NullFeed, SequentialIds,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let accounts = Accounts::new(AccountPorts {
///     storage: Arc::new(MemoryStorage::default()),
///     clock: Arc::new(ManualClock::at(noon())),
///     ids: Arc::new(SequentialIds::default()),
///     passwords: Arc::new(PlainPasswords),
///     access_tokens: Arc::new(PlainAccessTokens),
///     refresh_tokens: Arc::new(CountedRefreshTokens),
///     throttle: Arc::new(CountingThrottle::allowing(3)),
///     feed: Arc::new(NullFeed),
/// });
/// let email: Email = "ada@example.org".parse()?;
/// let password = Password::choose("correct horse")?;
///
/// let registration = accounts.register(email.clone(), password.clone()).await?;
/// assert!(matches!(registration, Registration::Registered(_)));
/// let here = ClientAddress::new("192.0.2.7".parse()?);
/// let log_in = accounts.log_in(email.clone(), Some(password), here).await?;
/// assert!(matches!(log_in, LogIn::Granted(_)));
/// let log_in = accounts.log_in(email, Password::claimed("a guess"), here).await?;
/// assert!(matches!(log_in, LogIn::Refused));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Accounts {
    ports: AccountPorts,
    recent_changes: Arc<RecentChanges>,
}

/// The tokens with which a device acts for a user.
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    /// Access token, valid for minutes.
    pub access: AccessToken,
    /// Refresh token, valid for one use.
    pub refresh_token: String,
    /// Account of the user.
    pub account: Account,
}

/// An account with its sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountOverview {
    /// Account.
    pub account: Account,
    /// Sessions that can still be refreshed, oldest first.
    pub sessions: Vec<Session>,
    /// Time of the answer.
    pub at: Timestamp,
}

/// The outcome of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// The account was created.
    Registered(Account),
    /// The address already has an account.
    EmailTaken,
}

/// The outcome of a log-in.
#[derive(Clone, PartialEq, Eq)]
pub enum LogIn {
    /// A new session was opened.
    Granted(Box<Grant>),
    /// Wrong password, or no such account. The caller cannot distinguish them.
    Refused,
    /// Too many failures in a row. The next attempt is allowed after the wait.
    Throttled {
        /// Seconds to wait.
        wait_seconds: u32,
    },
}

impl Accounts {
    /// Returns the feature over its ports.
    pub fn new(ports: AccountPorts) -> Self {
        Self {
            ports,
            recent_changes: Arc::default(),
        }
    }

    /// Creates an account with default settings.
    pub async fn register(&self, email: Email, password: Password) -> Outcome<Registration> {
        let password_hash = self.ports.passwords.hash(password).await?;
        let account = Account {
            id: UserId::new(self.ports.ids.uuid()),
            email,
            settings: Settings::default(),
            created_at: self.ports.clock.now(),
        };
        let new = NewAccount {
            account: account.clone(),
            password_hash,
        };
        // The storage decides on the address in one step. A look-up before would leave a gap in
        // which another request could take it.
        if self.ports.storage.create_account(new).await? {
            tracing::info!(user_id = %account.id, "account registered");
            Ok(Registration::Registered(account))
        } else {
            Ok(Registration::EmailTaken)
        }
    }

    /// Opens a session for a client at the address `from`. A password of `None` is one that no account can
    /// have.
    pub async fn log_in(
        &self,
        email: Email,
        password: Option<Password>,
        from: ClientAddress,
    ) -> Outcome<LogIn> {
        let counts = [
            GuessCount::of_guesser(&email, Guesser::Address(from)),
            GuessCount::of_account(&email),
        ];
        // A password of `None` counts as a wrong guess, like every other wrong password.
        let attempt = self.throttled(&counts, self.verify_and_open_session(&email, password));
        Ok(match attempt.await? {
            GuessOutcome::Right(grant) => LogIn::Granted(Box::new(grant)),
            GuessOutcome::Wrong => LogIn::Refused,
            GuessOutcome::Throttled { wait_seconds } => LogIn::Throttled { wait_seconds },
        })
    }

    async fn verify_and_open_session(
        &self,
        email: &Email,
        password: Option<Password>,
    ) -> Outcome<Option<Grant>> {
        let Some(password) = password else {
            return Ok(None);
        };
        while let Some(verified) = self.verify(email, password.clone()).await? {
            if let Some(grant) = self.open_session(verified).await? {
                return Ok(Some(grant));
            }
            // The password was replaced or the account deleted between the check and the write.
            // Check again against the new state.
        }
        Ok(None)
    }

    async fn open_session(&self, verified: VerifiedPassword) -> Outcome<Option<Grant>> {
        let VerifiedPassword { user_id, hash } = verified;
        let now = self.ports.clock.now();
        let session_id = SessionId::new(self.ports.ids.uuid());
        let identity = Identity {
            user_id,
            session_id,
        };
        let refresh = self.ports.refresh_tokens.mint(identity);
        let session = Session {
            id: session_id,
            user_id,
            current: refresh.hash,
            previous: None,
            created_at: now,
            expires_at: now.plus_seconds(SESSION_SECONDS),
        };
        // The storage compares the hash again, under its lock. Between the check and here the user
        // may have changed the password, and a session with the old one must not survive that.
        if !self.ports.storage.open_session(session, hash).await? {
            return Ok(None);
        }
        self.grant(identity, refresh.token, now).await
    }

    /// Uses a refresh token. Returns `None` if it is not valid.
    ///
    /// A token that was used before and is past its grace ends its session.
    pub async fn refresh(&self, token: &str) -> Outcome<Option<Grant>> {
        let Some(read) = self.ports.refresh_tokens.read(token) else {
            return Ok(None);
        };
        let Identity {
            user_id,
            session_id,
        } = read.identity;
        let now = self.ports.clock.now();
        let presented = read.presented;
        // Decided inside the transaction of the storage: two uses of one token at the same time
        // must not both rotate the session.
        let decide =
            Arc::new(move |session: Session| session.refresh(presented, now, SESSION_SECONDS));
        match self
            .ports
            .storage
            .refresh_session(user_id, session_id, decide)
            .await?
        {
            // A retry gets the same successor, because it is derived from the presented token (ADR
            // 0003).
            Some(Refreshed::Rotated(_) | Refreshed::Repeated(_)) => {
                self.grant(read.identity, read.successor, now).await
            }
            Some(Refreshed::Reused) => {
                tracing::warn!(%user_id, %session_id, "refresh token reused; session ended");
                Ok(None)
            }
            Some(Refreshed::Expired) | None => Ok(None),
        }
    }

    async fn grant(
        &self,
        identity: Identity,
        refresh_token: String,
        now: Timestamp,
    ) -> Outcome<Option<Grant>> {
        let Some(account) = self.ports.storage.account(identity.user_id).await? else {
            return Ok(None);
        };
        let access = self.ports.access_tokens.issue(identity, now)?;
        Ok(Some(Grant {
            access,
            refresh_token,
            account,
        }))
    }

    /// Returns the identity of an access token if the token is valid and its session is open.
    pub async fn authenticate(&self, token: &str) -> Outcome<Option<Identity>> {
        let now = self.ports.clock.now();
        let Ok(identity) = self.ports.access_tokens.verify(token, now) else {
            return Ok(None);
        };
        // A signed token stays valid until it expires. The look-up makes a log-out effective at
        // once (ADR 0006).
        let is_open = self.is_open(identity).await?;
        Ok(is_open.then_some(identity))
    }

    /// Returns true if the session is open.
    pub async fn is_open(&self, session: Identity) -> Outcome<bool> {
        let Identity {
            user_id,
            session_id,
        } = session;
        let AccountPorts { storage, clock, .. } = &self.ports;
        let is_open = storage.session_is_open(user_id, session_id, clock.now());
        Ok(is_open.await?)
    }

    /// Ends a session.
    pub async fn log_out(&self, identity: Identity) -> Outcome<()> {
        Ok(self
            .ports
            .storage
            .end_session(identity.user_id, identity.session_id)
            .await?)
    }

    /// Returns the account with its sessions.
    pub async fn overview(&self, user: UserId) -> Outcome<AccountOverview> {
        let account = self.get(user).await?;
        let at = self.ports.clock.now();
        let mut sessions = self.ports.storage.sessions(user).await?;
        // An expired session stays stored until the next log-in, so it is filtered here.
        sessions.retain(|session| at < session.expires_at);
        Ok(AccountOverview {
            account,
            sessions,
            at,
        })
    }

    /// Returns the account.
    pub async fn get(&self, user: UserId) -> Outcome<Account> {
        self.ports
            .storage
            .account(user)
            .await?
            .ok_or(Fault::AccountGone)
    }

    /// Changes the settings of the account.
    pub async fn change_settings(&self, user: UserId, change: SettingsChange) -> Outcome<Account> {
        let AccountPorts { storage, clock, .. } = &self.ports;
        let account = storage.change_settings(user, change, clock.now()).await?;
        // After the commit, and before the check for an account: `announce` does nothing for a
        // deleted one.
        announce(&**storage, &*self.ports.feed, user).await;
        account.ok_or(Fault::AccountGone)
    }

    /// Deletes the account with all of its data.
    pub async fn delete(&self, user: UserId) -> Outcome<()> {
        if !self.ports.storage.delete_account(user).await? {
            return Err(Fault::AccountGone);
        }
        tracing::info!(user_id = %user, "account deleted");
        Ok(())
    }
}
