//! Background sync: at once after an edit, again after a failure, and at regular intervals.

use std::sync::Arc;
use std::time::Duration;

use kanso_domain::Timestamp;
use tokio::sync::{Notify, broadcast, watch};

use crate::calls::CallError;
use crate::changes::{Changes, Origin};
use crate::client::Client;
use crate::clock::Timer;
use crate::replica::ManyDeletions;
use crate::sync::{Interrupted, SyncOptions, SyncReport};
use crate::transport::Transport;

/// Delay after the first failure. Each further failure doubles it.
const FIRST_DELAY: Duration = Duration::from_secs(2);
/// Longest delay after a failure, unless the server asks for a longer one.
const LONGEST_DELAY: Duration = Duration::from_mins(5);
/// Delay after a success: the longest time until changes of other devices arrive.
const INTERVAL: Duration = Duration::from_mins(15);

/// State of the background sync. There is always one, so that an app can always show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncState {
    /// Both sides have the same records.
    Idle {
        /// Instant of the last complete sync; `None` before the first one.
        last_synced: Option<Timestamp>,
    },
    /// A sync is running.
    Syncing,
    /// The server is unreachable or overloaded. No data is lost.
    Offline {
        /// Instant of the first failure in a row.
        since: Timestamp,
        /// Instant of the next automatic attempt.
        next_try: Timestamp,
    },
    /// The device has no session. Log in, then call [`SyncHandle::sync_now`]. No data is lost.
    SignedOut,
    /// The sync completed, and this number of failures needs the user's decision
    /// ([`Client::failures`]).
    Conflict(u64),
    /// The sync would remove many records. The user has to agree
    /// ([`SyncHandle::accept_deletions`]).
    ManyDeletions(ManyDeletions),
    /// Another failure, which waiting may not cure.
    Failed {
        /// Text of the error.
        reason: String,
        /// Instant of the next automatic attempt.
        next_try: Timestamp,
    },
}

/// Keeps a replica in sync while [`SyncLoop::run`] is polled.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use kanso_client::system::SystemTimer;
/// use kanso_client::transport::HttpTransport;
/// use kanso_client::{Client, SyncLoop, SyncState};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let client = Arc::new(Client::open(folder.path())?);
/// let server = Arc::new(HttpTransport::new("https://kanso.example.org")?);
/// let (work, handle) = SyncLoop::new(client, server, Arc::new(SystemTimer));
/// tokio::spawn(work.run());
///
/// let mut state = handle.state();
/// let state = state.wait_for(|state| *state == SyncState::SignedOut).await?;
/// assert_eq!(*state, SyncState::SignedOut, "the device is not logged in yet");
/// # Ok(())
/// # }
/// ```
pub struct SyncLoop {
    client: Arc<Client>,
    transport: Arc<dyn Transport>,
    timer: Arc<dyn Timer>,
    state: watch::Sender<SyncState>,
    control: Arc<LoopControl>,
}

/// Requests of the app to the loop.
#[derive(Debug, Default)]
struct LoopControl {
    sync_now: Notify,
    accept_deletions: std::sync::atomic::AtomicBool,
}

/// Observes and controls a [`SyncLoop`].
#[derive(Clone, Debug)]
pub struct SyncHandle {
    state: watch::Receiver<SyncState>,
    control: Arc<LoopControl>,
}

impl SyncHandle {
    /// Returns a receiver of the current state and of each later one.
    pub fn state(&self) -> watch::Receiver<SyncState> {
        self.state.clone()
    }

    /// Starts a sync at once. Call it when the network is back, when the app comes to the
    /// foreground, or after a log-in.
    pub fn sync_now(&self) {
        self.control.sync_now.notify_one();
    }

    /// Allows the next sync to remove many records, and starts it.
    pub fn accept_deletions(&self) {
        let accepted = &self.control.accept_deletions;
        accepted.store(true, std::sync::atomic::Ordering::SeqCst);
        self.sync_now();
    }
}

impl std::fmt::Debug for SyncLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("SyncLoop");
        debug.field("state", &*self.state.borrow());
        debug.finish_non_exhaustive()
    }
}

/// Result of one sync for the loop: the state to show and the wait before the next sync.
struct NextSync {
    state: SyncState,
    delay: Duration,
    /// True if the server asked for this delay (`Retry-After`). Then an edit does not end it early.
    is_asked_to_wait: bool,
}

/// Failures in a row.
#[derive(Default)]
struct Backoff {
    failures: u32,
    since: Option<Timestamp>,
}

impl SyncLoop {
    /// Creates a loop that syncs `client` over `transport`, and a handle to control it.
    pub fn new(
        client: Arc<Client>,
        transport: Arc<dyn Transport>,
        timer: Arc<dyn Timer>,
    ) -> (Self, SyncHandle) {
        let (state, observed) = watch::channel(SyncState::Idle { last_synced: None });
        let control = Arc::<LoopControl>::default();
        let handle = SyncHandle {
            state: observed,
            control: Arc::clone(&control),
        };
        let this = Self {
            client,
            transport,
            timer,
            state,
            control,
        };
        (this, handle)
    }

    /// Syncs at once, then after each edit, each [`SyncHandle::sync_now`], each delay after a failure,
    /// and at least every 15 minutes.
    ///
    /// The future never completes. Dropping it at any point loses nothing.
    pub async fn run(self) {
        let mut changes = self.client.changes();
        let mut backoff = Backoff::default();
        loop {
            // Before the sync, and not after it: edits made until now go out with this sync, while an
            // edit made during it must start the next one.
            changes = changes.resubscribe();
            self.state.send_replace(SyncState::Syncing);
            let accepted = &self.control.accept_deletions;
            let options = SyncOptions {
                accept_deletions: accepted.swap(false, std::sync::atomic::Ordering::SeqCst),
                ..SyncOptions::default()
            };
            let ended = self
                .client
                .sync_with(self.transport.as_ref(), options, &|_| {})
                .await;
            let NextSync {
                state,
                delay,
                is_asked_to_wait,
            } = self.next_sync(ended, &mut backoff);
            self.state.send_replace(state);
            // `biased` polls in this order. A random order would give a simulation several traces for
            // one seed. A timer is always armed, so a lost wake-up can only delay a sync.
            tokio::select! {
                biased;
                () = self.timer.wait(delay) => {}
                () = self.control.sync_now.notified() => {}
                () = edited(&mut changes), if !is_asked_to_wait => {}
            }
        }
    }

    fn next_sync(&self, ended: Result<SyncReport, Interrupted>, backoff: &mut Backoff) -> NextSync {
        let cause = match ended {
            Ok(_) => {
                *backoff = Backoff::default();
                return self.after_success();
            }
            Err(interrupted) => interrupted.cause,
        };
        let now = self.client.now();
        backoff.failures = backoff.failures.saturating_add(1);
        // The first failure of the row: the app shows for how long the device has been offline.
        let since = *backoff.since.get_or_insert(now);
        // A server that sends `Retry-After` is overloaded. Its delay is a minimum: the own delay may be
        // longer after many failures.
        let asked = match &cause {
            CallError::TryLater { after } => *after,
            _ => None,
        };
        let delay = self.jittered(backoff_delay(backoff.failures));
        let delay = asked.map_or(delay, |asked| delay.max(asked));
        let next_try = after(now, delay);
        let (state, delay) = match cause {
            CallError::Offline(_) | CallError::TryLater { .. } | CallError::Intercepted { .. } => {
                (SyncState::Offline { since, next_try }, delay)
            }
            // Only the user can end these two states, so a quick retry would be useless.
            CallError::SignedOut { .. } => (SyncState::SignedOut, INTERVAL),
            CallError::ManyDeletions(many) => (SyncState::ManyDeletions(many), INTERVAL),
            other => {
                let reason = other.to_string();
                (SyncState::Failed { reason, next_try }, delay)
            }
        };
        NextSync {
            state,
            delay,
            is_asked_to_wait: asked.is_some(),
        }
    }

    /// Returns the next step after a complete sync.
    fn after_success(&self) -> NextSync {
        let delay = self.jittered(INTERVAL);
        let state = match self.client.status() {
            // Conflicts do not stop the sync, but the user should see them before "in sync".
            Ok(status) if status.failures > 0 => SyncState::Conflict(status.failures),
            Ok(status) => SyncState::Idle {
                last_synced: status.last_sync_at,
            },
            Err(error) => SyncState::Failed {
                reason: error.to_string(),
                next_try: after(self.client.now(), delay),
            },
        };
        NextSync {
            state,
            delay,
            is_asked_to_wait: false,
        }
    }

    /// Returns a random delay between half of `delay` and all of it.
    ///
    /// Devices that failed at the same moment must not come back at the same moment. The randomness
    /// comes from the ids port, so that a simulation controls it.
    fn jittered(&self, delay: Duration) -> Duration {
        // The last bytes of a version 7 UUID are random; the first ones are the time.
        let [.., high, low] = self.client.ids.next_id().into_bytes();
        let chance = f64::from(u16::from_be_bytes([high, low])) / f64::from(u16::MAX);
        delay.mul_f64(0.5 + chance / 2.0)
    }
}

/// Returns the delay after this number of failures in a row, before the random factor.
fn backoff_delay(failures: u32) -> Duration {
    // An exponent of 16 is far above the limit; it keeps the power from overflowing.
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
    FIRST_DELAY.saturating_mul(doubled).min(LONGEST_DELAY)
}

fn after(now: Timestamp, delay: Duration) -> Timestamp {
    now.plus_seconds(i64::try_from(delay.as_secs()).unwrap_or(i64::MAX / 2))
}

/// Completes at the next edit on this device.
async fn edited(changes: &mut broadcast::Receiver<Changes>) {
    loop {
        match changes.recv().await {
            // The sync of this loop reports its own changes. They need no other sync.
            Ok(changes) if changes.origin == Origin::Sync => {}
            // One of the missed changes may have been an edit.
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
            // Unreachable: the loop owns the client and with it the sender.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
