//! What is counted for operators.

use std::time::Duration;

use kanso_application::ports::storage::Backlog;
use metrics::{counter, gauge, histogram};

/// How long the queue of streaks is, and for how many seconds its oldest job has been due.
pub(crate) fn backlog(backlog: Backlog, oldest_seconds: u64) {
    for (name, value) in [
        ("kanso_streak_jobs_waiting", backlog.waiting),
        ("kanso_streak_jobs_parked", backlog.parked),
        ("kanso_streak_oldest_job_age_seconds", oldest_seconds),
    ] {
        gauge!(name).set(f64::from(u32::try_from(value).unwrap_or(u32::MAX)));
    }
}

/// So many streaks were computed and stored.
pub(crate) fn streaks_computed(count: usize) {
    counter!("kanso_streaks_computed_total").increment(count as u64);
}

/// Streaks could not be computed.
pub(crate) fn streaks_failed(count: usize) {
    counter!("kanso_streak_failures_total").increment(count as u64);
}

/// The days of people began; it took so long until all of those were queued whose day it was.
pub(crate) fn rollover(took: Duration) {
    histogram!("kanso_rollover_duration_seconds").record(took);
}

/// A loop was held up, because the storage failed.
pub(crate) fn held_up(work: &'static str) {
    counter!("kanso_worker_failures_total", "work" => work).increment(1);
}

/// The storage was asked for what other servers committed, and knew of changes of so many people
/// which nobody had told this one.
pub(crate) fn swept(missed: usize, took: Duration) {
    counter!("kanso_sweep_missed_total").increment(missed as u64);
    histogram!("kanso_sweep_duration_seconds").record(took);
}
