//! The state, the limits and the retention of the server.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// State of the server and its dependencies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "status": "ok", "database": "connected", "redis": "off", "disk": "enough", "version": "0.1.0", "uptime": 3600,
    "tzdb": "2026a"
}))]
pub struct HealthResponse {
    /// `ok`, or `unhealthy` if the database does not answer.
    pub status: String,
    /// State of the database: `connected` or `unreachable`.
    pub database: String,
    /// State of Redis: `connected`, `unreachable`, or `off` if the server runs without Redis.
    pub redis: String,
    /// Free space on the disk of the server: `enough`, `low` (registrations are refused) or `full` (writes
    /// are refused too). `enough` if it is not known, and from a server that does not say it.
    #[serde(default = "enough")]
    #[schema(required = false)]
    pub disk: String,
    /// Version of the server, such as `0.1.0`.
    pub version: String,
    /// Time since the start of the server, in seconds.
    pub uptime: i64,
    /// Version of the time-zone database, such as `2026a`.
    pub tzdb: String,
}

fn enough() -> String {
    "enough".to_owned()
}

/// Answer to a probe of an orchestrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"status": "ok"}))]
pub struct ProbeResponse {
    /// `ok`, `read_only` while the disk is nearly full, `draining` while the server shuts down, or `unavailable` if the database does not answer.
    pub status: String,
}

/// Limits and retention that a client needs to know before it syncs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "protocol_versions": [1],
    "limits": {
        "body_bytes": 1_048_576, "operations": 500, "page_records": 1000, "notes_characters": 2000,
        "json_depth": 32, "streams": 10, "wait_ms": 25000
    },
    "retention": {"operation_results_days": 90, "tombstones_days": 180}
}))]
pub struct SyncConfigResponse {
    /// Versions of the sync protocol that the server supports.
    pub protocol_versions: Vec<u32>,
    /// Limits of requests.
    pub limits: SyncLimits,
    /// Retention of results and tombstones.
    pub retention: SyncRetention,
}

/// Limits of requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncLimits {
    /// Maximum size of a body, in bytes.
    pub body_bytes: usize,
    /// Maximum number of operations in a push.
    pub operations: usize,
    /// Maximum number of records in a page.
    pub page_records: u32,
    /// Maximum length of an entry's notes, in characters.
    pub notes_characters: usize,
    /// Maximum nesting of arrays and objects in a body.
    pub json_depth: usize,
    /// Maximum number of open event streams of a user.
    pub streams: usize,
    /// Maximum time that a pull may wait for a change, in milliseconds.
    pub wait_ms: u32,
}

/// Retention of results and tombstones, in days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncRetention {
    /// Days for which the result of an operation is stored, at least. A retry within this time gets
    /// the same result.
    pub operation_results_days: u32,
    /// Days for which a deletion can be delivered, at least. A device that was offline for longer
    /// may have to sync from the start.
    pub tombstones_days: u32,
}

impl SyncConfigResponse {
    /// Builds the answer of this version for the given retention.
    pub fn new(retention: SyncRetention) -> Self {
        Self {
            // A list, so that a server can support the next version beside this one.
            protocol_versions: vec![1],
            limits: SyncLimits {
                body_bytes: crate::MAX_BODY_BYTES,
                operations: crate::MAX_OPERATIONS,
                page_records: crate::MAX_PAGE,
                notes_characters: kanso_domain::text::Notes::MAX,
                json_depth: crate::MAX_DEPTH,
                streams: crate::MAX_STREAMS,
                wait_ms: crate::MAX_WAIT_MS,
            },
            retention,
        }
    }
}
