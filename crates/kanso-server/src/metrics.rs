//! What is counted for operators: collected in this process, and told in the text format of
//! Prometheus.
//!
//! The crates count at their edges, with names of their own and labels out of the code. This is
//! where the counting is switched on, and where each name is explained; nothing is collected, and
//! counting costs next to nothing, while it is off.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Unit, counter, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::timeout;

use crate::config::Database;
use crate::lifecycle::Stages;

/// How often histograms are tidied up: between two of these they keep every observation.
const UPKEEP: Duration = Duration::from_secs(5);

/// In seconds, around the goals: a push within some milliseconds, nothing longer than the 30 s after
/// which a request is given up.
const DURATIONS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Of records and of writes.
const COUNTS: [f64; 11] = [
    0.0, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0,
];

/// What a name counts.
enum Kind {
    Counter,
    Gauge,
    Histogram(Unit),
}

use Kind::{Counter, Gauge, Histogram};

/// Everything that is counted.
const NAMES: [(&str, Kind, &str); 27] = [
    ("kanso_build_info", Gauge, "1; its labels say what runs"),
    (
        "kanso_http_requests_total",
        Counter,
        "Requests answered, by method, route and class of status",
    ),
    (
        "kanso_http_request_duration_seconds",
        Histogram(Unit::Seconds),
        "Time until an answer began, by method and route; pulls that wait and event streams included",
    ),
    (
        "kanso_http_problems_total",
        Counter,
        "Answers that were problems, by code, such as cursor_ahead and cursor_expired",
    ),
    (
        "kanso_sync_operations_total",
        Counter,
        "Operations of outboxes, by what became of them",
    ),
    (
        "kanso_sync_page_records",
        Histogram(Unit::Count),
        "Records in a page of a delta",
    ),
    (
        "kanso_replica_drifts_total",
        Counter,
        "Replicas that differed from what is stored when they compared",
    ),
    (
        "kanso_streams_open",
        Gauge,
        "Event streams that are open on this server",
    ),
    (
        "kanso_stream_pokes_total",
        Counter,
        "Pokes sent on event streams",
    ),
    (
        "kanso_sweep_missed_total",
        Counter,
        "People whose streams the sweep poked, because no server had told of a change",
    ),
    (
        "kanso_sweep_duration_seconds",
        Histogram(Unit::Seconds),
        "Time that one sweep of heads took",
    ),
    (
        "kanso_rate_limit_decisions_total",
        Counter,
        "Requests that the rate limit allowed or refused",
    ),
    (
        "kanso_redis_up",
        Gauge,
        "1 if Redis answered the last time, else 0; absent without Redis",
    ),
    (
        "kanso_redis_fallbacks_total",
        Counter,
        "Uses of Redis that went on without it, by use",
    ),
    (
        "kanso_stats_cache_lookups_total",
        Counter,
        "Statistics that were looked for in the shared cache, by result",
    ),
    (
        "kanso_storage_connections_in_use",
        Gauge,
        "Connections to the database that are in use: of PostgreSQL all, of SQLite those that read",
    ),
    (
        "kanso_storage_connections_waiting",
        Gauge,
        "Calls that wait for a connection to the database",
    ),
    (
        "kanso_storage_errors_total",
        Counter,
        "Calls of the storage that failed, by kind: unavailable or corrupt",
    ),
    (
        "kanso_storage_retries_total",
        Counter,
        "Attempts on PostgreSQL that failed and were repeated",
    ),
    (
        "kanso_storage_commit_writes",
        Histogram(Unit::Count),
        "Writes that shared one commit of SQLite",
    ),
    (
        "kanso_streak_jobs_waiting",
        Gauge,
        "Streaks that wait to be computed, looked at every minute",
    ),
    (
        "kanso_streak_jobs_parked",
        Gauge,
        "Streaks that were tried too often, looked at every minute",
    ),
    (
        "kanso_streak_oldest_job_age_seconds",
        Gauge,
        "Seconds since the oldest of the streaks that wait has been due, looked at every minute",
    ),
    (
        "kanso_streaks_computed_total",
        Counter,
        "Streaks computed and stored by the workers",
    ),
    (
        "kanso_streak_failures_total",
        Counter,
        "Streaks that could not be computed",
    ),
    (
        "kanso_worker_failures_total",
        Counter,
        "Steps of workers that the storage failed, by loop",
    ),
    (
        "kanso_rollover_duration_seconds",
        Histogram(Unit::Seconds),
        "Time to queue the streaks of everybody whose day began",
    ),
];

/// What alerts look at: told from the beginning, because a series that appears with its first event
/// has not risen.
const FROM_THE_BEGINNING: [(&str, Option<(&str, &str)>); 9] = [
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

/// Begins to collect, once for the whole process, and says what is collected whenever it is asked.
pub(crate) fn collect(database: &Database) -> Result<PrometheusHandle, BuildError> {
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
        Database::Sqlite(_) => "sqlite",
        Database::Postgres { .. } => "postgres",
    };
    let labels = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("tzdb", kanso_http::tzdb_version()),
        ("storage", storage),
    ];
    gauge!("kanso_build_info", &labels).set(1);
    gauge!("kanso_streams_open").set(0);
    for (name, label) in FROM_THE_BEGINNING {
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

/// Keeps the memory of what is collected bounded, until the server closes.
pub(crate) async fn keep_up(handle: PrometheusHandle, stages: Stages) {
    while timeout(UPKEEP, stages.closing().cancelled()).await.is_err() {
        handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_in_the_manual() {
        let manual = include_str!("../../../docs/operations.md");
        for (name, ..) in &NAMES {
            assert!(manual.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn alerts_look_at_what_is_counted() {
        let alerts = include_str!("../../../deploy/alerts.yml");
        let is_of_a_name = |it: char| it.is_ascii_lowercase() || it == '_';
        let words = alerts.split(|it| !is_of_a_name(it));
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
