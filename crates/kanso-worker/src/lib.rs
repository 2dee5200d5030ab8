//! Edge in: what is done without anybody asking. Each job calls one use case.
//!
//! [`start`] sets the loops going: one computes the streaks that a change has queued, one begins
//! the days of the people for whom it is past midnight, one reports what got stuck. The queue is
//! in the storage, so a loop that is killed between any two steps loses nothing: its lease runs
//! out, and the job is done again.
//!
//! **Invariant:** no rule of streaks or days and no storage here, and no state that must survive.
//! Every loop ends when the token is cancelled, and gives back what it holds.

mod backlog;
mod days;
mod forgetting;
mod measure;
mod outage;
mod pace;
mod streaks;
mod sweep;
mod upkeep;

pub use forgetting::start_forgetting;
pub use sweep::start_sweep;
pub use upkeep::start_upkeep;

use std::sync::Arc;
use std::time::Duration;

use kanso_application::streaks::Streaks;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often the loops look by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// How long a queued streak waits at most when nobody wakes the worker.
    pub poll: Duration,
    /// How long a ring is let fade before its work is begun. What changes a habit again meanwhile
    /// is the same job, so ticking off a list costs one computation a habit.
    pub settle: Duration,
    /// From one look for people whose day has begun to the next.
    pub days: Duration,
    /// From one look for jobs that got stuck to the next.
    pub report: Duration,
    /// From one look for what other servers committed to the next.
    pub sweep: Duration,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(1),
            settle: Duration::from_millis(500),
            days: Duration::from_secs(30),
            report: Duration::from_mins(1),
            sweep: Duration::from_secs(2),
        }
    }
}

/// Sets all loops going, on the runtime of the caller. Whoever stops them cancels `stop` and waits
/// for the tracker, which is closed already.
///
/// `bell` rings when there may be work; a ring that nobody hears costs one [`Rhythm::poll`].
pub fn start(
    streaks: &Streaks,
    bell: Arc<Notify>,
    stop: &CancellationToken,
    rhythm: Rhythm,
) -> TaskTracker {
    let loops = TaskTracker::new();
    loops.spawn(streaks::run(streaks.clone(), bell, stop.clone(), rhythm));
    loops.spawn(days::run(streaks.clone(), stop.clone(), rhythm.days));
    loops.spawn(backlog::run(streaks.clone(), stop.clone(), rhythm.report));
    loops.close();
    loops
}

/// Waits for `pause`; false when it was cut short because the loops are to stop.
async fn rested(pause: Duration, stop: &CancellationToken) -> bool {
    timeout(pause, stop.cancelled()).await.is_err()
}
