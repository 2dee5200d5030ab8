//! Driving adapter: the background work of a server. Each loop calls one use case.
//!
//! [`start`] spawns the loops of streaks: one computes the streaks that a change has queued, one
//! begins the days of the users for whom it is past midnight, one reports parked jobs. The queue is
//! in the storage, so a loop that is killed between any two steps loses nothing: its lease expires
//! and the job runs again.
//!
//! A crate of its own, not a module of kanso-server, because its manifest keeps every storage driver
//! out of the loops, its tests build without any adapter, and the benchmarks run the loops without a
//! server.
//!
//! **Invariant:** no rule of streaks or days, no storage, and no state that must survive a restart.
//! Every loop ends when its token is cancelled, and releases the jobs that it holds.

mod backlog;
mod days;
mod disk;
mod eviction;
mod measure;
mod outage;
mod pace;
mod streaks;
mod sweep;
mod upkeep;

pub use disk::start_disk_watch;
pub use eviction::start_eviction;
pub use sweep::start_sweep;
pub use upkeep::start_upkeep;

use std::sync::Arc;
use std::time::Duration;

use kanso_application::streaks::Streaks;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Intervals of the worker loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerSchedule {
    /// Interval at which the queue of streaks is polled. Finds jobs whose work signal was lost: jobs
    /// of another server, expired leases and retries.
    pub poll: Duration,
    /// Delay between a work signal and the claim of its jobs. Further changes of the habit in this
    /// time join the same job, so that ticking off a list costs one computation per habit.
    pub settle: Duration,
    /// Interval at which users whose day has begun are looked up.
    pub days: Duration,
    /// Interval at which the backlog is reported.
    pub report: Duration,
    /// Interval of the sweep for heads that the feed did not report.
    pub sweep: Duration,
}

impl Default for WorkerSchedule {
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

/// Spawns the loops of streaks on the runtime of the caller and returns their tracker, which is
/// already closed. To stop them, cancel `stop` and wait for the tracker.
///
/// `signal` reports that there may be work. A lost signal delays the work by at most one
/// [`WorkerSchedule::poll`].
pub fn start(
    streaks: &Streaks,
    signal: Arc<Notify>,
    stop: &CancellationToken,
    schedule: WorkerSchedule,
) -> TaskTracker {
    let loops = TaskTracker::new();
    loops.spawn(streaks::run(
        streaks.clone(),
        signal,
        stop.clone(),
        schedule,
    ));
    loops.spawn(days::run(streaks.clone(), stop.clone(), schedule.days));
    loops.spawn(backlog::run(streaks.clone(), stop.clone(), schedule.report));
    // A closed tracker still accepts tasks; `wait` returns only for a closed one.
    loops.close();
    loops
}

/// Waits for `pause`. Returns false if `stop` was cancelled before its end.
async fn sleep_or_stop(pause: Duration, stop: &CancellationToken) -> bool {
    // The time-out is the normal case: the token was not cancelled.
    timeout(pause, stop.cancelled()).await.is_err()
}
