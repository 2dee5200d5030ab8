//! Security events: a log line for the operator, and a list for the user.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kanso_domain::accounts::Email;
use kanso_domain::events::{EventKind, EventLimits, SecurityEvent};
use kanso_domain::{SessionId, UserId};
use uuid::Uuid;

use crate::Outcome;
use crate::ports::clock::Clock;
use crate::ports::credentials::{Identity, Pseudonyms};
use crate::ports::ids::Ids;
use crate::ports::limiter::ClientAddress;
use crate::ports::storage::Storage;

/// Events per transaction.
const EVENTS_PER_WRITE: usize = 256;

/// Most events that a process holds in memory, at some 100 bytes each. Beyond it new ones are only
/// logged.
const MAX_UNSTORED: usize = 20_000;

/// The feature: records the security events of accounts and lists them.
///
/// An event is logged at once. It is stored from time to time, like the sightings of devices, so an
/// event costs no write of its own. A failed log-in also takes the same time whether or not the address
/// has an account. A crash loses the events of the last seconds; their log lines stay.
#[derive(Clone)]
pub struct Security {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    pseudonyms: Arc<dyn Pseudonyms>,
    limits: EventLimits,
    unstored: Arc<Mutex<Vec<SecurityEvent>>>,
}

/// A page of the events of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// Events, newest first.
    pub events: Vec<SecurityEvent>,
    /// Id to pass for the next page; `None` if this is the last.
    pub next: Option<Uuid>,
}

/// The account of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    /// A session of an account.
    Session(Identity),
    /// An e-mail address that a client tried, with its account if it has one.
    Tried(&'a Email, Option<UserId>),
}

impl Subject<'_> {
    const fn user(self) -> Option<UserId> {
        match self {
            Self::Session(identity) => Some(identity.user_id),
            Self::Tried(_, user) => user,
        }
    }

    const fn session(self) -> Option<SessionId> {
        match self {
            Self::Session(identity) => Some(identity.session_id),
            Self::Tried(..) => None,
        }
    }
}

impl Security {
    /// Returns the feature over its ports.
    pub fn new(
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        pseudonyms: Arc<dyn Pseudonyms>,
    ) -> Self {
        Self {
            storage,
            clock,
            ids,
            pseudonyms,
            limits: EventLimits::default(),
            unstored: Arc::default(),
        }
    }

    /// Logs an event and keeps it for its account. `reason` is a fixed text.
    pub(crate) fn record(
        &self,
        kind: EventKind,
        subject: Subject<'_>,
        client: Option<ClientAddress>,
        reason: &'static str,
    ) {
        self.log(kind, subject, client, reason);
        let Some(user_id) = subject.user() else {
            return;
        };
        let event = SecurityEvent {
            id: self.ids.uuid(),
            user_id,
            at: self.clock.now(),
            kind,
            session_id: subject.session(),
            client: client.map(ClientAddress::ip),
        };
        let mut unstored = self.unstored();
        if unstored.len() < MAX_UNSTORED {
            unstored.push(event);
        }
    }

    /// Writes the log line. It has no e-mail address: an operator finds the lines of one address by its
    /// pseudonym, and readers of the log learn no address.
    fn log(
        &self,
        kind: EventKind,
        subject: Subject<'_>,
        client: Option<ClientAddress>,
        reason: &'static str,
    ) {
        use tracing::field::display;
        let event = kind.as_str();
        // The client comes first: a filter such as fail2ban's needs a fixed place.
        let client = client.map(|client| display(client.network()));
        let tried = match subject {
            Subject::Tried(email, _) => Some(self.pseudonyms.name(email.as_str())),
            Subject::Session(_) => None,
        };
        let tried = tried.as_deref();
        let user = subject.user().map(display);
        let session = subject.session().map(display);
        match kind {
            EventKind::LogInFailed
            | EventKind::LogInThrottled
            | EventKind::PasswordRefused
            | EventKind::RefreshReused => {
                tracing::warn!(target: "security", event, client, account = tried, user_id = user, session_id = session, reason, "security event");
            }
            EventKind::Registered
            | EventKind::LoggedIn
            | EventKind::SessionEnded
            | EventKind::DeviceForgotten
            | EventKind::PasswordChanged
            | EventKind::EmailChanged
            | EventKind::Exported
            | EventKind::AccountDeleted => {
                tracing::info!(target: "security", event, client, account = tried, user_id = user, session_id = session, reason, "security event");
            }
        }
    }

    /// Stores the collected events. Those that cannot be stored are kept for the next time.
    pub async fn store_events(&self) -> Outcome<()> {
        // Taken out before the writes: the lock is never held across an await.
        let mut left = std::mem::take(&mut *self.unstored());
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(EVENTS_PER_WRITE));
            let some = std::mem::replace(&mut left, rest);
            let stored = self.storage.record_events(some.clone(), self.limits.most);
            if let Err(error) = stored.await {
                let mut unstored = self.unstored();
                let newer = std::mem::take(&mut *unstored);
                *unstored = some.into_iter().chain(left).chain(newer).collect();
                unstored.truncate(MAX_UNSTORED);
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Returns at most `limit` events of an account that are older than the event `before`, newest
    /// first.
    pub async fn list(&self, user: UserId, before: Option<Uuid>, limit: u32) -> Outcome<EventPage> {
        // The list must show the events of a moment ago, not only those of the last upkeep.
        self.store_events().await?;
        // One more than asked for tells if there is another page.
        let events = self.storage.events(user, before, limit.saturating_add(1));
        let mut events = events.await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = events.len() > limit;
        events.truncate(limit);
        let last = events.last().map(|event| event.id);
        Ok(EventPage {
            events,
            next: last.filter(|_| has_more),
        })
    }

    /// Returns the number of events that are not stored. It is 0 after a successful
    /// [`Self::store_events`].
    pub fn unstored_events(&self) -> usize {
        self.unstored().len()
    }

    fn unstored(&self) -> MutexGuard<'_, Vec<SecurityEvent>> {
        // A panic leaves a valid list.
        self.unstored.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
