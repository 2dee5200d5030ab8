//! Accounts: registration, log-in, sessions, settings.

use std::sync::Arc;

use kanso_domain::accounts::{Account, Email, Password, SettingsChange};
use kanso_domain::events::EventKind;
use kanso_domain::sessions::{Session, SessionLimits, SessionOrigin};
use kanso_domain::sync::Head;
use kanso_domain::{SessionId, Timestamp, UserId};

mod password;
mod registration;
mod sensitive;
mod sessions;

pub use self::password::PasswordChange;
use self::password::{GuessOutcome, VerifiedPassword};
pub(crate) use self::registration::new_account;
pub use self::registration::{Applicant, Registration};
pub use self::sensitive::{EmailChange, RECENT_SECONDS, Reauthentication};
pub use self::sessions::{Refresh, RefreshAttempt};
use crate::disk::DiskGuard;
use crate::live::announce;
use crate::ports::admission::InvitationCodes;
use crate::ports::clock::Clock;
use crate::ports::credentials::{
    AccessToken, AccessTokens, DeviceProofs, Identity, Passwords, RefreshTokens,
};
use crate::ports::feed::Feed;
use crate::ports::ids::Ids;
use crate::ports::limiter::ClientAddress;
use crate::ports::storage::Storage;
use crate::ports::throttle::{GuessCount, Guesser, LoginThrottle};
use crate::security::{Security, Subject};
use crate::{Fault, Outcome};

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
    /// Device proofs.
    pub device_proofs: Arc<dyn DeviceProofs>,
    /// Throttle of password guesses.
    pub throttle: Arc<dyn LoginThrottle>,
    /// Feed that notifies devices of changed settings.
    pub feed: Arc<dyn Feed>,
    /// Invitation codes.
    pub invitation_codes: Arc<dyn InvitationCodes>,
    /// Security events.
    pub security: Security,
    /// Bounds of the sessions of an account.
    pub session_limits: SessionLimits,
    /// Guard of the disk.
    pub disk: DiskGuard,
}

/// The feature: registration, log-in, sessions and settings.
///
/// ```
/// use std::sync::Arc;
///
/// use kanso_application::disk::DiskGuard;
/// use kanso_application::accounts::{AccountPorts, Accounts, LogIn, Registration};
/// use kanso_application::ports::limiter::ClientAddress;
/// use kanso_application::security::Security;
/// use kanso_domain::accounts::{Email, Password};
/// use kanso_domain::sessions::SessionLimits;
/// use kanso_testkit::build::noon;
/// use kanso_testkit::{
///     CountedInvitations, CountedRefreshTokens, CountingThrottle, PlainAccessTokens, PlainPasswords, ManualClock,
///     MemoryStorage, NullFeed, PlainDeviceProofs, PlainPseudonyms, SequentialIds,
/// };
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let storage = Arc::new(MemoryStorage::default());
/// let clock = Arc::new(ManualClock::at(noon()));
/// let ids = Arc::new(SequentialIds::default());
/// let pseudonyms = Arc::new(PlainPseudonyms);
/// let accounts = Accounts::new(AccountPorts {
///     security: Security::new(storage.clone(), clock.clone(), ids.clone(), pseudonyms),
///     storage,
///     clock,
///     ids,
///     passwords: Arc::new(PlainPasswords),
///     access_tokens: Arc::new(PlainAccessTokens),
///     refresh_tokens: Arc::new(CountedRefreshTokens),
///     device_proofs: Arc::new(PlainDeviceProofs),
///     throttle: Arc::new(CountingThrottle::allowing(3)),
///     feed: Arc::new(NullFeed),
///     invitation_codes: Arc::new(CountedInvitations::default()),
///     session_limits: SessionLimits::default(),
///     disk: DiskGuard::default(),
/// });
/// let email: Email = "ada@example.org".parse()?;
/// let password = Password::choose("correct horse")?;
///
/// let here = ClientAddress::new("192.0.2.7".parse()?);
/// let registration = accounts.register(email.clone(), password.clone(), here).await?;
/// assert!(matches!(registration, Registration::Registered(_)));
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
}

/// The tokens with which a device acts for a user.
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    /// Access token, valid for minutes.
    pub access: AccessToken,
    /// Refresh token, valid for one use.
    pub refresh_token: String,
    /// Proof that this device has logged in, for its next log-in.
    pub device_proof: String,
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

/// The outcome of a log-in.
#[derive(Clone, PartialEq, Eq)]
pub enum LogIn {
    /// A new session was opened.
    Granted(Box<Grant>),
    /// Wrong password, or no such account. The caller cannot distinguish them.
    Refused,
    /// The password is right, but the operator has disabled the account.
    Disabled,
    /// Too many failures in a row. The next attempt is allowed after the wait.
    Throttled {
        /// Seconds to wait.
        wait_seconds: u32,
    },
}

/// The outcome of a log-in with the right password.
enum Attempt {
    Granted(Identity, Box<Grant>),
    Disabled,
}

/// The client that logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogInOrigin {
    /// Address of the client.
    pub address: ClientAddress,
    /// Description of the client by itself.
    pub origin: SessionOrigin,
    /// Device proof, as it was sent.
    pub device_proof: Option<String>,
}

impl From<ClientAddress> for LogInOrigin {
    fn from(address: ClientAddress) -> Self {
        Self {
            address,
            origin: SessionOrigin::default(),
            device_proof: None,
        }
    }
}

impl Accounts {
    /// Returns the feature over its ports.
    pub const fn new(ports: AccountPorts) -> Self {
        Self { ports }
    }

    /// Opens a session for a client. A password of `None` is one that no account can have.
    ///
    /// The failures of others do not slow down a device with a proof: it has a count of its own.
    pub async fn log_in(
        &self,
        email: Email,
        password: Option<Password>,
        from: impl Into<LogInOrigin>,
    ) -> Outcome<LogIn> {
        let LogInOrigin {
            address,
            origin,
            device_proof,
        } = from.into();
        let counts = match self.proven_session(&email, device_proof).await? {
            Some(session) => vec![GuessCount::of_guesser(&email, Guesser::Session(session))],
            None => vec![
                GuessCount::of_guesser(&email, Guesser::Address(address)),
                GuessCount::of_account(&email),
            ],
        };
        // A password of `None` counts as a wrong guess, like every other wrong password.
        let opening = self.verify_and_open_session(&email, password, origin);
        let attempt = self.throttled(&counts, opening).await?;
        let (kind, reason) = match &attempt {
            GuessOutcome::Right(Attempt::Granted(..)) => (EventKind::LoggedIn, "right password"),
            GuessOutcome::Right(Attempt::Disabled) => {
                (EventKind::LogInFailed, "the account is disabled")
            }
            GuessOutcome::Wrong => (EventKind::LogInFailed, "no account has this password"),
            GuessOutcome::Throttled { .. } => (EventKind::LogInThrottled, "too many failures"),
        };
        // Looked up for every attempt, so that the time does not reveal which addresses have an account.
        // A failure must not take the tokens from a client whose session is open by now.
        let user = self.ports.storage.credentials(&email).await.ok().flatten();
        let tried = Subject::Tried(&email, user.map(|found| found.user_id));
        let subject = match &attempt {
            GuessOutcome::Right(Attempt::Granted(identity, _)) => Subject::Session(*identity),
            _ => tried,
        };
        self.record(kind, subject, address, reason);
        Ok(match attempt {
            GuessOutcome::Right(Attempt::Granted(_, grant)) => LogIn::Granted(grant),
            GuessOutcome::Right(Attempt::Disabled) => LogIn::Disabled,
            GuessOutcome::Wrong => LogIn::Refused,
            GuessOutcome::Throttled { wait_seconds } => LogIn::Throttled { wait_seconds },
        })
    }

    /// Returns the session in which the device with this proof has logged in to the account of `email`.
    async fn proven_session(
        &self,
        email: &Email,
        proof: Option<String>,
    ) -> Outcome<Option<SessionId>> {
        let AccountPorts {
            storage,
            clock,
            device_proofs,
            ..
        } = &self.ports;
        let proven = proof.and_then(|proof| device_proofs.verify(&proof, clock.now()));
        let Some(proven) = proven else {
            return Ok(None);
        };
        // A proof of another account is good for nothing here, or anyone could make an account to get one.
        let account = storage.credentials(email).await?;
        let is_own = account.is_some_and(|account| account.user_id == proven.user_id);
        Ok(is_own.then_some(proven.session_id))
    }

    /// Records a security event of a client at the address `from`.
    fn record(
        &self,
        kind: EventKind,
        subject: Subject<'_>,
        from: ClientAddress,
        reason: &'static str,
    ) {
        let security = &self.ports.security;
        security.record(kind, subject, Some(from), reason);
    }

    async fn verify_and_open_session(
        &self,
        email: &Email,
        password: Option<Password>,
        origin: SessionOrigin,
    ) -> Outcome<Option<Attempt>> {
        let Some(password) = password else {
            return Ok(None);
        };
        while let Some(verified) = self.verify(email, password.clone()).await? {
            // Only after the check of the password, so that no other client learns of it.
            if verified.is_disabled {
                return Ok(Some(Attempt::Disabled));
            }
            if let Some((identity, grant)) = self.open_session(verified, origin.clone()).await? {
                return Ok(Some(Attempt::Granted(identity, Box::new(grant))));
            }
            // The password was replaced, or the account disabled or deleted, between the check and the
            // write. Check again against the new state.
        }
        Ok(None)
    }

    async fn open_session(
        &self,
        verified: VerifiedPassword,
        origin: SessionOrigin,
    ) -> Outcome<Option<(Identity, Grant)>> {
        let VerifiedPassword { user_id, hash, .. } = verified;
        let now = self.ports.clock.now();
        let session_id = SessionId::new(self.ports.ids.uuid());
        let identity = Identity {
            user_id,
            session_id,
        };
        let refresh = self.ports.refresh_tokens.mint(identity);
        let limits = self.ports.session_limits;
        let session = Session {
            origin,
            ..Session::begun(session_id, user_id, refresh.hash, now, limits)
        };
        // The storage compares the hash again, under its lock. Between the check and here the user
        // may have changed the password, and a session with the old one must not survive that.
        let opening = self.ports.storage.open_session(session, hash, limits.most);
        if !opening.await? {
            return Ok(None);
        }
        let grant = self.grant(identity, refresh.token, now).await?;
        Ok(grant.map(|grant| (identity, grant)))
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
            device_proof: self.ports.device_proofs.issue(identity, now),
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

    /// Returns the identity of an access token with the newest change of its user, if the token is valid and its
    /// session is open.
    pub async fn authenticate_at_head(&self, token: &str) -> Outcome<Option<(Identity, Head)>> {
        let now = self.ports.clock.now();
        let Ok(identity) = self.ports.access_tokens.verify(token, now) else {
            return Ok(None);
        };
        let Identity {
            user_id,
            session_id,
        } = identity;
        let head = self.ports.storage.head_of_session(user_id, session_id, now);
        Ok(head.await?.map(|head| (identity, head)))
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
}
