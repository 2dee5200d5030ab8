//! Metrics for operators, collected in this process and reported in the text format of Prometheus.
//!
//! The crates record metrics at their edges through the facade `metrics`. This module installs the
//! recorder and describes each metric. Without a recorder each call is a no-op.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Unit, counter, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::timeout;

use crate::config::DatabaseConfig;
use crate::lifecycle::Shutdown;

/// Interval of the recorder's upkeep. Histograms store every single observation in between, so a
/// longer one costs memory.
const UPKEEP: Duration = Duration::from_secs(5);

/// Buckets in seconds. Dense around the goal of a push, a few milliseconds; the last one is the time
/// limit of a request.
const DURATIONS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Buckets of counted records and writes.
const COUNTS: [f64; 11] = [
    0.0, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0,
];

/// Kind of a metric.
enum Kind {
    Counter,
    Gauge,
    Histogram(Unit),
}

use Kind::{Counter, Gauge, Histogram};

/// All metrics. Names are part of the public interface: dashboards and `deploy/alerts.yml` use them.
const NAMES: [(&str, Kind, &str); 30] = [
    (
        "kanso_build_info",
        Gauge,
        "Always 1; the labels name the version, time-zone database and storage",
    ),
    (
        "kanso_http_requests_total",
        Counter,
        "Answered requests, by method, route and status class",
    ),
    (
        "kanso_http_request_duration_seconds",
        Histogram(Unit::Seconds),
        "Time to the first byte of a response, by method and route, including long polls and event streams",
    ),
    (
        "kanso_http_problems_total",
        Counter,
        "Problem responses, by code, such as cursor_ahead and cursor_expired",
    ),
    (
        "kanso_sync_operations_total",
        Counter,
        "Pushed operations, by result",
    ),
    (
        "kanso_quota_refusals_total",
        Counter,
        "Operations that were refused because their account is full, by quota",
    ),
    (
        "kanso_sync_page_records",
        Histogram(Unit::Count),
        "Records in a page of a delta",
    ),
    (
        "kanso_replica_drifts_total",
        Counter,
        "Replicas whose digest differed from the stored records",
    ),
    (
        "kanso_streams_open",
        Gauge,
        "Open event streams of this server",
    ),
    (
        "kanso_stream_pokes_total",
        Counter,
        "Notices sent on event streams",
    ),
    (
        "kanso_sweep_missed_total",
        Counter,
        "Users whose streams the sweep notified because the feed had not reported a change",
    ),
    (
        "kanso_sweep_duration_seconds",
        Histogram(Unit::Seconds),
        "Duration of a sweep of heads",
    ),
    (
        "kanso_rate_limit_decisions_total",
        Counter,
        "Requests that the rate limit allowed or refused",
    ),
    (
        "kanso_redis_up",
        Gauge,
        "1 if the last call of Redis succeeded, else 0; absent without Redis",
    ),
    (
        "kanso_redis_fallbacks_total",
        Counter,
        "Calls that used the local fallback because Redis was unavailable, by purpose",
    ),
    (
        "kanso_stats_cache_lookups_total",
        Counter,
        "Lookups of statistics in the shared cache, by result",
    ),
    (
        "kanso_storage_connections_in_use",
        Gauge,
        "Database connections in use: all of PostgreSQL, the readers of SQLite",
    ),
    (
        "kanso_storage_connections_waiting",
        Gauge,
        "Calls that wait for a database connection",
    ),
    (
        "kanso_disk_free_bytes",
        Gauge,
        "Free bytes on the disk of a SQLite database",
    ),
    (
        "kanso_disk_guard",
        Gauge,
        "State of that disk: 0 enough, 1 registrations are refused, 2 writes are refused too",
    ),
    (
        "kanso_storage_errors_total",
        Counter,
        "Failed storage calls, by kind: unavailable or corrupt",
    ),
    (
        "kanso_storage_retries_total",
        Counter,
        "PostgreSQL transactions that were retried",
    ),
    (
        "kanso_storage_commit_writes",
        Histogram(Unit::Count),
        "Writes in one SQLite commit",
    ),
    (
        "kanso_streak_jobs_waiting",
        Gauge,
        "Queued streak jobs, sampled every minute",
    ),
    (
        "kanso_streak_jobs_parked",
        Gauge,
        "Streak jobs parked after too many failed attempts, sampled every minute",
    ),
    (
        "kanso_streak_oldest_job_age_seconds",
        Gauge,
        "Seconds for which the oldest queued streak job has been due, sampled every minute",
    ),
    (
        "kanso_streaks_computed_total",
        Counter,
        "Streaks computed and stored by the workers",
    ),
    (
        "kanso_streak_failures_total",
        Counter,
        "Streak computations that failed",
    ),
    (
        "kanso_worker_failures_total",
        Counter,
        "Worker steps that failed because of the storage, by worker",
    ),
    (
        "kanso_rollover_duration_seconds",
        Histogram(Unit::Seconds),
        "Time to queue the streaks of all users whose day began",
    ),
];

/// Series that alerts use. They are exported as 0 from the start, because `increase()` ignores the
/// first sample of a series: an alert would miss the first event.
const EXPORTED_FROM_START: [(&str, Option<(&str, &str)>); 9] = [
    ("kanso_http_problems_total", Some(("code", "cursor_ahead"))),
    ("kanso_http_problems_total", Some(("code", "internal"))),
    ("kanso_replica_drifts_total", None),
    ("kanso_storage_errors_total", Some(("kind", "corrupt"))),
    ("kanso_storage_errors_total", Some(("kind", "unavailable"))),
    ("kanso_storage_retries_total", None),
    ("kanso_streak_failures_total", None),
    ("kanso_stream_pokes_total", None),
    ("kanso_sweep_missed_total", None),
];

/// Installs the recorder and returns the handle that renders the metrics. The recorder is global to
/// the process, so further calls return the same handle.
///
/// # Errors
/// If another recorder is installed.
pub(crate) fn collect(database: &DatabaseConfig) -> Result<PrometheusHandle, BuildError> {
    // Tests start several servers in one process.
    static COLLECTED: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = COLLECTED.get() {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATIONS)?
        .set_buckets(&COUNTS)?
        .install_recorder()?;
    describe();
    let storage = match database {
        DatabaseConfig::Sqlite(_) => "sqlite",
        DatabaseConfig::Postgres { .. } => "postgres",
    };
    let labels = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("tzdb", kanso_http::tzdb_version()),
        ("storage", storage),
    ];
    // A constant 1 with labels, so that a query can join the version to any other series.
    gauge!("kanso_build_info", &labels).set(1);
    gauge!("kanso_streams_open").set(0);
    for (name, label) in EXPORTED_FROM_START {
        // Registers the series. `absolute` never lowers a counter that has already counted.
        counter!(name, label.as_slice()).absolute(0);
    }
    Ok(COLLECTED.get_or_init(|| handle).clone())
}

fn describe() {
    for (name, kind, help) in NAMES {
        match kind {
            Counter => metrics::describe_counter!(name, help),
            Gauge => metrics::describe_gauge!(name, help),
            Histogram(unit) => metrics::describe_histogram!(name, unit, help),
        }
    }
}

/// Runs the upkeep of the recorder until the server closes.
pub(crate) async fn keep_up(handle: PrometheusHandle, shutdown: Shutdown) {
    while timeout(UPKEEP, shutdown.closing().cancelled())
        .await
        .is_err()
    {
        handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_in_the_manual() {
        let manual = include_str!("../../../docs/operations.md");
        for (name, ..) in &NAMES {
            assert!(manual.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn alerts_use_existing_metrics() {
        let alerts = include_str!("../../../deploy/alerts.yml");
        let is_name_char = |it: char| it.is_ascii_lowercase() || it == '_';
        let words = alerts.split(|it| !is_name_char(it));
        let series = words.filter(|word| word.starts_with("kanso_"));
        let mut found = 0;
        for series in series {
            let is_counted = NAMES.iter().any(|(name, kind, _)| match kind {
                Histogram(_) => series.strip_prefix(name) == Some("_bucket"),
                Counter | Gauge => series == *name,
            });
            assert!(is_counted, "{series}");
            found += 1;
        }
        assert!(found >= 13, "{found}");
    }
}
