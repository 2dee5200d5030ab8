//! Metrics of the workers.

use std::time::Duration;

use kanso_application::disk::DiskLevel;
use kanso_application::ports::storage::Backlog;
use metrics::{counter, gauge, histogram};

/// Records the size of the queue of streaks and the age of its oldest due job in seconds.
pub(crate) fn backlog(backlog: Backlog, oldest_seconds: u64) {
    for (name, value) in [
        ("kanso_streak_jobs_waiting", backlog.waiting),
        ("kanso_streak_jobs_parked", backlog.parked),
        ("kanso_streak_oldest_job_age_seconds", oldest_seconds),
    ] {
        // `f64` has no lossless conversion from `u64`, and a queue beyond 4 billion jobs is unreal.
        gauge!(name).set(f64::from(u32::try_from(value).unwrap_or(u32::MAX)));
    }
}

/// Counts streaks that were computed and stored.
pub(crate) fn streaks_computed(count: usize) {
    counter!("kanso_streaks_computed_total").increment(count as u64);
}

/// Counts streaks that could not be computed.
pub(crate) fn streaks_failed(count: usize) {
    counter!("kanso_streak_failures_total").increment(count as u64);
}

/// Records the time that it took to queue the streaks of all users whose day began.
pub(crate) fn rollover(took: Duration) {
    histogram!("kanso_rollover_duration_seconds").record(took);
}

/// Counts a worker step that failed because of the storage.
pub(crate) fn failed(work: &'static str) {
    counter!("kanso_worker_failures_total", "work" => work).increment(1);
}

/// Records the free bytes of the disk and its state.
pub(crate) fn disk(free_bytes: u64, level: DiskLevel) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge needs no exact bytes")]
    gauge!("kanso_disk_free_bytes").set(free_bytes as f64);
    gauge!("kanso_disk_guard").set(f64::from(level as u8));
}

/// Records a sweep and the number of users whose changes the feed had not reported.
pub(crate) fn swept(missed: usize, took: Duration) {
    counter!("kanso_sweep_missed_total").increment(missed as u64);
    histogram!("kanso_sweep_duration_seconds").record(took);
}
