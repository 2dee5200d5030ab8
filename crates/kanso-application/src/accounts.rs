//! Accounts: registration, log-in, sessions, settings.

use std::sync::Arc;

use kanso_domain::accounts::{Account, Email, Password, Settings, SettingsChange};
use kanso_domain::sessions::{Refreshed, Session};
use kanso_domain::{SessionId, Timestamp, UserId};

mod password;

pub use self::password::PasswordChange;
use self::password::{GuessOutcome, VerifiedPassword};
use crate::live::announce;
use crate::ports::clock::Clock;
use crate::ports::credentials::{AccessToken, AccessTokens, Identity, Passwords, RefreshTokens};
use crate::ports::feed::Feed;
use crate::ports::ids::Ids;
use crate::ports::storage::{NewAccount, Storage};
use crate::ports::throttle::LoginThrottle;
use crate::{Fault, Outcome};

/// How long a session lives without being refreshed, in seconds: a device that was in a drawer
/// for a season still syncs.
pub const SESSION_SECONDS: i64 = 90 * 86_400;

/// The ports that accounts need.
#[derive(Clone)]
pub struct AccountPorts {
    /// Where accounts are kept.
    pub storage: Arc<dyn Storage>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn Ids>,
    /// Password hashing.
    pub passwords: Arc<dyn Passwords>,
    /// Access tokens.
    pub access_tokens: Arc<dyn AccessTokens>,
    /// Refresh tokens.
    pub refresh_tokens: Arc<dyn RefreshTokens>,
    /// The brake on guessing.
    pub throttle: Arc<dyn LoginThrottle>,
    /// Tells devices of a change of settings.
    pub feed: Arc<dyn Feed>,
}

/// What a person does with an account.
#[derive(Clone)]
pub struct Accounts {
    ports: AccountPorts,
}

/// What a device needs to speak for a person.
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    /// For the next minutes.
    pub access: AccessToken,
    /// For the next grant; good once.
    pub refresh_token: String,
    /// Whose account it is.
    pub account: Account,
}

/// An account and who is logged in to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountOverview {
    /// The account.
    pub account: Account,
    /// The sessions that can still be refreshed, the oldest first.
    pub sessions: Vec<Session>,
    /// When this was so.
    pub at: Timestamp,
}

/// What became of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// The account exists.
    Registered(Account),
    /// Somebody registered with this address before.
    EmailTaken,
}

/// What became of a log-in.
#[derive(Clone, PartialEq, Eq)]
pub enum LogIn {
    /// A new session.
    Granted(Box<Grant>),
    /// Wrong password or no such account, indistinguishably.
    Refused,
    /// Too many failures in a row; the next attempt may be made after so many seconds.
    Throttled {
        /// Seconds to wait.
        wait_seconds: u32,
    },
}

impl Accounts {
    /// The feature over its ports.
    pub const fn new(ports: AccountPorts) -> Self {
        Self { ports }
    }

    /// Makes an account with default settings.
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
        if self.ports.storage.create_account(new).await? {
            tracing::info!(user_id = %account.id, "account registered");
            Ok(Registration::Registered(account))
        } else {
            Ok(Registration::EmailTaken)
        }
    }

    /// Opens a session. `None` stands for a password that nobody can have.
    pub async fn log_in(&self, email: Email, password: Option<Password>) -> Outcome<LogIn> {
        let attempt = self.throttled(&email, self.verify_and_open_session(&email, password));
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
            // The password was replaced meanwhile, or the account deleted.
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
        if !self.ports.storage.open_session(session, hash).await? {
            return Ok(None);
        }
        self.grant(identity, refresh.token, now).await
    }

    /// Uses up a refresh token; `None` when it is not good. One that was used up before and is
    /// not within its grace ends the session that it came from.
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
        let decide =
            Arc::new(move |session: Session| session.refresh(presented, now, SESSION_SECONDS));
        match self
            .ports
            .storage
            .refresh_session(user_id, session_id, decide)
            .await?
        {
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

    /// Whom an access token speaks for, if it is good and its session still open.
    pub async fn authenticate(&self, token: &str) -> Outcome<Option<Identity>> {
        let now = self.ports.clock.now();
        let Ok(identity) = self.ports.access_tokens.verify(token, now) else {
            return Ok(None);
        };
        let is_open = self.is_open(identity).await?;
        Ok(is_open.then_some(identity))
    }

    /// Whether a session is still open.
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

    /// The account with its sessions.
    pub async fn overview(&self, user: UserId) -> Outcome<AccountOverview> {
        let account = self.get(user).await?;
        let at = self.ports.clock.now();
        let mut sessions = self.ports.storage.sessions(user).await?;
        sessions.retain(|session| at < session.expires_at);
        Ok(AccountOverview {
            account,
            sessions,
            at,
        })
    }

    /// The account.
    pub async fn get(&self, user: UserId) -> Outcome<Account> {
        self.ports
            .storage
            .account(user)
            .await?
            .ok_or(Fault::AccountGone)
    }

    /// Changes settings.
    pub async fn change_settings(&self, user: UserId, change: SettingsChange) -> Outcome<Account> {
        let AccountPorts { storage, clock, .. } = &self.ports;
        let account = storage.change_settings(user, change, clock.now()).await?;
        announce(&**storage, &*self.ports.feed, user).await;
        account.ok_or(Fault::AccountGone)
    }

    /// Removes the account and everything in it.
    pub async fn delete(&self, user: UserId) -> Outcome<()> {
        if !self.ports.storage.delete_account(user).await? {
            return Err(Fault::AccountGone);
        }
        tracing::info!(user_id = %user, "account deleted");
        Ok(())
    }
}
