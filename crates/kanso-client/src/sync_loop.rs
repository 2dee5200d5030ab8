//! Syncing by itself: at once when something was written, again when it failed, and now and then.

use std::sync::Arc;
use std::time::Duration;

use kanso_domain::Timestamp;
use tokio::sync::{Notify, broadcast, watch};

use crate::calls::CallError;
use crate::changes::{Changes, Origin};
use crate::clock::Timer;
use crate::replica::ManyDeletions;
use crate::transport::Transport;
use crate::{Client, Interrupted, SyncOptions, SyncReport};

/// After the first failure; each further one doubles it.
const FIRST_DELAY: Duration = Duration::from_secs(2);
/// No delay after a failure is longer, unless the server asks for it.
const LONGEST_DELAY: Duration = Duration::from_mins(5);
/// While all is well: what other devices did is read at least as often.
const INTERVAL: Duration = Duration::from_mins(15);

/// How syncing stands. There is always one, so that an app is never silent about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncState {
    /// Both sides hold the same.
    Idle {
        /// Since when; none before the first sync.
        last_synced: Option<Timestamp>,
    },
    /// An exchange is under way.
    Syncing,
    /// The server cannot be reached or is busy. Nothing is lost.
    Offline {
        /// Since when.
        since: Timestamp,
        /// When it is tried again by itself.
        next_try: Timestamp,
    },
    /// Nobody is signed in: log in, then [`SyncHandle::poke`]. Nothing is lost.
    SignedOut,
    /// All was exchanged, and so many failures wait for a person ([`Client::failures`]).
    Conflict(u64),
    /// Much would be removed here: a person has to say so ([`SyncHandle::accept_deletions`]).
    ManyDeletions(ManyDeletions),
    /// Something is wrong that waiting may not cure.
    Failed {
        /// What.
        reason: String,
        /// When it is tried again by itself.
        next_try: Timestamp,
    },
}

/// Keeps a replica in sync for as long as [`SyncLoop::run`] is polled.
pub struct SyncLoop {
    client: Arc<Client>,
    transport: Arc<dyn Transport>,
    timer: Arc<dyn Timer>,
    state: watch::Sender<SyncState>,
    wishes: Arc<Wishes>,
}

/// What an app tells the loop.
#[derive(Debug, Default)]
struct Wishes {
    poke: Notify,
    accept_deletions: std::sync::atomic::AtomicBool,
}

/// Observes a [`SyncLoop`] and wakes it.
#[derive(Clone, Debug)]
pub struct SyncHandle {
    state: watch::Receiver<SyncState>,
    wishes: Arc<Wishes>,
}

impl SyncHandle {
    /// How syncing stands, now and whenever that changes.
    pub fn state(&self) -> watch::Receiver<SyncState> {
        self.state.clone()
    }

    /// Syncs at once: the network is back, the app came to the front, somebody logged in.
    pub fn poke(&self) {
        self.wishes.poke.notify_one();
    }

    /// A person has said that many records may be removed here; holds for the next exchange.
    pub fn accept_deletions(&self) {
        let accepted = &self.wishes.accept_deletions;
        accepted.store(true, std::sync::atomic::Ordering::SeqCst);
        self.poke();
    }
}

impl std::fmt::Debug for SyncLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("SyncLoop");
        debug.field("state", &*self.state.borrow());
        debug.finish_non_exhaustive()
    }
}

/// What an exchange leads to.
struct Verdict {
    state: SyncState,
    delay: Duration,
    /// The server has said when it wants to be asked again: an edit does not wake it before.
    is_asked_to_wait: bool,
}

/// The failures so far.
#[derive(Default)]
struct Failures {
    count: u32,
    since: Option<Timestamp>,
}

impl SyncLoop {
    /// A loop that syncs `client` over `transport`.
    pub fn new(
        client: Arc<Client>,
        transport: Arc<dyn Transport>,
        timer: Arc<dyn Timer>,
    ) -> (Self, SyncHandle) {
        let (state, observed) = watch::channel(SyncState::Idle { last_synced: None });
        let wishes = Arc::<Wishes>::default();
        let handle = SyncHandle {
            state: observed,
            wishes: Arc::clone(&wishes),
        };
        let this = Self {
            client,
            transport,
            timer,
            state,
            wishes,
        };
        (this, handle)
    }

    /// Syncs at once, and again when something was written here, when it is poked, when a delay
    /// after a failure has passed, and now and then. Never ends; dropping it loses nothing.
    pub async fn run(self) {
        let mut changes = self.client.changes();
        let mut failures = Failures::default();
        loop {
            // What was written before an exchange goes out with it.
            changes = changes.resubscribe();
            self.state.send_replace(SyncState::Syncing);
            let accepted = &self.wishes.accept_deletions;
            let options = SyncOptions {
                accept_deletions: accepted.swap(false, std::sync::atomic::Ordering::SeqCst),
                ..SyncOptions::default()
            };
            let ended = self
                .client
                .sync_with(self.transport.as_ref(), options, &|_| {})
                .await;
            let Verdict {
                state,
                delay,
                is_asked_to_wait,
            } = self.judge(ended, &mut failures);
            self.state.send_replace(state);
            // In this order, so that a simulated seed gives one trace.
            tokio::select! {
                biased;
                () = self.timer.wait(delay) => {}
                () = self.wishes.poke.notified() => {}
                () = edited(&mut changes), if !is_asked_to_wait => {}
            }
        }
    }

    fn judge(&self, ended: Result<SyncReport, Interrupted>, failures: &mut Failures) -> Verdict {
        let cause = match ended {
            Ok(_) => {
                *failures = Failures::default();
                return self.rest();
            }
            Err(interrupted) => interrupted.cause,
        };
        let now = self.client.now();
        failures.count = failures.count.saturating_add(1);
        let since = *failures.since.get_or_insert(now);
        let asked = match &cause {
            CallError::TryLater { after } => *after,
            _ => None,
        };
        let delay = self.jittered(grown(failures.count));
        let delay = asked.map_or(delay, |asked| delay.max(asked));
        let next_try = after(now, delay);
        let (state, delay) = match cause {
            CallError::Offline(_) | CallError::TryLater { .. } => {
                (SyncState::Offline { since, next_try }, delay)
            }
            CallError::SignedOut { .. } => (SyncState::SignedOut, INTERVAL),
            CallError::ManyDeletions(many) => (SyncState::ManyDeletions(many), INTERVAL),
            other => {
                let reason = other.to_string();
                (SyncState::Failed { reason, next_try }, delay)
            }
        };
        Verdict {
            state,
            delay,
            is_asked_to_wait: asked.is_some(),
        }
    }

    /// Everything was exchanged.
    fn rest(&self) -> Verdict {
        let delay = self.jittered(INTERVAL);
        let state = match self.client.status() {
            Ok(status) if status.failures > 0 => SyncState::Conflict(status.failures),
            Ok(status) => SyncState::Idle {
                last_synced: status.last_sync_at,
            },
            Err(error) => SyncState::Failed {
                reason: error.to_string(),
                next_try: after(self.client.now(), delay),
            },
        };
        Verdict {
            state,
            delay,
            is_asked_to_wait: false,
        }
    }

    /// Between half of `delay` and all of it, so that devices that failed together do not come
    /// back together.
    fn jittered(&self, delay: Duration) -> Duration {
        let [.., high, low] = self.client.ids.next_id().into_bytes();
        let chance = f64::from(u16::from_be_bytes([high, low])) / f64::from(u16::MAX);
        delay.mul_f64(0.5 + chance / 2.0)
    }
}

/// The delay after so many failures in a row, without chance.
fn grown(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
    FIRST_DELAY.saturating_mul(doubled).min(LONGEST_DELAY)
}

fn after(now: Timestamp, delay: Duration) -> Timestamp {
    now.plus_seconds(i64::try_from(delay.as_secs()).unwrap_or(i64::MAX / 2))
}

/// Waits for an edit that was made here.
async fn edited(changes: &mut broadcast::Receiver<Changes>) {
    loop {
        match changes.recv().await {
            Ok(changes) if changes.origin == Origin::Sync => {}
            // Who missed some of them cannot tell.
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
            // The client is kept by the loop itself, so this never is the end.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
